/* SPDX-License-Identifier: MIT */
/*
 * A replay of lines on a register machine: its start (model, profile, then the machine), and what
 * it keeps besides the machine.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "room_int.h"

enum { WHY_BYTES = 512 }; /* a list of all presets, or keys */

static bool ok(struct replay_answer *answer)
{
	answer_add(answer, "ok");
	return true;
}

/* --- The start -------------------------------------------------------------------------------- */

void replay_load_model(struct replay *replay, const struct vpmu_model *model)
{
	replay->register_count = vpmu_model_registers(model, replay->registers);
}

static bool do_model(struct replay *replay, const struct replay_command *command,
                     struct replay_reply *reply, struct replay_answer *answer)
{
	const char *text = command->action.argument[0].word;
	char why[WHY_BYTES] = "";

	if (replay->stage != REPLAY_NO_MODEL)
		return answer_problem(answer, "model: comes first, and once");
	if (vpmu_model_parse(&replay->model, text, why, sizeof(why)))
		return answer_problem(answer, "model: %s", why);
	snprintf(replay->model_text, sizeof(replay->model_text), "%s", text);
	vpmu_host_init(&replay->host, (enum vpmu_vendor)replay->model.vendor);
	replay_load_model(replay, &replay->model);
	replay->stage = REPLAY_HAS_MODEL;
	return ok(answer);
}

static const char *profile_name(const void *list, size_t i)
{
	return vpmu_profile_name(i);
}

static bool unknown_profile(const char *name, struct replay_answer *answer)
{
	const char *nearest = nearest_name(name, profile_name, NULL);
	char known[WHY_BYTES];

	return answer_problem(answer, "profile: unknown profile '%.40s': known are %s%s%s%s", name,
	                      all_names(known, sizeof(known), ", ", profile_name, NULL),
	                      nearest ? " (did you mean '" : "", nearest ? nearest : "",
	                      nearest ? "'?)" : "");
}

static bool do_profile(struct replay *replay, const struct replay_command *command,
                       struct replay_reply *reply, struct replay_answer *answer)
{
	const char *name = command->action.argument[0].word;

	if (replay->stage != REPLAY_HAS_MODEL || replay->pmu)
		return answer_problem(answer, "profile: comes once, right after model");
	replay->profile = vpmu_profile_find(name);
	if (!replay->profile)
		return unknown_profile(name, answer);
	replay->stage = REPLAY_HAS_PROFILE;
	return ok(answer);
}

static bool do_host(struct replay *replay, const struct replay_command *command,
                    struct replay_reply *reply, struct replay_answer *answer)
{
	struct vpmu_host made = replay->host;
	char why[WHY_BYTES] = "";

	if (replay->stage != REPLAY_HAS_PROFILE || replay->pmu || replay->host_given)
		return answer_problem(answer, "host: comes once, right after profile");
	if (!(vpmu_profile_facts(replay->profile) & VPMU_FACT_KVM))
		return answer_problem(answer, "host: there is none under profile hardware");
	for (uint64_t i = 0; i < command->action.argument[0].number; i++)
		if (vpmu_host_set(&made, command->words[i], why, sizeof(why)))
			return answer_problem(answer, "host: %s", why);
	replay->host = made;
	replay->host_given = true;
	return ok(answer);
}

/* Makes the machine at the first command that needs one. */
static bool start(struct replay *replay, enum replay_verb verb, struct replay_answer *answer)
{
	if (replay->stage == REPLAY_NO_MODEL)
		return answer_problem(answer, "%s: the first command must be model",
		                      replay_rows[verb].name);
	replay->pmu = vpmu_pmu_init_on(replay->memory, sizeof(replay->memory), &replay->model,
	                               replay->profile, &replay->host);
	if (!replay->pmu)
		return answer_problem(answer, "model: this profile, on this host, has no such PMU");
	if (vpmu_pmu_model(replay->pmu)->vendor != replay->model.vendor)
		replay_load_model(replay, vpmu_pmu_model(replay->pmu));
	return true;
}

/* --- Actions that need more than the machine -------------------------------------------------- */

/* Before Linux 6.2 the event of a counter that cpuid took away overflows at each end of its sample
 * period, which may be every other instruction: a run must not take that long. */
#define RUN_WITH_LOST_COUNTERS (UINT64_C(1) << 24)

static bool do_run(struct replay *replay, const struct replay_command *command,
                   struct replay_reply *reply, struct replay_answer *answer)
{
	const struct replay_action *action = &command->action;

	for (unsigned i = 0; replay->lost_counters && i < VPMU_CLASSES; i++)
		if (action->argument[i].number > RUN_WITH_LOST_COUNTERS)
			return answer_problem(
				answer,
				"%s: at most 0x%" PRIx64 " after cpuid has taken counters away",
				replay_rows[action->verb].name, RUN_WITH_LOST_COUNTERS);
	*reply = replay_acts[action->verb](replay->pmu, action);
	return true;
}

static replay_do *const sessions[REPLAY_VERBS] = {
	[REPLAY_MODEL] = do_model,
	[REPLAY_PROFILE] = do_profile,
	[REPLAY_HOST] = do_host,
	[REPLAY_RUN] = do_run,
	[REPLAY_FILTER] = replay_filter,
	[REPLAY_CPUID] = replay_cpuid,
	[REPLAY_SAVE] = replay_save,
	[REPLAY_PUT] = replay_put,
	[REPLAY_CLEAR] = replay_clear,
	[REPLAY_STATE] = replay_state,
	[REPLAY_CAP_PMU_DISABLE] = replay_cap_pmu_disable,
};

/* --- One line --------------------------------------------------------------------------------- */

void replay_init(struct replay *replay)
{
	replay->pmu = NULL;
	replay->profile = vpmu_profile_find("hardware");
	replay->stage = REPLAY_NO_MODEL;
	replay->host_given = false;
	replay->register_count = 0;
	replay->state_count = 0;
	replay->vcpu_exists = false;
	replay->lost_counters = false;
	replay->filter = 0;
	replay->uncounted_count = 0;
}

static bool starts(enum replay_verb verb)
{
	return verb < REPLAY_CAP_PMU_DISABLE;
}

static bool execute(struct replay *replay, const struct replay_command *command,
                    struct replay_answer *answer)
{
	enum replay_verb verb = (enum replay_verb)command->action.verb;
	struct replay_reply reply = {0};

	if (!replay->pmu && !starts(verb) && !start(replay, verb, answer))
		return false;
	if (!sessions[verb])
		reply = replay_acts[verb](replay->pmu, &command->action);
	else if (!sessions[verb](replay, command, &reply, answer))
		return false;
	replay_print_reply(verb, &reply, answer);
	replay->vcpu_exists |= verb > REPLAY_CAP_PMU_DISABLE;
	return true;
}

enum replay_result replay_line(struct replay *replay, char *line, size_t length,
                               struct replay_answer *answer)
{
	const struct replay_names names = {
		.model = replay->stage == REPLAY_NO_MODEL ? NULL : &replay->model,
		.registers = replay->registers,
		.count = replay->register_count,
	};
	struct replay_command *command = &replay->command;

	answer_clear(answer);
	switch (replay_parse(line, length, &names, command, answer->text)) {
	case REPLAY_BLANK:
		return REPLAY_NOTHING;
	case REPLAY_PROBLEM:
		answer->length = strlen(answer->text);
		return REPLAY_BAD;
	case REPLAY_COMMAND:
		break;
	}
	if (!execute(replay, command, answer))
		return REPLAY_BAD;
	if (!command->expected || replay_expect(answer, command->expected))
		return REPLAY_ANSWERED;
	return REPLAY_DIFFERS;
}
