/* SPDX-License-Identifier: MIT */
/* Executes steps on a vCPU and records them for a counterexample. */
#include "room_int.h"

static bool has_value(struct vcpu *vcpu, const struct replay_action *action)
{
	uint64_t value;

	return action->verb == REPLAY_HOST_WRMSR &&
	       vcpu_read(vcpu, (uint32_t)action->argument[MSR_INDEX].number, &value) &&
	       value == action->argument[MSR_VALUE].number;
}

struct replay_reply step_do(struct vcpu *vcpu, struct replay_action action, struct record *record)
{
	struct check_step step;

	if (!record)
		return vcpu_act(vcpu, &action);
	step = (struct check_step){
		.action = action,
		.part = record->part,
		.has_value = has_value(vcpu, &action),
	};
	step.got = vcpu_act(vcpu, &action);
	if (record->count < RECORD_STEPS)
		record->steps[record->count++] = step;
	return step.got;
}

void record_begun(struct record *record, const struct replay_action *action)
{
	if (record->count < RECORD_STEPS)
		record->steps[record->count++] = (struct check_step){
			.action = *action,
			.part = record->part,
		};
}

void record_expects(struct record *record, const struct replay_reply *expected)
{
	struct check_step *step;

	if (!record || !record->count)
		return;
	step = &record->steps[record->count - 1];
	step->expects = true;
	step->expected = *expected;
}
