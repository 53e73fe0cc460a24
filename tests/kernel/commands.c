/* SPDX-License-Identifier: MIT */
/*
 * The replay language: a table of commands, each a function that reads its words and writes its
 * one-line answer. A function returns false for words that it cannot take.
 */
#include "commands.h"

#include <stdio.h>

#include "guest.h"
#include "msr.h"

struct call {
	struct session *session;
	struct guest *guest;
	char *const *word; /* the arguments, without the command's name */
	int count;
	char *answer;
};

static bool answer(struct call *call, const char *text)
{
	strcpy(call->answer, text);
	return true;
}

static bool answer_value(struct call *call, bool good, u64 value, const char *otherwise)
{
	if (!good)
		return answer(call, otherwise);
	sprintf(call->answer, "0x%llx", value);
	return true;
}

static bool answer_pmis(struct call *call, struct pmis pmis)
{
	sprintf(call->answer, "pmi=%u masked=%u", pmis.delivered, pmis.masked);
	return true;
}

static bool number(struct call *call, int i, u64 highest, u64 *value)
{
	uint64_t parsed;
	bool good = script_number(call->word[i], highest, &parsed);

	*value = parsed;
	return good;
}

/* Optional words "key=value" from word `from` on: each key once at most. */
struct option {
	const char *key;
	u64 highest;
	u64 value; /* in: the default */
	bool given;
};

static bool parse_options(struct call *call, int from, struct option *options, int count)
{
	for (int i = from; i < call->count; i++) {
		struct option *option = NULL;
		uint64_t value = 0;

		for (int j = 0; j < count && !option; j++)
			if (script_keyed(call->word[i], options[j].key, options[j].highest, &value))
				option = &options[j];
		if (!option || option->given)
			return false;
		option->value = value;
		option->given = true;
	}
	return true;
}

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

static bool read_msr(struct call *call, int (*read)(struct kvm_vcpu *, u32, u64 *),
		     const char *refusal)
{
	u64 index, value = 0;
	bool good;

	if (!number(call, 0, UINT32_MAX, &index))
		return false;
	good = !read(&call->guest->vcpu, (u32)index, &value);
	return answer_value(call, good, value, refusal);
}

static bool write_msr(struct call *call, int (*write)(struct kvm_vcpu *, u32, u64),
		      const char *refusal)
{
	u64 index, value;

	if (!number(call, 0, UINT32_MAX, &index) || !number(call, 1, UINT64_MAX, &value))
		return false;
	return answer(call, write(&call->guest->vcpu, (u32)index, value) ? refusal : "ok");
}

static bool cmd_wrmsr(struct call *call)
{
	return write_msr(call, msr_guest_write, "gp");
}

static bool cmd_rdmsr(struct call *call)
{
	return read_msr(call, msr_guest_read, "gp");
}

static bool cmd_host_wrmsr(struct call *call)
{
	return write_msr(call, msr_host_write, "fail");
}

static bool cmd_host_rdmsr(struct call *call)
{
	return read_msr(call, msr_host_read, "fail");
}

static bool cmd_rdpmc(struct call *call)
{
	struct option options[] = {{"cpl", 3, 0, false}, {"pce", 1, 1, false}};
	u64 ecx, value = 0;
	bool good;

	if (!number(call, 0, UINT32_MAX, &ecx) || !parse_options(call, 1, options, 2))
		return false;
	good = guest_rdpmc(call->guest, (u32)ecx, (unsigned int)options[0].value,
			   options[1].value, &value);
	return answer_value(call, good, value, "gp");
}

static bool cmd_lvtpc(struct call *call)
{
	u64 value;

	if (!number(call, 0, UINT32_MAX, &value))
		return false;
	guest_set_lvtpc(call->guest, (u32)value);
	return answer(call, "ok");
}

static bool cmd_enter(struct call *call)
{
	return answer_pmis(call, guest_enter(call->guest));
}

static bool cmd_run(struct call *call)
{
	struct option options[] = {
		[PERF_INSTRUCTIONS] = {"instructions", UINT64_MAX, 0, false},
		[PERF_CYCLES] = {"cycles", UINT64_MAX, 0, false},
		[PERF_REF_CYCLES] = {"ref-cycles", UINT64_MAX, 0, false},
		[PERF_BRANCHES] = {"branches", UINT64_MAX, 0, false},
		[PERF_BRANCH_MISSES] = {"branch-misses", UINT64_MAX, 0, false},
		[PERF_LLC_REFERENCES] = {"llc-references", UINT64_MAX, 0, false},
		[PERF_LLC_MISSES] = {"llc-misses", UINT64_MAX, 0, false},
		[PERF_CLASSES] = {"cpl", 3, 0, false},
	};
	struct amounts amounts;

	if (!parse_options(call, 0, options, PERF_CLASSES + 1) ||
	    !options[PERF_INSTRUCTIONS].given)
		return false;
	for (int i = 0; i < PERF_CLASSES; i++)
		amounts.of[i] = options[i].value;
	if (!options[PERF_CYCLES].given)
		amounts.of[PERF_CYCLES] = amounts.of[PERF_INSTRUCTIONS];
	if (!options[PERF_REF_CYCLES].given)
		amounts.of[PERF_REF_CYCLES] = amounts.of[PERF_CYCLES];
	return answer_pmis(call, guest_run(call->guest, &amounts,
					   (unsigned int)options[PERF_CLASSES].value));
}

static bool cmd_emulate(struct call *call)
{
	struct option cpl = {"cpl", 3, 0, false};
	bool branch = call->count && !strcmp(call->word[0], "branch");

	if (!parse_options(call, branch, &cpl, 1))
		return false;
	guest_emulate(call->guest, branch, (unsigned int)cpl.value);
	return answer(call, "ok");
}

static bool cmd_schedule(struct call *call)
{
	guest_schedule(call->guest);
	return answer(call, "ok");
}

static bool cmd_reset(struct call *call)
{
	guest_reset(call->guest);
	return answer(call, "ok");
}

static bool cmd_filter(struct call *call)
{
	static const char *const actions[] = {"allow", "deny", "none"};
	u64 events[SCRIPT_MAX_WORDS];
	uint64_t fixed = 0;
	u32 action = 0;
	int from = 1;

	while (action < 3 && strcmp(call->word[0], actions[action]))
		action++;
	if (action == 3 || (action == 2 && call->count > 1))
		return false;
	if (call->count > 1 && script_keyed(call->word[1], "fixed", UINT32_MAX, &fixed))
		from = 2;
	for (int i = from; i < call->count; i++)
		if (!number(call, i, UINT64_MAX, &events[i - from]))
			return false;
	/* KVM cannot take a filter away: to deny nothing is the same. */
	if (action == 2)
		action = KVM_PMU_EVENT_DENY;
	return answer(call, guest_filter(call->guest, action, (u32)fixed, events,
					 (u32)(call->count - from)) ? "ok" : "fail");
}

static bool cmd_events(struct call *call)
{
	const struct perf_context *perf = &call->guest->task.perf;
	const struct perf_calls *calls = &perf->calls;

	sprintf(call->answer, "live=%u created=%llu released=%llu enabled=%llu paused=%llu",
		perf->live, calls->created, calls->released, calls->enabled, calls->paused);
	return true;
}

static bool cmd_fail_create(struct call *call)
{
	return number(call, 0, UINT32_MAX, &call->guest->task.perf.failures) && answer(call, "ok");
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
	struct call call = {.session = session, .word = words->word + 1,
			    .count = words->count - 1, .answer = answer};

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
