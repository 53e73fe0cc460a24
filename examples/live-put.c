/* SPDX-License-Identifier: MIT */
/*
 * A VMM that loads a state onto a vCPU that runs: live-put [ORDER…], on an AMD processor with
 * PerfMonV2 and KVM. The guest counts the instructions of a loop, out of which a signal takes the
 * vCPU. The VMM reads its PMU, sets the counter to 1,000 before its overflow, and puts that back,
 * as with a snapshot of the same guest. Then the guest goes on with 10,000 instructions. Status: 0,
 * each order was tried; 1, something failed; 3, there is no such PMU.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>
#include <vpmu/kvm.h>
#include <vpmu/vpmu.h>

enum {
	MEMORY = 0x10000,
	CODE = 0x1000,
	HANDLER = 0x2000,
	PMIS = 0x3000,
	BEGUN = 0x3002,
	GO_ON = 0x3003,
	NO_PMU = 3
};
enum { NMI = 2, APIC_SVR = 0xf0, APIC_LVTPC = 0x340, LVTPC_NMI = 0x400, SVR_ON = 0x1ff };
enum { COUNTER = (int)0xc0010201, STATUS = (int)0xc0000300, LEFT = 1000 };

/* 16-bit code. */
static const uint8_t code[] = {
	0x66, 0xb9, 0x01, 0x02, 0x01, 0xc0, /* mov $0xc0010201, %ecx: PerfCtr0 */
	0x66, 0xb8, 0x05, 0x00, 0x00, 0x00, /* mov $5, %eax */
	0x66, 0x31, 0xd2,                   /* xor %edx, %edx */
	0x0f, 0x30,                         /* wrmsr */
	0x66, 0xb9, 0x00, 0x02, 0x01, 0xc0, /* mov $0xc0010200, %ecx: PerfEvtSel0 */
	0x66, 0xb8, 0xc0, 0x00, 0x53, 0x00, /* mov $0x5300c0, %eax: instructions, PMI, EN */
	0x0f, 0x30,                         /* wrmsr */
	0x66, 0xb9, 0x01, 0x03, 0x00, 0xc0, /* mov $0xc0000301, %ecx: PerfCntrGlobalCtl */
	0x66, 0xb8, 0x01, 0x00, 0x00, 0x00, /* mov $1, %eax */
	0x0f, 0x30,                         /* wrmsr */
	0xc6, 0x06, 0x02, 0x30, 0x01,       /* movb $1, 0x3002 */
	0x80, 0x3e, 0x03, 0x30, 0x00,       /* 1: cmpb $0, 0x3003: meanwhile the VMM puts */
	0x74, 0xf9,                         /* je 1b */
	0xb9, 0x88, 0x13,                   /* mov $5000, %cx */
	0x49,                               /* 2: dec %cx */
	0x75, 0xfd,                         /* jnz 2b */
	0xe6, 0x10,                         /* out %al, $0x10 */
};
static const uint8_t handler[] = {0xff, 0x06, 0x00, 0x30, 0xcf}; /* incw 0x3000; iret */

struct vm {
	int device, fd;
	struct vpmu_kvm_vcpu vcpu;
	struct kvm_run *run;
	size_t run_bytes;
	uint8_t *memory;
};

static int call(int fd, unsigned long request, const char *name, void *argument)
{
	int result = ioctl(fd, request, argument);

	if (result < 0)
		err(1, "%s", name);
	return result;
}

#define CALL(fd, request, argument) call(fd, request, #request, argument)

static void make_memory(struct vm *vm)
{
	struct kvm_userspace_memory_region region = {.memory_size = MEMORY};
	const uint16_t vector[2] = {HANDLER, 0};

	vm->memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (vm->memory == MAP_FAILED)
		err(1, "memory");
	memcpy(vm->memory + CODE, code, sizeof(code));
	memcpy(vm->memory + HANDLER, handler, sizeof(handler));
	memcpy(vm->memory + NMI * sizeof(vector), vector, sizeof(vector));
	region.userspace_addr = (uintptr_t)vm->memory;
	CALL(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

/* All of the PMU that KVM has. */
static void set_cpuid(const struct vm *vm)
{
	enum { ENTRIES = 256 };
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + ENTRIES * sizeof(cpuid->entries[0]));

	if (!cpuid)
		err(1, "memory");
	cpuid->nent = ENTRIES;
	CALL(vm->device, KVM_GET_SUPPORTED_CPUID, cpuid);
	CALL(vm->vcpu.fd, KVM_SET_CPUID2, cpuid);
	free(cpuid);
}

/* PMIs are NMIs. */
static void set_apic(const struct vm *vm)
{
	struct kvm_lapic_state apic;

	CALL(vm->vcpu.fd, KVM_GET_LAPIC, &apic);
	memcpy(apic.regs + APIC_SVR, &(uint32_t){SVR_ON}, sizeof(uint32_t));
	memcpy(apic.regs + APIC_LVTPC, &(uint32_t){LVTPC_NMI}, sizeof(uint32_t));
	CALL(vm->vcpu.fd, KVM_SET_LAPIC, &apic);
}

static void start_at_code(const struct vm *vm)
{
	struct kvm_regs regs = {.rip = CODE, .rsp = MEMORY / 2, .rflags = 2};
	struct kvm_sregs sregs;

	CALL(vm->vcpu.fd, KVM_GET_SREGS, &sregs);
	sregs.cs.selector = 0;
	sregs.cs.base = 0;
	CALL(vm->vcpu.fd, KVM_SET_SREGS, &sregs);
	CALL(vm->vcpu.fd, KVM_SET_REGS, &regs);
}

static void make(struct vm *vm)
{
	struct kvm_enable_cap split = {.cap = KVM_CAP_SPLIT_IRQCHIP};

	vm->device = open("/dev/kvm", O_RDWR);
	if (vm->device < 0)
		err(NO_PMU, "/dev/kvm");
	vm->fd = CALL(vm->device, KVM_CREATE_VM, NULL);
	CALL(vm->fd, KVM_ENABLE_CAP, &split);
	make_memory(vm);
	vm->vcpu = (struct vpmu_kvm_vcpu){.fd = CALL(vm->fd, KVM_CREATE_VCPU, NULL)};
	vm->run_bytes = (size_t)CALL(vm->device, KVM_GET_VCPU_MMAP_SIZE, NULL);
	vm->run = mmap(NULL, vm->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu.fd, 0);
	if (vm->run == MAP_FAILED)
		err(1, "the vCPU's page");
	set_cpuid(vm);
	set_apic(vm);
	start_at_code(vm);
}

static void unmake(struct vm *vm)
{
	munmap(vm->run, vm->run_bytes);
	close(vm->vcpu.fd);
	close(vm->fd);
	close(vm->device);
	munmap(vm->memory, MEMORY);
}

static void on_alarm(int unused)
{
	(void)unused;
}

static void set_alarm(suseconds_t every)
{
	struct itimerval timer = {{0, every}, {0, every}};

	setitimer(ITIMER_REAL, &timer, NULL);
}

/* No instruction of the guest is emulated on the way: KVM would compute its counter anew for it. */
static void run_into_loop(const struct vm *vm)
{
	const struct sigaction action = {.sa_handler = on_alarm};

	sigaction(SIGALRM, &action, NULL);
	set_alarm(50000);
	do
		if (ioctl(vm->vcpu.fd, KVM_RUN, NULL) == 0 || errno != EINTR)
			errx(1, "the guest was left by exit %u", vm->run->exit_reason);
	while (!vm->memory[BEGUN]);
	set_alarm(0);
}

static void run_to_out(const struct vm *vm)
{
	vm->memory[GO_ON] = 1;
	while (ioctl(vm->vcpu.fd, KVM_RUN, NULL) < 0)
		if (errno != EINTR)
			err(1, "KVM_RUN");
	if (vm->run->exit_reason != KVM_EXIT_IO)
		errx(1, "the guest was left by exit %u", vm->run->exit_reason);
}

static uint64_t value_of(const struct vpmu_state *state, const struct vpmu_layout *layout, int msr)
{
	uint64_t value = 0;

	if (vpmu_state_value(state, layout, (unsigned)vpmu_layout_find_msr(layout, (uint32_t)msr),
	                     &value))
		errx(1, "MSR 0x%x has no value", (unsigned)msr);
	return value;
}

static void get(struct vpmu_state *state, const struct vpmu_layout *layout,
                const struct vpmu_target *target)
{
	struct vpmu_report report;

	if (vpmu_state_get(state, layout, target, VPMU_POLICY_ROLL_BACK, &report))
		errx(1, "the PMU cannot be read");
}

static void try_order(const struct vpmu_order *order, const struct vpmu_layout *layout)
{
	static struct vpmu_state state;
	static struct vpmu_report report;
	unsigned counter = (unsigned)vpmu_layout_find_msr(layout, (uint32_t)COUNTER);
	struct vpmu_target target;
	struct vm vm;
	uint16_t pmis;

	make(&vm);
	target = vpmu_target_kvm(&vm.vcpu);
	run_into_loop(&vm);
	get(&state, layout, &target);
	vpmu_state_set(&state, layout, counter, (UINT64_C(1) << 48) - LEFT);
	if (vpmu_state_put(&state, layout, &target, VPMU_LEVEL_FULL, order, VPMU_POLICY_ROLL_BACK,
	                   &report))
		errx(1, "the put was refused");
	get(&state, layout, &target);
	printf("%-12s %2u writes, PerfCtr0 0x%" PRIx64, order->name, report.done,
	       value_of(&state, layout, COUNTER));
	run_to_out(&vm);
	get(&state, layout, &target);
	memcpy(&pmis, vm.memory + PMIS, sizeof(pmis));
	printf("; 10,000 instructions later 0x%" PRIx64 ", PerfCntrGlobalStatus 0x%" PRIx64
	       ", PMIs %u: %s\n",
	       value_of(&state, layout, COUNTER), value_of(&state, layout, STATUS), pmis,
	       pmis ? "kept" : "lost");
	unmake(&vm);
}

int main(int argc, char **argv)
{
	static const char *usual[] = {"", "no-stop", "stop-first", "safe", NULL};
	static struct vpmu_kvm_host host;
	static struct vpmu_layout layout;
	const char **names = argc > 1 ? (const char **)argv : usual;

	vpmu_kvm_probe(&host, NULL, NULL);
	if (!host.has_model || host.model.vendor != VPMU_VENDOR_AMD || host.model.version < 2 ||
	    vpmu_layout_init(&layout, &host.model)) {
		fprintf(stderr, "live-put: KVM has no AMD PMU of version 2 here\n");
		return NO_PMU;
	}
	while (*++names) {
		const struct vpmu_order *order = vpmu_order_find(*names);

		if (!order)
			errx(1, "no such order: %s", *names);
		try_order(order, &layout);
	}
}
