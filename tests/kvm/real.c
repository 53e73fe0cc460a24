/* SPDX-License-Identifier: MIT */
/* Opens this host's KVM for the tests. */
#include <fcntl.h>

#include "real.h"

enum { SKIPPED = 77 }; /* as meson has it */

bool real_has_pmu(const struct vpmu_kvm_host *host)
{
	return host->trial == VPMU_TRIAL_WORKS;
}

int real_setup(void **context)
{
	static struct real real;

	vpmu_kvm_probe(&real.host, "", NULL);
	real.kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	real.vm = ioctl(real.kvm, KVM_CREATE_VM, 0);
	*context = &real;
	return real.vm < 0 ? real.vm : cpuid_supported(calls_or_kernel(NULL), real.kvm, &real.room);
}

int real_teardown(void **context)
{
	struct real *real = *context;

	close(real->vm);
	return close(real->kvm);
}

struct vpmu_kvm_vcpu real_vcpu(const struct real *real)
{
	struct vpmu_kvm_vcpu vcpu = {.fd = ioctl(real->vm, KVM_CREATE_VCPU, 0)};

	assert_true(vcpu.fd >= 0);
	assert_int_equal(ioctl(vcpu.fd, KVM_SET_CPUID2, &real->room), 0);
	return vcpu;
}

static const char *what_lacks(const struct vpmu_kvm_host *host, enum real_need need)
{
	if (host->open_error)
		return strerror(host->open_error);
	if (host->ignore_msrs == VPMU_YES)
		return "ignore_msrs=Y hides what it refuses";
	if (need == NEED_PMU && !real_has_pmu(host))
		return "it has no PMU";
	return need == NEED_NO_PMU && real_has_pmu(host) ? "it has a PMU" : NULL;
}

int real_lacks(enum real_need need)
{
	struct vpmu_kvm_host host;
	const char *lack;

	vpmu_kvm_probe(&host, "", NULL);
	lack = what_lacks(&host, need);
	if (!lack)
		return 0;
	printf("skipped: this host's KVM: %s\n", lack);
	return SKIPPED;
}
