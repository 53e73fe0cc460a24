/* SPDX-License-Identifier: MIT */
/* The table of commands (DESIGN, "Replay language"). Arguments in their places come first. */
#include "replay_grammar.h"

#include "order_arg.h"

#define NUMBER(text, most)                                                                         \
	{                                                                                          \
		.name = text, .kind = ARGUMENT_NUMBER, .required = true, .max = most               \
	}
#define WORD(text)                                                                                 \
	{                                                                                          \
		.name = text, .kind = ARGUMENT_WORD, .required = true                              \
	}
#define KEY(text, most, value)                                                                     \
	{                                                                                          \
		.name = text, .kind = ARGUMENT_KEY, .max = most, .otherwise = value                \
	}
/* Of one run: a narrow counter overflows often enough in that to take a second. */
#define RUN_MOST     (UINT64_C(1) << 50)
#define AMOUNT(text) KEY(text, RUN_MOST, 0)
#define CPL          KEY("cpl", 3, 0)

#define MSR_ARGUMENTS                                                                              \
	{                                                                                          \
		[MSR_INDEX] = NUMBER("INDEX", UINT32_MAX)                                          \
	}
#define MSR_AND_VALUE                                                                              \
	{                                                                                          \
		[MSR_INDEX] = NUMBER("INDEX", UINT32_MAX), [MSR_VALUE] =                           \
								   NUMBER("VALUE", UINT64_MAX)     \
	}

static const char *filter_action(const void *list, size_t i)
{
	static const char *const names[] = {
		[FILTER_ALLOW] = "allow",
		[FILTER_DENY] = "deny",
		[FILTER_NONE] = "none",
	};

	return i < sizeof(names) / sizeof(names[0]) ? names[i] : NULL;
}

const struct verb replay_verbs[REPLAY_VERBS] = {
	[REPLAY_MODEL] = {"model", {WORD("NAME")}},
	[REPLAY_PROFILE] = {"profile", {WORD("NAME")}},
	[REPLAY_CAP_PMU_DISABLE] = {"cap-pmu-disable", {{0}}},
	[REPLAY_WRMSR] = {"wrmsr", MSR_AND_VALUE},
	[REPLAY_RDMSR] = {"rdmsr", MSR_ARGUMENTS},
	[REPLAY_HOST_WRMSR] = {"host-wrmsr", MSR_AND_VALUE},
	[REPLAY_HOST_RDMSR] = {"host-rdmsr", MSR_ARGUMENTS},
	[REPLAY_RDPMC] = {"rdpmc",
                          {[RDPMC_ECX] = NUMBER("ECX", UINT32_MAX),
                           [RDPMC_CPL] = CPL,
                           [RDPMC_PCE] = KEY("pce", 1, 1)}},
	[REPLAY_LVTPC] = {"lvtpc", {NUMBER("VALUE", UINT32_MAX)}},
	[REPLAY_ENTER] = {"enter", {{0}}},
	[REPLAY_RUN] = {"run",
                        {[VPMU_INSTRUCTIONS] = {.name = "instructions",
                                                .kind = ARGUMENT_KEY,
                                                .required = true,
                                                .max = RUN_MOST},
                         [VPMU_CYCLES] = AMOUNT("cycles"),
                         [VPMU_REF_CYCLES] = AMOUNT("ref-cycles"),
                         [VPMU_BRANCHES] = AMOUNT("branches"),
                         [VPMU_BRANCH_MISSES] = AMOUNT("branch-misses"),
                         [VPMU_LLC_REFERENCES] = AMOUNT("llc-references"),
                         [VPMU_LLC_MISSES] = AMOUNT("llc-misses"),
                         [RUN_CPL] = CPL}},
	[REPLAY_EMULATE] = {"emulate",
                            {[EMULATE_BRANCH] = {.name = "branch", .kind = ARGUMENT_FLAG},
                             [EMULATE_CPL] = CPL}},
	[REPLAY_SCHEDULE] = {"schedule", {{0}}},
	[REPLAY_RESET] = {"reset", {{0}}},
	[REPLAY_FILTER] =
		{"filter",
                 {[FILTER_ACTION] = {.name = "ACTION",
                                     .kind = ARGUMENT_CHOICE,
                                     .required = true,
                                     .choice = filter_action},
                  [FILTER_MASKED] = {.name = "masked", .kind = ARGUMENT_FLAG},
                  [FILTER_FIXED] = KEY("fixed", UINT32_MAX, 0),
                  [FILTER_EVENTS] = {.name = "EVENT", .kind = ARGUMENT_LIST, .max = UINT64_MAX}}},
	[REPLAY_SAVE] = {"save", {WORD("NAME")}},
	[REPLAY_PUT] = {"put",
                        {[PUT_NAME] = WORD("NAME"),
                         [PUT_LEVEL] = {.name = "level",
                                        .kind = ARGUMENT_KEY_CHOICE,
                                        .choice = level_name_at,
                                        .otherwise = VPMU_LEVEL_FULL},
                         [PUT_ORDER] = {.name = "order",
                                        .kind = ARGUMENT_KEY_CHOICE,
                                        .choice = order_name_at}}},
	[REPLAY_CLEAR] = {"clear", {WORD("NAME")}},
	[REPLAY_STATE] = {"state", {{0}}},
	[REPLAY_EVENT_COUNTS] = {"events", {{0}}},
	[REPLAY_FAIL_CREATE] = {"fail-create", {NUMBER("N", UINT32_MAX)}},
	[REPLAY_CPUID] = {"cpuid", {{.name = "KEY=VALUE", .kind = ARGUMENT_WORDS}}},
};

const char *replay_verb_name(enum replay_verb verb)
{
	return replay_verbs[verb].name;
}
