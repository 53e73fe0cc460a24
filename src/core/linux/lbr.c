/* SPDX-License-Identifier: MIT */
/*
 * Last branches on the Linux profiles: the host's stack, which a guest has through a perf event of
 * its own (vmx/pmu_intel.c). KVM creates the event at the first access to one of its registers, or
 * when the guest switches recording on; from the next entry on the guest accesses the registers
 * without an exit. A new event begins with an empty stack.
 */
#include <core/linux.h>

/* DEBUGCTL's single-step on branches, which KVM drops; debugging of transactions. AMD's external
 * pins, or its traps of bus locks. */
#define DEBUGCTL_BTF  (UINT64_C(1) << 1)
#define DEBUGCTL_RTM  (UINT64_C(1) << 15)
#define DEBUGCTL_PINS (UINT64_C(15) << 2)

/* intel_pmu_create_guest_lbr_event; intel_pmu_lbr_add: a new event empties the stack and the
 * filter, but leaves the index of the newest entry. */
static bool create(struct vpmu_pmu *pmu)
{
	if (pmu->kvm.failing_creations) {
		pmu->kvm.failing_creations--;
		return false;
	}
	lbr_clear(pmu);
	pmu->single[VPMU_KIND_LBR_SELECT] = 0;
	pmu->kvm.lbr_event = true;
	pmu->kvm.counts.created++;
	pmu->kvm.counts.live++;
	return true;
}

/* intel_pmu_handle_lbr_msrs_access */
bool kvm_claim_lbr(struct vpmu_pmu *pmu)
{
	return pmu->kvm.lbr_event || create(pmu);
}

/* An access that does not exit has the processor's answer. */
enum vpmu_status kvm_bad_lbr(const struct vpmu_pmu *pmu, enum vpmu_status refusal)
{
	bool faults = has_fact(pmu->profile, FACT_LBR_FAULTS) ||
	              (refusal == VPMU_GP && pmu->kvm.lbr_event && pmu->kvm.lbr_passes);

	return faults ? refusal : VPMU_OK;
}

/* intel_pmu_release_guest_lbr_event */
void kvm_release_lbr(struct vpmu_pmu *pmu)
{
	if (!pmu->kvm.lbr_event)
		return;
	pmu->kvm.lbr_event = false;
	pmu->kvm.counts.live--;
	pmu->kvm.counts.released++;
}

/* intel_pmu_cleanup: whoever used the stack since the last one, it stays only while it records. */
void kvm_clean_up_lbr(struct vpmu_pmu *pmu)
{
	if (!(pmu->single[VPMU_KIND_DEBUGCTL] & DEBUGCTL_LBR))
		kvm_release_lbr(pmu);
}

/* intel_pmu_deliver_pmi, intel_pmu_legacy_freezing_lbrs_on_pmi: also if LVTPC masks the PMI. Not in
 * version 1. */
void kvm_freeze_lbr(struct vpmu_pmu *pmu)
{
	uint64_t *debugctl = &pmu->single[VPMU_KIND_DEBUGCTL];

	if (pmu->lbr.count && pmu->has_global && *debugctl & DEBUGCTL_FREEZE_LBRS)
		*debugctl &= ~DEBUGCTL_LBR;
}

/* vmx_passthrough_lbr_msrs */
void kvm_pass_lbr(struct vpmu_pmu *pmu)
{
	if (pmu->lbr.count)
		pmu->kvm.lbr_passes = pmu->kvm.lbr_event;
}

bool kvm_keep_lbr(struct vpmu_pmu *pmu)
{
	struct vpmu_model host = pmu->rules->module->limit(pmu->profile, &pmu->host);

	host.vendor = pmu->model.vendor;
	return pmu->model.version || decode_add_lbr(pmu, &host);
}

static enum vpmu_status write_lbr(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value,
                                  enum vpmu_status refusal)
{
	enum vpmu_status bad = kvm_bad_lbr(pmu, refusal);

	if (!kvm_claim_lbr(pmu))
		return VPMU_OK;
	if (value & ~reg->writable)
		return bad;
	return set_plain(pmu, reg, value);
}

enum vpmu_status linux_guest_lbr(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value)
{
	return write_lbr(pmu, reg, value, VPMU_GP);
}

enum vpmu_status linux_host_lbr(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value)
{
	return write_lbr(pmu, reg, value, VPMU_REFUSED);
}

/* vmx_get_supported_debugctl: the VMM may set what the host has. */
static uint64_t debugctl_bits(const struct vpmu_pmu *pmu, bool host)
{
	uint64_t bits = host && pmu->host.tsx ? DEBUGCTL_RTM : 0;

	if (kvm_capabilities(pmu) & VPMU_PERF_CAP_LBR_FORMAT && (host || pmu->lbr.count))
		bits |= DEBUGCTL_LBR | DEBUGCTL_FREEZE_LBRS;
	return bits;
}

/* vmx_is_valid_debugctl, vmx_set_msr */
enum vpmu_status linux_write_debugctl(struct vpmu_pmu *pmu, bool host, uint64_t value)
{
	uint64_t bits = debugctl_bits(pmu, host);

	if (value & ~(bits | DEBUGCTL_LBR | DEBUGCTL_BTF))
		return host ? VPMU_REFUSED : VPMU_GP;
	value &= bits;
	pmu->single[VPMU_KIND_DEBUGCTL] = value;
	if (pmu->lbr.count && value & DEBUGCTL_LBR)
		kvm_claim_lbr(pmu);
	return VPMU_OK;
}

/* svm_set_msr, without a difference between guest and VMM. Nothing is recorded in what vpmu has:
 * the bit is for the processor's registers of one branch. Without virtualization of them a write is
 * dropped. */
enum vpmu_status linux_write_debugctl_amd(struct vpmu_pmu *pmu, bool host, uint64_t value)
{
	if (!pmu->host.lbrv)
		return VPMU_OK;
	if (!has_fact(pmu->profile, FACT_PINS_FAULT))
		value &= ~DEBUGCTL_PINS;
	if (has_fact(pmu->profile, FACT_DROPS_BTF))
		value &= ~DEBUGCTL_BTF;
	if (value & ~(DEBUGCTL_LBR | DEBUGCTL_BTF))
		return host ? VPMU_REFUSED : VPMU_GP;
	pmu->single[VPMU_KIND_DEBUGCTL] = value;
	return VPMU_OK;
}
