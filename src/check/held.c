/* SPDX-License-Identifier: MIT */
/*
 * What no order can save. A vCPU goes on, and beside it a fresh one that holds what a get has just
 * read from the first: if they differ, the first had state that is in no register. No put was made,
 * so no order is to blame. Such state is an overflow that perf owes, an overflow by an emulated
 * instruction that is not folded in yet, a PMI that waits for the entry, and the level that an edge
 * detector has seen.
 */
#include "room_int.h"

/* Reads the registers, and notes those that differ from the first vCPU's. */
static bool reads_as(struct vcpu *vcpu, const struct scenario *scenario, const uint64_t *expected,
                     struct record *record)
{
	const struct vpmu_layout *layout = scenario->layout;
	bool same = true;

	for (unsigned i = 0; i < layout->value_count; i++) {
		uint32_t msr = stored(layout, i)->msr;
		const struct replay_reply right = {.value = expected[i]};
		uint64_t got;

		vcpu_read(vcpu, msr, &got);
		if (got == expected[i])
			continue;
		same = false;
		step_do(vcpu, replay_access(REPLAY_HOST_RDMSR, msr, 0), record);
		record_expects(record, &right);
	}
	return same;
}

static bool acts_as(struct vcpu *vcpu, struct replay_action action, struct vpmu_outcome expected,
                    struct record *record)
{
	const struct replay_reply right = {.outcome = expected};
	struct vpmu_outcome got = step_do(vcpu, action, record).outcome;

	if (same_pmis(got, expected))
		return true;
	record_expects(record, &right);
	return false;
}

static void hold_recorded(struct vcpu *vcpu, const struct scenario *scenario, struct record *record)
{
	record->part = CHECK_PART_PUT;
	reference_hold(vcpu, scenario, record);
	record->part = CHECK_PART_AFTER;
}

static bool goes_on_as(struct vcpu *vcpu, const struct scenario *scenario,
                       const struct reference *lived, struct record *record)
{
	const struct replay_action enter = replay_simple(REPLAY_ENTER, 0);
	const struct replay_action unmask = replay_simple(REPLAY_LVTPC, VPMU_LVTPC_RESET);
	bool same;

	step_do(vcpu, unmask, record);
	same = acts_as(vcpu, enter, lived->entered, record) &&
	       reads_as(vcpu, scenario, lived->put, record);
	for (unsigned i = 0; i < RUNS && same; i++) {
		step_do(vcpu, unmask, record);
		same = acts_as(vcpu, replay_simple(REPLAY_RUN, run_lengths[i]), lived->ran[i],
		               record) &&
		       reads_as(vcpu, scenario, lived->after[i], record);
	}
	return same;
}

bool held_as_lived(struct vcpu *vcpu, const void *life, struct scenario *scenario,
                   struct record *record)
{
	struct reference *lived = &scenario->lived;

	vcpu_load_life(vcpu, life);
	reference_run(lived, vcpu, scenario->layout);
	if (!record)
		return reference_same(lived, &scenario->reference, scenario->layout);
	vcpu_fresh(vcpu, scenario->subject);
	hold_recorded(vcpu, scenario, record);
	return goes_on_as(vcpu, scenario, lived, record);
}
