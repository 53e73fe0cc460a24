/* SPDX-License-Identifier: MIT */
/* What the files of src/check share among themselves. */
#ifndef CHECK_ROOM_INT_H
#define CHECK_ROOM_INT_H

#include <stdalign.h>
#include <string.h>

#include <arch/room.h>

#include "room.h"

#define BIT32(n) (UINT32_C(1) << (n))

/* Bits that let a counter count at all privilege levels: in a selector, and in a field of
 * IA32_FIXED_CTR_CTRL. */
#define SEL_EVERYWHERE   (SEL_USR | SEL_OS)
#define FIXED_EVERYWHERE (FIXED_USR | FIXED_OS)

struct machine {
	alignas(VPMU_PMU_ALIGN) unsigned char memory[VPMU_PMU_BYTES];
};

static inline struct vpmu_pmu *pmu_of(struct machine *machine)
{
	return (struct vpmu_pmu *)machine->memory;
}

/* --- vcpu.c: what a put acts on --- */

/* What was done to the current vCPU since it was made or loaded. */
enum { JOURNAL_STEPS = 512 };
enum origin { ORIGIN_NEW, ORIGIN_LIFE, ORIGIN_NODE };

struct journal {
	enum origin origin;
	uint32_t node;
	uint64_t total; /* actions and reads begun, ever */
	size_t count;   /* actions since then; those beyond JOURNAL_STEPS are not kept */
	bool is_reading;
	uint32_t msr; /* that is read */
	struct replay_action actions[JOURNAL_STEPS];
};

struct vcpu {
	const struct check_ops *ops;
	void *context;
	struct journal *journal; /* NULL: none is kept */
};

extern const struct check_ops register_machine; /* its context: struct machine */

/* Makes it a new vCPU. False: the model does not exist. */
bool vcpu_fresh(struct vcpu *vcpu, const struct check_subject *subject);
void vcpu_load_life(struct vcpu *vcpu, const void *saved);
void vcpu_load_node(struct vcpu *vcpu, const void *saved, uint32_t node);
struct replay_reply vcpu_act(struct vcpu *vcpu, const struct replay_action *action);

/* False: the register cannot be read; *value is then 0. */
bool vcpu_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value);

static inline void vcpu_save(struct vcpu *vcpu, void *saved)
{
	vcpu->ops->save(vcpu->context, saved);
}

static inline uint64_t vcpu_fingerprint(struct vcpu *vcpu)
{
	return vcpu->ops->fingerprint(vcpu->context);
}

/* --- record.c: executes steps and records them --- */

enum { RECORD_STEPS = 1024 };

struct record {
	size_t count;
	uint8_t part;
	struct check_step steps[RECORD_STEPS];
};

/* Executes an action and records it; record may be NULL. */
struct replay_reply step_do(struct vcpu *vcpu, struct replay_action action, struct record *record);

/* Records an action that has not returned. */
void record_begun(struct record *record, const struct replay_action *action);

/* Marks the last recorded step as wrong. */
void record_expects(struct record *record, const struct replay_reply *expected);

/* --- states.c --- */

/* A GP counter's number, or VPMU_MAX_GP + a fixed one's. */
enum { SLOTS = VPMU_MAX_GP + VPMU_MAX_FIXED };

enum { STATE_PAIR = 1 }; /* the state of the list with two and a fixed one */

/* The i-th state of the list; NULL past the last. */
const char *state_name(unsigned i);
unsigned state_count(void);
void state_make(struct vpmu_state *state, const struct vpmu_layout *layout, unsigned i);

/* The i-th state in which two counters differ: the first of the pair counts instructions, the
 * second cycles. */
const char *state_mixed_name(unsigned i);
unsigned state_mixed_count(void);
enum { STATE_MIXED_NEAR = 6 }; /* both near their overflows */
void state_mixed_make(struct vpmu_state *state, const struct vpmu_layout *layout,
                      const uint8_t pair[2], unsigned i);

/* The name of the state that a get has just read from the vCPU itself; the list has no values for
 * it. */
extern const char state_read_name[];

/* A counter's own control: its selector, or its field of IA32_FIXED_CTR_CTRL. */
uint64_t control_of_state(const struct vpmu_state *state, const struct vpmu_layout *layout,
                          unsigned slot);

/* The event's code and unit mask. */
uint64_t event_of(const struct vpmu_layout *layout, bool cycles);

/* How many counters the state's own controls enable. */
unsigned state_counters_on(const struct vpmu_state *state, const struct vpmu_layout *layout);

/* The index of a register's value; -1 if the layout has no such register. */
int value_of_kind(const struct vpmu_layout *layout, enum vpmu_kind kind, unsigned index);

static inline const struct vpmu_register *stored(const struct vpmu_layout *layout, unsigned value)
{
	return &layout->registers[layout->stored[value]];
}

static inline bool is_counter(enum vpmu_kind kind)
{
	return kind == VPMU_KIND_COUNTER || kind == VPMU_KIND_FIXED_COUNTER;
}

/* --- scenario: one state, one plan, one life --- */

/* The condition of a counter before the put. */
enum condition {
	COUNTER_OFF,
	COUNTER_FAR,      /* it runs, far from its overflow */
	COUNTER_NEAR,     /* it runs, near it */
	COUNTER_OTHER,    /* it runs, on another event than the one that is put */
	COUNTER_OWES,     /* perf owes its overflow: with one event left it overflows after two */
	COUNTER_EDGE,     /* it counts edges */
	COUNTER_QUIET,    /* its overflow waits for the entry, without a PMI */
	COUNTER_PMI,      /* its overflow's PMI waits for the entry */
	COUNTER_EMULATED, /* an emulated instruction is not folded in */
	COUNTER_STOPPED,  /* by its own control; its event is paused */
	COUNTER_SWITCHED, /* the same by the global control */
	COUNTER_STARVED,  /* the creation of its event failed */
	CONDITIONS
};

enum { RUNS = 5 };

/* What the guest executes after the put: instructions of each run. */
extern const uint64_t run_lengths[RUNS];

/* What a PMU that holds the state answers. */
struct reference {
	struct vpmu_outcome entered, ran[RUNS];
	uint64_t put[VPMU_MAX_STATE], after[RUNS][VPMU_MAX_STATE];
	unsigned counters_on;
};

struct write {
	uint32_t msr;
	uint8_t value_of; /* the value that it sets, or VPMU_NO_VALUE */
	uint8_t kind;     /* enum vpmu_kind; VPMU_KINDS for no register of the model */
	bool recovers;    /* if a creation fails in this write, a later write repairs it */
	uint64_t value;
};

struct scenario {
	const struct check_subject *subject;
	const struct check_scope *scope;
	const struct vpmu_layout *layout;
	enum vpmu_level level;
	const char *state_name;
	struct vpmu_state state;
	struct reference reference;
	struct reference lived; /* is_read: how the life itself goes on */
	bool skips_equal;
	bool is_read;              /* the state is what a get reads from the prior life */
	bool is_mixed;             /* the counters of the pair differ */
	unsigned between;          /* the most incidents */
	struct vpmu_state program; /* its controls are those of the prior life's guest */
	uint8_t pair[2];           /* the slots of two counters that differ */
	uint8_t condition[SLOTS];  /* enum condition */
	unsigned owed;             /* PMIs that the prior life has left pending */
	size_t count;
	struct write writes[VPMU_MAX_PLAN];
	/* Bit i: if a creation fails at an entry before write i, a later write repairs it. */
	struct set entry_recovers;
	struct vpmu_plan plan; /* the same, for vpmu_plan_apply() */
};

/* --- sequence.c: a plan for other states --- */

/* The value of write i when the plan puts this state instead of its own. */
uint64_t sequence_value(const struct check_plan *plan, const struct vpmu_layout *layout, size_t i,
                        const struct vpmu_state *state);

/* Reduces a state to what the plan can put: registers that it does not write get the values of the
 * plan's own state. */
void sequence_state(const struct check_plan *plan, const struct vpmu_layout *layout,
                    struct vpmu_state *state);

/* Whether the plan writes every value of a state, except IA32_PERF_CAPABILITIES. */
bool sequence_is_whole(const struct check_plan *plan, const struct vpmu_layout *layout);

/* --- lives.c: the conditions of the counters --- */

/* The places at which two counters differ: how many, and the i-th pair. False: the model lacks one
 * of the pair. */
unsigned place_count(void);
bool place_choose(struct scenario *scenario, unsigned place);

/* The i-th life of the subject's kind, i below LIVES_ALIKE or LIVES_MIXED: all counters have one
 * condition, or the pair has any two. False: there is no such life. */
enum { LIVES_ALIKE = 2 * CONDITIONS, LIVES_MIXED = CONDITIONS * CONDITIONS };
bool life_alike(struct scenario *scenario, unsigned i);
bool life_mixed(struct scenario *scenario, unsigned i);

/* --- life.c --- */

/* Makes the life on a fresh vCPU. False: the profile cannot have it. */
bool life_make(struct vcpu *vcpu, const struct scenario *scenario, struct record *record);

/* --- reference.c --- */

bool reference_make(struct scenario *scenario, struct vcpu *vcpu);

/* Whether the guest gets the same PMIs. */
bool same_pmis(struct vpmu_outcome a, struct vpmu_outcome b);

/* The parts of a reference: set the registers of a fresh vCPU; let the guest run on; compare. */
void reference_hold(struct vcpu *vcpu, const struct scenario *scenario, struct record *record);
void reference_run(struct reference *reference, struct vcpu *vcpu,
                   const struct vpmu_layout *layout);
bool reference_same(const struct reference *a, const struct reference *b,
                    const struct vpmu_layout *layout);

/* --- held.c --- */

/* Whether a PMU that holds what a get reads from the saved vCPU `life` goes on as that vCPU itself
 * would. If not, record (may be NULL) has the steps on a fresh vCPU. */
bool held_as_lived(struct vcpu *vcpu, const void *life, struct scenario *scenario,
                   struct record *record);

/* --- judge.c --- */

/* Lets the guest run on. raised: PMIs since the put began. Returns the properties that are
 * violated. */
uint32_t judge(struct vcpu *vcpu, const struct scenario *scenario, unsigned raised,
               bool was_refused, struct record *record);

enum { JUDGE_TRANSITIONS = 6 + RUNS }; /* the most in one judgement */

/* --- refuse.c --- */

/* Refuses the put at each write under each policy. Returns whether the reports were true; if not,
 * record (not NULL) has the steps. */
bool refusals_as_reported(struct vcpu *vcpu, const void *life, const struct scenario *scenario,
                          struct record *record, uint64_t *transitions);

#endif
