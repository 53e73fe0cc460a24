/* SPDX-License-Identifier: MIT */
/* What the files of the tests' own VMM share. */
#ifndef ODD_VMM_H
#define ODD_VMM_H

#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

enum {
	SYSENTER_CS = 0x174, /* an MSR of every vCPU */
	TSC_AUX = 0xc0000103,
	NO_MSR = 0x12345678,
	PAGE = 4096,
	VCPUS = 4,
	ROUNDS = 200,
	CALLS = 100,
};

union batch {
	struct kvm_msrs msrs;
	char bytes[sizeof(struct kvm_msrs) + 256 * sizeof(struct kvm_msr_entry)];
};

union lists {
	struct kvm_msr_list list;
	struct kvm_cpuid2 cpuid;
	char bytes[sizeof(struct kvm_cpuid2) + 256 * sizeof(struct kvm_cpuid_entry2)];
};

static inline void fill(union batch *batch, const struct kvm_msr_entry *entries, unsigned count)
{
	memset(batch, 0, sizeof(*batch));
	batch->msrs.nmsrs = count;
	for (unsigned i = 0; i < count; i++)
		batch->msrs.entries[i] = entries[i];
}

static inline int set_one(int fd, uint32_t index, uint64_t value)
{
	union batch batch;

	fill(&batch, &(struct kvm_msr_entry){index, 0, value}, 1);
	return ioctl(fd, KVM_SET_MSRS, &batch);
}

/* The MSR's value; -1 when it was refused. */
static inline long get_one(int fd, uint32_t index)
{
	union batch batch;

	fill(&batch, &(struct kvm_msr_entry){index, 0, 0}, 1);
	return ioctl(fd, KVM_GET_MSRS, &batch) == 1 ? (long)batch.msrs.entries[0].data : -1;
}

/* Under --emulate intel-v2: checks what that KVM answers. 0, or 1 after a message. */
int emulated(void);

/* What KVM answers for the MSRs around those of any PMU. */
int neighbours(void);
int misc_enable(void);

/* A vCPU at the reset vector, and the writes that the file lists: all in one call, or each in one.
 */
int put_file(const char *path, int single);

/* --- odd_life.c: each is a mode of the program ---------------------------------------------- */

/* A VM with a guest that writes IA32_PERFEVTSEL0 1,000 times and halts; its vCPU, ready to run. */
int guest_vm(int kvm);
int guest_vcpu(int vm, unsigned long id);

int churn(void);
int crowd(unsigned vcpus);
int flood(unsigned records, bool stops);
int hidden_copy(void);

/* --- odd_values.c: saves and restores, well and badly ---------------------------------------- */

int values(const char *registers, const char *way);
int values_save(const char *registers, const char *path);
int values_restore(const char *path, const char *way);
int lowers(void);
int resets(bool off, const char *registers);

/* --- odd_count.c: guests that count; what KVM's module says of itself ------------------------- */

int count(const char *what);
int parameters(void);

/* --- odd_cpuid.c: the CPUID instruction, as if the processor faulted it ----------------------- */

int faulting(char **argv, int error);
int vendor(void);

/* --- odd_seccomp.c --------------------------------------------------------------------------- */

int confined(bool maps);

#endif
