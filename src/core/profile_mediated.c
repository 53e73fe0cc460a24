/* SPDX-License-Identifier: MIT */
/*
 * Profile mediated: KVM's mediated vPMU as in Linux 7.3 (off by default). The guest owns
 * the host's counters while it runs: they are loaded at entry and saved at exit, so a counter is
 * what the hardware counted, a host write stores, and there are no perf events. KVM keeps the
 * selector that runs apart from the one that the guest sees, where the event filter denies the
 * event.
 */
#include <core/profile_linux.h>

static uint64_t value(const struct vpmu_pmu *pmu, unsigned slot)
{
	return tally_value(pmu, slot) & slot_mask(pmu, slot);
}

/* kvm_mediated_pmu_refresh_event_filter: what is loaded for the counter at the next entry. The
 * host's processor has every event, whatever the guest's CPUID says. */
static struct tally loaded(const struct vpmu_pmu *pmu, unsigned slot)
{
	struct tally what = control_of(pmu, slot);

	if (slot < SLOT_FIXED)
		what.class_ = (uint8_t)host_event_class(pmu, pmu->selector[slot]);
	if (!globally_enabled(pmu, slot) || !filter_allows(pmu, slot))
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

/* kvm_pmu_request_counter_reprogram: takes effect when the counters are loaded. Until then the old
 * configuration is not running either, as the vCPU is not. */
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

static struct vpmu_outcome enter(struct vpmu_pmu *pmu)
{
	struct vpmu_outcome outcome = {0};

	load(pmu, pmu->kvm.reprogram & pmu->slots);
	pmu->kvm.reprogram = 0;
	if (pmu->kvm.request_pmi) {
		pmu->kvm.request_pmi = false;
		deliver_pmi(pmu, &outcome);
	}
	pmu->kvm.has_run = true;
	return outcome;
}

static bool is_triggered(const struct vpmu_pmu *pmu, unsigned slot, enum mode mode)
{
	return loaded(pmu, slot).modes & BIT64(mode);
}

/* kvm_pmu_incr_counter: the saved counter is incremented itself. */
static void increment(struct vpmu_pmu *pmu, unsigned slot)
{
	tally_set(pmu, slot, value(pmu, slot) + 1);
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
	reset(pmu);
	if (!kvm_load_model(pmu))
		return false;
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
	.write = tally_set,
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

const struct vpmu_profile profile_mediated = {
	.name = "mediated",
	.about = "KVM's mediated vPMU: the guest has the hardware's counters",
	.kernel = 0x703,
	.since = 1, /* its parameter is only where it is */
	.facts = VPMU_FACT_MEDIATED | (FACTS_LINUX_7_3 & ~(uint32_t)VPMU_FACT_PERF_EVENTS),
	.engine = &engine,
	.response = &response,
	.rules = RULES_LINUX_6_12,
};
