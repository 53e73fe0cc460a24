/* SPDX-License-Identifier: MIT */
/* The table of actions (vpmu-replay(1)). Positional arguments come first. */
#include <replay/room.h>

#define MSR                                                                                        \
	{                                                                                          \
		.name = "INDEX", .kind = ARGUMENT_MSR, .required = true, .max = UINT32_MAX         \
	}
#define VALUE                                                                                      \
	{                                                                                          \
		.name = "VALUE", .kind = ARGUMENT_VALUE, .required = true, .max = UINT64_MAX       \
	}
#define NUMBER(text, most)                                                                         \
	{                                                                                          \
		.name = text, .kind = ARGUMENT_NUMBER, .required = true, .max = most               \
	}
#define WORD(text)                                                                                 \
	{                                                                                          \
		.name = text, .kind = ARGUMENT_WORD, .required = true                              \
	}
#define CHOICE(text, words)                                                                        \
	{                                                                                          \
		.name = text, .kind = ARGUMENT_CHOICE, .required = true, .choice = words           \
	}
#define KEY(text, most, value)                                                                     \
	{                                                                                          \
		.name = text, .kind = ARGUMENT_KEY, .max = most, .otherwise = value                \
	}
#define FLAG(text)                                                                                 \
	{                                                                                          \
		.name = text, .kind = ARGUMENT_FLAG                                                \
	}
/* Limits of one run. With RUN_MOST a narrow counter overflows so often that the run takes a second.
 * While the host runs nothing gives a counter its next period, so it may overflow at every other
 * instruction. */
#define RUN_MOST      (UINT64_C(1) << 50)
#define HOST_RUN_MOST (UINT64_C(1) << 24)
#define CPL           KEY("cpl", 3, 0)

static const char *filter_action(const void *list, size_t i)
{
	static const char *const names[] = {
		[FILTER_ALLOW] = "allow",
		[FILTER_DENY] = "deny",
		[FILTER_NONE] = "none",
	};

	return i < ARRAY_SIZE(names) ? names[i] : NULL;
}

static const char *on_or_off(const void *list, size_t i)
{
	static const char *const names[] = {[SWITCH_OFF] = "off", [SWITCH_ON] = "on"};

	return i < ARRAY_SIZE(names) ? names[i] : NULL;
}

static const char *svm_mode(const void *list, size_t i)
{
	static const char *const names[] = {
		[VPMU_SVM_OFF] = "off", [VPMU_SVM_HOST] = "host", [VPMU_SVM_GUEST] = "guest"};

	return i < ARRAY_SIZE(names) ? names[i] : NULL;
}

static const char *level(const void *list, size_t i)
{
	return vpmu_level_name((enum vpmu_level)i);
}

static const char *order(const void *list, size_t i)
{
	const struct vpmu_order *at = vpmu_order_at(i);

	return at ? at->name : NULL;
}

const struct replay_row replay_rows[REPLAY_VERBS] = {
	[REPLAY_MODEL] = {.name = "model", .answers = ANSWERS_TEXT, .arguments = {WORD("NAME")}},
	[REPLAY_PROFILE] = {.name = "profile",
                            .answers = ANSWERS_TEXT,
                            .arguments = {WORD("NAME")}},
	[REPLAY_HOST] = {.name = "host",
                         .answers = ANSWERS_TEXT,
                         .arguments = {{.name = "KEY=VALUE", .kind = ARGUMENT_WORDS}}},
	[REPLAY_CAP_PMU_DISABLE] = {.name = "cap-pmu-disable", .refused = "fail"},
	[REPLAY_WRMSR] = {.name = "wrmsr",
                          .refused = "gp",
                          .told = "the guest writes $register = $value",
                          .arguments = {[MSR_INDEX] = MSR, [MSR_VALUE] = VALUE}},
	[REPLAY_RDMSR] = {.name = "rdmsr",
                          .answers = ANSWERS_VALUE,
                          .refused = "gp",
                          .arguments = {[MSR_INDEX] = MSR}},
	[REPLAY_HOST_WRMSR] = {.name = "host-wrmsr",
                               .refused = "fail",
                               .told = "the VMM writes $register = $value",
                               .arguments = {[MSR_INDEX] = MSR, [MSR_VALUE] = VALUE}},
	[REPLAY_HOST_RDMSR] = {.name = "host-rdmsr",
                               .answers = ANSWERS_VALUE,
                               .refused = "fail",
                               .told = "$register reads $got",
                               .arguments = {[MSR_INDEX] = MSR}},
	[REPLAY_RDPMC] = {.name = "rdpmc",
                          .answers = ANSWERS_VALUE,
                          .refused = "gp",
                          .arguments = {[RDPMC_ECX] = NUMBER("ECX", UINT32_MAX),
                                        [RDPMC_CPL] = CPL,
                                        [RDPMC_PCE] = KEY("pce", 1, 1)}},
	[REPLAY_LVTPC] = {.name = "lvtpc",
                          .told = "LVTPC is masked, as after a reset",
                          .told_else = "LVTPC is unmasked",
                          .told_by = VPMU_LVTPC_MASKED,
                          .arguments = {NUMBER("VALUE", UINT32_MAX)}},
	[REPLAY_ENTER] = {.name = "enter",
                          .answers = ANSWERS_PMIS,
                          .told = "the vCPU enters the guest: $pmis"},
	[REPLAY_RUN] = {.name = "run",
                        .answers = ANSWERS_PMIS,
                        .told = "the guest runs $count instructions: $pmis",
                        .amounts = RUN_MOST,
                        .arguments = {CPL}},
	[REPLAY_EMULATE] = {.name = "emulate",
                            .told = "the hypervisor emulates an instruction",
                            .arguments = {[EMULATE_BRANCH] = FLAG("branch"), [EMULATE_CPL] = CPL}},
	[REPLAY_SCHEDULE] = {.name = "schedule",
                             .told = "the vCPU's thread is scheduled out and in"},
	[REPLAY_RESET] = {.name = "reset"},
	[REPLAY_SVM] = {.name = "svm",
                        .refused = "fail",
                        .told = "the guest has SVM enabled",
                        .told_else = "the guest has SVM disabled",
                        .told_by = VPMU_SVM_HOST | VPMU_SVM_GUEST,
                        .arguments = {CHOICE("off|host|guest", svm_mode)}},
	[REPLAY_EXCLUDE_HOST] = {.name = "exclude-host",
                                 .told = "events count the guest alone (exclude_host is on)",
                                 .told_else = "events count the host, too (exclude_host is off)",
                                 .told_by = SWITCH_ON,
                                 .arguments = {CHOICE("on|off", on_or_off)}},
	[REPLAY_HOST_RUN] = {.name = "host-run",
                             .told = "the host runs $count instructions",
                             .amounts = HOST_RUN_MOST},
	[REPLAY_FAIL_CREATE] = {.name = "fail-create",
                                .refused = "fail",
                                .told = "the host has no counter to give: the next creation of an "
                                        "event will fail",
                                .told_else = "the host has counters again",
                                .told_by = UINT64_MAX,
                                .arguments = {{.name = "N",
                                               .kind = ARGUMENT_COUNT,
                                               .required = true,
                                               .max = UINT32_MAX}}},
	[REPLAY_EVENT_COUNTS] = {.name = "events",
                                 .answers = ANSWERS_EVENTS,
                                 .told = "$live events live"},
	[REPLAY_FILTER] = {.name = "filter",
                           .refused = "fail",
                           .arguments = {[FILTER_ACTION] = CHOICE("ACTION", filter_action),
                                         [FILTER_MASKED] = FLAG("masked"),
                                         [FILTER_FIXED] = KEY("fixed", UINT32_MAX, 0),
                                         [FILTER_EVENTS] = {.name = "EVENT",
                                                            .kind = ARGUMENT_LIST,
                                                            .max = UINT64_MAX}}},
	[REPLAY_CPUID] = {.name = "cpuid",
                          .refused = "fail",
                          .arguments = {{.name = "KEY=VALUE", .kind = ARGUMENT_WORDS}}},
	[REPLAY_SAVE] = {.name = "save", .answers = ANSWERS_TEXT, .arguments = {WORD("NAME")}},
	[REPLAY_PUT] = {.name = "put",
                        .answers = ANSWERS_TEXT,
                        .arguments = {[PUT_NAME] = WORD("NAME"),
                                      [PUT_LEVEL] = {.name = "level",
                                                     .kind = ARGUMENT_KEY_CHOICE,
                                                     .choice = level,
                                                     .otherwise = VPMU_LEVEL_FULL},
                                      [PUT_ORDER] = {.name = "order",
                                                     .kind = ARGUMENT_KEY_CHOICE,
                                                     .choice = order}}},
	[REPLAY_CLEAR] = {.name = "clear", .answers = ANSWERS_TEXT, .arguments = {WORD("NAME")}},
	[REPLAY_STATE] = {.name = "state", .answers = ANSWERS_TEXT},
};

bool replay_argument_at(enum replay_verb verb, size_t i, struct replay_argument *argument)
{
	const struct replay_row *row = &replay_rows[verb];

	if (row->amounts && i < VPMU_CLASSES) {
		*argument = (struct replay_argument)KEY(vpmu_class_name((enum vpmu_class)i),
		                                        row->amounts, 0);
		argument->required = i == VPMU_INSTRUCTIONS;
		return true;
	}
	if (row->amounts)
		i -= VPMU_CLASSES;
	if (i >= REPLAY_ROW_ARGUMENTS || !row->arguments[i].name)
		return false;
	*argument = row->arguments[i];
	return true;
}

struct replay_action replay_action_of(enum replay_verb verb)
{
	struct replay_action action = {.verb = (uint8_t)verb};
	struct replay_argument argument;

	for (size_t i = 0; replay_argument_at(verb, i, &argument); i++)
		action.argument[i].number = argument.otherwise;
	return action;
}

void replay_amounts(const struct replay_action *action, uint64_t of[VPMU_CLASSES])
{
	for (unsigned i = 0; i < VPMU_CLASSES; i++)
		of[i] = action->argument[i].number;
	if (!(action->given >> VPMU_CYCLES & 1))
		of[VPMU_CYCLES] = of[VPMU_INSTRUCTIONS];
	if (!(action->given >> VPMU_REF_CYCLES & 1))
		of[VPMU_REF_CYCLES] = of[VPMU_CYCLES];
}
