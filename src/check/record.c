/* SPDX-License-Identifier: MIT */
/* Steps, done on a machine and written down: what a counterexample is made of. */
#include "room_int.h"

static bool has_value(const struct vpmu_pmu *pmu, const struct replay_action *action)
{
	uint64_t value;

	return action->verb == REPLAY_HOST_WRMSR &&
	       !vpmu_pmu_host_read(pmu, (uint32_t)action->argument[MSR_INDEX].number, &value) &&
	       value == action->argument[MSR_VALUE].number;
}

struct replay_reply step_do(struct vpmu_pmu *pmu, struct replay_action action,
                            struct record *record)
{
	struct check_step step;

	if (!record)
		return replay_acts[action.verb](pmu, &action);
	step = (struct check_step){
		.action = action,
		.part = record->part,
		.has_value = has_value(pmu, &action),
	};
	step.got = replay_acts[action.verb](pmu, &action);
	if (record->count < RECORD_STEPS)
		record->steps[record->count++] = step;
	return step.got;
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
