/* SPDX-License-Identifier: MIT */
/* What src/qemu shows upward: the plugin's options, which `vpmu qemu` checks before QEMU starts,
 * and what its counts are worth. */
#ifndef QEMU_ROOM_H
#define QEMU_ROOM_H

#include <vpmu/model.h>
#include <vpmu/pmu.h>
#include <vpmu/simulate.h>
#include <vpmu/state.h>

/* What a reset of the machine does to the PMU. */
enum qemu_reset {
	QEMU_RESET_MODEL, /* what the profile says of a processor's reset */
	QEMU_RESET_KEEP,  /* nothing, as VMMs have done */
};

/* The mode of SVM in which a VMRUN counts. */
enum qemu_vmrun {
	QEMU_VMRUN_GUEST, /* as on a processor */
	QEMU_VMRUN_HOST,  /* so that a guest's counts do not depend on how often it exits */
};

/* How cycles, and the events of caches and branch misses, are estimated. */
enum qemu_timing {
	QEMU_TIMING_NONE,  /* one cycle an instruction; the other events count 0 */
	QEMU_TIMING_CACHE, /* what vpmu/timing.h models */
};

/* What fault= breaks. */
struct qemu_faults {
	struct vpmu_filter filter; /* denies events; without events: no filter */
	uint32_t fail_create;      /* how many creations of perf events fail */
	uint64_t taken; /* counters that the host has: guests' writes to them are dropped */
};

struct qemu_options {
	struct vpmu_model model;
	const struct vpmu_profile *profile;
	enum qemu_reset reset;
	enum qemu_vmrun vmrun;
	enum qemu_timing timing;
	struct qemu_faults faults;
	const char *log, *stat, *timeline; /* files, "-" for stderr, or NULL */
	const char *state_in, *state_out;  /* files, or NULL */
};

/* One option: its name, its values and what it is for. */
struct qemu_option_row {
	const char *name, *values, *about;
};

/* The i-th option, or NULL past the last. */
const struct qemu_option_row *qemu_option(unsigned i);

/*
 * Reads "key=value" texts as QEMU hands them over. A key of a model ("gp=4") overrides the model's
 * own. VPMU_BAD_ARGUMENT, VPMU_INCOMPATIBLE: why says what is wrong in one line.
 */
enum vpmu_status qemu_options_parse(struct qemu_options *options, int count, char *const *texts,
                                    char *why, size_t why_bytes);

/* --- broken.c --- */

/* Adds what "WORD:NUMBERS" says; false: it is not understood. */
bool qemu_faults_read(struct qemu_faults *to, const char *text);
/* What is wrong with these faults on such a PMU; NULL: nothing. */
const char *qemu_faults_problem(const struct qemu_faults *faults, const struct vpmu_model *model,
                                const struct vpmu_profile *profile);
/* Breaks a machine, which keeps a pointer to the filter. VPMU_REFUSED: the profile has no filter
 * and no perf events. */
enum vpmu_status qemu_faults_begin(const struct qemu_faults *faults, struct vpmu_pmu *pmu);
/* Whether a write to this register is dropped. */
bool qemu_faults_take(const struct qemu_options *options, uint32_t msr);

/* What a count of the plugin is worth. */
enum qemu_counting {
	QEMU_COUNTS_NOTHING, /* the guest reads 0 */
	QEMU_ESTIMATES,
	QEMU_COUNTS, /* to the last one */
};
enum qemu_counting qemu_counting(enum vpmu_class class_);

enum { QEMU_SLOTS_PER_INSN = 4 };

/* Kinds of branches; each is of one. */
enum qemu_branch {
	QEMU_JUMP,
	QEMU_CONDITIONAL,
	QEMU_CALL,
	QEMU_RETURN,
	QEMU_FAR,
	QEMU_BRANCHES,
	QEMU_NO_BRANCH = QEMU_BRANCHES
};

/* What the plugin has counted. */
struct qemu_counts {
	uint64_t insns, loads, stores, both; /* both: counted in loads and in stores */
	uint64_t branches[QEMU_BRANCHES], not_taken;
};

/* How much of each event class these counts are. */
struct vpmu_amounts qemu_amounts(const struct qemu_counts *counts);

/* --- saved.c: a vCPU's PMU in a file --- */

/* What the plugin knows of a vCPU beyond its registers. These are words of a file, so their order
 * is fixed. */
enum qemu_fact {
	QEMU_FACT_APIC_BASE,
	QEMU_FACT_APIC_ID,
	QEMU_FACT_X2APIC,
	QEMU_FACT_LVTPC, /* in x2APIC mode */
	QEMU_FACT_IDT,
	QEMU_FACT_RDPMC, /* on its way through #UD: 1; through #GP: 2 */
	QEMU_FACT_RDPMC_LENGTH,
	QEMU_FACT_RDPMC_VALUE,
	QEMU_FACT_RDPMC_FROM,
	QEMU_FACT_PENDING, /* an answer on its way to the registers: enum pending_kind */
	QEMU_FACT_PENDING_LEAF,
	QEMU_FACT_PENDING_SUBLEAF,
	QEMU_FACT_PENDING_VALUE,
	QEMU_FACT_AGAIN, /* an interrupted instruction (REP) that goes on and has been counted */
	QEMU_FACT_AGAIN_AT,
	QEMU_FACT_AGAIN_RING,
	QEMU_FACT_AGAIN_DATA,
	QEMU_FACT_LANDED,
	QEMU_FACT_ON_WAY,
	QEMU_FACT_OPEN,
	QEMU_FACT_PMI_DUE,
	QEMU_FACT_LATE,
	QEMU_FACTS
};

struct qemu_saved {
	struct vpmu_state state;
	bool has_facts; /* a file not written by the plugin has none */
	uint64_t facts[QEMU_FACTS];
};

/* An upper bound of what a vCPU takes in a file. */
enum { QEMU_SAVED_BYTES = 2048 };

/* The vCPU's stream (docs/stream.md) with a record of the facts. Errors as vpmu_stream_encode(). */
enum vpmu_status qemu_saved_encode(const struct qemu_saved *saved, const struct vpmu_layout *layout,
                                   uint32_t vcpu, uint8_t out[QEMU_SAVED_BYTES], size_t *used);

/*
 * Reads a file of exactly this many vCPUs, numbered from 0. VPMU_BAD_DATA, VPMU_INCOMPATIBLE,
 * VPMU_BAD_ARGUMENT: why says what is wrong in one line, and part of list[] may have been filled.
 */
enum vpmu_status qemu_saved_decode(const void *data, size_t bytes, const struct vpmu_layout *layout,
                                   struct qemu_saved *list, unsigned vcpus, char *why,
                                   size_t why_bytes);

/* The name and signature of a -cpu that fits the model, as QEMU takes it; never NULL. */
const char *qemu_cpu_for(const struct vpmu_model *model);

#endif
