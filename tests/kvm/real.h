/* SPDX-License-Identifier: MIT */
/* This host's own KVM, for tests that are skipped, with a reason, where it is not what they need.
 */
#ifndef TESTS_KVM_REAL_H
#define TESTS_KVM_REAL_H

#include <sys/ioctl.h>
#include <unistd.h>

#include "fake_kvm.h"

/* A VM with no vCPU yet, and what the probe said. */
struct real {
	struct vpmu_kvm_host host;
	int kvm, vm;
	union cpuid_room room; /* what KVM supports */
};

int real_setup(void **context);
int real_teardown(void **context);

/* A vCPU with real->room as its CPUID. */
struct vpmu_kvm_vcpu real_vcpu(const struct real *real);

/* Whether KVM's vCPUs have a PMU. */
bool real_has_pmu(const struct vpmu_kvm_host *host);

#define ON_REAL(test) cmocka_unit_test_setup_teardown(test, real_setup, real_teardown)

/* What a test program needs of this host; 0, or the exit status that says that it was skipped. */
enum real_need { NEED_KVM, NEED_PMU, NEED_NO_PMU };
int real_lacks(enum real_need need);

#endif
