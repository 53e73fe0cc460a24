/* SPDX-License-Identifier: MIT */
/*
 * The replay language: the table of commands, and those that concern the session rather than its
 * guest.
 */
#include <stdio.h>
#include <string.h>

#include "call.h"

static bool cmd_model(struct call *call)
{
	struct session *session = call->session;
	char *rest = NULL, *part = strtok_r(call->word[0], ",", &rest);

	if (session->have_model || !part || !model_preset(&session->model, part))
		return false;
	while ((part = strtok_r(NULL, ",", &rest)))
		if (!model_override(&session->model, part))
			return false;
	session->have_model = true;
	return answer(call, "ok");
}

static bool cmd_profile(struct call *call)
{
	struct session *session = call->session;

	if (!session->have_model || session->have_profile || session->guest)
		return false;
	session->have_profile = true;
	return !strcmp(call->word[0], KERNEL_NAME) && answer(call, "ok");
}

static bool cmd_cap_pmu_disable(struct call *call)
{
	if (call->session->guest)
		return answer(call, "fail");
	call->session->pmu_disabled = true;
	return answer(call, "ok");
}

static bool cmd_cpuid(struct call *call)
{
	struct model model = call->session->model;

	for (int i = 0; i < call->count; i++)
		if (!model_override(&model, call->word[i]))
			return false;
	return answer(call, guest_set_cpuid(call->guest, &model) ? "ok" : "fail");
}

/* What needs vpmu's own names and plans. */
static bool cmd_not_here(struct call *call)
{
	return answer(call, "fail");
}

static bool cmd_expect(struct call *call)
{
	struct session *session = call->session;
	struct words words = {.count = 0};
	char got[ANSWER_BYTES], expected[ANSWER_BYTES] = "";
	int i = 0;

	while (i < call->count && strcmp(call->word[i], "="))
		words.word[words.count++] = call->word[i++];
	if (!words.count || i + 1 >= call->count)
		return false;
	while (++i < call->count) {
		if (strlen(expected) + strlen(call->word[i]) + 2 > sizeof(expected) / 4)
			return false;
		strcat(strcat(expected, *expected ? " " : ""), call->word[i]);
	}
	if (!command_run(session, &words, got))
		return false;
	if (!strcmp(got, expected))
		return answer(call, "ok");
	session->mismatch = true;
	sprintf(call->answer, "expected %.300s got %.600s", expected, got);
	return true;
}

enum need { NEEDS_NOTHING, NEEDS_MODEL, NEEDS_GUEST };

static const struct command {
	const char *name;
	int least, most; /* words after the name */
	enum need need;
	bool (*run)(struct call *call);
} commands[] = {
	{"model", 1, 1, NEEDS_NOTHING, cmd_model},
	{"profile", 1, 1, NEEDS_NOTHING, cmd_profile},
	{"cap-pmu-disable", 0, 0, NEEDS_MODEL, cmd_cap_pmu_disable},
	{"wrmsr", 2, 2, NEEDS_GUEST, cmd_wrmsr},
	{"rdmsr", 1, 1, NEEDS_GUEST, cmd_rdmsr},
	{"host-wrmsr", 2, 2, NEEDS_GUEST, cmd_host_wrmsr},
	{"host-rdmsr", 1, 1, NEEDS_GUEST, cmd_host_rdmsr},
	{"rdpmc", 1, 3, NEEDS_GUEST, cmd_rdpmc},
	{"lvtpc", 1, 1, NEEDS_GUEST, cmd_lvtpc},
	{"enter", 0, 0, NEEDS_GUEST, cmd_enter},
	{"run", 1, 8, NEEDS_GUEST, cmd_run},
	{"emulate", 0, 2, NEEDS_GUEST, cmd_emulate},
	{"schedule", 0, 0, NEEDS_GUEST, cmd_schedule},
	{"reset", 0, 0, NEEDS_GUEST, cmd_reset},
	{"filter", 1, SCRIPT_MAX_WORDS, NEEDS_GUEST, cmd_filter},
	{"events", 0, 0, NEEDS_GUEST, cmd_events},
	{"fail-create", 1, 1, NEEDS_GUEST, cmd_fail_create},
	{"cpuid", 0, SCRIPT_MAX_WORDS, NEEDS_GUEST, cmd_cpuid},
	{"save", 1, 1, NEEDS_MODEL, cmd_not_here},
	{"put", 1, 3, NEEDS_MODEL, cmd_not_here},
	{"clear", 1, 1, NEEDS_MODEL, cmd_not_here},
	{"state", 0, 0, NEEDS_MODEL, cmd_not_here},
	{"expect", 3, SCRIPT_MAX_WORDS, NEEDS_NOTHING, cmd_expect},
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

/* Any command but model, profile and cap-pmu-disable creates the vCPU. */
static bool prepare(struct session *session, enum need need)
{
	if (need >= NEEDS_MODEL && !(session->have_model && session->have_profile))
		return false;
	if (need == NEEDS_GUEST && !session->guest)
		session->guest = guest_create(&session->model, session->pmu_disabled);
	return true;
}

bool command_run(struct session *session, const struct words *words, char *answer)
{
	const struct command *command = find_command(words->word[0]);
	struct call call = {.session = session,
	                    .word = words->word + 1,
	                    .count = words->count - 1,
	                    .answer = answer};

	*answer = '\0';
	if (!command)
		strcpy(answer, "unknown command");
	else if (call.count < command->least || call.count > command->most)
		strcpy(answer, "wrong number of words");
	else if (!prepare(session, command->need))
		strcpy(answer, "model and profile come first");
	else {
		call.guest = session->guest;
		if (command->run(&call))
			return true;
		strcpy(answer, "bad argument");
	}
	return false;
}

void session_restart(struct session *session)
{
	if (session->guest)
		guest_destroy(session->guest);
	*session = (struct session){.mismatch = session->mismatch};
}
