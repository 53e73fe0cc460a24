/* SPDX-License-Identifier: MIT */
/*
 * What can be done to a virtual PMU (actions), and the replay language for it: one action per line,
 * one answer per line. An action is a row of one table: its word, its arguments, its kind of
 * answer, and a sentence for stories. The parser and the printer work by that table. Each subject
 * has a function for every action: the register machine here, the kernel's own code in src/kernel.
 * Nothing here allocates, prints, or reads a file.
 */
#ifndef REPLAY_ROOM_H
#define REPLAY_ROOM_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <base/room.h>
#include <vpmu/simulate.h>
#include <vpmu/vpmu.h>

enum {
	REPLAY_LINE_BYTES = 65536,  /* a longer line is refused */
	REPLAY_ANSWER_BYTES = 8192, /* of any answer or problem, the final NUL included */
	REPLAY_PROBLEM_BYTES = 256, /* of a problem */
	REPLAY_EVENTS = 300,        /* of one filter: KVM_PMU_EVENT_FILTER_MAX_EVENTS */
	REPLAY_WORDS = 32,          /* of a list of words */
	REPLAY_MODEL_BYTES = 1024,  /* of a model's text that cpuid can go on from */
	REPLAY_ROW_ARGUMENTS = 4,   /* of one row of the table */
	/* Of one action: it may have an amount for each class, and then those of its row. */
	REPLAY_ARGUMENTS = VPMU_CLASSES + REPLAY_ROW_ARGUMENTS,
	REPLAY_STATES = 64,           /* that a replay keeps */
	REPLAY_STATE_NAME_BYTES = 64, /* of a state's name, the final NUL included */
	REPLAY_UNCOUNTED = 64         /* events that count nothing, each reported once */
};

/* --- Actions --------------------------------------------------------------------------------- */

enum replay_verb {
	REPLAY_MODEL,
	REPLAY_PROFILE,
	REPLAY_HOST,
	REPLAY_CAP_PMU_DISABLE, /* these come before the vCPU; the rest needs it */
	REPLAY_WRMSR,
	REPLAY_RDMSR,
	REPLAY_HOST_WRMSR,
	REPLAY_HOST_RDMSR,
	REPLAY_RDPMC,
	REPLAY_LVTPC,
	REPLAY_ENTER,
	REPLAY_RUN,
	REPLAY_EMULATE,
	REPLAY_SCHEDULE,
	REPLAY_RESET,
	REPLAY_SVM,
	REPLAY_EXCLUDE_HOST,
	REPLAY_HOST_RUN,
	REPLAY_FAIL_CREATE,
	REPLAY_EVENT_COUNTS,
	REPLAY_FILTER,
	REPLAY_CPUID,
	REPLAY_SAVE,
	REPLAY_PUT,
	REPLAY_CLEAR,
	REPLAY_STATE,
	REPLAY_VERBS
};

/* The index of each argument in an action. */
enum { MSR_INDEX, MSR_VALUE };
enum { RDPMC_ECX, RDPMC_CPL, RDPMC_PCE };
enum { RUN_CPL = VPMU_CLASSES }; /* before it the amounts, by class */
enum { EMULATE_BRANCH, EMULATE_CPL };
enum { FILTER_ACTION, FILTER_MASKED, FILTER_FIXED, FILTER_EVENTS };
enum { FILTER_ALLOW, FILTER_DENY, FILTER_NONE }; /* FILTER_ACTION's choices */
enum { PUT_NAME, PUT_LEVEL, PUT_ORDER };
enum { SWITCH_OFF, SWITCH_ON }; /* the choices of exclude-host */

union replay_value {
	uint64_t number; /* of a choice: which; of a flag: 1; of a list: its length */
	const char *word;
};

struct replay_action {
	uint8_t verb;   /* enum replay_verb */
	uint64_t given; /* bit i: argument i was given, and is not a default */
	union replay_value argument[REPLAY_ARGUMENTS];
};

/* An answer. The action's row says which members are used. */
struct replay_reply {
	enum vpmu_status status;
	uint64_t value;
	struct vpmu_outcome outcome;
	struct vpmu_event_counts events;
};

/* Does an action to a machine. */
typedef struct replay_reply replay_act(struct vpmu_pmu *pmu, const struct replay_action *action);

enum replay_argument_kind {
	ARGUMENT_NUMBER, /* a number; kinds up to ARGUMENT_CHOICE are positional */
	ARGUMENT_COUNT,  /* a number that is printed in decimal */
	ARGUMENT_MSR,    /* an MSR's number */
	ARGUMENT_VALUE,  /* a register's: a number, or a selector's event */
	ARGUMENT_WORD,   /* any word */
	ARGUMENT_CHOICE, /* one of the words of `choice` */
	ARGUMENT_KEY,    /* name=COUNT */
	ARGUMENT_KEY_CHOICE,
	ARGUMENT_FLAG,  /* its name alone */
	ARGUMENT_LIST,  /* all further words are events: numbers, or names */
	ARGUMENT_WORDS, /* all further words */
};

struct replay_argument {
	const char *name; /* NULL: the end of the list */
	enum replay_argument_kind kind;
	bool required;
	uint64_t max;
	uint64_t otherwise; /* the value when not given */
	name_at *choice;    /* the words; its list is not used */
};

enum replay_answers {
	ANSWERS_OK,     /* or how it was refused */
	ANSWERS_VALUE,  /* or how it was refused */
	ANSWERS_PMIS,   /* pmi=N masked=N */
	ANSWERS_EVENTS, /* live=N created=N … */
	ANSWERS_TEXT,   /* a text that only a replay can produce */
};

struct replay_row {
	const char *name; /* as typed */
	enum replay_answers answers;
	const char *refused; /* the answer if the status is not VPMU_OK */
	/*
	 * Sentences for stories: $register and $value are arguments, $got is what was read, $pmis
	 * and $live the result. told_else is used if the argument has none of the bits `told_by`.
	 */
	const char *told, *told_else;
	uint64_t told_by;
	/* How much of a class may happen: the first arguments are then "CLASS=N", by class. */
	uint64_t amounts;
	struct replay_argument arguments[REPLAY_ROW_ARGUMENTS]; /* positional ones first */
};

extern const struct replay_row replay_rows[REPLAY_VERBS];

/* The action's i-th argument into *argument, by the same numbers as in struct replay_action.
 * False: past the last. */
bool replay_argument_at(enum replay_verb verb, size_t i, struct replay_argument *argument);

/* The amounts of a run, by class: cycles that are not given are as many as instructions, reference
 * cycles as many as cycles. */
void replay_amounts(const struct replay_action *action, uint64_t of[VPMU_CLASSES]);

/* By verb; NULL: the action needs more than the machine. */
extern replay_act *const replay_acts[REPLAY_VERBS];

/* An action with its arguments' defaults. */
struct replay_action replay_action_of(enum replay_verb verb);

/* Makes an action: an access to an MSR. */
static inline struct replay_action replay_access(enum replay_verb verb, uint32_t msr,
                                                 uint64_t value)
{
	return (struct replay_action){.verb = (uint8_t)verb,
	                              .given = 3,
	                              .argument = {[MSR_INDEX] = {msr}, [MSR_VALUE] = {value}}};
}

/* An action whose first argument is a number, or that has none. */
static inline struct replay_action replay_simple(enum replay_verb verb, uint64_t number)
{
	return (struct replay_action){.verb = (uint8_t)verb, .given = 1, .argument = {{number}}};
}

/* --- The language ---------------------------------------------------------------------------- */

struct replay_answer {
	size_t length;
	char text[REPLAY_ANSWER_BYTES];
};

/* A line's command. Words point into the line's buffer. */
struct replay_command {
	struct replay_action action;
	const char *expected;            /* "expect COMMAND = ANSWER": the answer, else NULL */
	uint64_t events[REPLAY_EVENTS];  /* of a filter; further ones are counted but not kept */
	const char *words[REPLAY_WORDS]; /* of a list of words */
};

enum replay_parsed { REPLAY_BLANK, REPLAY_COMMAND, REPLAY_PROBLEM };

/* Names that a line may use in place of numbers: registers, and the model's events. */
struct replay_names {
	const struct vpmu_model *model; /* NULL: there is none yet */
	const struct vpmu_register *registers;
	size_t count;
};

/*
 * Parses one line, without its newline. The buffer must have one byte more, line[length]; it is
 * changed. names: NULL takes numbers only.
 * problem: REPLAY_PROBLEM_BYTES, says what is wrong in one line without control bytes.
 */
enum replay_parsed replay_parse(char *line, size_t length, const struct replay_names *names,
                                struct replay_command *command, char *problem);

/* Adds the command's text, without `expect`; arguments that were not given are left out. */
void replay_print(const struct replay_command *command, struct replay_answer *text);

/* Replaces the answer by "ok" if it is the expected one; otherwise by "expected … got …", and
 * returns false. Numbers are equal in any base: 10, 0xa, 0x0a. */
bool replay_expect(struct replay_answer *answer, const char *expected);

/* Adds an action's answer. */
void replay_print_reply(enum replay_verb verb, const struct replay_reply *reply,
                        struct replay_answer *text);

/* --- A replay on a register machine ---------------------------------------------------------- */

/* A state that was saved or cleared. */
struct replay_state {
	char name[REPLAY_STATE_NAME_BYTES];
	struct vpmu_state state;
};

struct replay {
	alignas(VPMU_PMU_ALIGN) unsigned char memory[VPMU_PMU_BYTES];
	struct vpmu_pmu *pmu; /* NULL until the first command after model and profile */
	enum replay_stage { REPLAY_NO_MODEL, REPLAY_HAS_MODEL, REPLAY_HAS_PROFILE } stage;
	const struct vpmu_profile *profile;
	struct vpmu_model model;
	struct vpmu_host host; /* under a Linux profile */
	bool host_given;
	char model_text[REPLAY_MODEL_BYTES]; /* as typed; cut when it is longer */
	size_t register_count;
	struct vpmu_register registers[VPMU_MAX_REGISTERS];
	unsigned state_count;
	struct replay_state states[REPLAY_STATES];
	bool vcpu_exists;   /* a command needed it */
	bool lost_counters; /* cpuid took some away */
	unsigned filter;    /* which of the two is set, or was last */
	struct vpmu_filter filters[2];
	unsigned uncounted_count;
	uint64_t uncounted[REPLAY_UNCOUNTED];
	struct replay_command command; /* the line being executed */
};

enum replay_result {
	REPLAY_NOTHING,  /* a blank or comment line: no answer */
	REPLAY_ANSWERED, /* answer->text is the answer */
	REPLAY_DIFFERS,  /* the same, for an `expect` that did not hold */
	REPLAY_BAD       /* answer->text is the problem; nothing was executed */
};

/* Starts a replay without a model. Can also restart one. */
void replay_init(struct replay *replay);

/* Parses and executes one line; the buffer as for replay_parse(). */
enum replay_result replay_line(struct replay *replay, char *line, size_t length,
                               struct replay_answer *answer);

/*
 * Call after a line was answered, until it returns false: finds a selector (*reg, and its value)
 * that now enables an event that this machine does not count, if that event has not been reported
 * before.
 */
bool replay_uncounted(struct replay *replay, struct vpmu_register *reg, uint64_t *selector);

#endif
