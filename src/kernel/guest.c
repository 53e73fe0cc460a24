/* SPDX-License-Identifier: MIT */
/*
 * A guest's life around the kernel's PMU files: what kvm_arch_vcpu_create, kvm_set_cpuid,
 * vcpu_enter_guest and others do to them. Those functions are too large to compile here. Each is
 * restated, under its name, in the few lines that concern the PMU.
 */
#include "guest.h"
#include "mediated.h"
#include "msr.h"
#include "pmu.h"

#define LVTPC_KEPT  (APIC_VECTOR_MASK | APIC_MODE_MASK | APIC_LVT_MASKED)
#define LVTPC_FIRST APIC_DM_NMI

int kvm_x86_get_cpl(struct kvm_vcpu *vcpu)
{
	return (int)vcpu->cpl;
}

/* The processor is the one that the model names, if the host's vendor is the model's. Else it is
 * Intel's, or AMD's first with a PMU, the K7. */
static void choose_processor(struct guest *guest, const struct host *host)
{
	bool amd = host->vendor == VENDOR_AMD;

	if (amd == (guest->model.vendor == VENDOR_AMD))
		return;
	guest->model.processor = (struct vpmu_model){
		.vendor = amd ? VPMU_VENDOR_AMD : VPMU_VENDOR_INTEL,
		.signature = amd ? 0x600 : 0,
	};
}

static void connect(struct guest *guest, const struct host *host)
{
	bool amd = host->vendor == VENDOR_AMD;

	guest->kvm.vcpu = &guest->vcpu;
	guest->vcpu.kvm = &guest->kvm;
	guest->vcpu.arch.apic = &guest->apic;
	guest->vcpu.arch.last_vmentry_cpu = -1;
	guest->vcpu.arch.vmcb = guest->vcpu.arch.vmcb01.ptr = &guest->vcpu.arch.own_vmcb;
	guest->vcpu.pce = true;
	guest->apic.vcpu = &guest->vcpu;
	guest->apic.lvtpc = LVTPC_FIRST;
	choose_processor(guest, host);
	guest->task.perf.amd = amd;
	guest->task.perf.processor = &guest->model.processor;
	guest->task.perf.max_period = (1ll << (host->width - 1)) - 1;
	silicon_make(&guest->task.silicon, &guest->model.processor, host->gp, host->fixed,
	             amd ? HOST_AMD_WIDTH : host->width);
	guest->task.silicon.branches.format = host->lbr_format;
	current = &guest->task;
}

/* kvm_vcpu_after_set_cpuid */
static void after_set_cpuid(struct guest *guest)
{
	guest->vcpu.arch.is_amd_compatible = guest->model.vendor == VENDOR_AMD;
	kvm_pmu_refresh(&guest->vcpu);
	if (KERNEL_SINCE(7, 3))
		kvm_make_request(KVM_REQ_RECALC_INTERCEPTS, &guest->vcpu);
}

/* What a VMM wants of what KVM supports. */
static u64 wanted_capabilities(const struct model *model)
{
	const u64 how = PERF_CAP_PEBS_TRAP | PERF_CAP_ARCH_REG;
	u64 supported = kvm_caps.supported_perf_cap;
	u64 wanted = model->full_width ? PMU_CAP_FW_WRITES : 0;
	u64 pebs = model->pebs ? PEBS_FORMAT(model->pebs) | how : 0;

	if ((supported & PMU_CAP_LBR_FMT) == model->lbr_format)
		wanted |= model->lbr_format;
	wanted |= (supported & PERF_CAP_PEBS_MASK) == pebs ? pebs : pebs & how;
	return wanted & supported;
}

/* kvm_arch_vcpu_create and its kvm_vcpu_reset, then a VMM's KVM_SET_CPUID2 and KVM_SET_MSRS. */
struct guest *guest_create(const struct model *model, const struct host *host, bool pmu_disabled)
{
	struct guest *guest = memory_get(sizeof(*guest));
	struct kvm_vcpu *vcpu;

	if (!guest)
		abort();
	host_load(host);
	msr_load();
	guest->model = *model;
	connect(guest, host);
	vcpu = &guest->vcpu;
	guest->kvm.arch.enable_pmu = enable_pmu && !pmu_disabled;
	vcpu->arch.perf_capabilities = kvm_caps.supported_perf_cap;
	vcpu->arch.ia32_misc_enable_msr =
		MSR_IA32_MISC_ENABLE_PEBS_UNAVAIL | MSR_IA32_MISC_ENABLE_BTS_UNAVAIL;
	kvm_pmu_init(vcpu);
	guest_reset(guest);
	guest_set_cpuid(guest, model);
	if (model->pmu && model->pdcm && wanted_capabilities(model) != kvm_caps.supported_perf_cap)
		msr_host_write(vcpu, MSR_IA32_PERF_CAPABILITIES, wanted_capabilities(model));
	return guest;
}

void guest_destroy(struct guest *guest)
{
	kvm_pmu_destroy(&guest->vcpu);
	kfree(guest->kvm.arch.pmu_event_filter);
	memory_put(guest);
	current = NULL;
}

/* kvm_set_cpuid: after KVM_RUN only the same CPUID is accepted. */
bool guest_set_cpuid(struct guest *guest, const struct model *model)
{
	struct kvm_cpuid_entry2 leaves[CPUID_ENTRIES];

	cpuid_build(model, leaves);
	if (kvm_vcpu_has_run(&guest->vcpu))
		return !memcmp(leaves, guest->vcpu.arch.cpuid_entries, sizeof(leaves));
	memcpy(guest->vcpu.arch.cpuid_entries, leaves, sizeof(leaves));
	after_set_cpuid(guest);
	return true;
}

/* vcpu_enter_guest */
void guest_handle_requests(struct guest *guest)
{
	if (kvm_check_request(KVM_REQ_PMU, &guest->vcpu))
		kvm_pmu_handle_event(&guest->vcpu);
	if (kvm_check_request(KVM_REQ_PMI, &guest->vcpu))
		kvm_pmu_deliver_pmi(&guest->vcpu);
	mediated_recalc(guest);
}

struct pmis guest_take_pmis(struct guest *guest)
{
	struct pmis pmis = {guest->apic.delivered, guest->apic.dropped};

	guest->apic.delivered = guest->apic.dropped = 0;
	return pmis;
}

/* vmx_vcpu_run */
void guest_run_vcpu(struct guest *guest)
{
	if (intel_pmu_lbr_is_enabled(&guest->vcpu))
		vmx_passthrough_lbr_msrs(&guest->vcpu);
	guest->vcpu.arch.last_vmentry_cpu = 0;
}

struct pmis guest_enter(struct guest *guest)
{
	guest_handle_requests(guest);
	guest_run_vcpu(guest);
	if (mediated_is(guest)) {
		mediated_enter(guest);
		mediated_leave(guest);
	}
	return guest_take_pmis(guest);
}

/* Whether the guest's access to a register of last branches does not exit:
 * vmx_passthrough_lbr_msrs. A script's guest may go on without an entry after its event is gone; it
 * exits then. */
static bool passes_branches(struct guest *guest, u32 msr)
{
	const struct lbr_desc *desc = &guest->vcpu.arch.lbr_desc;
	const struct x86_pmu_lbr *lbr = &desc->records;

	if (!lbr->nr || !desc->event || !desc->msr_passthrough)
		return false;
	return msr == MSR_LBR_SELECT || msr == MSR_LBR_TOS || msr - lbr->from < lbr->nr ||
	       msr - lbr->to < lbr->nr || (lbr->info && msr - lbr->info < lbr->nr);
}

bool guest_read(struct guest *guest, u32 msr, u64 *value)
{
	if (passes_branches(guest, msr))
		return branches_read(&guest->task.silicon.branches, msr, value);
	if (mediated_passes(guest, msr))
		return mediated_read(guest, msr, value);
	return !msr_guest_read(&guest->vcpu, msr, value);
}

bool guest_write(struct guest *guest, u32 msr, u64 value)
{
	if (passes_branches(guest, msr))
		return branches_write(&guest->task.silicon.branches, msr, value);
	if (mediated_passes(guest, msr))
		return mediated_write(guest, msr, value);
	return !msr_guest_write(&guest->vcpu, msr, value);
}

/* kvm_emulate_rdpmc */
bool guest_rdpmc(struct guest *guest, u32 ecx, unsigned int cpl, bool pce, u64 *value)
{
	guest->vcpu.cpl = cpl;
	guest->vcpu.pce = pce;
	if (mediated_rdpmc_passes(guest))
		return (pce || !cpl) && mediated_rdpmc(guest, ecx, value);
	return !kvm_pmu_rdpmc(&guest->vcpu, ecx, value);
}

void guest_set_lvtpc(struct guest *guest, u32 value)
{
	guest->apic.lvtpc = value & LVTPC_KEPT;
}

/* x86_emulate_instruction; kvm_skip_emulated_instruction is the case without a branch. */
void guest_emulate(struct guest *guest, bool branch, unsigned int cpl)
{
	struct kvm_vcpu *vcpu = &guest->vcpu;

	vcpu->cpl = cpl;
#include "cut/trigger_instruction.inc"
	if (branch)
#include "cut/trigger_branch.inc"
}

/* svm_set_efer, nested_svm_vmrun, nested_svm_vmexit */
void guest_set_svm(struct guest *guest, bool enabled, bool in_guest_mode)
{
	guest->vcpu.arch.efer = enabled ? EFER_SVME : 0;
	guest->vcpu.guest_mode = in_guest_mode;
	mediated_transition(guest);
}

/* kvm_arch_sched_in (6.1), kvm_arch_vcpu_load of a scheduled-out vCPU (6.12) */
void guest_schedule(struct guest *guest)
{
	struct kvm_pmu *pmu = &guest->vcpu.arch.pmu;

	if (pmu->version && pmu->event_count) {
		pmu->need_cleanup = true;
		kvm_make_request(KVM_REQ_PMU, &guest->vcpu);
	}
}

/* kvm_pmu_reset, which 6.12 exports under this name only. */
void guest_reset(struct guest *guest)
{
	kvm_pmu_destroy(&guest->vcpu);
	if (mediated_is(guest))
		mediated_reset(guest);
}

bool guest_filter(struct guest *guest, u32 action, u32 flags, u32 fixed, const u64 *events,
                  u32 count)
{
	struct kvm_pmu_event_filter *filter;
	size_t bytes = count * sizeof(*events);
	int ret;

	filter = memory_get(sizeof(*filter) + bytes);
	if (!filter)
		abort();
	filter->action = action;
	filter->flags = flags;
	filter->fixed_counter_bitmap = fixed;
	filter->nevents = count;
	memcpy(filter->events, events, bytes);
	ret = kvm_vm_ioctl_set_pmu_event_filter(&guest->kvm, filter);
	memory_put(filter);
	return !ret;
}
