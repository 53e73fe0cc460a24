/* SPDX-License-Identifier: MIT */
/*
 * RDMSR and WRMSR in Linux 6.1. The functions of x86.c, vmx.c and svm.c are cut out of the kernel
 * (cuts-6.1). The functions around them are written here, with just the cases that a PMU has; all
 * other registers fall through to "unsupported".
 */
#include "msr.h"
#include "pmu.h"

#define kvm_get_arch_capabilities() 0

#include "cut/msrs_to_save.inc"
static u32 msrs_to_save[ARRAY_SIZE(msrs_to_save_all)];
static unsigned int num_msrs_to_save;
#include "cut/kvm_is_msr_to_save.inc"

/* kvm_init_msr_list */
static bool is_beyond(u32 index)
{
	if (index >= MSR_ARCH_PERFMON_PERFCTR0 && index < MSR_ARCH_PERFMON_PERFCTR0 + 18)
		return index - MSR_ARCH_PERFMON_PERFCTR0 >= (u32)kvm_pmu_cap.num_counters_gp;
	if (index >= MSR_ARCH_PERFMON_EVENTSEL0 && index < MSR_ARCH_PERFMON_EVENTSEL0 + 18)
		return index - MSR_ARCH_PERFMON_EVENTSEL0 >= (u32)kvm_pmu_cap.num_counters_gp;
	return false;
}

void msr_load(void)
{
	num_msrs_to_save = 0;
	for (size_t i = 0; i < ARRAY_SIZE(msrs_to_save_all); i++)
		if (host_has_msr(msrs_to_save_all[i]) && !is_beyond(msrs_to_save_all[i]))
			msrs_to_save[num_msrs_to_save++] = msrs_to_save_all[i];
}

/* vmx_get_msr_feature, svm_get_msr_feature */
static int kvm_x86_get_msr_feature(struct kvm_msr_entry *msr)
{
	msr->data = 0;
	if (boot_cpu_data.x86_vendor == X86_VENDOR_AMD) {
		switch (msr->index) {
#include "cut/svm_perf_cap_feature.inc"
		}
	} else {
		switch (msr->index) {
#include "cut/vmx_perf_cap_feature.inc"
		}
	}
	return KVM_MSR_RET_UNSUPPORTED;
}

#include "cut/kvm_get_msr_feature.inc"

#include "msr-common.h"

#include "cut/kvm_msr_ignored_check.inc"
#include "cut/kvm_set_msr_ignored_check.inc"
#include "cut/kvm_get_msr_ignored_check.inc"
#include "cut/do_get_msr.inc"
#include "cut/do_set_msr.inc"
