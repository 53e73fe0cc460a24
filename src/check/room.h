/* SPDX-License-Identifier: MIT */
/*
 * What src/check shows upward: exploring, within a scope, every course that the put of a plan can
 * take on a register machine or on the kernel's own code, compared with a PMU that simply holds the
 * state. docs/check.md explains the properties, the lives, the reference and the terms.
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

/* The properties that an order can violate, as bits 1 << enum check_property. No order can keep the
 * others. */
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

/* What may happen between two writes, and between the last write and the next entry. */
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
	unsigned states;    /* how many of the list of states */
	unsigned mixed;     /* at how many places two counters differ */
	uint32_t nodes;     /* of one exploration, at most */
	uint64_t limit;     /* transitions of the whole, as estimated, at most */
};

enum { CHECK_SCOPE_BYTES = 176 };

struct check_scope check_scope_default(void);

/* Changes the scope by a text "key=value,…". False: why has the reason, in one line. */
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
 * Reads a plan: one write per line, "NAME VALUE" or "INDEX VALUE"; "expect NAME VALUE" for a
 * register that must have another value in the end than the last one written; '#' starts a comment.
 * A register that is not written must have its reset value. "model NAME" and "profile NAME" say for
 * which machine the plan was made. text may be any bytes. False: why has the reason, in one line
 * that begins with the line's number.
 */
bool check_plan_parse(struct check_plan *plan, const struct vpmu_layout *layout, const char *text,
                      size_t length, char *why, size_t why_bytes);

/* The plan's value of `key`, "model" or "profile". False: there is none, or it does not fit into
 * `bytes`. */
bool check_plan_about(const char *text, size_t length, const char *key, char *value, size_t bytes);

/* --- Exploring --- */

enum check_part { CHECK_PART_LIFE, CHECK_PART_PUT, CHECK_PART_AFTER, CHECK_PARTS };

/* One step of a counterexample. */
struct check_step {
	struct replay_action action;
	struct replay_reply got, expected;
	uint8_t part;    /* enum check_part */
	bool expects;    /* the answer was wrong; `expected` has the right one */
	bool has_value;  /* host write: the register already has the value */
	uint8_t same_as; /* wrong read: 1 + the place of the register whose value it is, or 0 */
};

/* A counterexample: the steps of a put up to the violation. */
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
	const struct vpmu_host *host;   /* under the profile; NULL: the default */
	const char *host_text;          /* as typed; NULL: the default */
	const struct vpmu_order *order; /* NULL: the plan */
	const struct check_plan *plan;
	uint8_t levels; /* bits 1 << enum vpmu_level */
	enum check_life life;
	bool first_only; /* ends at the first violation */
};

/* The registers that the VMM sees. VPMU_INCOMPATIBLE: the profile has no PMU of that model, or none
 * on this host. */
enum vpmu_status check_layout(struct vpmu_layout *layout, const struct check_subject *subject);

struct check_result {
	bool exists;       /* false: the profile cannot have this life */
	bool incomplete;   /* the scope's nodes did not suffice */
	uint32_t violated; /* bits 1 << enum check_property */
	uint64_t scenarios, transitions, peak_nodes;
	struct check_trace *shortest[CHECK_PROPERTIES]; /* of each violated property */
};

/*
 * What a put acts on if it is not a register machine: the kernel's own code. There is one current
 * vCPU, which can be saved and loaded.
 */
struct check_ops {
	size_t bytes; /* of a saved vCPU, at most */
	/* Makes the current vCPU a new one. False: the model does not exist. */
	bool (*create)(void *context, const struct check_subject *subject);
	struct replay_reply (*act)(void *context, const struct replay_action *action);
	bool (*read)(void *context, uint32_t msr, uint64_t *value); /* by the host */
	void (*save)(void *context, void *saved);
	void (*load)(void *context, const void *saved);
	/* As vpmu_pmu_fingerprint(). */
	uint64_t (*fingerprint)(void *context);
};

struct check_explorer;

/* Makes an explorer on ops, which must outlive it, as must the context; ops NULL: on a register
 * machine. Returns NULL if there is no memory. */
struct check_explorer *check_explorer_create(const struct check_scope *scope,
                                             const struct check_ops *ops, void *context);
void check_explorer_destroy(struct check_explorer *explorer);

/* The most memory that an explorer takes, in bytes. */
size_t check_explorer_memory(const struct check_scope *scope, const struct check_ops *ops);

/*
 * For ops whose code may not return. check_explorer_actions(): how many actions were begun, for a
 * watchdog. The other: after an action was left by a jump, the path to it, with the action as its
 * last step; NULL if there is no memory. The exploration is over then.
 */
uint64_t check_explorer_actions(const struct check_explorer *explorer);
struct check_trace *check_explorer_way(struct check_explorer *explorer);

/* Explores. VPMU_INCOMPATIBLE: the profile has no such model; VPMU_HOST: no memory. */
enum vpmu_status check_explore(struct check_explorer *explorer, const struct check_subject *subject,
                               struct check_result *result);

/* Frees the traces of a result, but not the result. */
void check_result_clear(struct check_result *result);

/* The most transitions that an exploration of the subject can take, if no two paths lead to the
 * same state. Saturates. Without memory errno is ENOMEM and the result is invalid. */
uint64_t check_estimate(const struct check_scope *scope, const struct check_subject *subject);

/* --- A counterexample, for people and for `vpmu replay` --- */

/* Like snprintf(): returns the full length, and cuts what does not fit. */
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
	unsigned extra; /* writes beyond one per register, the same for all that were found */
	size_t count;   /* how many hold; found[] has the first of them */
	struct check_found found[CHECK_SEARCH_FOUND];
};

/* Finds the shortest orders that violate nothing on the given subjects, whose own orders are
 * ignored. Either all subjects have global control, or none. progress may be NULL. VPMU_HOST: no
 * memory; VPMU_REFUSED: none holds. */
enum vpmu_status check_search(struct check_explorer *explorer, const struct check_subject *subjects,
                              size_t count, bool global, struct check_search *search,
                              void (*progress)(uint64_t tried));

#endif
