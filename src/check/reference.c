/* SPDX-License-Identifier: MIT */
/*
 * The reference: a vCPU of the same profile on which nothing has ever run, whose registers are
 * set while everything is stopped, and which then executes the guest. No perf event exists while
 * they are set, so the order cannot matter; and the reference includes perf's own arithmetic (a
 * counter with one event left overflows after two), as does what is judged.
 */
#include "room_int.h"

/* At first less than any state's distance to an overflow, then past all of these, past what a prior
 * life left, and past the next overflow of every counter. */
const uint64_t run_lengths[RUNS] = {1, 2, 4, 40, UINT64_C(1) << 48};

/* A careful put has three phases; this is the one in which a register is written. */
static unsigned turn_of(enum vpmu_kind kind)
{
	switch (kind) {
	case VPMU_KIND_SELECTOR:
	case VPMU_KIND_FIXED_CTRL:
		return 1;
	case VPMU_KIND_GLOBAL_CTRL:
		return 2;
	default:
		return 0;
	}
}

static void hold_one(struct vcpu *vcpu, const struct vpmu_register *reg, uint64_t value,
                     struct record *record)
{
	step_do(vcpu, replay_access(REPLAY_HOST_WRMSR, reg->msr, value), record);
}

void reference_hold(struct vcpu *vcpu, const struct scenario *scenario, struct record *record)
{
	const struct vpmu_layout *layout = scenario->layout;
	int global = value_of_kind(layout, VPMU_KIND_GLOBAL_CTRL, 0);

	if (global >= 0)
		hold_one(vcpu, stored(layout, (unsigned)global), 0, record);
	for (unsigned turn = 0; turn < 3; turn++)
		for (unsigned i = 0; i < layout->value_count; i++)
			if (turn_of(stored(layout, i)->kind) == turn)
				hold_one(vcpu, stored(layout, i), scenario->state.values[i],
				         record);
}

static void read_all(struct vcpu *vcpu, const struct vpmu_layout *layout, uint64_t *values)
{
	for (unsigned i = 0; i < layout->value_count; i++)
		vcpu_read(vcpu, stored(layout, i)->msr, &values[i]);
}

void reference_run(struct reference *reference, struct vcpu *vcpu, const struct vpmu_layout *layout)
{
	const struct replay_action unmask = replay_simple(REPLAY_LVTPC, VPMU_LVTPC_RESET);

	step_do(vcpu, unmask, NULL);
	reference->entered = step_do(vcpu, replay_simple(REPLAY_ENTER, 0), NULL).outcome;
	read_all(vcpu, layout, reference->put);
	for (unsigned i = 0; i < RUNS; i++) {
		const struct replay_action run = replay_simple(REPLAY_RUN, run_lengths[i]);

		step_do(vcpu, unmask, NULL);
		reference->ran[i] = step_do(vcpu, run, NULL).outcome;
		read_all(vcpu, layout, reference->after[i]);
	}
}

bool same_pmis(struct vpmu_outcome a, struct vpmu_outcome b)
{
	return a.pmi == b.pmi && a.masked == b.masked;
}

bool reference_same(const struct reference *a, const struct reference *b,
                    const struct vpmu_layout *layout)
{
	size_t bytes = layout->value_count * sizeof(uint64_t);
	bool same = same_pmis(a->entered, b->entered) && !memcmp(a->put, b->put, bytes);

	for (unsigned i = 0; i < RUNS; i++)
		same = same && same_pmis(a->ran[i], b->ran[i]) &&
		       !memcmp(a->after[i], b->after[i], bytes);
	return same;
}

bool reference_make(struct scenario *scenario, struct vcpu *vcpu)
{
	struct reference *reference = &scenario->reference;

	if (!vcpu_fresh(vcpu, scenario->subject))
		return false;
	reference_hold(vcpu, scenario, NULL);
	reference->counters_on = state_counters_on(&scenario->state, scenario->layout);
	reference_run(reference, vcpu, scenario->layout);
	return true;
}
