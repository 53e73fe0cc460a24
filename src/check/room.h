/* SPDX-License-Identifier: MIT */
/*
 * What src/check shows upward: exploring every way that the put of a plan can go on a register
 * machine, or on the kernel's own code, within a scope, against a PMU that simply holds the state.
 * docs/check.md has the properties, the lives and the reference; the words are those of that page.
 *
 * An explorer belongs to one thread. Its memory is bounded by the scope and allocated once.
 */
#ifndef CHECK_ROOM_H
#define CHECK_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <replay/room.h>
#include <vpmu/simulate.h>
#include <vpmu/state.h>

/* --- Properties --- */

enum check_property {
	CHECK_READS_AS_PUT,
	CHECK_COUNTS,
	CHECK_NO_OVERFLOW_LOST,
	CHECK_NO_OVERFLOW_INVENTED,
	CHECK_NO_PMI_LOST,
	CHECK_NO_PMI_INVENTED,
	CHECK_NOTHING_LEFT_OVER,
	CHECK_NO_EVENT_ALIVE,
	CHECK_TWICE_IS_ONCE,
	CHECK_REFUSAL_AS_REPORTED,
	CHECK_IN_A_REGISTER,
	CHECK_PROPERTIES
};

/* Those that an order violates. The others no order can keep: bits 1 << enum check_property. */
#define CHECK_OF_ORDERS (~(UINT32_C(1) << CHECK_IN_A_REGISTER))

struct check_property_row {
	const char *name;
	char letter;       /* in the matrix */
	uint8_t levels;    /* bits 1 << enum vpmu_level at which it is claimed */
	const char *about; /* one line */
};
extern const struct check_property_row check_properties[CHECK_PROPERTIES];

/* --- Lives: what the vCPU was before the put --- */

enum check_life {
	CHECK_FRESH,
	CHECK_RUNNING,
	CHECK_OVERFLOW_PENDING,
	CHECK_PMI_PENDING,
	CHECK_EMULATED,
	CHECK_PAUSED,
	CHECK_NO_EVENT,
	CHECK_LIVES
};

struct check_life_row {
	const char *name, *about;
};
extern const struct check_life_row check_lives[CHECK_LIVES];

/* The life of that name, or CHECK_LIVES. */
enum check_life check_life_find(const char *name);

/* --- Scope --- */

/* What may fall between two writes and before the next entry. */
enum check_incident {
	CHECK_ENTER,    /* the vCPU enters the guest, which executes nothing */
	CHECK_SCHEDULE, /* its thread is scheduled out and in */
	CHECK_SHORTAGE, /* the next creation of an event fails */
	CHECK_RUN,      /* it enters the guest, which runs for a moment */
	CHECK_HOST,     /* exclude_host is off, and the host runs for a moment */
	CHECK_INCIDENTS
};

struct check_incident_row {
	const char *name, *about;
};
extern const struct check_incident_row check_incidents[CHECK_INCIDENTS];

struct check_scope {
	unsigned between;   /* incidents in one put, at most */
	uint32_t incidents; /* bits 1 << enum check_incident */
	bool twice;         /* the put is repeated */
	bool refused;       /* it is refused at each write */
	unsigned states;    /* of the list of states, how many; all at most */
	unsigned mixed;     /* of the pairs of counters that differ, how many */
	uint32_t nodes;     /* of one exploration, at most */
	uint64_t limit;     /* transitions of the whole, as estimated, at most */
};

enum { CHECK_SCOPE_BYTES = 176 };

struct check_scope check_scope_default(void);

/* Changes the scope as "key=value,…" says. False: why, in one line. */
bool check_scope_parse(struct check_scope *scope, const char *text, char *why, size_t why_bytes);

/* The scope as such a text. */
void check_scope_print(const struct check_scope *scope, char text[CHECK_SCOPE_BYTES]);

/* "between=N" and what it sets; NULL past the last. */
const char *check_scope_key(size_t i);
const char *check_scope_key_about(size_t i);

/* --- A plan of the user's own --- */

struct check_plan_write {
	uint32_t msr;
	uint64_t value;
};

/* Register writes in sequence, and the values that the registers are to have in the end. */
struct check_plan {
	size_t count;
	struct check_plan_write writes[VPMU_MAX_PLAN];
	struct vpmu_state state;
};

/*
 * Reads a plan: a write a line, "NAME VALUE" or "INDEX VALUE"; "expect NAME VALUE" for a register
 * that is to have another value in the end than the last that was written; '#' starts a comment.
 * A register that is not written is to have its reset value. "model NAME" and "profile NAME" say
 * what it was put on. text may be any bytes. False: why, in one line, with the number of the line
 * at its start.
 */
bool check_plan_parse(struct check_plan *plan, const struct vpmu_layout *layout, const char *text,
                      size_t length, char *why, size_t why_bytes);

/* What the plan says of that, "model" or "profile". False: nothing, or more than `bytes` hold. */
bool check_plan_about(const char *text, size_t length, const char *key, char *value, size_t bytes);

/* --- Exploring --- */

enum check_part { CHECK_PART_LIFE, CHECK_PART_PUT, CHECK_PART_AFTER, CHECK_PARTS };

/* One step of a counterexample. */
struct check_step {
	struct replay_action action;
	struct replay_reply got, expected;
	uint8_t part;    /* enum check_part */
	bool expects;    /* what it answered is not what it should have: expected */
	bool has_value;  /* of a host write: the register has that value already */
	uint8_t same_as; /* of a wrong read: 1 + the place of a register that should have it, or 0
	                  */
};

/* A way that a put went, up to what was wrong. */
struct check_trace {
	enum check_property property; /* CHECK_PROPERTIES: the last step did not return */
	enum vpmu_level level;
	const char *state; /* the name of the state that was put */
	unsigned incidents, rounds;
	size_t count;
	struct check_step steps[];
};

/* What is explored together: a cell of the matrix. */
struct check_subject {
	const char *model_name, *profile_name; /* as typed */
	struct vpmu_model model;               /* what the VMM asks for */
	const struct vpmu_profile *profile;
	const struct vpmu_order *order; /* NULL: the plan */
	const struct check_plan *plan;
	uint8_t levels; /* bits 1 << enum vpmu_level */
	enum check_life life;
	bool first_only; /* ends at the first violation */
};

struct check_result {
	bool exists;       /* else the profile cannot have this life */
	bool incomplete;   /* the scope's nodes did not do */
	uint32_t violated; /* bits 1 << enum check_property */
	uint64_t scenarios, transitions, peak_nodes;
	struct check_trace *shortest[CHECK_PROPERTIES]; /* of each violated property */
};

/*
 * What a put is done to when it is no register machine: the kernel's own code. One vCPU is at hand,
 * and can be saved and loaded.
 */
struct check_ops {
	size_t bytes; /* of a saved vCPU, at most */
	/* A vCPU as created, with nothing done. False: there is no such model. */
	bool (*create)(void *context, const struct check_subject *subject);
	struct replay_reply (*act)(void *context, const struct replay_action *action);
	bool (*read)(void *context, uint32_t msr, uint64_t *value); /* by the host */
	void (*save)(void *context, void *saved);
	void (*load)(void *context, const void *saved);
	/* As vpmu_pmu_fingerprint(). */
	uint64_t (*fingerprint)(void *context);
};

struct check_explorer;

/* On ops, which with its context lives longer than the explorer; NULL: on a register machine.
 * NULL: no memory. */
struct check_explorer *check_explorer_create(const struct check_scope *scope,
                                             const struct check_ops *ops, void *context);
void check_explorer_destroy(struct check_explorer *explorer);

/* The bytes that one takes, at most. */
size_t check_explorer_memory(const struct check_scope *scope, const struct check_ops *ops);

/*
 * For code that may not return, on ops: how many actions were begun, for who watches that they end;
 * and, when one was left by a jump, the way to it, whose last step it is. The exploration is over
 * then. NULL: no memory.
 */
uint64_t check_explorer_actions(const struct check_explorer *explorer);
struct check_trace *check_explorer_way(struct check_explorer *explorer);

/* Explores. VPMU_INCOMPATIBLE: the profile has no such model; VPMU_HOST: no memory. */
enum vpmu_status check_explore(struct check_explorer *explorer, const struct check_subject *subject,
                               struct check_result *result);

/* Frees the traces of a result, not itself. */
void check_result_clear(struct check_result *result);

/* How many transitions an exploration of the subject may take, at most: what the scope allows
 * without any two ways leading to the same state. Saturates; with errno ENOMEM, it is not known. */
uint64_t check_estimate(const struct check_scope *scope, const struct check_subject *subject);

/* --- A counterexample, for people and for `vpmu replay` --- */

/* The text as snprintf() does: returns the length that it has, and cuts what does not fit. */
size_t check_trace_replay(const struct check_trace *trace, const struct check_subject *subject,
                          char *text, size_t bytes);
size_t check_trace_story(const struct check_trace *trace, const struct check_subject *subject,
                         char *text, size_t bytes);

/* --- The search for an order --- */

enum { CHECK_SEARCH_STEPS = 12, CHECK_SEARCH_FOUND = 64 };

struct check_found {
	size_t step_count;
	struct vpmu_step steps[CHECK_SEARCH_STEPS];
};

struct check_search {
	uint64_t tried, transitions;
	unsigned extra; /* writes beyond one of each register, of all that were found */
	size_t count;   /* of those that hold; found[] has the first of them */
	struct check_found found[CHECK_SEARCH_FOUND];
};

/* Finds the shortest orders that violate nothing with the given subjects, whose orders are not
 * looked at. All have global control, or none. progress may be NULL. VPMU_HOST: no memory;
 * VPMU_REFUSED: none holds. */
enum vpmu_status check_search(struct check_explorer *explorer, const struct check_subject *subjects,
                              size_t count, bool global, struct check_search *search,
                              void (*progress)(uint64_t tried));

#endif
