/* SPDX-License-Identifier: MIT */
/*
 * The replay language: one command a line, one answer a line. Two halves that know nothing of each
 * other's inside: the parser makes a struct replay_command of a line's text, the engine executes it
 * on a register machine. Neither prints, allocates, or reads a file.
 */
#ifndef TOOL_REPLAY_H
#define TOOL_REPLAY_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpmu/simulate.h>
#include <vpmu/vpmu.h>

enum {
	REPLAY_LINE_BYTES = 65536,   /* a longer line is refused */
	REPLAY_ANSWER_BYTES = 8192,  /* of any answer or problem, the final NUL included */
	REPLAY_PROBLEM_BYTES = 256,  /* of a problem */
	REPLAY_EVENTS = 300,         /* of one filter: KVM_PMU_EVENT_FILTER_MAX_EVENTS */
	REPLAY_WORDS = 32,           /* of a list of words */
	REPLAY_MODEL_BYTES = 1024,   /* of a model's text that cpuid can go on from */
	REPLAY_ARGUMENTS = 8,        /* of one command */
	REPLAY_STATES = 64,          /* that a replay keeps */
	REPLAY_STATE_NAME_BYTES = 64 /* of a state's name, the final NUL included */
};

/* --- The parser ------------------------------------------------------------------------------ */

enum replay_verb {
	REPLAY_MODEL,
	REPLAY_PROFILE,
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
	REPLAY_FILTER,
	REPLAY_SAVE,
	REPLAY_PUT,
	REPLAY_CLEAR,
	REPLAY_STATE,
	REPLAY_EVENT_COUNTS,
	REPLAY_FAIL_CREATE,
	REPLAY_CPUID,
	REPLAY_VERBS
};

/* Where each argument of a command is kept. */
enum { MSR_INDEX, MSR_VALUE };
enum { RDPMC_ECX, RDPMC_CPL, RDPMC_PCE };
enum { RUN_CPL = VPMU_SLOTS }; /* 0 to VPMU_LLC_MISSES: the amounts, by class */
enum { EMULATE_BRANCH, EMULATE_CPL };
enum { FILTER_ACTION, FILTER_MASKED, FILTER_FIXED, FILTER_EVENTS };
enum { FILTER_ALLOW, FILTER_DENY, FILTER_NONE }; /* FILTER_ACTION's choices */
enum { PUT_NAME, PUT_LEVEL, PUT_ORDER };

union replay_value {
	uint64_t number; /* of a choice: which; of a flag: 1; of a list: its length */
	const char *word;
};

/* A line's command. Words point into the line's buffer. */
struct replay_command {
	enum replay_verb verb;
	uint32_t given;       /* bit i: argument i was typed, not a default */
	const char *expected; /* "expect COMMAND = ANSWER": the answer, else NULL */
	union replay_value argument[REPLAY_ARGUMENTS];
	uint64_t events[REPLAY_EVENTS];  /* of a filter; there may be more, which are not kept */
	const char *words[REPLAY_WORDS]; /* of a list of words */
};

enum replay_parsed { REPLAY_BLANK, REPLAY_COMMAND, REPLAY_PROBLEM };

/*
 * Parses one line, without its newline. The buffer has one byte more, line[length], and is changed.
 * problem: REPLAY_PROBLEM_BYTES, says what is wrong in one line without control bytes.
 */
enum replay_parsed replay_parse(char *line, size_t length, struct replay_command *command,
                                char *problem);

/* The verb's name, as typed. */
const char *replay_verb_name(enum replay_verb verb);

/* --- The engine ------------------------------------------------------------------------------ */

struct replay_answer {
	size_t length;
	char text[REPLAY_ANSWER_BYTES];
};

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
	char model_text[REPLAY_MODEL_BYTES]; /* as typed; cut when it is longer */
	size_t register_count;
	struct vpmu_register registers[VPMU_MAX_REGISTERS];
	unsigned state_count;
	struct replay_state states[REPLAY_STATES];
	bool vcpu_exists;   /* a command needed it */
	bool lost_counters; /* cpuid took some away */
	unsigned filter;    /* which of these is set, or was last */
	struct vpmu_filter filters[2];
	struct replay_command command; /* the line being executed */
};

enum replay_result {
	REPLAY_NOTHING,  /* a blank or comment line: no answer */
	REPLAY_ANSWERED, /* answer->text is the answer */
	REPLAY_DIFFERS,  /* the same, of an `expect` that did not hold */
	REPLAY_BAD       /* answer->text is the problem; nothing was executed */
};

/* The machine has this model now. */
void replay_load_model(struct replay *replay, const struct vpmu_model *model);

/* Starts a replay with no model. Also starts one anew. */
void replay_init(struct replay *replay);

/* Parses and executes one line; the buffer as for replay_parse(). */
enum replay_result replay_line(struct replay *replay, char *line, size_t length,
                               struct replay_answer *answer);

#endif
