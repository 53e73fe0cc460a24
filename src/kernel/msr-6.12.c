/* SPDX-License-Identifier: MIT */
/*
 * RDMSR and WRMSR since Linux 6.12. The functions of x86.c (later msrs.c), vmx.c and svm.c are cut
 * out of the kernel (cuts-VERSION). The functions around them are written here, with just the cases
 * that a PMU has; all other registers fall through to "unsupported".
 */
#include "msr.h"
#include "pmu.h"

enum kvm_msr_access { MSR_TYPE_R = 1, MSR_TYPE_W = 2 };
typedef int (*msr_access_t)(struct kvm_vcpu *vcpu, u32 index, u64 *data, bool host_initiated);

#include "cut/msrs_to_save.inc"
static u32 msrs_to_save[ARRAY_SIZE(msrs_to_save_pmu)];
static unsigned int num_msrs_to_save;
static const u32 emulated_msrs[] = {MSR_IA32_PERF_CAPABILITIES};
static const unsigned int num_emulated_msrs = ARRAY_SIZE(emulated_msrs);
#include "cut/kvm_is_advertised_msr.inc"

/* kvm_init_msr_lists, kvm_probe_msr_to_save: kvm_pmu_cap has as many counters as the host. */
void msr_load(void)
{
	num_msrs_to_save = 0;
	for (size_t i = 0; enable_pmu && i < ARRAY_SIZE(msrs_to_save_pmu); i++)
		if (host_has_msr(msrs_to_save_pmu[i]))
			msrs_to_save[num_msrs_to_save++] = msrs_to_save_pmu[i];
}

static bool kvm_is_immutable_feature_msr(u32 index)
{
	return index == MSR_IA32_PERF_CAPABILITIES;
}

#include "msr-common.h"

static int _kvm_set_msr(struct kvm_vcpu *vcpu, u32 index, u64 *data, bool host_initiated)
{
	return __kvm_set_msr(vcpu, index, *data, host_initiated);
}

#include "cut/kvm_do_msr_access.inc"
#include "cut/kvm_set_msr_ignored_check.inc"
#include "cut/kvm_get_msr_ignored_check.inc"
#include "cut/do_get_msr.inc"
#include "cut/do_set_msr.inc"
