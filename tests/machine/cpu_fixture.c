/* SPDX-License-Identifier: MIT */
#include <machine/cpu_bits.h>

#include "cpu_fixture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	PERFCTR0 = 0xc1,
	EVNTSEL0 = 0x186,
	PERF_CTL0 = 0xc0010200u, /* AMD */
	PERF_CTR0 = 0xc0010201u,
	FIXED_CTR0 = 0x309,
	FIXED_CTR_CTRL = 0x38d,
	GLOBAL_CTRL = 0x38f,
	MSR_TSC = 0x10,
};

#define DEVICE_BASE UINT64_C(0xfee00000)

static uint32_t port_read(void *board, uint16_t port, unsigned size)
{
	return port == FIX_EXIT_PORT ? 0x12345678 : UINT32_MAX;
}

static void port_write(void *board, uint16_t port, unsigned size, uint32_t value)
{
	struct fixture *f = board;

	if (port != FIX_EXIT_PORT)
		return;
	f->exited = true;
	cpu_unicorn.stop_soon(f->cpu);
}

static uint64_t device_read(void *board, uint64_t address, unsigned size)
{
	return ((struct fixture *)board)->device_value;
}

static void device_write(void *board, uint64_t address, unsigned size, uint64_t value)
{
	struct fixture *f = board;

	f->device_writes++;
	f->device_value = value;
	f->device_retired = cpu_unicorn.retired(f->cpu);
}

static enum vpmu_status read_msr(void *board, uint32_t msr, uint64_t *value)
{
	struct fixture *f = board;

	if (msr == MSR_TSC)
		*value = cpu_unicorn.retired(f->cpu);
	else if (msr == 0xc0000103)
		*value = 7;
	else
		return vpmu_pmu_guest_read(f->pmu, msr, value);
	return VPMU_OK;
}

static enum vpmu_status write_msr(void *board, uint32_t msr, uint64_t value)
{
	struct fixture *f = board;

	f->msr_writes++;
	f->last_msr = msr;
	return vpmu_pmu_guest_write(f->pmu, msr, value);
}

static void cpuid(void *board, uint32_t leaf, uint32_t subleaf, uint32_t regs[4])
{
	for (unsigned i = 0; i < 4; i++)
		regs[i] = leaf + subleaf + i;
}

static bool take_interrupt(void *board, bool if_flag, bool nmi_blocked, uint8_t *vector)
{
	struct fixture *f = board;

	if (f->nmi_pending && !nmi_blocked) {
		f->nmi_pending = false;
		*vector = 2;
		return true;
	}
	if (!f->pmi_pending || !if_flag)
		return false;
	f->pmi_pending = false;
	*vector = FIX_PMI_VECTOR;
	return true;
}

static void write_cr8(void *board, uint64_t value)
{
	((struct fixture *)board)->cr8 = value;
}

static uint64_t read_cr8(void *board)
{
	return ((struct fixture *)board)->cr8;
}

static void pmi(void *board)
{
	struct fixture *f = board;

	if (f->pmis < 4096) {
		f->pmi_rips[f->pmis] = cpu_unicorn.rip(f->cpu);
		f->pmi_retired[f->pmis] = cpu_unicorn.retired(f->cpu);
	}
	f->pmis++;
	f->pmi_pending = true;
}

static uint64_t deadline(void *board)
{
	return ((struct fixture *)board)->deadline;
}

static uint64_t hypercall(void *board, uint64_t number, const uint64_t arguments[4])
{
	return number + arguments[0];
}

static const struct cpu_board calls = {
	.hypercall = hypercall,
	.port_read = port_read,
	.port_write = port_write,
	.device_read = device_read,
	.device_write = device_write,
	.read_msr = read_msr,
	.write_msr = write_msr,
	.cpuid = cpuid,
	.take_interrupt = take_interrupt,
	.write_cr8 = write_cr8,
	.read_cr8 = read_cr8,
	.pmi = pmi,
	.deadline = deadline,
};

static void put(struct fixture *f, uint64_t at, uint64_t value)
{
	memcpy(f->memory + at, &value, sizeof(value));
}

static void make_page_tables(struct fixture *f)
{
	put(f, FIX_TABLES, (FIX_TABLES + 0x1000) | 7);
	for (uint64_t i = 0; i < 4; i++)
		put(f, FIX_TABLES + 0x1000 + 8 * i, (FIX_TABLES + 0x2000 + 0x1000 * i) | 7);
	for (uint64_t i = 0; i < 2048; i++)
		put(f, FIX_TABLES + 0x2000 + 8 * i, i << 21 | 0x87);
}

static void make_descriptors(struct fixture *f)
{
	static const uint64_t gdt[] = {
		0,
		0x00af9b000000ffff,
		0x00cf93000000ffff,
		0x00cf9b000000ffff,
		0x00cff3000000ffff,
		0x00affb000000ffff,
	};
	uint64_t tss = FIX_TSS;

	memcpy(f->memory + FIX_GDT, gdt, sizeof(gdt));
	put(f, FIX_GDT + FIX_TSS_SELECTOR,
	    103 | (tss & 0xffffff) << 16 | UINT64_C(0x89) << 40 | (tss >> 24 & 0xff) << 56);
	put(f, FIX_GDT + FIX_TSS_SELECTOR + 8, 0);
	put(f, FIX_TSS + 4, FIX_KERNEL_STACK);
	put(f, FIX_TSS + 36, FIX_IST_STACK);
}

struct fixture *fix_make(const char *model_text)
{
	struct fixture *f = aligned_alloc(VPMU_PMU_ALIGN, sizeof(*f));
	struct vpmu_model model;
	struct cpu_config config;
	char why[160];

	assert_non_null(f);
	memset(f, 0, sizeof(*f));
	f->deadline = MACHINE_TICKS_MOST;
	f->fd = memfd_create("guest", MFD_CLOEXEC);
	assert_int_equal(ftruncate(f->fd, FIX_MEMORY), 0);
	f->memory = mmap(NULL, FIX_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
	assert_ptr_not_equal(f->memory, MAP_FAILED);
	assert_int_equal(vpmu_model_parse(&model, model_text, NULL, 0), VPMU_OK);
	f->pmu = vpmu_pmu_init(f->pmu_memory, sizeof(f->pmu_memory), &model,
	                       vpmu_profile_find("hardware"));
	assert_non_null(f->pmu);
	config = (struct cpu_config){
		.pmu = f->pmu,
		.memory = f->memory,
		.memory_fd = f->fd,
		.memory_bytes = FIX_MEMORY,
		.device_base = DEVICE_BASE,
		.device_bytes = 0x1000,
	};
	f->cpu = cpu_unicorn.create(&config, &calls, f, why, sizeof(why));
	if (!f->cpu)
		fail_msg("%s", why);
	make_page_tables(f);
	return f;
}

void fix_unmake(struct fixture *f)
{
	cpu_unicorn.destroy(f->cpu);
	munmap(f->memory, FIX_MEMORY);
	close(f->fd);
	free(f);
}

/* Loads IDTR and TR as a guest's own boot code would. */
__asm__(".pushsection .rodata\nboot_code:\n"
        "	lidt 1f(%rip)\n	mov $0x30, %ax\n	ltr %ax\n	xor %eax, %eax\n"
        "	jmp 2f\n1:	.word 4095\n	.quad 0xa000\n	.balign 64\n2:\n"
        "boot_code_end:\n.popsection\n");
extern const uint8_t boot_code[], boot_code_end[];

void fix_load(struct fixture *f, const uint8_t *code, const uint8_t *end)
{
	size_t boot = (size_t)(boot_code_end - boot_code);
	struct cpu_entry entry = {
		.long_mode = true,
		.rip = FIX_CODE - boot,
		.rsp = FIX_STACK,
		.cr0 = CR0_PE | CR0_ET | CR0_PG | CR0_WP,
		.cr3 = FIX_TABLES,
		.cr4 = CR4_PAE,
		.efer = EFER_LME | EFER_LMA | EFER_SCE | EFER_NXE,
		.gdt_base = FIX_GDT,
		.gdt_limit = FIX_TSS_SELECTOR + 15,
	};

	make_descriptors(f);
	memcpy(f->memory + FIX_CODE - boot, boot_code, boot);
	memcpy(f->memory + FIX_CODE, code, (size_t)(end - code));
	cpu_unicorn.enter_at(f->cpu, &entry);
	f->exited = false;
	/* Through the boot code, so that what is counted begins with the guest. */
	f->deadline = cpu_unicorn.retired(f->cpu) + 5;
	assert_int_equal(cpu_unicorn.run(f->cpu), CPU_STOP_DEADLINE);
	assert_int_equal(cpu_unicorn.rip(f->cpu), FIX_CODE);
	f->deadline = UINT64_MAX;
}

void fix_handler(struct fixture *f, unsigned vector, const uint8_t *code, const uint8_t *end,
                 unsigned dpl, unsigned ist)
{
	uint64_t at = FIX_HANDLERS + 0x100 * vector;

	memcpy(f->memory + at, code, (size_t)(end - code));
	put(f, FIX_IDT + 16 * vector,
	    (at & 0xffff) | FIX_CODE64 << 16 | (uint64_t)ist << 32 |
	            (UINT64_C(0x8e00) | dpl << 13) << 32 | at >> 16 << 48);
	put(f, FIX_IDT + 16 * vector + 8, at >> 32);
}

void fix_run(struct fixture *f)
{
	enum cpu_stop stop = cpu_unicorn.run(f->cpu);

	if (!f->exited)
		fail_msg("stopped by %d at 0x%lx: %s", stop, (unsigned long)cpu_unicorn.rip(f->cpu),
		         cpu_unicorn.why(f->cpu));
}

uint64_t fix_result(const struct fixture *f, unsigned i)
{
	uint64_t value;

	memcpy(&value, f->memory + FIX_RESULTS + 8 * i, sizeof(value));
	return value;
}

void fix_set_result(struct fixture *f, unsigned i, uint64_t value)
{
	put(f, FIX_RESULTS + 8 * i, value);
}

static void set_msr(struct fixture *f, uint32_t msr, uint64_t value)
{
	assert_int_equal(vpmu_pmu_guest_write(f->pmu, msr, value), VPMU_OK);
}

void fix_sample(struct fixture *f, uint64_t period)
{
	set_msr(f, GLOBAL_CTRL, 0);
	set_msr(f, FIXED_CTR_CTRL, 0xb);
	set_msr(f, FIXED_CTR0, -period & 0xffffffffffff);
	set_msr(f, GLOBAL_CTRL, UINT64_C(1) << 32);
	vpmu_pmu_set_lvtpc(f->pmu, FIX_PMI_VECTOR);
}

static bool is_amd(const struct fixture *f)
{
	return vpmu_pmu_model(f->pmu)->vendor == VPMU_VENDOR_AMD;
}

void fix_count(struct fixture *f, uint64_t event, uint64_t start)
{
	if (!is_amd(f))
		set_msr(f, GLOBAL_CTRL, 0);
	set_msr(f, is_amd(f) ? PERF_CTR0 : PERFCTR0, start);
	set_msr(f, is_amd(f) ? PERF_CTL0 : EVNTSEL0, event | 0x530000);
	if (!is_amd(f))
		set_msr(f, GLOBAL_CTRL, 1);
	vpmu_pmu_set_lvtpc(f->pmu, FIX_PMI_VECTOR);
}

uint64_t fix_counter(const struct fixture *f)
{
	uint64_t value = 0;

	assert_int_equal(vpmu_pmu_guest_read(f->pmu, is_amd(f) ? PERF_CTR0 : PERFCTR0, &value),
	                 VPMU_OK);
	return value;
}
