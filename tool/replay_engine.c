/* SPDX-License-Identifier: MIT */
/*
 * Executes parsed commands on a register machine: a function a command, in a table. What makes a
 * replay start (model, profile, then the machine) is kept here; the rest is the machine's.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "replay_answer.h"
#include "replay_host.h"
#include "replay_state.h"
#include "model_arg.h"

enum { WHY_BYTES = 512 }; /* a list of all presets, or keys */

/* Executes one command; false: answer->text is the problem. */
typedef bool execute_fn(struct replay *replay, const struct replay_command *command,
                        struct replay_answer *answer);

static bool ok(struct replay_answer *answer)
{
	answer_add(answer, "ok");
	return true;
}

/* --- The start -------------------------------------------------------------------------------- */

static bool do_model(struct replay *replay, const struct replay_command *command,
                     struct replay_answer *answer)
{
	char why[WHY_BYTES] = "";

	if (replay->stage != REPLAY_NO_MODEL)
		return answer_problem(answer, "model: comes first, and once");
	if (vpmu_model_parse(&replay->model, command->argument[0].word, why, sizeof(why)))
		return answer_problem(answer, "model: %s", why);
	snprintf(replay->model_text, sizeof(replay->model_text), "%s", command->argument[0].word);
	replay->stage = REPLAY_HAS_MODEL;
	return ok(answer);
}

static bool do_profile(struct replay *replay, const struct replay_command *command,
                       struct replay_answer *answer)
{
	const char *name = command->argument[0].word;
	char why[WHY_BYTES];

	if (replay->stage != REPLAY_HAS_MODEL || replay->pmu)
		return answer_problem(answer, "profile: comes once, right after model");
	replay->profile = vpmu_profile_find(name);
	if (!replay->profile) {
		profile_unknown(name, why, sizeof(why));
		return answer_problem(answer, "profile: %s", why);
	}
	replay->stage = REPLAY_HAS_PROFILE;
	return ok(answer);
}

void replay_load_model(struct replay *replay, const struct vpmu_model *model)
{
	replay->register_count = vpmu_model_registers(model, replay->registers);
}

/* Makes the machine at the first command that needs one. */
static bool start(struct replay *replay, enum replay_verb verb, struct replay_answer *answer)
{
	if (replay->stage == REPLAY_NO_MODEL)
		return answer_problem(answer, "%s: the first command must be model",
		                      replay_verb_name(verb));
	replay->pmu = vpmu_pmu_init(replay->memory, sizeof(replay->memory), &replay->model,
	                            replay->profile);
	if (!replay->pmu)
		return answer_problem(answer, "model: this profile has no such PMU");
	replay_load_model(replay, &replay->model);
	return true;
}

/* --- Registers -------------------------------------------------------------------------------- */

/* A write's answer, or a read's: the value, or one word for any refusal. */
static bool accessed(struct replay_answer *answer, enum vpmu_status status, const uint64_t *value,
                     const char *refused)
{
	if (status)
		answer_add(answer, refused);
	else if (value)
		answer_hex(answer, *value);
	else
		answer_add(answer, "ok");
	return true;
}

static bool do_wrmsr(struct replay *replay, const struct replay_command *command,
                     struct replay_answer *answer)
{
	return accessed(answer,
	                vpmu_pmu_guest_write(replay->pmu,
	                                     (uint32_t)command->argument[MSR_INDEX].number,
	                                     command->argument[MSR_VALUE].number),
	                NULL, "gp");
}

static bool do_rdmsr(struct replay *replay, const struct replay_command *command,
                     struct replay_answer *answer)
{
	uint64_t value = 0;
	enum vpmu_status status = vpmu_pmu_guest_read(
		replay->pmu, (uint32_t)command->argument[MSR_INDEX].number, &value);

	return accessed(answer, status, &value, "gp");
}

static bool do_host_wrmsr(struct replay *replay, const struct replay_command *command,
                          struct replay_answer *answer)
{
	return accessed(answer,
	                vpmu_pmu_host_write(replay->pmu,
	                                    (uint32_t)command->argument[MSR_INDEX].number,
	                                    command->argument[MSR_VALUE].number),
	                NULL, "fail");
}

static bool do_host_rdmsr(struct replay *replay, const struct replay_command *command,
                          struct replay_answer *answer)
{
	uint64_t value = 0;
	enum vpmu_status status = vpmu_pmu_host_read(
		replay->pmu, (uint32_t)command->argument[MSR_INDEX].number, &value);

	return accessed(answer, status, &value, "fail");
}

static bool do_rdpmc(struct replay *replay, const struct replay_command *command,
                     struct replay_answer *answer)
{
	const union replay_value *argument = command->argument;
	uint64_t value = 0;
	enum vpmu_status status = vpmu_pmu_rdpmc(replay->pmu, (uint32_t)argument[RDPMC_ECX].number,
	                                         (unsigned)argument[RDPMC_CPL].number,
	                                         argument[RDPMC_PCE].number, &value);

	return accessed(answer, status, &value, "gp");
}

static bool do_lvtpc(struct replay *replay, const struct replay_command *command,
                     struct replay_answer *answer)
{
	vpmu_pmu_set_lvtpc(replay->pmu, (uint32_t)command->argument[0].number);
	return ok(answer);
}

/* Whether the register keeps a value of its own: an alias shows another's, a command has none. */
static bool is_stored(const struct vpmu_register *reg)
{
	return reg->kind != VPMU_KIND_COUNTER_ALIAS && reg->kind != VPMU_KIND_SELECTOR_ALIAS &&
	       (reg->host == VPMU_ACCESS_READ || reg->host == VPMU_ACCESS_READ_WRITE) &&
	       reg->guest != VPMU_ACCESS_COMMAND;
}

static bool do_state(struct replay *replay, const struct replay_command *command,
                     struct replay_answer *answer)
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

/* --- Counting --------------------------------------------------------------------------------- */

static bool outcome(struct replay_answer *answer, struct vpmu_outcome result)
{
	answer_count(answer, "pmi", result.pmi);
	answer_count(answer, "masked", result.masked);
	return true;
}

static bool do_enter(struct replay *replay, const struct replay_command *command,
                     struct replay_answer *answer)
{
	return outcome(answer, vpmu_pmu_enter(replay->pmu));
}

/* Before Linux 6.2 the event of a counter that cpuid took away overflows at each end of its sample
 * period, which may be every other instruction: a run must not take that long. */
#define RUN_WITH_LOST_COUNTERS (UINT64_C(1) << 24)

static bool is_too_long(const struct replay *replay, const struct vpmu_amounts *amounts)
{
	for (unsigned i = 0; replay->lost_counters && i < VPMU_CLASSES; i++)
		if (amounts->of[i] > RUN_WITH_LOST_COUNTERS)
			return true;
	return false;
}

static bool do_run(struct replay *replay, const struct replay_command *command,
                   struct replay_answer *answer)
{
	struct vpmu_amounts amounts = {{0}};

	for (unsigned i = 0; i < RUN_CPL; i++)
		amounts.of[i] = command->argument[i].number;
	if (!(command->given & 1u << VPMU_CYCLES))
		amounts.of[VPMU_CYCLES] = amounts.of[VPMU_INSTRUCTIONS];
	if (!(command->given & 1u << VPMU_REF_CYCLES))
		amounts.of[VPMU_REF_CYCLES] = amounts.of[VPMU_CYCLES];
	if (is_too_long(replay, &amounts))
		return answer_problem(
			answer, "run: at most 0x%" PRIx64 " after cpuid has taken counters away",
			RUN_WITH_LOST_COUNTERS);
	return outcome(answer, vpmu_pmu_run(replay->pmu, &amounts,
	                                    (unsigned)command->argument[RUN_CPL].number));
}

static bool do_emulate(struct replay *replay, const struct replay_command *command,
                       struct replay_answer *answer)
{
	vpmu_pmu_emulate(replay->pmu, command->argument[EMULATE_BRANCH].number,
	                 (unsigned)command->argument[EMULATE_CPL].number);
	return ok(answer);
}

static bool do_schedule(struct replay *replay, const struct replay_command *command,
                        struct replay_answer *answer)
{
	vpmu_pmu_schedule(replay->pmu);
	return ok(answer);
}

static bool do_reset(struct replay *replay, const struct replay_command *command,
                     struct replay_answer *answer)
{
	vpmu_pmu_reset(replay->pmu);
	return ok(answer);
}

static bool do_events(struct replay *replay, const struct replay_command *command,
                      struct replay_answer *answer)
{
	struct vpmu_event_counts counts = vpmu_pmu_events(replay->pmu);

	answer_count(answer, "live", counts.live);
	answer_count(answer, "created", counts.created);
	answer_count(answer, "released", counts.released);
	answer_count(answer, "enabled", counts.enabled);
	answer_count(answer, "paused", counts.paused);
	return true;
}

/* --- One line --------------------------------------------------------------------------------- */

/* NULL: in the language, not in this build. */
static execute_fn *const execute[REPLAY_VERBS] = {
	[REPLAY_MODEL] = do_model,
	[REPLAY_PROFILE] = do_profile,
	[REPLAY_WRMSR] = do_wrmsr,
	[REPLAY_RDMSR] = do_rdmsr,
	[REPLAY_HOST_WRMSR] = do_host_wrmsr,
	[REPLAY_HOST_RDMSR] = do_host_rdmsr,
	[REPLAY_RDPMC] = do_rdpmc,
	[REPLAY_LVTPC] = do_lvtpc,
	[REPLAY_ENTER] = do_enter,
	[REPLAY_RUN] = do_run,
	[REPLAY_EMULATE] = do_emulate,
	[REPLAY_SCHEDULE] = do_schedule,
	[REPLAY_RESET] = do_reset,
	[REPLAY_STATE] = do_state,
	[REPLAY_SAVE] = replay_save,
	[REPLAY_PUT] = replay_put,
	[REPLAY_CLEAR] = replay_clear,
	[REPLAY_EVENT_COUNTS] = do_events,
	[REPLAY_FILTER] = replay_filter,
	[REPLAY_CPUID] = replay_cpuid,
	[REPLAY_FAIL_CREATE] = replay_fail_create,
	[REPLAY_CAP_PMU_DISABLE] = replay_cap_pmu_disable,
};

void replay_init(struct replay *replay)
{
	replay->pmu = NULL;
	replay->profile = vpmu_profile_find("hardware");
	replay->stage = REPLAY_NO_MODEL;
	replay->state_count = 0;
	replay->vcpu_exists = false;
	replay->lost_counters = false;
	replay->filter = 0;
}

static bool starts(enum replay_verb verb)
{
	return verb == REPLAY_MODEL || verb == REPLAY_PROFILE;
}

static bool execute_command(struct replay *replay, const struct replay_command *command,
                            struct replay_answer *answer)
{
	if (!execute[command->verb])
		return answer_problem(answer, "%s: this build does not have this command",
		                      replay_verb_name(command->verb));
	if (!replay->pmu && !starts(command->verb) && !start(replay, command->verb, answer))
		return false;
	if (!execute[command->verb](replay, command, answer))
		return false;
	replay->vcpu_exists |= command->verb > REPLAY_CAP_PMU_DISABLE;
	return true;
}

static enum replay_result compare(const char *expected, struct replay_answer *answer)
{
	char got[REPLAY_ANSWER_BYTES];

	if (!strcmp(expected, answer->text)) {
		answer_clear(answer);
		answer_add(answer, "ok");
		return REPLAY_ANSWERED;
	}
	memcpy(got, answer->text, answer->length + 1);
	answer_clear(answer);
	answer_add(answer, "expected ");
	answer_add(answer, expected);
	answer_add(answer, " got ");
	answer_add(answer, got);
	return REPLAY_DIFFERS;
}

enum replay_result replay_line(struct replay *replay, char *line, size_t length,
                               struct replay_answer *answer)
{
	struct replay_command *command = &replay->command;

	answer_clear(answer);
	switch (replay_parse(line, length, command, answer->text)) {
	case REPLAY_BLANK:
		return REPLAY_NOTHING;
	case REPLAY_PROBLEM:
		answer->length = strlen(answer->text);
		return REPLAY_BAD;
	case REPLAY_COMMAND:
		break;
	}
	if (!execute_command(replay, command, answer))
		return REPLAY_BAD;
	return command->expected ? compare(command->expected, answer) : REPLAY_ANSWERED;
}
