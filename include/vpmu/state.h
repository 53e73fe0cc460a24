/* SPDX-License-Identifier: MIT */
/*
 * A VM's life: the state of one vCPU's PMU, read from a target (get), written back to it in some
 * order (put), reset, compared, and judged before anything is written. docs/state.md tells the
 * reasons: levels, orders, policies.
 *
 *   struct vpmu_layout layout;   once a model
 *   struct vpmu_state state;     once a vCPU
 *
 *   vpmu_layout_init(&layout, &model);
 *   vpmu_state_get(&state, &layout, &target, VPMU_POLICY_ROLL_BACK, &report);
 *   vpmu_state_put(&state, &layout, &target, VPMU_LEVEL_FULL, vpmu_order_find("safe"),
 *                  VPMU_POLICY_ROLL_BACK, &report);
 *
 * Everything is plain memory that the caller gives and owns; nothing here allocates, prints, keeps
 * a global or calls anything but the target. Threads: objects that nobody changes can be shared,
 * one layout by all vCPUs.
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
	VPMU_NO_VALUE = 0xff  /* of a register that shows no value of a state */
};

/* --- Layout: which registers a model's state has ---------------------------------------------- */

/*
 * A model's registers, resolved once for many states. A state has a value for each register that
 * keeps one of its own and is the PMU's to write: not for an alias (it shows another's), a command
 * (it reads 0), what follows from others (IA32_PERF_GLOBAL_INUSE), or what belongs to another part
 * of the VMM (IA32_DEBUGCTL, IA32_MISC_ENABLE).
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

/* The place in registers[] of a name, as the tables write it ("IA32_PMC0"); -1: the model has no
 * such register, or an argument is NULL. */
VPMU_API int vpmu_layout_find(const struct vpmu_layout *layout, const char *name);

/* The same of an MSR number. */
VPMU_API int vpmu_layout_find_msr(const struct vpmu_layout *layout, uint32_t msr);

/*
 * The bits of `value` that the register at that place cannot hold, as profile hardware has it (a
 * kernel may refuse more, or take more: vpmu_compat_judge()); all bits if there is no such place. A
 * register that nothing can write (IA32_PERF_CAPABILITIES, IA32_MISC_ENABLE) holds the model's
 * value and no other: the result is the bits that differ from it. A command register holds nothing:
 * the result is the bits that it does not define.
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
 * The value that the register at that place shows: its own, or an alias's original's.
 * VPMU_NO_REGISTER: it shows none; VPMU_BAD_ARGUMENT: the state is another model's, or a NULL.
 * *value is then unchanged.
 */
VPMU_API enum vpmu_status vpmu_state_value(const struct vpmu_state *state,
                                           const struct vpmu_layout *layout, unsigned place,
                                           uint64_t *value);

/* Sets the value that the register at that place shows. VPMU_NO_REGISTER: it shows none;
 * VPMU_BAD_ARGUMENT: the state is another model's, a NULL, or the register cannot hold the value,
 * of which vpmu_layout_excess() says which bits. The state is then unchanged. */
VPMU_API enum vpmu_status vpmu_state_set(struct vpmu_state *state, const struct vpmu_layout *layout,
                                         unsigned place, uint64_t value);

/*
 * Whether every register can hold its value: no reserved bit, nothing beyond a counter's width.
 * VPMU_BAD_DATA: one cannot, and why (may be NULL) names it; VPMU_BAD_ARGUMENT: the state is
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
 * Lists the registers in which two states of one model differ, in table order, in out[]
 * (VPMU_MAX_STATE entries), and their number in *count. VPMU_BAD_ARGUMENT: a state is another
 * model's, or a NULL; *count is then 0.
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
	VPMU_ARRANGE_PAIRS,     /* of each index the counter, then the selector */
	VPMU_ARRANGE_LISTED,    /* as the step's list says */
};

/* `count` MSR numbers from `base` on, `stride` apart. */
struct vpmu_msr_run {
	uint32_t base;
	uint8_t count, stride;
};

/* One step writes each register that it chooses once: those of some kinds, or those on a list, as
 * far as the model has them and the level takes them. */
struct vpmu_step {
	uint32_t kinds;                  /* bits 1 << enum vpmu_kind; 0: the list chooses */
	const struct vpmu_msr_run *list; /* ends with a run of count 0; NULL: the kinds choose */
	uint8_t value;                   /* enum vpmu_step_value */
	uint8_t when;                    /* enum vpmu_step_when */
	uint8_t arrangement; /* enum vpmu_arrangement; PAIRS takes no kinds and no list */
};

struct vpmu_order {
	const char *name;
	const char *about; /* one line */
	const struct vpmu_step *steps;
	size_t step_count;
	bool skips_equal; /* what the target has already is not written: it is read first */
	bool one_by_one;  /* a call for each write */
	uint8_t reserved_1[6];
	const char *who; /* the VMM that puts so, "QEMU, Intel"; "" when none is known */
	uint8_t reserved_2[16];
};

/* The i-th order, from 0 on; NULL past the last. Static storage. */
VPMU_API const struct vpmu_order *vpmu_order_at(size_t i);

/* The order of that name ("safe"); NULL: there is none. Static storage. */
VPMU_API const struct vpmu_order *vpmu_order_find(const char *name);

/* The level of that name ("runtime", "reset", "full"); VPMU_LEVEL_NEVER: there is none. */
VPMU_API enum vpmu_level vpmu_level_find(const char *name);

/* The name of a level of a put; NULL for VPMU_LEVEL_NEVER and what is no level. Static storage. */
VPMU_API const char *vpmu_level_name(enum vpmu_level level);

/* --- Plan: what a put writes, in sequence ------------------------------------------------------
 */

struct vpmu_write {
	uint32_t msr;
	uint8_t place; /* in the layout's registers[] */
	bool clear;    /* a clearing step writes it, whatever the state has */
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
 * The writes that put the state, at a level, in an order. The values are not judged here: that is
 * vpmu_state_check()'s, and the target's. At VPMU_LEVEL_RUNTIME a plan is empty.
 * VPMU_BAD_ARGUMENT: the state is another model's, the level is no level of a put, or the order is
 * NULL;
 * VPMU_INTERNAL: an order with more writes than VPMU_MAX_PLAN. The plan is then empty.
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
 * Host accesses in the shape of KVM_GET_MSRS and KVM_SET_MSRS: in sequence, ending at the first
 * that is refused. Both return how many were done before that, or a negative errno when the call
 * failed as a whole and did nothing. count is never 0, and at most `batch`.
 */
struct vpmu_target {
	int (*read)(void *context, struct vpmu_msr *msrs, unsigned count);
	int (*write)(void *context, const struct vpmu_msr *msrs, unsigned count);
	void *context;
	unsigned batch; /* the most in one call; 0: no limit */
	unsigned reserved[5];
};

/* A register machine as a target, by host accesses; it must live as long. Without a machine there
 * are no functions, and a put or get answers VPMU_BAD_ARGUMENT. */
VPMU_API struct vpmu_target vpmu_target_machine(struct vpmu_pmu *pmu);

/* How a list of register writes compares with what an order makes of the same values. */
struct vpmu_order_match {
	uint32_t planned; /* writes of the order */
	uint32_t common;  /* the longest sequence of registers that both have */
	uint32_t same;    /* writes of the list before the first that differs */
	bool is_it;       /* the list is the order */
	uint8_t place;    /* what the order writes where it differs, in the layout's registers[]; or
	                     VPMU_NO_VALUE */
	uint8_t reserved[18];
};

/*
 * Which order a list of writes is: whether it is what the order writes to leave the same values
 * behind. writes: `count`, in sequence; what is no register of the layout is another write, and
 * IA32_PERF_CAPABILITIES is passed over, which VMMs write with CPUID. calls: how many calls they
 * came in: an order that skips equal values has one for each write that is left.
 * VPMU_BAD_ARGUMENT: a NULL (as an order: none has that name). Other errors:
 * vpmu_plan_make()'s. Nothing is the same then.
 */
VPMU_API enum vpmu_status vpmu_order_compare(const struct vpmu_order *order,
                                             const struct vpmu_layout *layout,
                                             const struct vpmu_msr *writes, size_t count,
                                             size_t calls, struct vpmu_order_match *match);

/* What to do when the target refuses an access. */
enum vpmu_policy {
	VPMU_POLICY_ROLL_BACK,  /* put: read first, and write that back; get: leave the state alone
	                         */
	VPMU_POLICY_KEEP_GOING, /* go on with the rest, and list every refusal */
	VPMU_POLICY_STOP,       /* leave the rest */
};

/* A refused access. name: the layout's, lives as long as that. */
struct vpmu_refusal {
	const char *name;
	uint32_t msr;
	uint16_t position; /* in the plan; of a get or a rolled-back value: which value */
	bool unknown;      /* of a rollback: it could not be read before */
	uint64_t value;    /* that was to be written; 0 of a read, or unknown */
};

/* In what condition a put left the target. */
enum vpmu_left {
	VPMU_LEFT_UNTOUCHED,   /* nothing was written */
	VPMU_LEFT_WRITTEN,     /* the whole plan was */
	VPMU_LEFT_ROLLED_BACK, /* what was there is there again */
	VPMU_LEFT_PARTIAL,     /* some of the plan was; or not all could be rolled back */
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
 * Writes a plan to the target; one call of write() unless the order, the target's batch or a
 * refusal makes more. The layout is that of the plan. VPMU_OK; VPMU_REFUSED: the target refused a
 * write; VPMU_HOST: a call failed as a whole; VPMU_BAD_ARGUMENT: the plan is not of the layout
 * or was never made (vpmu_plan_make() failed), the target has no functions, or the policy is none.
 * *report has the details, and the status too.
 */
VPMU_API enum vpmu_status vpmu_plan_apply(const struct vpmu_plan *plan,
                                          const struct vpmu_layout *layout,
                                          const struct vpmu_target *target, enum vpmu_policy policy,
                                          struct vpmu_report *report);

/*
 * Writes the state to the target: vpmu_plan_make() and vpmu_plan_apply(), with their errors. Where
 * no plan could be made, nothing was tried: report->left is VPMU_LEFT_UNTOUCHED.
 */
VPMU_API enum vpmu_status vpmu_state_put(const struct vpmu_state *state,
                                         const struct vpmu_layout *layout,
                                         const struct vpmu_target *target, enum vpmu_level level,
                                         const struct vpmu_order *order, enum vpmu_policy policy,
                                         struct vpmu_report *report);

/*
 * Reads every value of a state from the target, in one call unless its batch or a refusal makes
 * more. VPMU_REFUSED: it refused to give one or more; under ROLL_BACK *state is then unchanged,
 * under the other policies those that are missing have their reset values. VPMU_HOST: a call failed
 * as a whole; *state is unchanged, as for VPMU_BAD_ARGUMENT: a NULL, no functions, or no policy.
 * The values are not judged: vpmu_state_check() does. *report has the details, and the status too.
 */
VPMU_API enum vpmu_status vpmu_state_get(struct vpmu_state *state, const struct vpmu_layout *layout,
                                         const struct vpmu_target *target, enum vpmu_policy policy,
                                         struct vpmu_report *report);

/*
 * Resets the target's PMU such that nothing stays alive behind it: puts the reset values at level
 * reset in order `safe`. Errors as vpmu_plan_apply().
 */
VPMU_API enum vpmu_status vpmu_target_reset(const struct vpmu_target *target,
                                            const struct vpmu_layout *layout,
                                            enum vpmu_policy policy, struct vpmu_report *report);

/*
 * One line on a report, without a newline: "IA32_PERFEVTSEL2 (0x188): the target refused 0x600000
 * after 5 of 20 writes; rolled back". i: which line, from 0; "" past the last. A report has a line
 * for each refusal and for each value that could not be rolled back, and one more, first, when
 * nothing was refused or a call failed as a whole. line: of `bytes`; 160 hold any.
 */
VPMU_API void vpmu_report_describe(const struct vpmu_report *report, unsigned i, char *line,
                                   size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
