/* SPDX-License-Identifier: MIT */
/* What the files of src/check share among themselves. */
#ifndef CHECK_ROOM_INT_H
#define CHECK_ROOM_INT_H

#include <stdalign.h>
#include <string.h>

#include "room.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define BIT32(n)      (UINT32_C(1) << (n))
#define BIT64(n)      (UINT64_C(1) << (n))

/* Bits of selectors, the same for all vendors (Intel SDM vol. 3B figure 20-6, AMD APM vol. 2
 * 13.2.1), and of a field of IA32_FIXED_CTR_CTRL. */
#define SELECTOR_USR_OS UINT64_C(0x30000)
#define SELECTOR_INT    UINT64_C(0x100000)
#define SELECTOR_EN     UINT64_C(0x400000)
enum { FIXED_FIELD_BITS = 4, FIXED_USR_OS = 3, FIXED_INT = 8, GLOBAL_FIXED_BIT = 32 };

struct machine {
	alignas(VPMU_PMU_ALIGN) unsigned char memory[VPMU_PMU_BYTES];
};

static inline struct vpmu_pmu *pmu_of(struct machine *machine)
{
	return (struct vpmu_pmu *)machine->memory;
}

/* --- record.c: steps, done on a machine and written down --- */

enum { RECORD_STEPS = 1024 };

struct record {
	size_t count;
	uint8_t part;
	struct check_step steps[RECORD_STEPS];
};

/* What a step is: what is done, and with what. */
struct deed {
	enum check_verb verb;
	uint32_t msr;
	uint64_t value;
};

/* Does it; record may be NULL. Returns the answer. */
struct check_answer deed_do(struct vpmu_pmu *pmu, struct deed deed, struct record *record);

/* Marks the last recorded step as wrong. */
void record_expects(struct record *record, const struct check_answer *expected);

/* --- states.c --- */

/* The i-th state of the list; NULL past the last. */
const char *state_name(unsigned i);
unsigned state_count(void);
void state_make(struct vpmu_state *state, const struct vpmu_layout *layout, unsigned i);

/* Every counter counts cycles and asks for PMIs. */
void state_all_on(struct vpmu_state *state, const struct vpmu_layout *layout);

/* How many counters the state's own controls enable. */
unsigned state_counters_on(const struct vpmu_state *state, const struct vpmu_layout *layout);

/* The place of the value of a register, -1 if the layout has none such. */
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
	bool recovers;    /* a creation that fails in this write is made good later in the plan */
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
	bool skips_equal;
	unsigned variant; /* of the life */
	unsigned owed;    /* PMIs that the prior life has left */
	size_t count;
	struct write writes[VPMU_MAX_PLAN];
	/* Bit i: a creation that fails at an entry before write i is made good later. */
	uint64_t entry_recovers;
	struct vpmu_plan plan; /* the same, for vpmu_plan_apply() */
};

/* A machine as created, with nothing done. False: the profile has no such model. */
bool machine_fresh(struct machine *machine, const struct check_subject *subject);

/* --- life.c --- */

/* How many variants a life has at a level; 0: the profile cannot have it. */
unsigned life_variants(enum check_life life);

/* Makes the life on a fresh machine. False: the profile cannot have it. */
bool life_make(struct machine *machine, const struct scenario *scenario, struct record *record);

/* --- reference.c --- */

bool reference_make(struct scenario *scenario, struct machine *scratch);

/* --- judge.c --- */

/* Lets the guest run on, on a machine that may be changed. raised: PMIs since the put began.
 * Returns the properties that are violated. */
uint32_t judge(struct vpmu_pmu *pmu, const struct scenario *scenario, unsigned raised,
               bool was_refused, struct record *record);

enum { JUDGE_TRANSITIONS = 6 + RUNS }; /* of one judgement, at most */

/* --- refuse.c --- */

/* Refuses the put at each write under each policy. Returns whether the report held; if not, record
 * (not NULL) has the way. */
bool refusals_as_reported(const struct machine *life, const struct scenario *scenario,
                          struct machine *scratch, struct record *record, uint64_t *transitions);

#endif
