/* SPDX-License-Identifier: MIT */
/*
 * What can be done to a virtual PMU, and the replay language, which says it: one action a line, one
 * answer a line. An action is a row of one table: its word, its arguments, what it answers, how it
 * is told. The parser makes a command of a line's text by that table, and the printer a line of a
 * command; whoever does actions has a function for each: the register machine here, and in
 * src/kernel the kernel's own code. Nothing here allocates, prints, or reads a file.
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
	/* Of one action: an amount of each class may come before those of its row. */
	REPLAY_ARGUMENTS = VPMU_CLASSES + REPLAY_ROW_ARGUMENTS,
	REPLAY_STATES = 64,           /* that a replay keeps */
	REPLAY_STATE_NAME_BYTES = 64, /* of a state's name, the final NUL included */
	REPLAY_UNCOUNTED = 64         /* events that count nothing, each told once */
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

/* Where each argument of an action is kept. */
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
	uint64_t given; /* bit i: argument i was given, it is not a default */
	union replay_value argument[REPLAY_ARGUMENTS];
};

/* What was answered; which of it, the action's row says. */
struct replay_reply {
	enum vpmu_status status;
	uint64_t value;
	struct vpmu_outcome outcome;
	struct vpmu_event_counts events;
};

/* Does an action to a machine. */
typedef struct replay_reply replay_act(struct vpmu_pmu *pmu, const struct replay_action *action);

enum replay_argument_kind {
	ARGUMENT_NUMBER, /* to ARGUMENT_CHOICE, in their places: a number */
	ARGUMENT_COUNT,  /* one that people count in decimal */
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
	const char *name; /* NULL: the row is empty, the last was before */
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
	ANSWERS_TEXT,   /* what only a replay can say */
};

struct replay_row {
	const char *name; /* as typed */
	enum replay_answers answers;
	const char *refused; /* the answer to what is not VPMU_OK */
	/*
	 * A sentence on it: $register and $value are its arguments, $got what was read, $pmis and
	 * $live what it came to. The second is for an action whose argument has none of the bits
	 * `told_by`.
	 */
	const char *told, *told_else;
	uint64_t told_by;
	/* How much of a class may happen: the first arguments are then "CLASS=N", by class. */
	uint64_t amounts;
	struct replay_argument arguments[REPLAY_ROW_ARGUMENTS]; /* those in their places first */
};

extern const struct replay_row replay_rows[REPLAY_VERBS];

/* The action's i-th argument into *argument, by the same numbers as in struct replay_action.
 * False: past the last. */
bool replay_argument_at(enum replay_verb verb, size_t i, struct replay_argument *argument);

/* The amounts of a run, by class: cycles that are not given are as many as instructions, reference
 * cycles as many as cycles. */
void replay_amounts(const struct replay_action *action, uint64_t of[VPMU_CLASSES]);

/* By verb; NULL: it takes more than the machine. */
extern replay_act *const replay_acts[REPLAY_VERBS];

/* An action with its arguments' defaults. */
struct replay_action replay_action_of(enum replay_verb verb);

/* An access to an MSR; that much of the guest or the host, with as many cycles. */
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
	uint64_t events[REPLAY_EVENTS];  /* of a filter; there may be more, which are not kept */
	const char *words[REPLAY_WORDS]; /* of a list of words */
};

enum replay_parsed { REPLAY_BLANK, REPLAY_COMMAND, REPLAY_PROBLEM };

/* What a line may call by its name, in place of a number: registers, and the model's events. */
struct replay_names {
	const struct vpmu_model *model; /* NULL: there is none yet */
	const struct vpmu_register *registers;
	size_t count;
};

/*
 * Parses one line, without its newline. The buffer has one byte more, line[length], and is changed.
 * names: NULL takes numbers only.
 * problem: REPLAY_PROBLEM_BYTES, says what is wrong in one line without control bytes.
 */
enum replay_parsed replay_parse(char *line, size_t length, const struct replay_names *names,
                                struct replay_command *command, char *problem);

/* Adds the command as it would be typed, without what it expects; arguments that were not given
 * are left out. */
void replay_print(const struct replay_command *command, struct replay_answer *text);

/* Makes an answer "ok" if it is the expected one, or "expected … got …": false. Numbers are equal
 * in any base: 10, 0xa, 0x0a. */
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
	unsigned filter;    /* which of these is set, or was last */
	struct vpmu_filter filters[2];
	unsigned uncounted_count;
	uint64_t uncounted[REPLAY_UNCOUNTED];
	struct replay_command command; /* the line being executed */
};

enum replay_result {
	REPLAY_NOTHING,  /* a blank or comment line: no answer */
	REPLAY_ANSWERED, /* answer->text is the answer */
	REPLAY_DIFFERS,  /* the same, of an `expect` that did not hold */
	REPLAY_BAD       /* answer->text is the problem; nothing was executed */
};

/* Starts a replay with no model. Also starts one anew. */
void replay_init(struct replay *replay);

/* Parses and executes one line; the buffer as for replay_parse(). */
enum replay_result replay_line(struct replay *replay, char *line, size_t length,
                               struct replay_answer *answer);

/*
 * After a line was answered: a selector that now lets its counter count an event of which this
 * machine counts nothing, where no line before did, in *reg, and its value. False: there is none,
 * or no further one.
 */
bool replay_uncounted(struct replay *replay, struct vpmu_register *reg, uint64_t *selector);

#endif
