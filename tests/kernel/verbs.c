/* SPDX-License-Identifier: MIT */
/*
 * What a replay script does to its guest: each function reads its command's words and writes the
 * one-line answer; it returns false for words that it cannot take.
 */
#include "call.h"

#include <stdio.h>
#include <string.h>

#include "guest.h"
#include "msr.h"

bool answer(struct call *call, const char *text)
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

bool number(struct call *call, int i, u64 highest, u64 *value)
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

bool cmd_wrmsr(struct call *call)
{
	return write_msr(call, msr_guest_write, "gp");
}

bool cmd_rdmsr(struct call *call)
{
	return read_msr(call, msr_guest_read, "gp");
}

bool cmd_host_wrmsr(struct call *call)
{
	return write_msr(call, msr_host_write, "fail");
}

bool cmd_host_rdmsr(struct call *call)
{
	return read_msr(call, msr_host_read, "fail");
}

bool cmd_rdpmc(struct call *call)
{
	struct option options[] = {{"cpl", 3, 0, false}, {"pce", 1, 1, false}};
	u64 ecx, value = 0;
	bool good;

	if (!number(call, 0, UINT32_MAX, &ecx) || !parse_options(call, 1, options, 2))
		return false;
	good = guest_rdpmc(call->guest, (u32)ecx, (unsigned int)options[0].value, options[1].value,
	                   &value);
	return answer_value(call, good, value, "gp");
}

bool cmd_lvtpc(struct call *call)
{
	u64 value;

	if (!number(call, 0, UINT32_MAX, &value))
		return false;
	guest_set_lvtpc(call->guest, (u32)value);
	return answer(call, "ok");
}

bool cmd_enter(struct call *call)
{
	return answer_pmis(call, guest_enter(call->guest));
}

bool cmd_run(struct call *call)
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

	if (!parse_options(call, 0, options, PERF_CLASSES + 1) || !options[PERF_INSTRUCTIONS].given)
		return false;
	for (int i = 0; i < PERF_CLASSES; i++)
		amounts.of[i] = options[i].value;
	if (!options[PERF_CYCLES].given)
		amounts.of[PERF_CYCLES] = amounts.of[PERF_INSTRUCTIONS];
	if (!options[PERF_REF_CYCLES].given)
		amounts.of[PERF_REF_CYCLES] = amounts.of[PERF_CYCLES];
	return answer_pmis(
		call, guest_run(call->guest, &amounts, (unsigned int)options[PERF_CLASSES].value));
}

bool cmd_emulate(struct call *call)
{
	struct option cpl = {"cpl", 3, 0, false};
	bool branch = call->count && !strcmp(call->word[0], "branch");

	if (!parse_options(call, branch, &cpl, 1))
		return false;
	guest_emulate(call->guest, branch, (unsigned int)cpl.value);
	return answer(call, "ok");
}

bool cmd_schedule(struct call *call)
{
	guest_schedule(call->guest);
	return answer(call, "ok");
}

bool cmd_reset(struct call *call)
{
	guest_reset(call->guest);
	return answer(call, "ok");
}

bool cmd_filter(struct call *call)
{
	static const char *const actions[] = {"allow", "deny", "none"};
	u64 events[SCRIPT_MAX_WORDS];
	uint64_t fixed = 0;
	u32 action = 0, flags = 0;
	int from = 1;
	bool good;

	while (action < 3 && strcmp(call->word[0], actions[action]))
		action++;
	if (action == 3 || (action == 2 && call->count > 1))
		return false;
	if (from < call->count && !strcmp(call->word[from], "masked")) {
		flags = 1; /* KVM_PMU_EVENT_FLAG_MASKED_EVENTS, which 6.1 does not know */
		from++;
	}
	if (from < call->count && script_keyed(call->word[from], "fixed", UINT32_MAX, &fixed))
		from++;
	for (int i = from; i < call->count; i++)
		if (!number(call, i, UINT64_MAX, &events[i - from]))
			return false;
	/* KVM cannot take a filter away: to deny nothing is the same. */
	if (action == 2)
		action = KVM_PMU_EVENT_DENY;
	good = guest_filter(call->guest, action, flags, (u32)fixed, events,
	                    (u32)(call->count - from));
	return answer(call, good ? "ok" : "fail");
}

bool cmd_events(struct call *call)
{
	const struct perf_context *perf = &call->guest->task.perf;
	const struct perf_calls *calls = &perf->calls;

	sprintf(call->answer, "live=%u created=%llu released=%llu enabled=%llu paused=%llu",
	        perf->live, calls->created, calls->released, calls->enabled, calls->paused);
	return true;
}

bool cmd_fail_create(struct call *call)
{
	return number(call, 0, UINT32_MAX, &call->guest->task.perf.failures) && answer(call, "ok");
}
