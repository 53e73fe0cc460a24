/* SPDX-License-Identifier: MIT */
/*
 * The register machine's memory, and what the files of src/core say to each other.
 *
 * Counting is lazy. Per privilege mode and class the machine keeps how much has happened so far
 * (`total`); a tally's value is its base plus the totals of its class in the modes in which it
 * counts. So accounting a block costs the same with eleven counters as with one: for each class a
 * subtraction from `left`, the distance to the nearest overflow, and a test for a negative result.
 *
 * The classes from QUICK_CLASSES on are accounted only while a counter counts one of them ("wide");
 * otherwise their totals are meaningless.
 */
#ifndef CORE_ROOM_INT_H
#define CORE_ROOM_INT_H

#include <arch/room.h>
#include <base/room.h>
#include <core/profile.h>
#include <core/room.h>

/* A counter's place in the machine: GP counters first, then fixed counters. Behind them are the
 * tallies of IA32_PERF_METRICS (metrics.c), which are not counters and never overflow. */
enum {
	SLOT_FIXED = VPMU_MAX_GP,
	SLOT_OF_SLOTS = SLOT_FIXED + 3, /* fixed counter 3 */
	SLOT_METRICS = SLOT_FIXED + VPMU_MAX_FIXED,
	METRIC_PARTS = 4,
	SLOTS = SLOT_METRICS + METRIC_PARTS
};

/* The bits of slots of counters. */
#define COUNTER_SLOTS ((uint32_t)(BIT64(SLOT_METRICS) - 1))

/* What must be on for IA32_PERF_METRICS to count (SDM vol. 3B 20.3.9.3). */
#define METRICS_ON (STATUS_METRICS | BIT64(GLOBAL_FIXED_BIT + 3))

static inline unsigned slot_of_bit(uint32_t slots)
{
	return (unsigned)__builtin_ctz(slots);
}

/* For each slot of a bitmap. */
#define FOR_SLOTS(slot, bitmap)                                                                    \
	for (uint32_t rest_ = (bitmap), slot = rest_ ? slot_of_bit(rest_) : 0; rest_;              \
	     rest_ &= rest_ - 1, slot = rest_ ? slot_of_bit(rest_) : 0)

/* The classes that are always accounted: the first ones. */
enum { QUICK_CLASSES = VPMU_SLOTS + 1 };

/* The place in pmu->total of what never happens. */
enum { NEVER = VPMU_CLASSES, NO_MODE = 0xff };

static inline enum mode mode_of_cpl(unsigned cpl)
{
	return cpl ? MODE_USER : MODE_KERNEL;
}

/* What a tally with a threshold knows of the last cycle: whether it held the condition, which EDGE
 * looks at, and what has happened since it was complete, up to VPMU_LAST_CYCLE_MOST.
 */
struct last_cycle {
	bool level;
	uint16_t kept;
};

/* What is counted for one counter, and how much so far. Under profile hardware and mediated its
 * value is the counter's; under the other Linux profiles it is the count of the counter's perf
 * event. */
struct tally {
	uint64_t base;     /* the value; while it runs, less the totals that it counts */
	uint8_t class_;    /* enum vpmu_class: what it counts */
	uint8_t threshold; /* events a cycle that make a cycle count; 0: it counts events */
	bool invert : 1, edge : 1, equal : 1;
	bool pmi : 1;   /* an overflow asks for a PMI */
	bool level : 1; /* of the last cycle: struct last_cycle */
	uint8_t wanted; /* profile hardware: modes by its own control alone */
	uint8_t total;  /* index in pmu->total of what it counts while it runs */
	uint8_t modes;  /* BIT(mode) of the modes in which it counts now; 0: it is stopped */
	uint16_t kept;  /* of the last cycle: events kept, as in struct last_cycle */
};

/* Where a register's value is. */
enum store {
	STORE_UNKNOWN, /* not set: a bug */
	STORE_NOTHING, /* commands: reads give 0 */
	STORE_COUNTER,
	STORE_SELECTOR,
	STORE_SINGLE, /* pmu->single[kind] */
	STORE_METRICS,
	STORE_LBR,   /* pmu->single[kind], if lbr_claim() */
	STORE_INUSE, /* computed */
};

/* A row of the register table, resolved for one register of this machine. */
struct reg {
	uint8_t kind;        /* enum vpmu_kind */
	uint8_t slot;        /* counters and selectors */
	uint8_t store;       /* enum store */
	uint8_t guest, host; /* enum vpmu_access */
	uint8_t address, flags;
	uint64_t msr;
	uint64_t writable, guest_writable;
};
enum { MACHINE_REGISTERS = 96 }; /* without those of last branches */

/* The stack of last branches. Its registers are not among these (lbr.c), so that a machine
 * stays small. */
enum { LBR_PARTS = VPMU_KIND_LBR_INFO - VPMU_KIND_LBR_FROM + 1 };
struct lbr_part {
	uint32_t base;
	uint8_t stride; /* 0: there is no such part */
	uint8_t address, flags;
	uint64_t writable;
};
struct lbr {
	uint8_t count; /* entries; 0: there is no stack */
	struct lbr_part part[LBR_PARTS];
	uint64_t entry[LBR_PARTS][MAX_LBR];
};

/* Whether a write does anything but fail or be dropped. */
static inline bool access_writes(unsigned access)
{
	return access == VPMU_ACCESS_READ_WRITE || access == VPMU_ACCESS_COMMAND;
}

/* From MSR number to register: places of a hash table, which hold indices in pmu->reg. */
enum { PLACES = 256, NO_REG = MACHINE_REGISTERS };

/* A perf event of the host's kernel; its count is the slot's tally. Distances are kept as the
 * counts at which they will be used up. */
struct event {
	bool exists, active;
	bool samples;      /* false: it only counts, and its periods' ends are not reported */
	bool precise;      /* its periods' ends are full buffers of the guest's PEBS */
	struct tally what; /* what it counts while it is active */
	uint64_t sample_period;
	uint64_t period_end; /* the count at which the sample period ends */
	uint64_t wrap;       /* the count at which the hardware counter interrupts */
};

/* Linux's struct kvm_pmc. */
struct pmc {
	uint64_t counter, emulated;
	uint64_t current_config;
	bool is_paused, intr;
	struct event event;
};

enum {
	PMC_GP = 8,    /* KVM_MAX_NR_INTEL_GP_COUNTERS */
	PMC_FIXED = 3, /* KVM_MAX_NR_INTEL_FIXED_COUNTERS */
};

/* What a machine with perf events keeps beyond the registers: Linux's struct kvm_pmu. */
struct kvm_pmu {
	struct pmc pmc[PMC_GP + PMC_FIXED];
	int64_t max_period; /* x86_pmu.max_period, of the host */
	uint32_t reprogram; /* reprogram_pmi, by slot */
	uint32_t in_use;    /* pmc_in_use, by slot */
	uint32_t valid;     /* all_valid_pmc_idx, by slot */
	bool request_pmu, request_pmi;
	bool need_cleanup;
	bool has_run;
	bool is_disabled;  /* KVM_PMU_CAP_DISABLE */
	bool counts_host;  /* exclude_host is off */
	bool sees_cycles;  /* events honour edge, inv and cmask */
	bool host_runs;    /* an overflow now is the host's: its requests wait */
	bool passes_rdpmc; /* mediated: the guest's RDPMC does not exit */
	bool lbr_event;    /* lbr_desc.event: the guest has the host's last branches */
	bool lbr_passes;   /* lbr_desc.msr_passthrough */
	bool keeps_lbr;    /* 6.1: lbr_desc.records, whatever the model is now */
	uint32_t failing_creations;
	struct vpmu_event_counts counts;
	const struct vpmu_filter *filter;
};

struct vpmu_pmu {
	/* What vpmu_pmu_account() uses, close together. */
	uint64_t left[VPMU_CLASSES]; /* how much may happen in `mode` without an overflow, less 1 */
	uint64_t armed[VPMU_CLASSES]; /* what left was when it was computed */
	/* What had happened by then, in each mode and in both; the last class is NEVER. */
	uint64_t total[MODES + 1][VPMU_CLASSES + 1];
	bool is_armed;
	bool is_wide;       /* left is for all classes */
	uint8_t mode;       /* enum mode that left is for */
	uint8_t quick_mode; /* the same, but NO_MODE while it is wide */

	uint8_t reg_count;
	bool has_global;
	bool takes_pebs; /* the caller writes PEBS records */
	uint32_t epoch;
	uint32_t lvtpc;
	uint8_t svm;             /* enum vpmu_svm */
	uint32_t slots;          /* bit slot: the counter exists */
	uint32_t metrics;        /* the slots of IA32_PERF_METRICS, 0 without it */
	uint32_t running[MODES]; /* bit slot: its tally counts something in the mode */
	uint32_t wanted[MODES];  /* profile hardware: by own controls alone */
	uint64_t overflowed;     /* by global bits, since the last outcome */
	uint32_t pebs_due;       /* bit slot: a PEBS record is to be written for it */
	uint32_t on;             /* profile hardware, bit slot: the global control lets it count */
	const struct vpmu_profile *profile;
	const struct engine *engine;     /* the profile's */
	const struct response *response; /* the profile's */
	const struct rules *rules;       /* the profile's for this vendor */

	uint64_t single[VPMU_KINDS];
	uint64_t metrics_weight; /* fixed counter 3 when IA32_PERF_METRICS was written */
	uint64_t selector[VPMU_MAX_GP];
	struct tally tally[SLOTS];
	uint64_t mask[2];   /* the bits in which a counter counts: slot_mask() */
	struct kvm_pmu kvm; /* of the Linux profiles */

	struct vpmu_host host;
	uint64_t identity;       /* fingerprint_identity() as of when the model was loaded */
	struct vpmu_model asked; /* what the VMM wants */
	struct vpmu_model model; /* what the profile makes of it */
	uint8_t place[PLACES];
	struct reg reg[MACHINE_REGISTERS + 1]; /* the last one has a number that no MSR has */
	struct lbr lbr;
};

/* --- decode.c: which register an MSR number is --- */

/* Finds places for the model's registers; false if they do not fit. */
bool decode_build(struct vpmu_pmu *pmu);

/* Adds a model's registers of last branches; false if they do not fit. */
bool decode_add_lbr(struct vpmu_pmu *pmu, const struct vpmu_model *model);

static inline unsigned place_hash(uint32_t msr)
{
	return (msr * UINT32_C(0x9e3779b1)) >> 24; /* 8 bits: PLACES */
}

/* The register of that number, or NULL. There are empty places, so that this ends. */
static inline const struct reg *decode(const struct vpmu_pmu *pmu, uint32_t msr)
{
	unsigned at = place_hash(msr);
	const struct reg *reg = &pmu->reg[pmu->place[at]];

	while (reg->msr != msr) {
		if (pmu->place[at] == NO_REG)
			return NULL;
		at = (at + 1) % PLACES;
		reg = &pmu->reg[pmu->place[at]];
	}
	return reg;
}

/* --- lbr.c: the stack of last branches --- */

/* Adds a register of an entry. */
void lbr_add(struct vpmu_pmu *pmu, const struct vpmu_register *from);

/* Every entry to 0. */
void lbr_clear(struct vpmu_pmu *pmu);

/* Before an access to a register of the stack. False: it is not the guest's now, reads give 0 and
 * writes do nothing. A read can change the machine, too: KVM then creates the stack's event. */
bool lbr_claim(const struct vpmu_pmu *pmu);

/* What becomes of a write of a value that the processor refuses: asked before lbr_claim(), which
 * may change whether the guest's access exits. */
enum vpmu_status lbr_refuse(const struct vpmu_pmu *pmu, enum vpmu_status refusal);

/* Accesses to a number for which decode() has no register. False: it is not an entry's register
 * either. */
bool lbr_read(const struct vpmu_pmu *pmu, uint32_t msr, uint64_t *value);
bool lbr_write(struct vpmu_pmu *pmu, uint32_t msr, uint64_t value, enum vpmu_status refusal,
               enum vpmu_status *status);

/* What an overflow does under DEBUGCTL's freeze bit of last branches. */
void lbr_freeze(struct vpmu_pmu *pmu);

uint64_t lbr_hash(const struct vpmu_pmu *pmu, uint64_t hash);

enum vpmu_status set_lbr_depth(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value);

/* --- pmu.c --- */

/* Replaces the model and everything that follows from it. Register values stay. */
bool pmu_load_model(struct vpmu_pmu *pmu, const struct vpmu_model *model);

/* How many bits the counters have. */
void pmu_set_widths(struct vpmu_pmu *pmu, unsigned gp, unsigned fixed);

/* The slots of the counters that a guest has, whose PMU is *model, on the host. */
uint32_t existing_slots(const struct vpmu_profile *profile, const struct vpmu_host *host,
                        const struct vpmu_model *model);

/* --- fingerprint.c --- */

/* The part of the fingerprint that profile and models decide. */
uint64_t fingerprint_identity(const struct vpmu_pmu *pmu);

/* --- control.c: what selectors and control registers say of a counter --- */

static inline uint64_t slot_mask(const struct vpmu_pmu *pmu, unsigned slot)
{
	_Static_assert((int)SLOT_FIXED * 2 >= (int)SLOTS, "two masks");
	return pmu->mask[slot / SLOT_FIXED];
}

/* The slot's bit in the global registers, and the slots of such bits. */
static inline unsigned slot_global_bit(unsigned slot)
{
	return slot < SLOT_FIXED ? slot : GLOBAL_FIXED_BIT + slot - SLOT_FIXED;
}
static inline uint32_t slots_of_global_bits(uint64_t bits)
{
	uint32_t gp = (uint32_t)bits & (uint32_t)(BIT64(SLOT_FIXED) - 1);
	uint32_t fixed = (uint32_t)(bits >> GLOBAL_FIXED_BIT) << SLOT_FIXED;

	return gp | fixed;
}

/* Notes that a counter has wrapped, for the next outcome. */
static inline void note_overflow(struct vpmu_pmu *pmu, unsigned slot)
{
	pmu->overflowed |= BIT64(slot_global_bit(slot));
}

/* Adds the noted overflows to an outcome that is returned. */
static inline struct vpmu_outcome outcome_out(struct vpmu_pmu *pmu, struct vpmu_outcome outcome)
{
	outcome.overflowed |= pmu->overflowed;
	pmu->overflowed = 0;
	return outcome;
}

/* The slots whose fields in IA32_FIXED_CTR_CTRL have any of these bits: each field is folded into
 * its lowest bit, then these bits are moved together. */
static inline uint32_t slots_of_fixed_fields(uint64_t bits)
{
	_Static_assert(FIXED_BITS == 4 && VPMU_MAX_FIXED == 8, "the steps below are for these");
	bits |= bits >> 1;
	bits |= bits >> 2;
	bits &= UINT64_C(0x11111111);
	bits = (bits | bits >> 3) & UINT64_C(0x03030303);
	bits = (bits | bits >> 6) & UINT64_C(0x000f000f);
	bits = (bits | bits >> 12) & UINT64_C(0xff);
	return (uint32_t)bits << SLOT_FIXED;
}

/* The class that the host's processor counts for a guest's selector, whatever the CPUID says. */
enum vpmu_class host_event_class(const struct vpmu_pmu *pmu, uint64_t selector);

/* A tally as the counter's own control asks for it, whatever the global control says. */
struct tally control_of(const struct vpmu_pmu *pmu, unsigned slot);

/* The field of IA32_FIXED_CTR_CTRL for a fixed counter's slot. */
static inline uint64_t fixed_field(const struct vpmu_pmu *pmu, unsigned slot)
{
	return pmu->single[VPMU_KIND_FIXED_CTRL] >> (FIXED_BITS * (slot - SLOT_FIXED)) &
	       (BIT64(FIXED_BITS) - 1);
}

/* The slots that may count: global control has priority over a counter's own control, and a freeze
 * over both. */
static inline uint32_t globally_enabled_slots(const struct vpmu_pmu *pmu)
{
	if (!pmu->has_global)
		return UINT32_MAX;
	if (pmu->single[VPMU_KIND_GLOBAL_STATUS] & pmu->rules->freeze_bit)
		return 0;
	return slots_of_global_bits(pmu->single[VPMU_KIND_GLOBAL_CTRL]) |
	       ((pmu->single[VPMU_KIND_GLOBAL_CTRL] & METRICS_ON) == METRICS_ON ? pmu->metrics : 0);
}

static inline bool globally_enabled(const struct vpmu_pmu *pmu, unsigned slot)
{
	return globally_enabled_slots(pmu) >> slot & 1;
}

/* --- account.c: time passes --- */

/* Folds what was accounted since the last arming into the totals, and closes the fast path until
 * the next arming. */
void account_settle_armed(struct vpmu_pmu *pmu);

/* Call it before anything that changes what runs, a value or a total. */
static inline void account_settle(struct vpmu_pmu *pmu)
{
	if (pmu->is_armed)
		account_settle_armed(pmu);
}

/* --- tally.c --- */

/* For a counter whose value is its tally's: events until it wraps; UINT64_MAX also stands for
 * 2^64. */
uint64_t counter_distance(const struct vpmu_pmu *pmu, unsigned slot);

/* Changes such a counter: `what` is what its own control asks for, and `on` whether the global
 * control lets it count. */
void tally_control(struct vpmu_pmu *pmu, unsigned slot, const struct tally *what, bool on);

/* Switches such counters: those in `on` count as their own controls ask, the others stop. */
void tallies_switch(struct vpmu_pmu *pmu, uint32_t slots, uint32_t on);

/* Such counters have wrapped: sets their status bits. True if any of them asks for a PMI. */
bool tallies_wrap(struct vpmu_pmu *pmu, uint32_t slots);

/* What the tally has counted through the totals while it runs. */
static inline uint64_t tally_running(const struct vpmu_pmu *pmu, const struct tally *tally)
{
	uint64_t sum;

	if (!tally->modes)
		return 0;
	sum = (&pmu->total[0][0])[tally->total];
	if (pmu->is_armed && tally->modes >> pmu->mode & 1 && tally->total != NEVER)
		sum += pmu->armed[tally->class_] - pmu->left[tally->class_];
	return sum;
}

/* How much it has counted. */
static inline uint64_t tally_value(const struct vpmu_pmu *pmu, unsigned slot)
{
	const struct tally *tally = &pmu->tally[slot];

	return tally->base + tally_running(pmu, tally);
}

void tally_set(struct vpmu_pmu *pmu, unsigned slot, uint64_t value);

/* The same, of the bits that the counter has. */
void tally_write(struct vpmu_pmu *pmu, unsigned slot, uint64_t value);

/* Makes the tally count according to `what` from now on, from its present value. */
void tally_change(struct vpmu_pmu *pmu, unsigned slot, const struct tally *what);

/* --- threshold.c: CMASK, INV and EDGE --- */

/* How much a thresholded tally counts in a stretch with these events and cycles; updates *last to
 * the stretch's end. */
uint64_t threshold_events(const struct tally *tally, uint64_t events, uint64_t cycles,
                          struct last_cycle *last);

/* --- metrics.c: IA32_PERF_METRICS --- */

/* The slots of its tallies, if the model has it; else none. */
uint32_t metrics_slots(const struct vpmu_model *model);

/* The class that one of these counts. */
enum vpmu_class metrics_class(unsigned slot);

uint64_t metrics_value(const struct vpmu_pmu *pmu);

/* Fixed counter 3 has wrapped. */
void metrics_wrap(struct vpmu_pmu *pmu);

enum vpmu_status set_metrics(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value);

/* --- engine_hardware.c --- */

/* Asks for a PMI, with the freezes that come with it. */
void hardware_pmi(struct vpmu_pmu *pmu, struct vpmu_outcome *outcome);

/* --- pebs_record.c: PEBS --- */

/* The slots of counters that have overflowed and whose next event causes a record. */
uint32_t pebs_armed(const struct vpmu_pmu *pmu);

/* Before a change of which are armed. */
static inline void pebs_changes(struct vpmu_pmu *pmu)
{
	account_settle(pmu);
	pmu->epoch++;
}

/* The distances of these counters are used up: notes for which of them a record is due. Returns
 * those that have wrapped. */
uint32_t pebs_see(struct vpmu_pmu *pmu, uint32_t slots);

enum vpmu_status set_pebs_enable(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value);

/* --- setters.c: ways to write a register that every profile shares --- */

enum vpmu_status set_counter(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value);
enum vpmu_status set_low_half(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value);
enum vpmu_status set_selector(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value);
enum vpmu_status set_first_or_other(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value);
enum vpmu_status set_plain(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value);
enum vpmu_status set_fixed_ctrl(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value);
enum vpmu_status set_global_ctrl(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value);
enum vpmu_status set_status(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value);
enum vpmu_status clear_status(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value);
enum vpmu_status add_status(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value);
enum vpmu_status do_nothing(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value);

/* --- lvtpc.c --- */

/* Sends a PMI through LVTPC; if that is masked the PMI is dropped, since it is an edge and not
 * kept. */
void deliver_pmi(struct vpmu_pmu *pmu, struct vpmu_outcome *outcome);

#endif
