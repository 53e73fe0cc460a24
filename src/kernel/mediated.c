/* SPDX-License-Identifier: MIT */
/*
 * The mediated vPMU's entries and exits. The code that decides about interceptions, and about
 * GLOBAL_CTRL at an exit, is cut out of vmx.c and svm.c. What the hardware does at an entry and an
 * exit (VMX loads and saves GLOBAL_CTRL as the VMCS's controls say) is written here. Before 7.3
 * there is no mediated vPMU.
 */
#include "mediated.h"
#include "pmu.h"

#if KERNEL_SINCE(7, 3)

struct kvm_vcpu *running_vcpu;

/* The bit of an MSR in the map of those passed through; 64: it never is. */
static unsigned int pass_bit(u32 msr)
{
	static const struct {
		u32 first, count, stride, bit;
	} runs[] = {
		{MSR_IA32_PERFCTR0, 8, 1, 0},
		{MSR_IA32_PMC0, 8, 1, 8},
		{MSR_CORE_PERF_FIXED_CTR0, 3, 1, 16},
		{MSR_CORE_PERF_GLOBAL_STATUS, 3, 1, 24},
		{MSR_K7_PERFCTR0, 4, 1, 32},
		{MSR_F15H_PERF_CTR0, 6, 2, 40},
		{MSR_AMD64_PERF_CNTR_GLOBAL_STATUS, 4, 1, 48},
	};

	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		u32 index = (msr - runs[i].first) / runs[i].stride;

		if (msr >= runs[i].first && index < runs[i].count &&
		    (msr - runs[i].first) % runs[i].stride == 0)
			return runs[i].bit + index;
	}
	return 64;
}

static bool passes(const struct kvm_vcpu_arch *arch, u32 msr)
{
	unsigned int bit = pass_bit(msr);

	return bit < 64 && arch->passes >> bit & 1;
}

void guest_intercept(struct kvm_vcpu *vcpu, u32 msr, bool intercept)
{
	unsigned int bit = pass_bit(msr);

	if (bit == 64)
		return;
	vcpu->arch.passes &= ~(1ull << bit);
	vcpu->arch.passes |= (u64)!intercept << bit;
}

/* --- vmx.c ------------------------------------------------------------------------------------ */

enum {
	VM_ENTRY_LOAD_IA32_PERF_GLOBAL_CTRL = 1,
	VM_EXIT_LOAD_IA32_PERF_GLOBAL_CTRL = 2,
	VM_EXIT_SAVE_IA32_PERF_GLOBAL_CTRL = 4,
};

#define vcpu_vmx                                      kvm_vcpu_arch
#define vm_entry_controls_changebit(vmx, bits, value) change_controls(vmx, bits, value)
#define vm_exit_controls_changebit(vmx, bits, value)  change_controls(vmx, bits, value)
#define cpu_has_save_perf_global_ctrl()               true
#define vmx_add_autostore_msr(vmx, msr)               ((void)0)
#define vmx_remove_autostore_msr(vmx, msr)            ((void)0)
#define vmx_find_loadstore_msr_slot(list, msr)        0
#define msr_write_intercepted(vendor, msr)            (!passes(vendor, msr))
#define vmcs_read64(field)                            (current->silicon.guest_global_ctrl)

static void change_controls(struct kvm_vcpu_arch *arch, u32 bits, bool set)
{
	arch->global_ctrl_controls &= ~bits;
	if (set)
		arch->global_ctrl_controls |= bits;
}

#include "cut/vmx_recalc_pmu_msr_intercepts.inc"
#include "cut/vmx_refresh_guest_perf_global_control.inc"

static void enter_vmx(struct guest *guest)
{
	struct silicon *silicon = &guest->task.silicon;

	if (guest->vcpu.arch.global_ctrl_controls & VM_ENTRY_LOAD_IA32_PERF_GLOBAL_CTRL)
		silicon->global_ctrl = silicon->guest_global_ctrl;
}

/* HOST_IA32_PERF_GLOBAL_CTRL is 0 (vmx_set_constant_host_state). */
static void leave_vmx(struct guest *guest)
{
	struct silicon *silicon = &guest->task.silicon;
	u32 controls = guest->vcpu.arch.global_ctrl_controls;

	if (controls & VM_EXIT_SAVE_IA32_PERF_GLOBAL_CTRL)
		silicon->guest_global_ctrl = silicon->global_ctrl;
	if (controls & VM_EXIT_LOAD_IA32_PERF_GLOBAL_CTRL)
		silicon->global_ctrl = 0;
	vmx_refresh_guest_perf_global_control(&guest->vcpu);
}

/* --- svm.c ------------------------------------------------------------------------------------ */

#define svm_set_intercept_for_msr(vcpu, msr, type, set) guest_intercept(vcpu, msr, set)
#define svm_enable_intercept_for_msr(vcpu, msr, type)   guest_intercept(vcpu, msr, true)

#include "cut/svm_recalc_pmu_msr_intercepts.inc"

static void leave_svm(struct guest *guest)
{
	struct kvm_vcpu *vcpu = &guest->vcpu;
	struct kvm_vcpu_arch *svm = &vcpu->arch;

	(void)svm;
#include "cut/svm_read_global_ctl.inc"
}

/* --- vcpu_enter_guest ------------------------------------------------------------------------- */

bool mediated_is(struct guest *guest)
{
	return kvm_vcpu_has_mediated_pmu(&guest->vcpu);
}

static void recalc(struct guest *guest)
{
	if (guest->task.silicon.amd)
		svm_recalc_pmu_msr_intercepts(&guest->vcpu);
	else
		vmx_recalc_pmu_msr_intercepts(&guest->vcpu);
}

/* A script's guest may access registers before the first entry, and may then be given another
 * CPUID. In KVM no guest runs before its first entry, so nothing has been passed through yet. */
void mediated_recalc(struct guest *guest)
{
	if (!kvm_check_request(KVM_REQ_RECALC_INTERCEPTS, &guest->vcpu))
		return;
	if (!kvm_vcpu_has_run(&guest->vcpu))
		guest->vcpu.arch.passes = 0;
	recalc(guest);
}

/* Unless the guest's context is loaded, the hardware belongs to perf. */
void mediated_enter(struct guest *guest)
{
	mediated_recalc(guest);
	running_vcpu = &guest->vcpu;
	kvm_mediated_pmu_load(&guest->vcpu);
	if (!guest->task.silicon.guest_loaded)
		abort();
	if (!guest->task.silicon.amd)
		enter_vmx(guest);
}

void mediated_leave(struct guest *guest)
{
	if (guest->task.silicon.amd)
		leave_svm(guest);
	else
		leave_vmx(guest);
	kvm_mediated_pmu_put(&guest->vcpu);
	if (guest->task.silicon.guest_loaded)
		abort();
}

/* A PMI that the host gets is lost to the guest; one that LVTPC masks is dropped by the
 * hardware. */
void mediated_interrupt(struct guest *guest)
{
	if (guest->task.silicon.pmi == PMI_MASKED)
		guest->apic.dropped++;
	if (guest->task.silicon.pmi != PMI_OF_GUEST)
		return;
	mediated_leave(guest);
	kvm_handle_guest_mediated_pmi();
	guest_handle_requests(guest);
	mediated_enter(guest);
}

bool mediated_passes(struct guest *guest, u32 msr)
{
	mediated_recalc(guest);
	return mediated_is(guest) && passes(&guest->vcpu.arch, msr);
}

bool mediated_rdpmc_passes(struct guest *guest)
{
	return mediated_is(guest) && !kvm_need_rdpmc_intercept(&guest->vcpu);
}

bool mediated_read(struct guest *guest, u32 msr, u64 *value)
{
	bool good;

	mediated_enter(guest);
	good = silicon_guest_read(msr, value);
	mediated_leave(guest);
	return good;
}

bool mediated_write(struct guest *guest, u32 msr, u64 value)
{
	bool good;

	mediated_enter(guest);
	good = silicon_guest_write(msr, value);
	mediated_leave(guest);
	return good;
}

bool mediated_rdpmc(struct guest *guest, u32 ecx, u64 *value)
{
	bool good;

	mediated_enter(guest);
	good = silicon_guest_rdpmc(ecx, value);
	mediated_leave(guest);
	return good;
}

/* svm_pmu_handle_nested_transition */
void mediated_transition(struct guest *guest)
{
	struct kvm_pmu *pmu = &guest->vcpu.arch.pmu;

	__kvm_pmu_reprogram_counters(pmu, pmu->pmc_has_mode_specific_enables[0], false);
}

void mediated_reset(struct guest *guest)
{
	struct kvm_pmu *pmu = &guest->vcpu.arch.pmu;

	if (!kvm_pmu_has_perf_global_ctrl(pmu) && pmu->nr_arch_gp_counters)
		pmu->global_ctrl = GENMASK_ULL(pmu->nr_arch_gp_counters - 1, 0);
	kvm_pmu_call(write_global_ctrl)(pmu->global_ctrl);
}

#else

bool mediated_is(struct guest *guest)
{
	return false;
}

void mediated_recalc(struct guest *guest)
{
}

void mediated_enter(struct guest *guest)
{
}

void mediated_leave(struct guest *guest)
{
}

void mediated_interrupt(struct guest *guest)
{
}

bool mediated_passes(struct guest *guest, u32 msr)
{
	return false;
}

bool mediated_rdpmc_passes(struct guest *guest)
{
	return false;
}

bool mediated_read(struct guest *guest, u32 msr, u64 *value)
{
	return false;
}

bool mediated_write(struct guest *guest, u32 msr, u64 value)
{
	return false;
}

bool mediated_rdpmc(struct guest *guest, u32 ecx, u64 *value)
{
	return false;
}

void mediated_transition(struct guest *guest)
{
}

void mediated_reset(struct guest *guest)
{
}

#endif
