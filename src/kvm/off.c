/* SPDX-License-Identifier: MIT */
/*
 * The policy "PMU off". CPUID alone hides an Intel PMU; AMD's first four counters are part of every
 * AMD processor, so only KVM itself can take them away: KVM_PMU_CAP_DISABLE, since Linux 5.18.
 */
#include <errno.h>

#include "room_int.h"

static enum vpmu_status end(struct vpmu_off *off, enum vpmu_status status, enum vpmu_off_by by,
                            const char *why)
{
	struct text text = text_in(off->why, sizeof(off->why));

	text_add(&text, why);
	off->status = status;
	off->by = by;
	return status;
}

/* KVM answers EINVAL once the VM has a vCPU (kvm_vm_ioctl_enable_cap). */
static enum vpmu_status could_not_disable(struct vpmu_off *off, int error)
{
	off->host_error = error;
	if (error == EINVAL)
		return end(off, VPMU_REFUSED, VPMU_OFF_NOT,
		           "KVM refused KVM_PMU_CAP_DISABLE: it must come before the VM's first "
		           "vCPU");
	return end(off, VPMU_HOST, VPMU_OFF_NOT, "KVM_ENABLE_CAP failed: KVM_CAP_PMU_CAPABILITY");
}

/* KVM also hides its off switch while it has no PMU to switch off. */
static bool kvm_has_no_pmu(const struct vpmu_kvm_host *host)
{
	return host->enable_pmu == VPMU_NO || host->trial == VPMU_TRIAL_NOTHING;
}

static enum vpmu_status without_switch(struct vpmu_off *off, const struct vpmu_kvm_host *host,
                                       enum vpmu_status hidden)
{
	if (kvm_has_no_pmu(host))
		return end(off, VPMU_OK, VPMU_OFF_BY_MODULE, "this KVM has no PMU for any VM");
	if (!hidden)
		return end(
			off, VPMU_OK, VPMU_OFF_BY_CPUID,
			"only CPUID hides the PMU: this kernel has no KVM_PMU_CAP_DISABLE (Linux "
			"5.18)");
	return end(
		off, VPMU_INCOMPATIBLE, VPMU_OFF_NOT,
		"this kernel cannot hide the PMU of this guest's processor: CPUID has no bit for "
		"it, and KVM_PMU_CAP_DISABLE needs Linux 5.18");
}

enum vpmu_status vpmu_kvm_pmu_off(struct vpmu_off *off, const struct vpmu_kvm_host *host,
                                  const struct vpmu_kvm_calls *calls, int vm_fd,
                                  struct kvm_cpuid2 *cpuid)
{
	struct kvm_enable_cap disable = {
		.cap = KVM_CAP_PMU_CAPABILITY,
		.args = {KVM_PMU_CAP_DISABLE},
	};
	enum vpmu_status hidden;
	int result;

	if (!off)
		return VPMU_BAD_ARGUMENT;
	*off = (struct vpmu_off){0};
	if (!host || !cpuid)
		return end(off, VPMU_BAD_ARGUMENT, VPMU_OFF_NOT, "a required argument is NULL");
	calls = calls_or_kernel(calls);
	hidden = vpmu_kvm_hide_pmu(cpuid, NULL, 0);
	result = kvm_call_number(calls, vm_fd, KVM_CHECK_EXTENSION, KVM_CAP_PMU_CAPABILITY);
	if (result < 0) {
		off->host_error = -result;
		return end(off, VPMU_HOST, VPMU_OFF_NOT, "KVM_CHECK_EXTENSION failed: is it a VM?");
	}
	if (!(result & KVM_PMU_CAP_DISABLE))
		return without_switch(off, host, hidden);
	result = kvm_call(calls, vm_fd, KVM_ENABLE_CAP, &disable);
	if (result < 0)
		return could_not_disable(off, -result);
	return end(off, VPMU_OK, VPMU_OFF_BY_VM, "KVM has no PMU for this VM");
}
