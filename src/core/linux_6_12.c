/* SPDX-License-Identifier: MIT */
/*
 * Profile linux-6.12: KVM since "Defer reprogram_counter() to kvm_pmu_handle_event" (v6.2). A write
 * only marks what is to be reprogrammed; the next entry does it.
 */
#include <core/room_int.h>

/* kvm_pmu_request_counter_reprogram, reprogram_counters */
static void changed(struct vpmu_pmu *pmu, uint32_t slots)
{
	if (!slots)
		return;
	pmu->kvm.reprogram |= slots;
	pmu->kvm.request_pmu = true;
}

/* pmc_event_is_allowed */
static bool is_allowed(const struct vpmu_pmu *pmu, unsigned slot)
{
	return globally_enabled(pmu, slot) && kvm_in_use(pmu, slot) && filter_allows(pmu, slot);
}

/* pmc_pause_counter: folds the event's count and what was emulated into the counter; true when the
 * latter made it overflow. */
static bool fold(struct vpmu_pmu *pmu, unsigned slot)
{
	struct pmc *pmc = pmc_of(pmu, slot);
	uint64_t before = pmc->counter;

	if (pmc->event.exists && !pmc->is_paused)
		before += event_pause(pmu, slot);
	before &= slot_mask(pmu, slot);
	pmc->counter = (before + pmc->emulated) & slot_mask(pmu, slot);
	pmc->emulated = 0;
	pmc->is_paused = true;
	return pmc->counter < before;
}

/* reprogram_counter; false when perf had no event to give. */
static bool reprogram(struct vpmu_pmu *pmu, unsigned slot)
{
	bool overflowed = fold(pmu, slot);

	if (!is_allowed(pmu, slot))
		return true;
	if (overflowed)
		kvm_mark_overflow(pmu, slot);
	return kvm_start_event(pmu, slot);
}

/* kvm_pmu_handle_event: what failed is tried again at the next request, but makes none. */
static void handle_event(struct vpmu_pmu *pmu)
{
	uint32_t slots = pmu->kvm.reprogram;

	pmu->kvm.reprogram = 0;
	FOR_SLOTS(slot, slots & pmu->slots)
	if (!reprogram(pmu, slot))
		pmu->kvm.reprogram |= 1u << slot;
	kvm_cleanup(pmu);
}

/* pmc_event_is_allowed, cpl_is_matched */
static bool is_triggered(const struct vpmu_pmu *pmu, unsigned slot, enum mode mode)
{
	return is_allowed(pmu, slot) && control_of(pmu, slot).modes & BIT64(mode);
}

/* kvm_pmu_incr_counter */
static void increment(struct vpmu_pmu *pmu, unsigned slot)
{
	pmc_of(pmu, slot)->emulated++;
	changed(pmu, 1u << slot);
}

/* kvm_pmu_reset */
static void reset(struct vpmu_pmu *pmu)
{
	pmu->kvm.need_cleanup = false;
	pmu->kvm.reprogram = 0;
	FOR_SLOTS(slot, pmu->slots)
	kvm_clear_counter(pmu, slot);
	kvm_clear_controls(pmu);
}

/* kvm_pmu_refresh: everything anew, and the GP counters enabled as after RESET. */
static bool refresh(struct vpmu_pmu *pmu)
{
	reset(pmu);
	if (!kvm_load_model(pmu))
		return false;
	pmu->kvm.valid = pmu->slots;
	kvm_enable_gp(pmu);
	return true;
}

static void filter_changed(struct vpmu_pmu *pmu)
{
	changed(pmu, UINT32_MAX);
}

const struct response response_linux_6_12 = {
	.changed = changed,
	.switched = changed,
	.reset = reset,
	.refresh = refresh,
	.filter_changed = filter_changed,
	.is_triggered = is_triggered,
	.increment = increment,
	.handle_event = handle_event,
};
