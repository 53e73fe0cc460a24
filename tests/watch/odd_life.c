/* SPDX-License-Identifier: MIT */
/* Descriptors that go while they are used; vCPUs without end; records without end; descriptors that
 * nobody saw come. */
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "odd_vmm.h"

enum { LIVES = 120, CODE_AT = 0x1000, MEMORY = 0x10000 };

/* 1,000 WRMSRs of IA32_PERFEVTSEL0, then HLT, for ever. */
static const unsigned char code[] = {
	0x66, 0xb9, 0x86, 0x01, 0x00, 0x00, /* mov $0x186, %ecx */
	0x66, 0x31, 0xc0, 0x66, 0x31, 0xd2, /* xor %eax, %eax; xor %edx, %edx */
	0xbe, 0xe8, 0x03,                   /* mov $1000, %si */
	0x0f, 0x30, 0x4e, 0x75, 0xfb,       /* 1: wrmsr; dec %si; jnz 1b */
	0xf4, 0xeb, 0xf5,                   /* hlt; jmp to the mov */
};

static union lists cpuid;

int guest_vm(int kvm)
{
	int vm = ioctl(kvm, KVM_CREATE_VM, 0);
	char *memory =
		mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region region = {
		.memory_size = MEMORY,
		.userspace_addr = (uintptr_t)memory,
	};

	memcpy(memory + CODE_AT, code, sizeof(code));
	ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region);
	cpuid.cpuid.nent = 256;
	ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid);
	return vm;
}

int guest_vcpu(int vm, unsigned long id)
{
	struct kvm_regs regs = {.rip = CODE_AT, .rflags = 2};
	struct kvm_sregs sregs;
	int vcpu = ioctl(vm, KVM_CREATE_VCPU, id);

	ioctl(vcpu, KVM_SET_CPUID2, &cpuid);
	ioctl(vcpu, KVM_GET_SREGS, &sregs);
	sregs.cs.base = sregs.cs.selector = 0;
	ioctl(vcpu, KVM_SET_SREGS, &sregs);
	ioctl(vcpu, KVM_SET_REGS, &regs);
	return vcpu;
}

/* --- A descriptor that goes while it is used -------------------------------------------------- */

struct life {
	int vcpu;
	_Atomic bool over;
};

static void *runs(void *argument)
{
	struct life *life = argument;

	while (!atomic_load(&life->over))
		ioctl(life->vcpu, KVM_RUN, NULL);
	return NULL;
}

static void *moves(void *argument)
{
	struct life *life = argument;

	while (!atomic_load(&life->over)) {
		set_one(life->vcpu, 0x186, 0x4300c0);
		get_one(life->vcpu, 0x186);
	}
	return NULL;
}

static void live(int kvm, int vm, unsigned round)
{
	int bytes = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, NULL), nothing;
	struct life life = {.vcpu = guest_vcpu(vm, 0)};
	void *run = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, life.vcpu, 0);
	pthread_t threads[3];

	pthread_create(&threads[0], NULL, runs, &life);
	pthread_create(&threads[1], NULL, runs, &life);
	pthread_create(&threads[2], NULL, moves, &life);
	usleep(1000 + round % 7 * 500);
	if (round % 2) {
		munmap(run, (size_t)bytes);
		close(life.vcpu);
	} else {
		nothing = open("/dev/null", O_RDWR);
		dup2(nothing, life.vcpu);
		munmap(run, (size_t)bytes);
		close(nothing);
	}
	usleep(500);
	atomic_store(&life.over, true);
	for (unsigned i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	close(life.vcpu);
}

int churn(void)
{
	int kvm = open("/dev/kvm", O_RDWR);

	for (unsigned round = 0; round < LIVES; round++) {
		int vm = guest_vm(kvm);

		live(kvm, vm, round);
		close(vm);
	}
	printf("%d lives\n", LIVES);
	fflush(stdout);
	return 0;
}

/* --- Many vCPUs ------------------------------------------------------------------------------ */

/* Each gets its CPUID and a get, and nothing is put but on the last. */
int crowd(unsigned vcpus)
{
	int kvm = open("/dev/kvm", O_RDWR), vm = -1, vcpu = -1;

	for (unsigned i = 0; i < vcpus; i++) {
		if (i % 64 == 0) {
			close(vm);
			vm = guest_vm(kvm);
		}
		vcpu = guest_vcpu(vm, i % 64);
		if (i + 1 == vcpus)
			set_one(vcpu, 0x186, 1 << 21);
		close(vcpu);
	}
	return 0;
}

/* --- Many records ---------------------------------------------------------------------------- */

/* The parent, which reads the records, is stopped while they are written, or not at all. */
int flood(unsigned records, bool stops)
{
	int kvm = open("/dev/kvm", O_RDWR), vm = guest_vm(kvm), vcpu = guest_vcpu(vm, 0);

	if (stops)
		kill(getppid(), SIGSTOP);
	for (unsigned i = 0; i < records; i++)
		ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_NR_VCPUS);
	set_one(vcpu, 0x186, 0);
	if (stops)
		kill(getppid(), SIGCONT);
	return 0;
}

/* --- Descriptors that nobody saw come --------------------------------------------------------- */

static long hidden_call(long number, long a)
{
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a) : "rcx", "r11", "memory");
	return result;
}

/* What is put is put through a copy that a system call of the VMM's own has made. */
int hidden_copy(void)
{
	int kvm = open("/dev/kvm", O_RDWR), vm = guest_vm(kvm), vcpu = guest_vcpu(vm, 0);
	int copy = (int)hidden_call(SYS_dup, vcpu);

	printf("put %d\n", set_one(copy, SYSENTER_CS, 1));
	fflush(stdout);
	close(copy);
	return 0;
}
