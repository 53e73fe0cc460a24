/* SPDX-License-Identifier: MIT */
/*
 * Refreshing and settling a meter. A refresh asks the register machine how far execution may go; a
 * settle accounts what was paid. Costs are kept as sums since the meter was made, so that the rest
 * of an incomplete cycle is not lost.
 */
#include <meter/room_int.h>

uint64_t ratio_complete(struct ratio ratio, uint64_t slots)
{
	return slots / ratio.divider * ratio.per +
	       slots % ratio.divider * ratio.per / ratio.divider;
}

uint64_t ratio_slots(struct ratio ratio, uint64_t count)
{
	if (count >= UINT64_MAX / ratio.divider)
		return UINT64_MAX;
	return (count * ratio.divider + ratio.per - 1) / ratio.per;
}

static const struct vpmu_rates no_rates = {.width = 1, .ref_numerator = 1, .ref_denominator = 1};

static bool costs_hold(const struct vpmu_costs *costs)
{
	return (costs->slots | costs->branch_misses | costs->llc_references | costs->llc_misses) <=
	       UINT32_MAX;
}

static bool rates_hold(const struct vpmu_rates *rates)
{
	return rates->width >= 1 && rates->width <= 64 && rates->ref_numerator >= 1 &&
	       rates->ref_numerator <= UINT16_MAX && rates->ref_denominator >= 1 &&
	       rates->ref_denominator <= UINT16_MAX && costs_hold(&rates->line) &&
	       costs_hold(&rates->branch);
}

enum vpmu_status vpmu_meter_init(struct vpmu_meter *meter, struct vpmu_pmu *pmu,
                                 const struct vpmu_rates *rates)
{
	if (!rates)
		rates = &no_rates;
	if (!meter || !pmu || !rates_hold(rates))
		return VPMU_BAD_ARGUMENT;
	*meter = (struct vpmu_meter){.pmu = pmu, .rates = *rates};
	return VPMU_OK;
}

/* Works out how far the sums of costs may go. */
static void refresh_costs(struct vpmu_meter *meter, const struct vpmu_amounts *headroom)
{
	const struct vpmu_costs *settled = &meter->costs_settled;
	const uint64_t *room = headroom->of;
	uint64_t cycles = sum(meter->settled_cycles, room[VPMU_CYCLES]);
	uint64_t ref_cycles = sum(meter->settled_ref_cycles, room[VPMU_REF_CYCLES]);
	uint64_t slots = sum(settled->slots, room[VPMU_SLOTS]);

	slots = least(slots, ratio_slots(ratio_of_cycles(&meter->rates), cycles));
	meter->costs_room = (struct vpmu_costs){
		.slots = least(slots, ratio_slots(ratio_of_ref_cycles(&meter->rates), ref_cycles)),
		.branch_misses = sum(settled->branch_misses, room[VPMU_BRANCH_MISSES]),
		.llc_references = sum(settled->llc_references, room[VPMU_LLC_REFERENCES]),
		.llc_misses = sum(settled->llc_misses, room[VPMU_LLC_MISSES]),
	};
}

/* Classes that are known only as they happen: branch targets, and caches. */
#define WHEN_HAPPENED                                                                              \
	(~(VPMU_CLASS_BIT(VPMU_TAKEN_BRANCHES) - 1) | VPMU_CLASS_BIT(VPMU_TOPDOWN_BACKEND))

void vpmu_meter_refresh(struct vpmu_meter *meter, unsigned cpl, uint64_t limit)
{
	struct vpmu_amounts headroom;

	if (!meter)
		return;
	vpmu_pmu_headroom(meter->pmu, cpl, &headroom);
	meter->room = least(limit, headroom.of[VPMU_INSTRUCTIONS]);
	if (pmu_sees_cycles(meter->pmu, cpl) || pmu_is_armed(meter->pmu, cpl))
		meter->room = least(meter->room, 1);
	meter->branch_room = headroom.of[VPMU_BRANCHES];
	meter->wanted = vpmu_pmu_wanted(meter->pmu);
	meter->timed = meter->wanted & (VPMU_METER_COSTS | WHEN_HAPPENED);
	meter->detailed = meter->wanted & VPMU_METER_DETAILS;
	meter->records = vpmu_pmu_records_branches(meter->pmu);
	if (meter->detailed)
		meter->details_room = headroom;
	if (meter->timed)
		refresh_costs(meter, &headroom);
}

/* Nothing is granted before the next refresh. */
static void begin_anew(struct vpmu_meter *meter)
{
	meter->left = meter->held = meter->granted = 0;
	meter->branches = meter->room = meter->branch_room = 0;
	if (meter->detailed)
		meter->details = (struct vpmu_amounts){{0}};
}

void vpmu_meter_restore(struct vpmu_meter *meter, const struct vpmu_costs *costs,
                        const struct vpmu_amounts *totals)
{
	if (!meter || !costs || !totals)
		return;
	meter->costs = meter->costs_settled = *costs;
	meter->settled_cycles = ratio_complete(ratio_of_cycles(&meter->rates), costs->slots);
	meter->settled_ref_cycles =
		ratio_complete(ratio_of_ref_cycles(&meter->rates), costs->slots);
	meter->totals = *totals;
	begin_anew(meter);
}

/* Adds what costs have come to since the last settle, in the classes that follow from them. */
static void settle_costs(struct vpmu_meter *meter, struct vpmu_amounts *amounts)
{
	const struct vpmu_costs *now = &meter->costs, *then = &meter->costs_settled;
	uint64_t cycles = ratio_complete(ratio_of_cycles(&meter->rates), now->slots);
	uint64_t ref_cycles = ratio_complete(ratio_of_ref_cycles(&meter->rates), now->slots);

	amounts->of[VPMU_SLOTS] = now->slots - then->slots;
	amounts->of[VPMU_CYCLES] = cycles - meter->settled_cycles;
	amounts->of[VPMU_REF_CYCLES] = ref_cycles - meter->settled_ref_cycles;
	amounts->of[VPMU_BRANCH_MISSES] = now->branch_misses - then->branch_misses;
	amounts->of[VPMU_LLC_REFERENCES] = now->llc_references - then->llc_references;
	amounts->of[VPMU_LLC_MISSES] = now->llc_misses - then->llc_misses;
	meter->costs_settled = *now;
	meter->settled_cycles = cycles;
	meter->settled_ref_cycles = ref_cycles;
}

struct vpmu_outcome vpmu_meter_settle(struct vpmu_meter *meter, unsigned cpl)
{
	struct vpmu_amounts amounts = {{0}};
	unsigned classes;
	uint64_t any = 0;

	if (!meter)
		return (struct vpmu_outcome){0};
	classes = meter->detailed ? (unsigned)VPMU_CLASSES : (unsigned)VPMU_DETAIL_FIRST;
	amounts.of[VPMU_INSTRUCTIONS] = vpmu_meter_spent(meter);
	amounts.of[VPMU_BRANCHES] = meter->branches;
	if (costs_are_owed(meter))
		settle_costs(meter, &amounts);
	FOR_WANTED_DETAILS(i, meter)
		amounts.of[i] = meter->details.of[i];
	for (unsigned i = 0; i < classes; i++) {
		if (!((VPMU_METER_COSTS | VPMU_METER_DETAILS) >> i & 1) || meter->wanted >> i & 1)
			meter->totals.of[i] += amounts.of[i];
		any |= amounts.of[i];
	}
	begin_anew(meter);
	if (!any)
		return (struct vpmu_outcome){0};
	return vpmu_pmu_account(meter->pmu, &amounts, cpl);
}
