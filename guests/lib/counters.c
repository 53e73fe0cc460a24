/* SPDX-License-Identifier: MIT */
/* Starts, stops, reads and names the counters of the PMU that pmu.c found. */
#include "cpu.h"
#include "pmu.h"
#include "print.h"

uint32_t pmu_counter(const struct pmu *pmu, unsigned i)
{
	return pmu->layout.counter + i * pmu->layout.stride;
}

uint32_t pmu_selector(const struct pmu *pmu, unsigned i)
{
	return pmu->layout.selector + i * pmu->layout.stride;
}

bool pmu_has_fixed(const struct pmu *pmu, unsigned i)
{
	return pmu->fixed_mask >> i & 1;
}

uint64_t pmu_gp_bits(const struct pmu *pmu)
{
	return (UINT64_C(1) << pmu->gp_count) - 1;
}

unsigned pmu_gp_for(const struct pmu *pmu, enum event event)
{
	return pmu_event(pmu, event) ? pmu->gp_count : 0;
}

uint64_t pmu_global_mask(const struct pmu *pmu)
{
	return pmu_gp_bits(pmu) | (uint64_t)pmu->fixed_mask << GLOBAL_FIXED_BIT;
}

uint64_t pmu_event(const struct pmu *pmu, enum event event)
{
	return pmu->missing >> event & 1 ? 0 : pmu->layout.selectors[event];
}

enum event pmu_fixed_event(unsigned i)
{
	static const enum event events[] = {EVENT_INSTRUCTIONS, EVENT_CYCLES, EVENT_REF_CYCLES,
	                                    EVENT_SLOTS};

	return i < 4 ? events[i] : NO_EVENT;
}

void pmu_clear(const struct pmu *pmu)
{
	if (pmu->has_global)
		wrmsr(pmu->layout.global_ctrl, 0);
	for (unsigned i = 0; i < pmu->gp_count; i++) {
		wrmsr(pmu_selector(pmu, i), 0);
		wrmsr(pmu_counter(pmu, i), 0);
	}
	if (pmu->fixed_mask)
		wrmsr(MSR_FIXED_CTR_CTRL, 0);
	for (unsigned i = 0; i < MAX_FIXED; i++)
		if (pmu_has_fixed(pmu, i))
			wrmsr(MSR_FIXED_CTR0 + i, 0);
	if (pmu->has_global)
		wrmsr(pmu->layout.status_clear, rdmsr(pmu->layout.status));
}

void pmu_set_counter(const struct pmu *pmu, unsigned i, uint64_t value)
{
	uint64_t all = bits_below(pmu->gp_width);

	if (pmu->full_width)
		wrmsr(MSR_PMC0_FULL + i, value & all);
	else if (pmu->sign_extends)
		wrmsr(pmu_counter(pmu, i), value & 0xffffffff);
	else
		wrmsr(pmu_counter(pmu, i), value & all);
}

uint64_t counter_read(const struct pmu *pmu, const struct counter *counter)
{
	return rdmsr(counter->fixed ? MSR_FIXED_CTR0 + counter->index
	                            : pmu_counter(pmu, counter->index));
}

void counter_set(const struct pmu *pmu, const struct counter *counter, uint64_t value)
{
	uint64_t all = bits_below(pmu->fixed_width);

	if (counter->fixed)
		wrmsr(MSR_FIXED_CTR0 + counter->index, value & all);
	else
		pmu_set_counter(pmu, counter->index, value);
}

uint64_t counter_bit(const struct counter *counter)
{
	return UINT64_C(1) << (counter->index + (counter->fixed ? GLOBAL_FIXED_BIT : 0));
}

unsigned counter_width(const struct pmu *pmu, const struct counter *counter)
{
	return counter->fixed ? pmu->fixed_width : pmu->gp_width;
}

void counter_print_name(const struct pmu *pmu, const struct counter *counter, int width)
{
	const char *name = counter->fixed ? "IA32_FIXED_CTR" : pmu->layout.counter_name;
	int used = counter->index >= 10 ? 2 : 1;

	for (const char *c = name; *c; c++)
		used++;
	print("%s%u%*s", name, counter->index, width > used ? width - used : 0, "");
}

static uint64_t fixed_control(const struct counter *counter)
{
	uint64_t bits = 0;

	if (counter->control & SELECT_OS)
		bits |= 1;
	if (counter->control & SELECT_USR)
		bits |= 2;
	if (counter->control & SELECT_INT)
		bits |= 8;
	return bits << (4 * counter->index);
}

static uint64_t selector_value(const struct pmu *pmu, const struct counter *counter)
{
	return pmu_event(pmu, counter->event) | counter->control | SELECT_EN;
}

static void plan_global(const struct pmu *pmu, const struct counter *counters, unsigned count,
                        struct plan *plan)
{
	uint64_t fixed = 0, global = 0;

	for (unsigned i = 0; i < count; i++) {
		global |= counter_bit(&counters[i]);
		if (counters[i].fixed)
			fixed |= fixed_control(&counters[i]);
		else
			wrmsr(pmu_selector(pmu, counters[i].index),
			      selector_value(pmu, &counters[i]));
	}
	if (fixed)
		wrmsr(MSR_FIXED_CTR_CTRL, fixed);
	plan->writes = 1;
	plan->start[0] = (struct msr_write){pmu->layout.global_ctrl, 0, global};
	plan->stop[0] = (struct msr_write){pmu->layout.global_ctrl, 0, 0};
}

static void plan_each(const struct pmu *pmu, const struct counter *counters, unsigned count,
                      struct plan *plan)
{
	plan->writes = count;
	for (unsigned i = 0; i < count; i++) {
		uint32_t selector = pmu_selector(pmu, counters[i].index);

		plan->start[i] = (struct msr_write){selector, 0, selector_value(pmu, &counters[i])};
		plan->stop[i] = (struct msr_write){selector, 0, 0};
	}
}

/* The selectors first, then EN of selector 0, which is every counter's. */
static void plan_shared(const struct pmu *pmu, const struct counter *counters, unsigned count,
                        struct plan *plan)
{
	uint32_t first = pmu_selector(pmu, 0);
	uint64_t value = 0;

	for (unsigned i = 0; i < count; i++) {
		uint64_t selector = selector_value(pmu, &counters[i]) & ~SELECT_EN;

		if (counters[i].index)
			wrmsr(pmu_selector(pmu, counters[i].index), selector);
		else
			value = selector;
	}
	plan->writes = 1;
	plan->start[0] = (struct msr_write){first, 0, value | SELECT_EN};
	plan->stop[0] = (struct msr_write){first, 0, 0};
}

void plan_counters(const struct pmu *pmu, const struct counter *counters, unsigned count,
                   struct plan *plan)
{
	if (pmu->has_global)
		plan_global(pmu, counters, count, plan);
	else if (pmu->layout.shares_enable)
		plan_shared(pmu, counters, count, plan);
	else
		plan_each(pmu, counters, count, plan);
}
