/* SPDX-License-Identifier: MIT */
/*
 * What the kernel's PMU files need from the rest of KVM: the vCPU around struct kvm_pmu, its CPUID,
 * requests and local APIC. struct kvm_pmu itself is cut out of the kernel's own kvm_host.h.
 */
#ifndef KVM_STUB_H
#define KVM_STUB_H

#include "kernel.h"
#include "perf.h"
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/perf_event.h>
#include <asm/apicdef.h>
#include <uapi/asm/kvm.h>
#include "cut/pmu-types.inc"

struct kvm_vcpu;

enum { CPUID_ENTRIES = 6 };

enum kvm_request {
	KVM_REQ_PMU,
	KVM_REQ_PMI,
	KVM_REQ_EVENT, /* raised by the local APIC; nobody here handles it */
	KVM_REQ_SMI,
	KVM_REQ_RECALC_INTERCEPTS, /* of registers that a mediated PMU passes through */
};

struct kvm_lapic {
	struct kvm_vcpu *vcpu;
	u32 lvtpc;
	unsigned int delivered, dropped; /* PMIs; dropped: LVTPC was masked */
	u8 regs[0x400];                  /* for the trigger modes that __apic_accept_irq tracks */
	unsigned long pending_events;
	unsigned int sipi_vector;
};

/* The branch records that the host gives a guest. */
#if KERNEL_SINCE(7, 3)
#include "cut/lbr_desc.inc"
#else
struct lbr_desc {
	struct x86_pmu_lbr records;
	struct perf_event *event;
	bool msr_passthrough;
};
#endif

struct kvm_arch {
	bool enable_pmu;
	void *pmu_event_filter; /* kernels give it different types */
	s64 kvmclock_offset;
};

struct kvm {
	struct kvm_arch arch;
	struct kvm_vcpu *vcpu; /* the only one */
};

/* AMD's, as far as DebugCtl goes: there is no second one, of a guest's guest. */
struct vmcb {
	struct {
		u64 virt_ext;
	} control;
	struct {
		u64 dbgctl, br_from, br_to, last_excp_from, last_excp_to;
	} save;
};

struct kvm_vcpu_arch {
	struct kvm_pmu pmu;
	struct lbr_desc lbr_desc;
	struct kvm_lapic *apic;
	struct kvm_cpuid_entry2 cpuid_entries[CPUID_ENTRIES];
	u64 perf_capabilities, ia32_misc_enable_msr;
	int last_vmentry_cpu; /* -1 before the first KVM_RUN */
	int apic_arb_prio;
	u64 efer;
	struct vmcb *vmcb, own_vmcb;
	struct {
		struct vmcb *ptr;
	} vmcb01;
	bool is_amd_compatible;
	bool cpuid_dynamic_bits_dirty;
	struct {
		bool pv_unhalted;
	} pv;
	/* For a mediated PMU: which MSRs are passed through (mediated.c), and the VMCS's controls
	 * of GLOBAL_CTRL. */
	u64 passes;
	u32 global_ctrl_controls;
	struct {
		struct {
			u64 value;
		} val[1];
	} msr_autostore; /* for processors whose exits do not save GLOBAL_CTRL; ours do */
};

struct kvm_vcpu {
	struct kvm *kvm;
	int vcpu_id;
	unsigned long requests;
	struct kvm_vcpu_arch arch;
	unsigned int cpl;
	bool pce; /* CR4.PCE */
	bool guest_mode;
};

#define kvm_for_each_vcpu(i, v, kvm)            for ((i) = 0, (v) = (kvm)->vcpu; (i) < 1; (i)++)
#define kvm_make_request(request, vcpu)         set_bit(request, &(vcpu)->requests)
#define kvm_make_all_cpus_request(kvm, request) kvm_make_request(request, (kvm)->vcpu)

static inline bool kvm_check_request(int request, struct kvm_vcpu *vcpu)
{
	bool raised = test_bit(request, &vcpu->requests);

	clear_bit(request, &vcpu->requests);
	return raised;
}

#define kvm_can_set_cpuid_and_feature_msrs(vcpu) (!kvm_vcpu_has_run(vcpu))

static inline bool kvm_vcpu_has_run(struct kvm_vcpu *vcpu)
{
	return vcpu->arch.last_vmentry_cpu != -1;
}

#define kvm_x86_call(func) static_call(kvm_x86_##func)
#ifndef kvm_pmu_call
#define kvm_pmu_call(func) static_call(kvm_x86_pmu_##func)
#endif

int kvm_x86_get_cpl(struct kvm_vcpu *vcpu);
#define X86_CR0_PE                    0
#define X86_CR4_PCE                   1
#define kvm_is_cr0_bit_set(vcpu, bit) true /* protected mode */
#define kvm_is_cr4_bit_set(vcpu, bit) ((vcpu)->pce)
#define kvm_read_cr0_bits(vcpu, bit)  true
#define kvm_read_cr4_bits(vcpu, bit)  ((vcpu)->pce)

/* 6.1 asks whether an overflow hit the guest: always, since nothing else counts. */
#define kvm_handling_nmi_from_guest(vcpu) true

/* Defined by the kernel's files; 6.12 knows kvm_pmu_reset only as part of kvm_pmu_destroy. */
extern bool enable_pmu;

struct kvm_caps {
	u64 supported_perf_cap;
};
extern struct kvm_caps kvm_caps;

struct msr_data {
	bool host_initiated;
	u32 index;
	u64 data;
};

struct cpuinfo_x86 {
	u8 x86_vendor;
};
extern struct cpuinfo_x86 boot_cpu_data;
enum { X86_VENDOR_INTEL, X86_VENDOR_AMD = 2, X86_VENDOR_ZHAOXIN = 10 };

/* The simulated host is not a hybrid CPU, and needs no quirk for PEBS. */
struct x86_cpu_id {
	int unused;
};
#define X86_MATCH_VFM(vfm, data)                                                                   \
	{                                                                                          \
		1                                                                                  \
	}
#define X86_MATCH_INTEL_FAM6_MODEL(model, data)                                                    \
	{                                                                                          \
		1                                                                                  \
	}
#define x86_match_cpu(table) NULL
/* host.c: whether the processor has the feature; whether KVM gives it to guests that ask for it. */
bool host_has(unsigned int feature);
bool host_gives(unsigned int feature);
#define boot_cpu_has(feature)        host_has(feature)
#define cpu_feature_enabled(feature) false
#define vmx_pt_mode_is_host_guest()  false

struct kvm_cpuid_entry2 *kvm_find_cpuid_entry(struct kvm_vcpu *vcpu, u32 function);
struct kvm_cpuid_entry2 *kvm_find_cpuid_entry_index(struct kvm_vcpu *vcpu, u32 function, u32 index);
bool guest_cpuid_has(struct kvm_vcpu *vcpu, unsigned int feature);
/* Only what both the guest's CPUID and the host have. */
#define guest_cpu_cap_has(vcpu, feature)      (guest_cpuid_has(vcpu, feature) && host_gives(feature))
#define is_guest_mode(vcpu)                   ((vcpu)->guest_mode)
#define guest_cpuid_is_intel_compatible(vcpu) (!(vcpu)->arch.is_amd_compatible)
#define guest_cpuid_is_intel(vcpu)            (!(vcpu)->arch.is_amd_compatible)
#define cpuid_model_is_consistent(vcpu)       true

#define lapic_in_kernel(vcpu) true
int kvm_apic_local_deliver(struct kvm_lapic *apic, int lvt_type);

/* vmx/capabilities.h */
#define PMU_CAP_FW_WRITES (1ull << 13)
#define PMU_CAP_LBR_FMT   0x3f

/* Branch records. */
#if KERNEL_SINCE(7, 3)
#define to_vmx(vcpu)     (&(vcpu)->arch)
#define is_td_vcpu(vcpu) false
#include "cut/perf_capabilities.inc"
bool intel_pmu_lbr_is_enabled(struct kvm_vcpu *vcpu);
#else
#define vcpu_to_lbr_desc(vcpu)         (&(vcpu)->arch.lbr_desc)
#define vcpu_to_lbr_records(vcpu)      (&(vcpu)->arch.lbr_desc.records)
#define intel_pmu_lbr_is_enabled(vcpu) (vcpu_to_lbr_records(vcpu)->nr != 0)
#endif
#define intel_pmu_has_perf_global_ctrl(pmu)             ((pmu)->version > 1)
#define vmx_guest_debugctl_read()                       (current->silicon.guest_debugctl)
#define vmx_guest_debugctl_write(vcpu, value)           (current->silicon.guest_debugctl = (value))
#define vmx_set_intercept_for_msr(vcpu, msr, type, set) guest_intercept(vcpu, msr, set)

/* x86.h: the guest has four levels of page tables; what a register takes is the processor's to say.
 */
#define is_noncanonical(address, bits)                                                             \
	((s64)((address) << (64 - (bits))) >> (64 - (bits)) != (s64)(address))
#define is_noncanonical_address(address, vcpu) is_noncanonical(address, 48)
#define is_noncanonical_msr_address(address, vcpu)                                                 \
	is_noncanonical(address, host_gives(X86_FEATURE_LA57) ? 57 : 48)
extern struct x86_pmu_lbr vmx_lbr_caps;
void vmx_passthrough_lbr_msrs(struct kvm_vcpu *vcpu);
int intel_pmu_create_guest_lbr_event(struct kvm_vcpu *vcpu);

/* The mediated vPMU, over the simulated hardware (silicon.h, mediated.c). */
extern struct kvm_vcpu *running_vcpu;
#if KERNEL_SINCE(7, 3)
void guest_intercept(struct kvm_vcpu *vcpu, u32 msr, bool intercept);
#else
#define guest_intercept(vcpu, msr, intercept) ((void)0)
#endif
#define enable_vmware_backdoor          false
#define cpu_has_load_perf_global_ctrl() true
#define kvm_get_running_vcpu()          running_vcpu
#define vmcs_write64(field, value)      (current->silicon.guest_global_ctrl = (value))
#define perf_load_guest_context()       silicon_give()
#define perf_put_guest_context()        silicon_take()
#define perf_load_guest_lvtpc(lvtpc)                                                               \
	(current->silicon.pmi = (lvtpc)&APIC_LVT_MASKED ? PMI_MASKED : PMI_OF_GUEST)
#define perf_put_guest_lvtpc() (current->silicon.pmi = PMI_OF_HOST)
#define rdpmc(counter)         silicon_rdpmc(counter)
#ifndef kvm_lapic_get_reg
#define kvm_lapic_get_reg(apic, index) ((apic)->lvtpc)
#endif

#endif
