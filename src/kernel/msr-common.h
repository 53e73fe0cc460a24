/* SPDX-License-Identifier: MIT */
/*
 * The part of RDMSR and WRMSR that is the same in Linux 6.1 and 6.12, around cases that are cut out
 * of each. Included once, in the middle of msr-6.1.c and msr-6.12.c.
 */

#define kvm_pr_unimpl(...)                   ((void)0)
#define kvm_pr_unimpl_wrmsr(vcpu, msr, data) ((void)0)
#define kvm_debug_ratelimited(...)           ((void)op)

/* KVM's quirks are on, unless a VMM asks for none. */
#define kvm_check_has_quirk(kvm, quirk) true
#define kvm_update_cpuid_runtime(vcpu)  ((void)(vcpu))

static const bool ignore_msrs, report_ignored_msrs;

static int kvm_set_msr_common(struct kvm_vcpu *vcpu, struct msr_data *msr_info)
{
	u32 msr = msr_info->index;
	u64 data = msr_info->data;

	switch (msr) {
#include "cut/set_perf_capabilities.inc"
#include "cut/set_misc_enable.inc"
#include "cut/set_k7_p6.inc"
#include "cut/set_default.inc"
	}
	return 0;
}

static int kvm_get_msr_common(struct kvm_vcpu *vcpu, struct msr_data *msr_info)
{
	switch (msr_info->index) {
#include "cut/get_perf_capabilities.inc"
#include "cut/get_misc_enable.inc"
#include "cut/get_k7_p6.inc"
#include "cut/get_default.inc"
	}
	return 0;
}

/* vmx.c */
enum { VM_EXIT_SAVE_DEBUG_CONTROLS = 4 };
static struct vmcs12 {
	u32 vm_exit_controls;
	u64 guest_ia32_debugctl;
} * get_vmcs12(struct kvm_vcpu *vcpu)
{
	return NULL; /* no Intel guest runs guests here */
}
#ifndef to_vmx
#define to_vmx(vcpu) (&(vcpu)->arch)
#endif

#include "cut/vmx_supported_debugctl.inc"

/* svm.c: without a guest's guest there is one VMCB, whatever is virtualized. */
#define lbrv                         host_lbrv()
#define LBR_CTL_ENABLE_MASK          1
#define KVM_BUG(condition, kvm, ...) (condition)
#define vmcb_mark_dirty(vmcb, bit)   ((void)0)
#define svm_update_lbrv(vcpu)        ((void)0)
#define vcpu_svm                     kvm_vcpu_arch
#include "cut/svm_debugctl.inc"

static int svm_get_msr(struct kvm_vcpu *vcpu, struct msr_data *msr_info)
{
	struct vcpu_svm *svm = &vcpu->arch;

	switch (msr_info->index) {
#include "cut/svm_get_debugctl.inc"
	default:
		return kvm_get_msr_common(vcpu, msr_info);
	}
	return 0;
}

static int svm_set_msr(struct kvm_vcpu *vcpu, struct msr_data *msr)
{
	struct vcpu_svm *svm = &vcpu->arch;
	u64 data = msr->data;

	switch (msr->index) {
#include "cut/svm_set_debugctl.inc"
	default:
		return kvm_set_msr_common(vcpu, msr);
	}
	return 0;
}

/* vmx_get_msr */
static int kvm_x86_get_msr(struct kvm_vcpu *vcpu, struct msr_data *msr_info)
{
	if (boot_cpu_data.x86_vendor == X86_VENDOR_AMD)
		return svm_get_msr(vcpu, msr_info);
	switch (msr_info->index) {
#include "cut/vmx_get_debugctl.inc"
	default:
		return kvm_get_msr_common(vcpu, msr_info);
	}
	return 0;
}

/* vmx_set_msr */
static int kvm_x86_set_msr(struct kvm_vcpu *vcpu, struct msr_data *msr_info)
{
	struct kvm_vcpu_arch *vmx = &vcpu->arch;
	u64 data = msr_info->data;
	int ret = 0;

	(void)vmx;
	if (boot_cpu_data.x86_vendor == X86_VENDOR_AMD)
		return svm_set_msr(vcpu, msr_info);
	switch (msr_info->index) {
#include "cut/vmx_set_debugctl.inc"
#include "cut/vmx_set_perf_capabilities.inc"
	default:
		ret = kvm_set_msr_common(vcpu, msr_info);
	}
	return ret;
}

static int __kvm_set_msr(struct kvm_vcpu *vcpu, u32 index, u64 data, bool host_initiated)
{
	struct msr_data msr = {.host_initiated = host_initiated, .index = index, .data = data};

	return kvm_x86_set_msr(vcpu, &msr);
}

static int __kvm_get_msr(struct kvm_vcpu *vcpu, u32 index, u64 *data, bool host_initiated)
{
	struct msr_data msr = {.host_initiated = host_initiated, .index = index};
	int ret = kvm_x86_get_msr(vcpu, &msr);

	if (!ret)
		*data = msr.data;
	return ret;
}

/* Cut out of the kernel; included further down in the file that includes this one. */
static int kvm_get_msr_ignored_check(struct kvm_vcpu *vcpu, u32 index, u64 *data, bool host);
static int kvm_set_msr_ignored_check(struct kvm_vcpu *vcpu, u32 index, u64 data, bool host);
static int do_get_msr(struct kvm_vcpu *vcpu, unsigned int index, u64 *data);
static int do_set_msr(struct kvm_vcpu *vcpu, unsigned int index, u64 *data);

int msr_guest_read(struct kvm_vcpu *vcpu, u32 index, u64 *data)
{
	return kvm_get_msr_ignored_check(vcpu, index, data, false);
}

int msr_guest_write(struct kvm_vcpu *vcpu, u32 index, u64 data)
{
	return kvm_set_msr_ignored_check(vcpu, index, data, false);
}

int msr_host_read(struct kvm_vcpu *vcpu, u32 index, u64 *data)
{
	return do_get_msr(vcpu, index, data);
}

int msr_host_write(struct kvm_vcpu *vcpu, u32 index, u64 data)
{
	return do_set_msr(vcpu, index, &data);
}
