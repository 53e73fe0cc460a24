/* SPDX-License-Identifier: MIT */
/*
 * Profile mediated: KVM's mediated vPMU as in Linux 7.3 (off by default). The guest owns the host's
 * counters while it runs: KVM loads them at entry and saves them at exit. So a counter has what the
 * hardware counted, a host write only stores a value, and there are no perf events. The selector
 * that KVM loads differs from the one that the guest sees if the event filter denies the event.
 */
#include <core/profile_linux.h>

/* --- What reaches the hardware ---------------------------------------------------------------- */

/* kvm_host_pmu: as KVM's limit for guests, except for the version. */
static struct vpmu_model hardware(const struct vpmu_host *host, enum vpmu_vendor vendor)
{
	struct vpmu_model model = vendor == VPMU_VENDOR_AMD
	                                  ? module_amd_6_12.limit(&profile_mediated, host)
	                                  : module_intel.limit(&profile_mediated, host);

	model.vendor = (uint8_t)vendor;
	if (vendor != VPMU_VENDOR_AMD)
		model.version = 5;
	return model;
}

/* kvm_need_perf_global_ctrl_intercept: the guest accesses the global registers directly only if the
 * model has all of the hardware's bits. */
static bool passes_global(const struct vpmu_model *model, const struct vpmu_model *on)
{
	return model_has_global(model) && model->gp_count >= on->gp_count &&
	       model->fixed_mask == on->fixed_mask;
}

/* kvm_need_rdpmc_intercept, which also compares the widths; that of fixed counters as CPUID says
 * it, even if the host has none (intel_pmu_refresh). */
static bool passes_rdpmc(const struct vpmu_pmu *pmu, const struct vpmu_model *on)
{
	const struct vpmu_model *model = &pmu->model;
	uint8_t asked = model->version > 1 ? pmu->asked.fixed_width : 0;
	uint8_t fixed_width = asked < on->fixed_width ? asked : on->fixed_width;

	return model->version && model->gp_count >= on->gp_count &&
	       model->fixed_mask == on->fixed_mask && model->gp_width == on->gp_width &&
	       fixed_width == on->fixed_width;
}

/* The guest always accesses counters directly (vmx_recalc_pmu_msr_intercepts,
 * svm_recalc_pmu_msr_intercepts), so they have the hardware's bits, whatever CPUID says. */
static uint64_t guest_bits(const struct vpmu_model *model, const struct vpmu_host *host,
                           const struct vpmu_register *from, uint64_t writable)
{
	struct vpmu_model on = hardware(host, (enum vpmu_vendor)model->vendor);

	switch (from->kind) {
	case VPMU_KIND_COUNTER:
	case VPMU_KIND_COUNTER_ALIAS:
		return width_mask(on.gp_width);
	case VPMU_KIND_FIXED_COUNTER:
		return width_mask(on.fixed_width);
	case VPMU_KIND_STATUS_CLEAR:
	case VPMU_KIND_STATUS_SET:
		return passes_global(model, &on) ? model_status_bits(&on) : writable;
	default:
		return writable;
	}
}

/* pmc_bitmask: the bits that KVM itself keeps. */
static uint64_t kvm_mask(const struct vpmu_pmu *pmu, unsigned slot)
{
	return width_mask(slot < SLOT_FIXED ? pmu->model.gp_width : pmu->model.fixed_width);
}

static uint64_t guest_value(const struct vpmu_pmu *pmu, unsigned slot)
{
	return tally_value(pmu, slot) & slot_mask(pmu, slot);
}

static uint64_t value(const struct vpmu_pmu *pmu, unsigned slot)
{
	return tally_value(pmu, slot) & kvm_mask(pmu, slot);
}

/* Hardware does not have VMware's RDPMC indices. */
static enum vpmu_status intel_rdpmc(const struct vpmu_pmu *pmu, uint32_t ecx, enum reader reader,
                                    uint64_t *value)
{
	if (pmu->kvm.passes_rdpmc && linux_is_vmware_selector(ecx))
		return VPMU_GP;
	return linux_6_12_intel_rdpmc(pmu, ecx, reader, value);
}

static enum vpmu_status amd_rdpmc(const struct vpmu_pmu *pmu, uint32_t ecx, enum reader reader,
                                  uint64_t *value)
{
	if (pmu->kvm.passes_rdpmc && linux_is_vmware_selector(ecx))
		return VPMU_GP;
	return linux_6_12_amd_rdpmc(pmu, ecx, reader, value);
}

/* --- Counting --------------------------------------------------------------------------------- */

/* kvm_mediated_pmu_refresh_event_filter: what the counter's own control and the filter ask for. The
 * host's processor has every event, whatever the guest's CPUID says. */
static struct tally allowed(const struct vpmu_pmu *pmu, unsigned slot)
{
	struct tally what = control_of(pmu, slot);

	if (slot < SLOT_FIXED)
		what.class_ = (uint8_t)host_event_class(pmu, pmu->selector[slot]);
	if (!filter_allows(pmu, slot))
		what.modes = 0;
	return what;
}

/* What the counter counts from the next entry on. */
static struct tally loaded(const struct vpmu_pmu *pmu, unsigned slot)
{
	struct tally what = allowed(pmu, slot);

	if (!globally_enabled(pmu, slot))
		what.modes = 0;
	return what;
}

static void load(struct vpmu_pmu *pmu, uint32_t slots)
{
	FOR_SLOTS(slot, slots) {
		struct tally what = loaded(pmu, slot);

		if (slot < SLOT_FIXED && pmu->selector[slot] & pmu->rules->module->in_tx)
			what.modes = 0;
		tally_change(pmu, slot, &what);
	}
}

/* kvm_pmu_request_counter_reprogram: takes effect when the counters are loaded. Until then the vCPU
 * does not run, so the old configuration does not count either. */
static void changed(struct vpmu_pmu *pmu, uint32_t slots)
{
	pmu->kvm.reprogram |= slots;
	FOR_SLOTS(slot, slots) {
		struct tally stopped = pmu->tally[slot];

		stopped.modes = 0;
		tally_change(pmu, slot, &stopped);
	}
}

/* The hardware's overflow, seen through the guest's PMI vector: kvm_handle_guest_mediated_pmi. */
static void overflow(struct vpmu_pmu *pmu, uint32_t slots, struct vpmu_outcome *outcome)
{
	if (tallies_wrap(pmu, slots))
		deliver_pmi(pmu, outcome);
}

/* An exit stops the counters and writes their selectors, so EDGE has no previous cycle
 * afterwards. */
static void forget_cycles(struct vpmu_pmu *pmu)
{
	FOR_SLOTS(slot, pmu->slots) {
		pmu->tally[slot].level = false;
		pmu->tally[slot].kept = 0;
	}
}

static struct vpmu_outcome enter(struct vpmu_pmu *pmu)
{
	struct vpmu_outcome outcome = {0};

	load(pmu, pmu->kvm.reprogram & pmu->slots);
	forget_cycles(pmu);
	pmu->kvm.reprogram = 0;
	if (pmu->kvm.request_pmi) {
		pmu->kvm.request_pmi = false;
		deliver_pmi(pmu, &outcome);
	}
	pmu->kvm.has_run = true;
	return outcome;
}

/* kvm_pmu_trigger_event: KVM does not look at a freeze. */
static bool is_triggered(const struct vpmu_pmu *pmu, unsigned slot, enum mode mode)
{
	uint64_t on = pmu->single[VPMU_KIND_GLOBAL_CTRL];

	if (pmu->has_global && !(on & BIT64(slot_global_bit(slot))))
		return false;
	return allowed(pmu, slot).modes & BIT64(mode);
}

/* kvm_pmu_incr_counter: the saved counter itself is incremented, and cut to CPUID's width. */
static void increment(struct vpmu_pmu *pmu, unsigned slot)
{
	tally_set(pmu, slot, (tally_value(pmu, slot) + 1) & kvm_mask(pmu, slot));
	if (value(pmu, slot))
		return;
	note_overflow(pmu, slot);
	pmu->single[VPMU_KIND_GLOBAL_STATUS] |= BIT64(slot_global_bit(slot));
	if (control_of(pmu, slot).pmi)
		pmu->kvm.request_pmi = true;
}

/* The counters are saved when the vCPU is scheduled out, and loaded again: nothing changes. */
static void schedule(struct vpmu_pmu *pmu)
{
}

static void reset(struct vpmu_pmu *pmu)
{
	FOR_SLOTS(slot, pmu->slots) {
		tally_set(pmu, slot, 0);
		if (slot < SLOT_FIXED)
			pmu->selector[slot] = 0;
	}
	kvm_clear_controls(pmu);
	changed(pmu, pmu->slots);
}

static bool refresh(struct vpmu_pmu *pmu)
{
	struct vpmu_model on;

	reset(pmu);
	if (!kvm_load_model(pmu))
		return false;
	on = hardware(&pmu->host, (enum vpmu_vendor)pmu->model.vendor);
	pmu_set_widths(pmu, on.gp_width, on.fixed_width);
	pmu->kvm.passes_rdpmc = passes_rdpmc(pmu, &on);
	kvm_enable_gp(pmu);
	changed(pmu, pmu->slots);
	return true;
}

static void filter_changed(struct vpmu_pmu *pmu)
{
	changed(pmu, pmu->slots);
}

static const struct engine engine = {
	.value = value,
	.guest_value = guest_value,
	.write = tally_write,
	.distance = counter_distance,
	.overflow = overflow,
	.enter = enter,
	.emulate = kvm_emulate,
	.schedule = schedule,
	.power_up = kvm_power_up,
	.set_model = kvm_set_model,
};

static const struct response response = {
	.changed = changed,
	.switched = changed,
	.reset = reset,
	.refresh = refresh,
	.filter_changed = filter_changed,
	.is_triggered = is_triggered,
	.increment = increment,
};

/* --- The profile ------------------------------------------------------------------------------ */

/* A write of too many bits to a fixed counter faults, as on hardware, where KVM would drop them. */
static const struct write_rule intel_guest[VPMU_KINDS] = {
	[VPMU_KIND_COUNTER] = {.set = set_low_half, .excess = EXCESS_TAKEN},
	[VPMU_KIND_COUNTER_ALIAS] = {.set = set_counter, .excess = EXCESS_FAULTS},
	[VPMU_KIND_SELECTOR] = {.set = set_selector, .excess = EXCESS_FAULTS},
	[VPMU_KIND_FIXED_COUNTER] = {.set = set_counter, .excess = EXCESS_FAULTS},
	[VPMU_KIND_FIXED_CTRL] = {.set = linux_use_fixed, .excess = EXCESS_FAULTS},
	[VPMU_KIND_GLOBAL_CTRL] = {.set = set_global_ctrl, .excess = EXCESS_FAULTS},
	[VPMU_KIND_STATUS_CLEAR] = {.set = clear_status, .excess = EXCESS_FAULTS},
};

#define INTEL_RULES(module)                                                                        \
	LINUX_INTEL_RULES(module, linux_has_intel, intel_guest, linux_6_12_intel_host,             \
	                  intel_rdpmc, linux_6_12_intel_absent),                                   \
		.guest_bits = guest_bits

static const struct rules intel = {INTEL_RULES(&module_intel)};
static const struct rules p6 = {INTEL_RULES(&module_p6)};

/* amd_pmu_refresh: a guest with SVM has the bits that select the mode of SVM in which a counter
 * counts. */
static bool has_amd(const struct vpmu_host *host, const struct vpmu_register *from,
                    uint64_t *writable)
{
	uint64_t modes = *writable & (SEL_AMD_GUEST | SEL_AMD_HOST);
	bool has = linux_has_amd(host, from, writable);
	bool selects = from->kind == VPMU_KIND_SELECTOR || from->kind == VPMU_KIND_SELECTOR_ALIAS;

	if (selects && host->svm)
		*writable |= modes;
	return has;
}

/* A guest can set the status bit that freezes the counters if it accesses the register directly. */
static const struct rules amd = {
	LINUX_6_12_AMD_RULES,      .rdpmc = amd_rdpmc,           .has = has_amd,
	.guest_bits = guest_bits,  .freeze_bit = STATUS_CTR_FRZ, .guest_only = SEL_AMD_GUEST,
	.host_only = SEL_AMD_HOST,
};

const struct vpmu_profile profile_mediated = {
	.name = "mediated",
	.about = "KVM's mediated vPMU: the guest has the hardware's counters",
	.kernel = 0x703,
	.since = 1, /* kernels without it do not have its parameter */
	.facts = VPMU_FACT_MEDIATED | (FACTS_LINUX_7_3 & ~(uint32_t)VPMU_FACT_PERF_EVENTS),
	.engine = &engine,
	.response = &response,
	.rules =
		{
			[VPMU_VENDOR_INTEL] = &intel,
			[VPMU_VENDOR_ZHAOXIN] = &intel,
			[VPMU_VENDOR_AMD] = &amd,
			[VPMU_VENDOR_INTEL_P6] = &p6,
		},
};
