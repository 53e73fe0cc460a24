/* SPDX-License-Identifier: MIT */
/* Saves, puts and clears the states of a replay. */
#include "replay_state.h"

#include <string.h>

#include "replay_answer.h"

static struct replay_state *find(struct replay *replay, const char *name)
{
	for (unsigned i = 0; i < replay->state_count; i++)
		if (!strcmp(replay->states[i].name, name))
			return &replay->states[i];
	return NULL;
}

/* The state of that name, a new one if need be. NULL: the answer's text is the problem. */
static struct replay_state *find_or_add(struct replay *replay, const char *verb, const char *name,
                                        struct replay_answer *answer)
{
	struct replay_state *state = find(replay, name);

	if (state)
		return state;
	if (strlen(name) >= REPLAY_STATE_NAME_BYTES) {
		answer_problem(answer, "%s: a name longer than %d bytes: '%.40s'", verb,
		               REPLAY_STATE_NAME_BYTES - 1, name);
		return NULL;
	}
	if (replay->state_count == REPLAY_STATES) {
		answer_problem(answer, "%s: one state too many, %d are kept: '%.40s'", verb,
		               REPLAY_STATES, name);
		return NULL;
	}
	state = &replay->states[replay->state_count++];
	strcpy(state->name, name);
	return state;
}

/* What was done, or the first access that was refused. */
static bool answer_report(struct replay_answer *answer, const struct vpmu_report *report,
                          const char *count)
{
	if (!report->refused) {
		answer_add(answer, "ok");
		if (count)
			answer_count(answer, count, report->done);
		return true;
	}
	answer_add(answer, "refused at ");
	answer_hex(answer, report->refusals[0].msr);
	answer_add(answer, " after ");
	answer_decimal(answer, report->done);
	return true;
}

bool replay_save(struct replay *replay, const struct replay_command *command,
                 struct replay_answer *answer)
{
	struct vpmu_target target = vpmu_target_machine(replay->pmu);
	struct replay_state *state = find_or_add(replay, "save", command->argument[0].word, answer);
	struct vpmu_layout layout;
	struct vpmu_report report;

	if (!state)
		return false;
	vpmu_layout_init(&layout, vpmu_pmu_model(replay->pmu));
	vpmu_state_get(&state->state, &layout, &target, VPMU_POLICY_KEEP_GOING, &report);
	return answer_report(answer, &report, NULL);
}

bool replay_clear(struct replay *replay, const struct replay_command *command,
                  struct replay_answer *answer)
{
	struct replay_state *state =
		find_or_add(replay, "clear", command->argument[0].word, answer);
	struct vpmu_layout layout;

	if (!state)
		return false;
	vpmu_layout_init(&layout, vpmu_pmu_model(replay->pmu));
	vpmu_state_reset(&state->state, &layout);
	answer_add(answer, "ok");
	return true;
}

bool replay_put(struct replay *replay, const struct replay_command *command,
                struct replay_answer *answer)
{
	struct vpmu_target target = vpmu_target_machine(replay->pmu);
	const char *name = command->argument[PUT_NAME].word;
	const struct replay_state *state = find(replay, name);
	enum vpmu_level level = (enum vpmu_level)command->argument[PUT_LEVEL].number;
	const struct vpmu_order *order = vpmu_order_at(command->argument[PUT_ORDER].number);
	struct vpmu_layout layout;
	struct vpmu_report report;

	if (!state)
		return answer_problem(answer, "put: nothing was saved or cleared as '%.40s'", name);
	/* The machine's model may be another by now: it refuses what it does not have. */
	vpmu_layout_init(&layout, &state->state.model);
	vpmu_state_put(&state->state, &layout, &target, level, order, VPMU_POLICY_ROLL_BACK,
	               &report);
	return answer_report(answer, &report, "writes");
}
