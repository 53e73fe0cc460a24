/* SPDX-License-Identifier: MIT */
/*
 * A KVM that is not there: struct vpmu_kvm_calls over register machines, with the moods that a real
 * one has. One VM at a time, some vCPUs; file descriptors are numbers of its own.
 */
#ifndef TESTS_KVM_FAKE_KVM_H
#define TESTS_KVM_FAKE_KVM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <errno.h>
#include <cmocka.h>

#include <kvm/room_int.h>

enum { FAKE_KVM_FD = 100, FAKE_VM_FD = 200, FAKE_VCPU_FD = 300, FAKE_VCPUS = 4 };

struct fake_vcpu {
	_Alignas(VPMU_PMU_ALIGN) unsigned char memory[VPMU_PMU_BYTES];
	struct vpmu_pmu *pmu; /* NULL until it has a CPUID, or without a PMU */
};

/* A request that fails, and from which of its calls on (0: the first). */
struct fake_failure {
	unsigned long request;
	int error;
	unsigned after;
};

struct fake_kvm {
	struct vpmu_kvm_calls calls;
	char path[128]; /* that was opened last */

	/* The host's. */
	struct vpmu_cpuid host[VPMU_CPUID_LEAVES];
	size_t host_count;
	int cycles_error; /* 0: there are hardware counters */
	int open_error;

	/* KVM's. */
	int api_version;
	bool is_enabled; /* enable_pmu */
	bool has_off_switch, has_filter, has_masked_events;
	struct vpmu_model model; /* what it supports */

	/* The VM's. */
	bool is_disabled; /* KVM_PMU_CAP_DISABLE */
	unsigned vcpu_count;
	struct fake_vcpu vcpus[FAKE_VCPUS];

	/* Moods. */
	unsigned interrupted;        /* so many requests in a row end with EINTR */
	struct fake_failure failure; /* request 0: none */
	uint32_t refused_write;      /* writes of this MSR; 0: none */
	uint32_t refused_read;       /* reads of this MSR; 0: none */
	unsigned refused_access;     /* the access of this number, from 1 on; 0: none */
	unsigned boast;              /* MSR calls claim to have done so many more */

	/* What was asked. */
	unsigned requests, msr_calls, largest_batch, accesses;
	int open_files;
};

/* A KVM of the newest kind that can give guests the named model. */
struct fake_kvm *fake_kvm_make(const char *model);

/* A VM and a vCPU of KVM's model, without the probe. Returns the vCPU's file descriptor. */
int fake_vcpu_make(struct fake_kvm *kvm, const struct vpmu_model *model);

/* The leaves as KVM_SET_CPUID2 takes them. */
union cpuid_room fake_cpuid(const struct vpmu_model *model);

/* --- A tree of files in place of /sys and /proc -------------------------------------------- */

struct tree {
	char root[64];
};
struct tree tree_make(void);
void tree_file(const struct tree *tree, const char *path, const char *text);
void tree_directory(const struct tree *tree, const char *path);
void tree_remove(const struct tree *tree);

/* The tree of a host where all is well, with vendor_module kvm_intel or kvm_amd. */
struct tree tree_of_good_host(const char *vendor_module);

#endif
