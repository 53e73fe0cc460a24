/* SPDX-License-Identifier: MIT */
/*
 * Instruction budgets for two privilege levels that are counted side by side. A counter that counts
 * at only one level limits that level's budget; one that counts at both limits the sum.
 */
#include <meter/room_int.h>

/* The other level's share of a limit on the sum: a sixteenth. If the guest goes there it looks up
 * that much earlier, but most of the time it does not. */
enum { OTHER_SHARE = 16 };

/* One event less than the headroom, unless there is no limit. */
static uint64_t less_than(uint64_t headroom)
{
	return headroom == UINT64_MAX ? headroom : headroom - 1;
}

/* The number of slots in which a ratio cannot complete `headroom` of its units, at whatever phase
 * they start. */
static uint64_t slots_within(struct ratio ratio, uint64_t headroom)
{
	uint64_t count = less_than(headroom);

	return count >= UINT64_MAX / ratio.divider ? UINT64_MAX : count * ratio.divider / ratio.per;
}

/* The number of instructions, of at most `slots` slots each, that overflow nothing. */
static uint64_t insns_within(const struct vpmu_meter *meter, const struct vpmu_amounts *headroom,
                             uint32_t slots)
{
	const uint64_t *room = headroom->of;
	uint64_t insns = less_than(least(room[VPMU_INSTRUCTIONS], room[VPMU_BRANCHES]));
	uint64_t most = less_than(room[VPMU_SLOTS]);

	/* An instruction counts at most one event of each detail class; only its back-end slots may
	 * be more. */
	for (unsigned i = VPMU_DETAIL_FIRST; i < VPMU_CLASSES; i++)
		if (i != VPMU_TOPDOWN_BACKEND)
			insns = least(insns, less_than(room[i]));
	most = least(most, less_than(room[VPMU_TOPDOWN_BACKEND]));
	most = least(most, slots_within(ratio_of_cycles(&meter->rates), room[VPMU_CYCLES]));
	most = least(most, slots_within(ratio_of_ref_cycles(&meter->rates), room[VPMU_REF_CYCLES]));
	if (most == UINT64_MAX || !slots)
		return insns;
	return least(insns, most / slots);
}

void vpmu_meter_budgets(const struct vpmu_meter *meter, unsigned cpl, uint32_t slots,
                        uint64_t budget[2])
{
	unsigned here = cpl ? 1 : 0, there = !here;
	struct vpmu_amounts headroom;
	uint64_t both, other;

	if (!meter || !budget)
		return;
	for (unsigned i = 0; i < 2; i++) {
		vpmu_pmu_headroom(meter->pmu, i ? 3 : 0, &headroom);
		budget[i] = insns_within(meter, &headroom, slots);
		if (pmu_sees_cycles(meter->pmu, i ? 3 : 0))
			budget[i] = least(budget[i], 1);
	}
	vpmu_pmu_headroom_shared(meter->pmu, &headroom);
	both = insns_within(meter, &headroom, slots);
	if (both == UINT64_MAX)
		return;
	other = least(budget[there], both / OTHER_SHARE);
	budget[there] = other;
	budget[here] = least(budget[here], both - other);
}
