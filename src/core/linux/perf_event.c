/* SPDX-License-Identifier: MIT */
/*
 * Perf events, as far as a virtual PMU sees them: pinned, sampling, counting in the guest only. An
 * event's count is its slot's tally. Two distances shrink as it counts: to the end of the sample
 * period, and to the wrap of the hardware counter. perf programs the second to the first, but never
 * below 2 nor above half of the counter's range (Linux arch/x86/events/core.c,
 * x86_perf_event_set_period). Each is kept as the count at which it will be used up.
 */
#include <core/linux.h>

/* What the event counts. Edge, inv and cmask are left out unless the caller accounts in small
 * enough pieces (vpmu_pmu_see_cycles()): totals do not show them. */
static struct tally attributes(const struct vpmu_pmu *pmu, unsigned slot)
{
	struct tally what = control_of(pmu, slot);

	if (slot < SLOT_FIXED)
		what.class_ = (uint8_t)host_event_class(pmu, pmu->selector[slot]);
	if (slot < SLOT_FIXED && pmu->selector[slot] & pmu->rules->module->in_tx)
		what.modes = 0;
	if (!pmu->kvm.sees_cycles) {
		what.threshold = 0;
		what.invert = what.edge = false;
	}
	return what;
}

/* Starts or stops the tally; what it counts was decided at creation. */
static void let_count(struct vpmu_pmu *pmu, unsigned slot, bool active)
{
	struct event *event = &pmc_of(pmu, slot)->event;
	struct tally what = event->what;

	if (!active)
		what.modes = 0;
	event->active = active;
	tally_change(pmu, slot, &what);
}

/* x86_perf_event_set_period: programs the hardware counter. True at the end of a period. */
static bool set_period(struct vpmu_pmu *pmu, struct event *event, uint64_t count)
{
	int64_t period = (int64_t)event->sample_period;
	int64_t left = (int64_t)(event->period_end - count);
	bool ended = left <= 0;

	if (left <= -period)
		left = period;
	else if (ended)
		left += period;
	event_program(pmu, event, count, left);
	return ended;
}

bool event_create(struct vpmu_pmu *pmu, unsigned slot, uint64_t sample_period)
{
	struct event *event = &pmc_of(pmu, slot)->event;

	if (pmu->kvm.failing_creations) {
		pmu->kvm.failing_creations--;
		return false;
	}
	tally_set(pmu, slot, 0);
	*event = (struct event){
		.exists = true,
		.samples = sample_period,
		.what = attributes(pmu, slot),
	};
	event->sample_period = sample_period ? sample_period : (uint64_t)pmu->kvm.max_period;
	let_count(pmu, slot, true);
	set_period(pmu, event, 0); /* the first, since none is left */
	pmu->kvm.counts.created++;
	pmu->kvm.counts.live++;
	return true;
}

void event_release(struct vpmu_pmu *pmu, unsigned slot)
{
	let_count(pmu, slot, false);
	tally_set(pmu, slot, 0);
	pmc_of(pmu, slot)->event = (struct event){0};
	pmu->kvm.counts.released++;
	pmu->kvm.counts.live--;
}

void event_enable(struct vpmu_pmu *pmu, unsigned slot)
{
	struct event *event = &pmc_of(pmu, slot)->event;

	pmu->kvm.counts.enabled++;
	if (event->active)
		return;
	let_count(pmu, slot, true);
	set_period(pmu, event, tally_value(pmu, slot));
}

uint64_t event_pause(struct vpmu_pmu *pmu, unsigned slot)
{
	struct event *event = &pmc_of(pmu, slot)->event;
	uint64_t count = tally_value(pmu, slot);

	pmu->kvm.counts.paused++;
	let_count(pmu, slot, false);
	tally_set(pmu, slot, 0);
	event->period_end -= count;
	event->wrap -= count;
	return count;
}

bool event_interrupt(struct vpmu_pmu *pmu, unsigned slot)
{
	struct event *event = &pmc_of(pmu, slot)->event;

	return set_period(pmu, event, tally_value(pmu, slot)) && event->samples;
}

uint64_t event_distance(const struct vpmu_pmu *pmu, unsigned slot)
{
	return pmc_at(pmu, slot)->event.wrap - tally_value(pmu, slot);
}
