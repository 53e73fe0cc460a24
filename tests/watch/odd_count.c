/* SPDX-License-Identifier: MIT */
/*
 * Guests that count, in long mode: each is a few instructions whose counts stand beside them, which
 * puts out what it has counted. The VMM has no irqchip but where a PMI is to come.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "odd_vmm.h"

enum {
	MEMORY = 4 << 20,
	TABLES = 0x1000, /* three */
	GDT = 0x4000,
	IDT = 0x5000,
	HANDLERS = 0x6000,
	NMIS = 0x9000, /* a word that the handler counts in */
	CODE = 0x10000,
	STACK = 0x20000,
	PORT = 0x80,
	END = 0x99,
	NMI = 2,
	GP = 13,
	PMI_VECTOR = 0x40,
	VALUES = 16,
	LVTPC = 0x340,
};

/* --- Guests ---------------------------------------------------------------------------------- */

#define WRMSR(msr, value) "mov $" #msr ", %ecx; mov $" #value ", %eax; xor %edx, %edx; wrmsr;"
#define SHOW_MSR(msr)     "mov $" #msr ", %ecx; rdmsr; out %eax, $0x80;"
#define SHOW_PMC(pmc)     "mov $" #pmc ", %ecx; rdpmc; out %eax, $0x80;"
#define LAST              "out %al, $0x99; hlt;"
#define GUEST(name, code)                                                                          \
	extern const char name[], name##_end[];                                                    \
	__asm__(".pushsection .rodata\n" #name ":" code "\n" #name "_end: .popsection")

/* Instructions in counter 0, branches in 1, CPL 0. */
#define START                                                                                      \
	WRMSR(0x38f, 0)                                                                            \
	WRMSR(0xc1, 0) WRMSR(0xc2, 0) WRMSR(0x186, 0x4200c0) WRMSR(0x187, 0x4200c4) WRMSR(0x38f, 3)
#define STOP "mov $0x38f, %ecx; xor %eax, %eax; xor %edx, %edx; wrmsr;" /* 4 */

/* 1 + 2 * 100 instructions, 100 branches; and those that stop it. */
GUEST(loop_guest,
      START "mov $100, %ebp; 1: dec %ebp; jnz 1b;" STOP SHOW_MSR(0xc1) SHOW_MSR(0xc2) LAST);

/* 3 of a REP that retires once; MOV SS and what follows it: 3; PUSHF, POP, MOV: 3; a call: 3 with
 * its RET and NOP, of which 2 are branches; OUT and IN: 2. */
GUEST(odd_guest, START "mov $0x9100, %edi; mov $10, %ecx; rep stosb;"
                       "mov %ss, %ebp; mov %ebp, %ss; nop;"
                       "pushf; pop %rbp; mov %rbp, %rbx;"
                       "call 1f; nop; jmp 2f; 1: ret; 2:"
                       "out %eax, $0x81; in $0x82, %eax;" STOP SHOW_MSR(0xc1)
                               SHOW_MSR(0xc2) "mov %ebx, %eax; out %eax, $0x80;" LAST);

/* RDPMC: stopped; running, where the first of the counted is the RDPMC's own MOV; and one that
 * faults, whose handler shows 0xbad. */
GUEST(rdpmc_guest, WRMSR(0x38f, 0) WRMSR(0xc1, 0x1234) SHOW_PMC(0) START
      "mov $0, %ecx; rdpmc; mov %eax, %ebp;" STOP "mov %ebp, %eax; out %eax, $0x80;" SHOW_PMC(0)
              SHOW_PMC(0x40000000) SHOW_PMC(9) LAST);

/* An overflow at the 50th instruction, with a PMI. Each NMI counts. */
GUEST(pmi_guest,
      WRMSR(0x38f,
            0) "sti;"
               "mov $0xc1, %ecx; mov $-50, %eax; mov $-1, %edx; wrmsr;" WRMSR(0x186, 0x5200c0)
                       WRMSR(0x38f, 1) "mov $100, %ebp; 1: dec %ebp; jnz 1b;" STOP
                                       "mov 0x9000, %eax; out %eax, $0x80;" SHOW_MSR(0x38e) LAST);

GUEST(endless_guest, START "1: jmp 1b;");

/* AMD: instructions in PerfCtr0, retired branches in 1, by the K7 numbers. */
GUEST(amd_guest,
      WRMSR(0xc0010004, 0) WRMSR(0xc0010005, 0) WRMSR(0xc0010001, 0x4200c2)
              WRMSR(0xc0010000, 0x4200c0) "mov $100, %ebp; 1: dec %ebp; jnz 1b;" WRMSR(0xc0010000,
                                                                                       0)
                      WRMSR(0xc0010001, 0) SHOW_MSR(0xc0010004) SHOW_MSR(0xc0010005) LAST);

/* For figures: 20,001 instructions, counted where something counts; 10,000 exits that are not. */
GUEST(steps_guest, START "mov $10000, %ebp; 1: dec %ebp; jnz 1b;" STOP LAST);
GUEST(exits_guest, "mov $10000, %ebp; 1: out %al, $0x81; dec %ebp; jnz 1b;" LAST);

/* --- The VM ---------------------------------------------------------------------------------- */

struct machine {
	int vm, vcpu;
	char *memory;
	struct kvm_run *run;
	uint32_t values[VALUES];
	unsigned count, others;
};

static void put_handler(char *memory, unsigned vector, const char *code, size_t bytes)
{
	uint64_t at = HANDLERS + 32 * vector;
	uint64_t gate[2] = {(at & 0xffff) | 8 << 16 | UINT64_C(0x8e) << 40 | at >> 16 << 48, 0};

	memcpy(memory + IDT + 16 * vector, gate, sizeof(gate));
	memcpy(memory + at, code, bytes);
}

/* Each vector ends the guest, but NMI and the PMI's, which are counted, and #GP, which is shown. */
static void put_handlers(char *memory)
{
	static const char ends[] = "\xe6\x99\xf4"; /* out %al, $0x99; hlt */
	static const char counts[] = "\xff\x04\x25\x00\x90\x00\x00\x48\xcf"; /* incl; iretq */
	/* add $8, %rsp; addq $2, (%rsp); mov $0xbad, %eax; iretq */
	static const char shows[] =
		"\x48\x83\xc4\x08\x48\x83\x04\x24\x02\xb8\xad\x0b\x00\x00\x48\xcf";

	for (unsigned vector = 0; vector < 65; vector++)
		put_handler(memory, vector, ends, 3);
	put_handler(memory, NMI, counts, 9);
	put_handler(memory, PMI_VECTOR, counts, 9);
	put_handler(memory, GP, shows, 16);
}

static void put_tables(char *memory)
{
	uint64_t *words = (uint64_t *)memory;

	words[TABLES / 8] = TABLES + 0x1003;
	words[TABLES / 8 + 512] = TABLES + 0x2003;
	words[TABLES / 8 + 1024] = 0x83;
	words[TABLES / 8 + 1025] = 0x200083;
	words[GDT / 8 + 1] = UINT64_C(0x00af9b000000ffff);
	words[GDT / 8 + 2] = UINT64_C(0x00cf93000000ffff);
	put_handlers(memory);
}

static void set_long_mode(int vcpu)
{
	struct kvm_segment code = {
		.limit = ~0u, .selector = 8, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1};
	struct kvm_segment data = {
		.limit = ~0u, .selector = 16, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1};
	struct kvm_sregs sregs;

	ioctl(vcpu, KVM_GET_SREGS, &sregs);
	sregs.cr0 = 0x80050033;
	sregs.cr3 = TABLES;
	sregs.cr4 = 0x620;
	sregs.efer = 0x500;
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.gdt = (struct kvm_dtable){.base = GDT, .limit = 0x17};
	sregs.idt = (struct kvm_dtable){.base = IDT, .limit = 0xfff};
	ioctl(vcpu, KVM_SET_SREGS, &sregs);
}

static bool make(struct machine *m, int kvm, const char *code, const char *end, bool irqchip)
{
	static union lists cpuid;
	struct kvm_regs regs = {.rip = CODE, .rsp = STACK, .rflags = 2};
	struct kvm_userspace_memory_region region = {.memory_size = MEMORY};

	*m = (struct machine){.vm = ioctl(kvm, KVM_CREATE_VM, 0)};
	m->memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	region.userspace_addr = (uintptr_t)m->memory;
	if (irqchip)
		ioctl(m->vm, KVM_CREATE_IRQCHIP, 0);
	ioctl(m->vm, KVM_SET_USER_MEMORY_REGION, &region);
	m->vcpu = ioctl(m->vm, KVM_CREATE_VCPU, 0);
	m->run = mmap(NULL, (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE,
	              MAP_SHARED, m->vcpu, 0);
	cpuid.cpuid.nent = 256;
	ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid);
	put_tables(m->memory);
	memcpy(m->memory + CODE, code, (size_t)(end - code));
	set_long_mode(m->vcpu);
	return !ioctl(m->vcpu, KVM_SET_CPUID2, &cpuid) && !ioctl(m->vcpu, KVM_SET_REGS, &regs);
}

static void unmake(struct machine *m)
{
	munmap(m->memory, MEMORY);
	close(m->vcpu);
	close(m->vm);
}

static void answer(struct machine *m)
{
	struct kvm_run *run = m->run;
	uint32_t *data = (uint32_t *)((char *)run + run->io.data_offset);

	if (run->io.direction == KVM_EXIT_IO_IN)
		*data = 0x5eed;
	else if (run->io.port == PORT && m->count < VALUES)
		m->values[m->count++] = *data;
	else
		m->others++;
}

/* Until the guest ends; how. */
static const char *run_guest(struct machine *m)
{
	for (;;) {
		if (ioctl(m->vcpu, KVM_RUN, NULL))
			return errno == EINTR ? "interrupted" : "failed";
		if (m->run->exit_reason != KVM_EXIT_IO) {
			printf("exit %u\n", m->run->exit_reason);
			return "another exit";
		}
		if (m->run->io.port == END)
			return "ended";
		answer(m);
	}
}

static void show(const char *name, const struct machine *m, const char *how)
{
	printf("%s: %s", name, how);
	for (unsigned i = 0; i < m->count; i++)
		printf(" %#x", m->values[i]);
	printf(" others %u\n", m->others);
}

static void run_named(int kvm, const char *name, const char *code, const char *end)
{
	struct machine m;

	if (make(&m, kvm, code, end, false))
		show(name, &m, run_guest(&m));
	unmake(&m);
}

/* With the PMI as LVTPC has it. */
static void run_pmi(int kvm, const char *name, uint32_t lvtpc)
{
	struct kvm_lapic_state apic;
	struct machine m;

	if (make(&m, kvm, pmi_guest, pmi_guest_end, true) && !ioctl(m.vcpu, KVM_GET_LAPIC, &apic)) {
		memcpy(apic.regs + 0xf0, &(uint32_t){0x1ff}, 4); /* enabled */
		memcpy(apic.regs + LVTPC, &lvtpc, 4);
		ioctl(m.vcpu, KVM_SET_LAPIC, &apic);
		show(name, &m, run_guest(&m));
		ioctl(m.vcpu, KVM_GET_LAPIC, &apic);
		memcpy(&lvtpc, apic.regs + LVTPC, 4);
		printf("%s: LVTPC %#x\n", name, lvtpc);
	}
	unmake(&m);
}

/* --- A guest that does not end --------------------------------------------------------------- */

static struct kvm_run *kicked;

static void kick(int number)
{
	(void)number;
	kicked->immediate_exit = 1;
}

/* The VMM's timer takes it out again and again. */
static void run_endless(int kvm)
{
	const struct itimerval every = {{0, 20000}, {0, 20000}}, none = {{0, 0}, {0, 0}};
	struct kvm_regs regs;
	struct machine m;

	if (!make(&m, kvm, endless_guest, endless_guest_end, false))
		return;
	kicked = m.run;
	signal(SIGALRM, kick);
	setitimer(ITIMER_REAL, &every, NULL);
	for (unsigned i = 0; i < 5; i++) {
		printf("endless: %s\n", run_guest(&m));
		m.run->immediate_exit = 0;
	}
	setitimer(ITIMER_REAL, &none, NULL);
	ioctl(m.vcpu, KVM_GET_REGS, &regs);
	printf("endless: flags %#llx, counted %d\n", regs.rflags & 0x100,
	       get_one(m.vcpu, 0xc1) > 5 && get_one(m.vcpu, 0xc1) == get_one(m.vcpu, 0xc2));
	unmake(&m);
}

/* The VMM steps the guest itself: that is its own business. */
static void run_debugged(int kvm)
{
	struct kvm_guest_debug debug = {.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP};
	struct machine m;

	if (!make(&m, kvm, endless_guest, endless_guest_end, false))
		return;
	ioctl(m.vcpu, KVM_SET_GUEST_DEBUG, &debug);
	if (ioctl(m.vcpu, KVM_RUN, NULL))
		perror("debugged");
	printf("debugged: exit %u\n", m.run->exit_reason);
	unmake(&m);
}

static void time_guest(int kvm, const char *name, const char *code, const char *end, double each)
{
	struct timespec before, after;
	struct machine m;

	if (make(&m, kvm, code, end, false)) {
		clock_gettime(CLOCK_MONOTONIC, &before);
		run_guest(&m);
		clock_gettime(CLOCK_MONOTONIC, &after);
		printf("%s: %.2f us\n", name,
		       ((double)(after.tv_sec - before.tv_sec) * 1e9 +
		        (double)(after.tv_nsec - before.tv_nsec)) /
		               1000 / each);
	}
	unmake(&m);
}

int count(const char *what)
{
	int kvm = open("/dev/kvm", O_RDWR);

	if (!strcmp(what, "intel")) {
		run_named(kvm, "loop", loop_guest, loop_guest_end);
		run_named(kvm, "odd", odd_guest, odd_guest_end);
		run_named(kvm, "rdpmc", rdpmc_guest, rdpmc_guest_end);
	} else if (!strcmp(what, "amd")) {
		run_named(kvm, "amd", amd_guest, amd_guest_end);
	} else if (!strcmp(what, "pmi")) {
		run_pmi(kvm, "nmi", 0x400);
		run_pmi(kvm, "fixed", PMI_VECTOR);
		run_pmi(kvm, "masked", 0x10400);
	} else if (!strcmp(what, "bench")) {
		time_guest(kvm, "an instruction", steps_guest, steps_guest_end, 20000);
		time_guest(kvm, "an exit", exits_guest, exits_guest_end, 10000);
	} else if (!strcmp(what, "debugged")) {
		run_debugged(kvm);
	} else {
		run_endless(kvm);
	}
	return 0;
}

/* What the parameters of KVM's module say, and that others are as they are. */
int parameters(void)
{
	static const char *const paths[] = {
		"/sys/module/kvm/parameters/enable_pmu",
		"/sys/module/kvm_intel/parameters/enable_mediated_pmu",
	};

	for (unsigned i = 0; i < 2; i++) {
		int fd = open(paths[i], O_RDONLY);
		char line[8] = "";

		if (fd >= 0 && read(fd, line, sizeof(line) - 1) < 0)
			perror(paths[i]);
		printf("%s %.1s\n", strrchr(paths[i], '/') + 1, fd < 0 ? "-" : line);
		close(fd);
	}
	printf("a bad path: %d\n", open((const char *)16, O_RDONLY) == -1 && errno == EFAULT);
	return 0;
}
