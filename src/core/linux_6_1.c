/* SPDX-License-Identifier: MIT */
/*
 * Profile linux-6.1: KVM before v6.2's deferral. A write reprograms its counter at once; emulated
 * instructions are added at once; a failed event creation is not tried again.
 */
#include <core/room_int.h>

/* intel_hw_event_available: an architectural event that CPUID.0AH says is missing does not count,
 * on fixed counters neither. Fixed counter 2's event is not in that list. */
static bool is_available(const struct vpmu_pmu *pmu, unsigned slot)
{
	uint64_t code = kvm_event_code(pmu, slot);

	return event_code_class(pmu->model.vendor, code) == VPMU_SLOTS || /* not listed */
	       event_is_available(&pmu->model, code);
}

static bool is_enabled(const struct vpmu_pmu *pmu, unsigned slot)
{
	return kvm_in_use(pmu, slot) && globally_enabled(pmu, slot);
}

/* reprogram_counter */
static void reprogram(struct vpmu_pmu *pmu, unsigned slot)
{
	struct pmc *pmc = pmc_of(pmu, slot);

	if (pmc->event.exists && !pmc->is_paused) {
		pmc->counter += event_pause(pmu, slot);
		pmc->counter &= slot_mask(pmu, slot);
		pmc->is_paused = true;
	}
	if (!is_enabled(pmu, slot) || !is_available(pmu, slot) || !filter_allows(pmu, slot))
		return;
	if (kvm_start_event(pmu, slot))
		pmu->kvm.reprogram &= ~(1u << slot);
}

static void changed(struct vpmu_pmu *pmu, uint32_t slots)
{
	FOR_SLOTS(slot, slots)
	reprogram(pmu, slot);
}

/* kvm_pmu_handle_event */
static void handle_event(struct vpmu_pmu *pmu)
{
	FOR_SLOTS(slot, pmu->kvm.reprogram)
	{
		if (pmu->slots >> slot & 1 && pmc_of(pmu, slot)->event.exists)
			reprogram(pmu, slot);
		else
			pmu->kvm.reprogram &= ~(1u << slot);
	}
	kvm_cleanup(pmu);
}

/* kvm_pmu_trigger_event; cpl_is_matched goes by the configuration of the last event. */
static bool is_triggered(const struct vpmu_pmu *pmu, unsigned slot, enum mode mode)
{
	static const uint64_t gp[MODES] = {[MODE_KERNEL] = SEL_OS, [MODE_USER] = SEL_USR};
	static const uint64_t fixed[MODES] = {[MODE_KERNEL] = FIXED_OS, [MODE_USER] = FIXED_USR};
	uint64_t selected = slot < SLOT_FIXED ? gp[mode] : fixed[mode];

	return is_enabled(pmu, slot) && pmc_at(pmu, slot)->current_config & selected;
}

/* kvm_pmu_incr_counter */
static void increment(struct vpmu_pmu *pmu, unsigned slot)
{
	struct pmc *pmc = pmc_of(pmu, slot);
	uint64_t before = pmc->counter;

	pmc->counter = (pmc->counter + 1) & slot_mask(pmu, slot);
	reprogram(pmu, slot);
	if (pmc->counter < before)
		kvm_event_overflow(pmu, slot);
}

/* intel_pmu_reset, amd_pmu_reset: every counter that there could be; requests stay. */
static void reset(struct vpmu_pmu *pmu)
{
	for (unsigned i = 0; i < PMC_GP; i++)
		kvm_clear_counter(pmu, i);
	for (unsigned i = 0; i < PMC_FIXED; i++)
		kvm_clear_counter(pmu, SLOT_FIXED + i);
	kvm_clear_controls(pmu);
}

/* intel_pmu_refresh, amd_pmu_refresh: values and events stay; a counter that was valid once is for
 * ever. */
static bool refresh(struct vpmu_pmu *pmu)
{
	if (!kvm_load_model(pmu))
		return false;
	pmu->kvm.valid |= pmu->slots;
	return true;
}

/* Takes effect at the next reprogramming. */
static void filter_changed(struct vpmu_pmu *pmu)
{
}

const struct response response_linux_6_1 = {
	.changed = changed,
	.switched = changed,
	.reset = reset,
	.refresh = refresh,
	.filter_changed = filter_changed,
	.is_triggered = is_triggered,
	.increment = increment,
	.handle_event = handle_event,
};
