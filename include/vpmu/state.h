/* SPDX-License-Identifier: MIT */
/*
 * A VM's life: the state of one vCPU's PMU, read from a target (get), written back to it in some
 * order (put), reset, compared, and judged before anything is written. docs/state.md explains
 * levels, orders and policies.
 *
 *   struct vpmu_layout layout;   once a model
 *   struct vpmu_state state;     once a vCPU
 *
 *   vpmu_layout_init(&layout, &model);
 *   vpmu_state_get(&state, &layout, &target, VPMU_POLICY_ROLL_BACK, &report);
 *   vpmu_state_put(&state, &layout, &target, VPMU_LEVEL_FULL, vpmu_order_find("safe"),
 *                  VPMU_POLICY_ROLL_BACK, &report);
 *
 * Everything is plain memory that the caller provides and owns; nothing here allocates, prints,
 * keeps a global or calls anything but the target. Threads: objects that nobody changes can be
 * shared, such as one layout by all vCPUs.
 */
#ifndef VPMU_STATE_H
#define VPMU_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpmu/model.h>
#include <vpmu/pmu.h>
#include <vpmu/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
	VPMU_MAX_STATE = 144, /* values of a state */
	VPMU_MAX_PLAN = 192,  /* writes of a plan */
	VPMU_NO_VALUE = 0xff  /* value_of[] of a register that shows no value of a state */
};

/* --- Layout: which registers a model's state has ---------------------------------------------- */

/*
 * A model's registers, resolved once for many states. A state has a value for each register that
 * has a value of its own and is the PMU's to write. It has none for an alias (it shows another
 * register's), a command (it reads 0), a register that follows from others
 * (IA32_PERF_GLOBAL_INUSE), and registers of other parts of the VMM (IA32_DEBUGCTL,
 * IA32_MISC_ENABLE).
 */
struct vpmu_layout {
	struct vpmu_model model;
	bool has_global; /* global control exists */
	uint8_t register_count;
	uint8_t value_count;
	uint8_t reserved[5];
	uint8_t stored[VPMU_MAX_STATE];       /* the register of each value, ascending by MSR */
	uint8_t value_of[VPMU_MAX_REGISTERS]; /* the value that a register shows, or VPMU_NO_VALUE
	                                       */
	struct vpmu_register registers[VPMU_MAX_REGISTERS]; /* as vpmu_model_registers() */
};

/* Fills *layout; the model is copied. A model without a PMU has an empty layout. VPMU_INCOMPATIBLE:
 * the model fails vpmu_model_check(), which says why; VPMU_BAD_ARGUMENT: a NULL. The layout is then
 * empty too. */
VPMU_API enum vpmu_status vpmu_layout_init(struct vpmu_layout *layout,
                                           const struct vpmu_model *model);

/* The index in registers[] of the register with this name, spelled as in the tables ("IA32_PMC0");
 * -1: the model has no such register, or an argument is NULL. Other functions take it as
 * `place`. */
VPMU_API int vpmu_layout_find(const struct vpmu_layout *layout, const char *name);

/* The index in registers[] of the register with this MSR number; -1: the model has no such
 * register, or layout is NULL. */
VPMU_API int vpmu_layout_find_msr(const struct vpmu_layout *layout, uint32_t msr);

/*
 * The bits of `value` that the register at that place cannot hold under profile hardware; all bits
 * if there is no such place. (A kernel may refuse or take others: see vpmu_compat_judge().) A
 * register that nothing can write (IA32_PERF_CAPABILITIES, IA32_MISC_ENABLE) always has the model's
 * value: the result is the bits that differ from it. A command register holds nothing: the result
 * is the bits that it does not define.
 */
VPMU_API uint64_t vpmu_layout_excess(const struct vpmu_layout *layout, unsigned place,
                                     uint64_t value);

/* --- State ------------------------------------------------------------------------------------ */

/* The values of one vCPU's PMU: values[i] belongs to registers[stored[i]] of its model's layout.
 * Plain memory without pointers. Values beyond value_count are 0. */
struct vpmu_state {
	struct vpmu_model model;
	uint64_t values[VPMU_MAX_STATE];
};

/* Sets *state to the values after a processor reset; to zeros if the layout is NULL. */
VPMU_API void vpmu_state_reset(struct vpmu_state *state, const struct vpmu_layout *layout);

/*
 * The value that the register at that place shows: its own, or for an alias that of its original.
 * VPMU_NO_REGISTER: it shows no value of the state; VPMU_BAD_ARGUMENT: the state is another
 * model's, or a NULL. *value is unchanged on errors.
 */
VPMU_API enum vpmu_status vpmu_state_value(const struct vpmu_state *state,
                                           const struct vpmu_layout *layout, unsigned place,
                                           uint64_t *value);

/* Sets the value that the register at that place shows. VPMU_NO_REGISTER: it shows no value of the
 * state; VPMU_BAD_ARGUMENT: the state is another model's, a NULL, or the register cannot hold the
 * value (vpmu_layout_excess() says which bits). The state is unchanged on errors. */
VPMU_API enum vpmu_status vpmu_state_set(struct vpmu_state *state, const struct vpmu_layout *layout,
                                         unsigned place, uint64_t value);

/*
 * Checks that every register can hold its value: no reserved bit is set, no counter exceeds its
 * width. VPMU_BAD_DATA: one cannot, and why (may be NULL) names it; VPMU_BAD_ARGUMENT: the state is
 * another model's, or a NULL.
 */
VPMU_API enum vpmu_status vpmu_state_check(const struct vpmu_state *state,
                                           const struct vpmu_layout *layout, char *why,
                                           size_t why_bytes);

/* One register in which two states differ. */
struct vpmu_difference {
	uint8_t place; /* in the layout's registers[] */
	uint8_t reserved[7];
	uint64_t a, b;
};

/*
 * Lists the registers in which two states of one model differ, in table order. out: VPMU_MAX_STATE
 * entries; *count: how many differ. VPMU_BAD_ARGUMENT: a state is another model's, or a NULL;
 * *count is then 0.
 */
VPMU_API enum vpmu_status vpmu_state_compare(const struct vpmu_state *a, const struct vpmu_state *b,
                                             const struct vpmu_layout *layout,
                                             struct vpmu_difference *out, size_t *count);

/* --- Orders: the sequence of a put, as data --------------------------------------------------- */

enum vpmu_step_value {
	VPMU_STEP_STATE, /* write the state's value; to a command, 0 */
	VPMU_STEP_CLEAR, /* write 0 */
};

enum vpmu_step_when {
	VPMU_WHEN_ALWAYS,
	VPMU_WHEN_GLOBAL,    /* the model has global control */
	VPMU_WHEN_NO_GLOBAL, /* it has none */
};

enum vpmu_arrangement {
	VPMU_ARRANGE_ASCENDING, /* by MSR number */
	VPMU_ARRANGE_PAIRS,     /* for each index the counter, then the selector */
	VPMU_ARRANGE_LISTED,    /* as the step's list says */
};

/* `count` MSR numbers from `base` on, `stride` apart. */
struct vpmu_msr_run {
	uint32_t base;
	uint8_t count, stride;
};

/* A step writes, once each, the registers of some kinds or on a list that the model has and the
 * level includes. */
struct vpmu_step {
	uint32_t kinds;                  /* bits 1 << enum vpmu_kind; 0: the list chooses */
	const struct vpmu_msr_run *list; /* ends with a run of count 0; NULL: the kinds choose */
	uint8_t value;                   /* enum vpmu_step_value */
	uint8_t when;                    /* enum vpmu_step_when */
	uint8_t arrangement; /* enum vpmu_arrangement; with PAIRS, kinds is 0 and list is NULL */
};

struct vpmu_order {
	const char *name;
	const char *about; /* one line */
	const struct vpmu_step *steps;
	size_t step_count;
	bool skips_equal; /* the target is read first, and equal values are not written */
	bool one_by_one;  /* one call per write */
	uint8_t reserved_1[6];
	const char *who; /* a VMM that uses this order, "QEMU, Intel"; "" if none is known */
	uint8_t reserved_2[16];
};

/* The i-th order, from 0 on; NULL past the last. Static storage. */
VPMU_API const struct vpmu_order *vpmu_order_at(size_t i);

/* The order with this name ("safe"); NULL: there is none. Static storage. */
VPMU_API const struct vpmu_order *vpmu_order_find(const char *name);

/* The level with this name ("runtime", "reset", "full"); VPMU_LEVEL_NEVER: there is none. */
VPMU_API enum vpmu_level vpmu_level_find(const char *name);

/* The name of a level of a put; NULL for VPMU_LEVEL_NEVER and for values that are not a level.
 * Static storage. */
VPMU_API const char *vpmu_level_name(enum vpmu_level level);

/* --- Plan: what a put writes, in sequence ----------------------------------------------------- */

struct vpmu_write {
	uint32_t msr;
	uint8_t place; /* in the layout's registers[] */
	bool clear;    /* a VPMU_STEP_CLEAR step: value is 0 whatever the state has */
	uint64_t value;
};

struct vpmu_plan {
	const struct vpmu_order *order;
	uint8_t level; /* enum vpmu_level */
	uint8_t reserved[7];
	size_t count;
	struct vpmu_write writes[VPMU_MAX_PLAN];
};

/*
 * Makes the list of writes that put the state at a level, in an order. The values are not checked
 * here; vpmu_state_check() and the target do that. At VPMU_LEVEL_RUNTIME a plan is empty.
 * VPMU_BAD_ARGUMENT: the state is another model's, the level is not one of a put, or a NULL;
 * VPMU_INTERNAL: the order makes more writes than VPMU_MAX_PLAN. On errors the plan is empty.
 */
VPMU_API enum vpmu_status vpmu_plan_make(struct vpmu_plan *plan, const struct vpmu_state *state,
                                         const struct vpmu_layout *layout, enum vpmu_level level,
                                         const struct vpmu_order *order);

/* --- Target: what is read and written --------------------------------------------------------- */

/* An MSR and its value, laid out as struct kvm_msr_entry. */
struct vpmu_msr {
	uint32_t index;
	uint32_t reserved; /* 0 */
	uint64_t value;
};

/*
 * Host accesses with the semantics of KVM_GET_MSRS and KVM_SET_MSRS: read() and write() do them in
 * sequence and stop at the first that is refused. Both return how many were done, or a negative
 * errno if the call failed as a whole and did nothing. count is never 0, and at most `batch`.
 */
struct vpmu_target {
	int (*read)(void *context, struct vpmu_msr *msrs, unsigned count);
	int (*write)(void *context, const struct vpmu_msr *msrs, unsigned count);
	void *context;
	unsigned batch; /* the most accesses in one call; 0: no limit */
	unsigned reserved[5];
};

/* A target that accesses a register machine as its VMM. The machine must live as long as the
 * target. If pmu is NULL the target has no functions, and a put or get returns
 * VPMU_BAD_ARGUMENT. */
VPMU_API struct vpmu_target vpmu_target_machine(struct vpmu_pmu *pmu);

/* How a list of register writes compares with those that an order makes of the same values. */
struct vpmu_order_match {
	uint32_t planned; /* how many writes the order makes */
	uint32_t common;  /* length of the longest common subsequence of registers */
	uint32_t same;    /* how many writes are the same before the first that differs */
	bool is_it;       /* the list is the order */
	uint8_t place; /* the register (in the layout's registers[]) that the order writes where the
	                  list first differs; or VPMU_NO_VALUE */
	uint8_t reserved[18];
};

/*
 * Tells whether a list of writes is what the order would write to leave the same values behind.
 * writes: `count` of them, in sequence. A write to an MSR outside the layout counts as a
 * difference; IA32_PERF_CAPABILITIES is ignored, since VMMs write it together with CPUID. calls:
 * how many calls the writes came in, since an order that skips equal values makes one call for each
 * remaining write.
 * VPMU_BAD_ARGUMENT: a NULL. Other errors as vpmu_plan_make(). On errors the result says that
 * nothing matches.
 */
VPMU_API enum vpmu_status vpmu_order_compare(const struct vpmu_order *order,
                                             const struct vpmu_layout *layout,
                                             const struct vpmu_msr *writes, size_t count,
                                             size_t calls, struct vpmu_order_match *match);

/* What to do when the target refuses an access. */
enum vpmu_policy {
	VPMU_POLICY_ROLL_BACK,  /* put: read first, and write the old values back; get: leave *state
	                           unchanged */
	VPMU_POLICY_KEEP_GOING, /* go on, and list every refusal */
	VPMU_POLICY_STOP,       /* stop at the first refusal */
};

/* A refused access. name: points into the layout, so it lives as long as the layout. */
struct vpmu_refusal {
	const char *name;
	uint32_t msr;
	uint16_t position; /* in the plan; for a get or a rollback: which value of the state */
	bool unknown;      /* rollback: the old value could not be read */
	uint64_t value;    /* what was to be written; 0 for a read, or if unknown */
};

/* In what condition a put left the target. */
enum vpmu_left {
	VPMU_LEFT_UNTOUCHED,   /* nothing was written */
	VPMU_LEFT_WRITTEN,     /* the whole plan was */
	VPMU_LEFT_ROLLED_BACK, /* the old values are back */
	VPMU_LEFT_PARTIAL,     /* part of the plan was, or not all could be rolled back */
};

/* The whole result of a put or a get. */
struct vpmu_report {
	uint8_t status; /* enum vpmu_status */
	bool is_get;
	uint8_t left; /* enum vpmu_left, of a put */
	uint8_t reserved[21];
	int host_error;           /* VPMU_HOST: the errno of the call that failed */
	unsigned planned;         /* writes of the plan, values of the get */
	unsigned done;            /* accesses that the target took, rolled back or not */
	unsigned skipped;         /* writes left out because the target had the value */
	unsigned refused;         /* entries in refusals[] */
	unsigned not_rolled_back; /* entries in rollback[]: what could not be written back */
	struct vpmu_refusal refusals[VPMU_MAX_PLAN];
	struct vpmu_refusal rollback[VPMU_MAX_PLAN];
};

/*
 * Writes a plan to the target, in one call of write() unless the order, the target's batch or a
 * refusal needs more. layout: the one that the plan was made with. VPMU_OK: all was written;
 * VPMU_REFUSED: the target refused a write; VPMU_HOST: a call failed as a whole; VPMU_BAD_ARGUMENT:
 * the plan is not of the layout or was never made (vpmu_plan_make() failed), the target has no
 * functions, or the policy is not one of the enum. *report has the details, including the status.
 */
VPMU_API enum vpmu_status vpmu_plan_apply(const struct vpmu_plan *plan,
                                          const struct vpmu_layout *layout,
                                          const struct vpmu_target *target, enum vpmu_policy policy,
                                          struct vpmu_report *report);

/*
 * Writes the state to the target: vpmu_plan_make() and vpmu_plan_apply(), with their errors. If no
 * plan can be made, nothing is tried and report->left is VPMU_LEFT_UNTOUCHED.
 */
VPMU_API enum vpmu_status vpmu_state_put(const struct vpmu_state *state,
                                         const struct vpmu_layout *layout,
                                         const struct vpmu_target *target, enum vpmu_level level,
                                         const struct vpmu_order *order, enum vpmu_policy policy,
                                         struct vpmu_report *report);

/*
 * Reads every value of a state from the target, in one call of read() unless its batch or a refusal
 * needs more. VPMU_REFUSED: the target refused one or more reads; under ROLL_BACK *state is then
 * unchanged, under the other policies the values that could not be read are the reset values.
 * VPMU_HOST: a call failed as a whole; *state is unchanged. VPMU_BAD_ARGUMENT: a NULL, a target
 * without functions, or a policy that is not one of the enum; *state is unchanged. The values are
 * not checked; use vpmu_state_check(). *report has the details, including the status.
 */
VPMU_API enum vpmu_status vpmu_state_get(struct vpmu_state *state, const struct vpmu_layout *layout,
                                         const struct vpmu_target *target, enum vpmu_policy policy,
                                         struct vpmu_report *report);

/*
 * Resets the target's PMU so that no counter and no perf event goes on counting: puts the reset
 * values at level reset, in order `safe`. Errors as vpmu_plan_apply().
 */
VPMU_API enum vpmu_status vpmu_target_reset(const struct vpmu_target *target,
                                            const struct vpmu_layout *layout,
                                            enum vpmu_policy policy, struct vpmu_report *report);

/*
 * One line on a report, without a newline: "IA32_PERFEVTSEL2 (0x188): the target refused 0x600000
 * after 5 of 20 writes; rolled back". i: which line, from 0; "" past the last. A report has a line
 * for each refusal and for each value that could not be rolled back; if nothing was refused, or a
 * call failed as a whole, another line comes first. line: a buffer of `bytes`; 160 are always
 * enough.
 */
VPMU_API void vpmu_report_describe(const struct vpmu_report *report, unsigned i, char *line,
                                   size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
