/* SPDX-License-Identifier: MIT */
/*
 * What no order can save. A vCPU goes on, and beside it a fresh one that holds what a get has just
 * read of it: where they differ, the vCPU had something that is in no register. No put was made, so
 * no order is to blame: an overflow that perf owes, one that waits with its counter's emulated
 * instruction, a PMI that waits for the entry, the level that an edge detector has seen.
 */
#include "room_int.h"

/* Reads, and notes what does not read as it would on the vCPU that was read. */
static bool reads_as(struct vpmu_pmu *pmu, const struct scenario *scenario,
                     const uint64_t *expected, struct record *record)
{
	const struct vpmu_layout *layout = scenario->layout;
	bool same = true;

	for (unsigned i = 0; i < layout->value_count; i++) {
		uint32_t msr = stored(layout, i)->msr;
		const struct replay_reply right = {.value = expected[i]};
		uint64_t got = 0;

		vpmu_pmu_host_read(pmu, msr, &got);
		if (got == expected[i])
			continue;
		same = false;
		step_do(pmu, replay_access(REPLAY_HOST_RDMSR, msr, 0), record);
		record_expects(record, &right);
	}
	return same;
}

static bool acts_as(struct vpmu_pmu *pmu, struct replay_action action, struct vpmu_outcome expected,
                    struct record *record)
{
	const struct replay_reply right = {.outcome = expected};
	struct vpmu_outcome got = step_do(pmu, action, record).outcome;

	if (same_pmis(got, expected))
		return true;
	record_expects(record, &right);
	return false;
}

static void hold_recorded(struct vpmu_pmu *pmu, const struct scenario *scenario,
                          struct record *record)
{
	record->part = CHECK_PART_PUT;
	reference_hold(pmu, scenario, record);
	record->part = CHECK_PART_AFTER;
}

static bool goes_on_as(struct vpmu_pmu *pmu, const struct scenario *scenario,
                       const struct reference *lived, struct record *record)
{
	const struct replay_action enter = replay_simple(REPLAY_ENTER, 0);
	const struct replay_action unmask = replay_simple(REPLAY_LVTPC, VPMU_LVTPC_RESET);
	bool same;

	step_do(pmu, unmask, record);
	same = acts_as(pmu, enter, lived->entered, record) &&
	       reads_as(pmu, scenario, lived->put, record);
	for (unsigned i = 0; i < RUNS && same; i++) {
		step_do(pmu, unmask, record);
		same = acts_as(pmu, replay_simple(REPLAY_RUN, run_lengths[i]), lived->ran[i],
		               record) &&
		       reads_as(pmu, scenario, lived->after[i], record);
	}
	return same;
}

bool held_as_lived(const struct machine *life, struct scenario *scenario, struct machine *scratch,
                   struct record *record)
{
	struct reference *lived = &scenario->lived;

	memcpy(scratch->memory, life->memory, vpmu_pmu_size());
	reference_run(lived, pmu_of(scratch), scenario->layout);
	if (!record)
		return reference_same(lived, &scenario->reference, scenario->layout);
	machine_again(scratch, scenario);
	hold_recorded(pmu_of(scratch), scenario, record);
	return goes_on_as(pmu_of(scratch), scenario, lived, record);
}
