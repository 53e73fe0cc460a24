/* SPDX-License-Identifier: MIT */
/* Saves, puts, clears and shows states. */
#include <string.h>

#include "room_int.h"

static struct replay_state *find(struct replay *replay, const char *name)
{
	for (unsigned i = 0; i < replay->state_count; i++)
		if (!strcmp(replay->states[i].name, name))
			return &replay->states[i];
	return NULL;
}

/* The state with this name, a new one if there is none. NULL: the answer's text is the problem. */
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

/* Answers how many writes were done, or which access was refused first. */
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
                 struct replay_reply *reply, struct replay_answer *answer)
{
	struct vpmu_target target = vpmu_target_machine(replay->pmu);
	struct replay_state *state =
		find_or_add(replay, "save", command->action.argument[0].word, answer);
	struct vpmu_layout layout;
	struct vpmu_report report;

	if (!state)
		return false;
	vpmu_layout_init(&layout, vpmu_pmu_model(replay->pmu));
	vpmu_state_get(&state->state, &layout, &target, VPMU_POLICY_KEEP_GOING, &report);
	return answer_report(answer, &report, NULL);
}

bool replay_clear(struct replay *replay, const struct replay_command *command,
                  struct replay_reply *reply, struct replay_answer *answer)
{
	struct replay_state *state =
		find_or_add(replay, "clear", command->action.argument[0].word, answer);
	struct vpmu_layout layout;

	if (!state)
		return false;
	vpmu_layout_init(&layout, vpmu_pmu_model(replay->pmu));
	vpmu_state_reset(&state->state, &layout);
	answer_add(answer, "ok");
	return true;
}

bool replay_put(struct replay *replay, const struct replay_command *command,
                struct replay_reply *reply, struct replay_answer *answer)
{
	struct vpmu_target target = vpmu_target_machine(replay->pmu);
	const char *name = command->action.argument[PUT_NAME].word;
	const struct replay_state *state = find(replay, name);
	enum vpmu_level level = (enum vpmu_level)command->action.argument[PUT_LEVEL].number;
	const struct vpmu_order *order = vpmu_order_at(command->action.argument[PUT_ORDER].number);
	struct vpmu_layout layout;
	struct vpmu_report report;

	if (!state)
		return answer_problem(answer, "put: nothing was saved or cleared as '%.40s'", name);
	/* The machine may have another model by now; it then refuses registers that it lacks. */
	vpmu_layout_init(&layout, &state->state.model);
	vpmu_state_put(&state->state, &layout, &target, level, order, VPMU_POLICY_ROLL_BACK,
	               &report);
	return answer_report(answer, &report, "writes");
}

/* Whether the register keeps a value of its own: an alias shows another's, a command has none. */
static bool is_stored(const struct vpmu_register *reg)
{
	return reg->kind != VPMU_KIND_COUNTER_ALIAS && reg->kind != VPMU_KIND_SELECTOR_ALIAS &&
	       reg->kind != VPMU_KIND_FIXED_ALIAS &&
	       (reg->host == VPMU_ACCESS_READ || reg->host == VPMU_ACCESS_READ_WRITE) &&
	       reg->guest != VPMU_ACCESS_COMMAND;
}

bool replay_state(struct replay *replay, const struct replay_command *command,
                  struct replay_reply *reply, struct replay_answer *answer)
{
	for (size_t i = 0; i < replay->register_count; i++) {
		const struct vpmu_register *reg = &replay->registers[i];
		uint64_t value;

		if (!is_stored(reg) || vpmu_pmu_host_read(replay->pmu, reg->msr, &value))
			continue;
		answer_add(answer, answer->length ? " " : "");
		answer_add(answer, reg->name);
		answer_add(answer, "=");
		answer_hex(answer, value);
	}
	return true;
}
