/* SPDX-License-Identifier: MIT */
/* What src/qemu shows upward: the plugin's options, which `vpmu qemu` checks before QEMU starts,
 * and what its counts are worth. */
#ifndef QEMU_ROOM_H
#define QEMU_ROOM_H

#include <vpmu/model.h>
#include <vpmu/pmu.h>
#include <vpmu/simulate.h>

/* What a reset of the machine does to the PMU. */
enum qemu_reset {
	QEMU_RESET_MODEL, /* what the profile says of a processor's reset */
	QEMU_RESET_KEEP,  /* nothing, as VMMs did */
};

/* What is broken. */
struct qemu_faults {
	struct vpmu_filter filter; /* denies events; no event: there is none */
	uint32_t fail_create;      /* so many creations of perf events fail */
	uint64_t taken; /* counters that the host has: guests' writes to them are dropped */
};

struct qemu_options {
	struct vpmu_model model;
	const struct vpmu_profile *profile;
	enum qemu_reset reset;
	struct qemu_faults faults;
	const char *log, *stat, *timeline; /* files, "-" for stderr, or NULL */
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

/* Adds what "WORD:NUMBERS" says; false: nobody understands it. */
bool qemu_faults_read(struct qemu_faults *to, const char *text);
/* What is wrong with these faults on such a PMU; NULL: nothing. */
const char *qemu_faults_problem(const struct qemu_faults *faults, const struct vpmu_model *model,
                                const struct vpmu_profile *profile);
/* Breaks a machine, which keeps a pointer to the filter. VPMU_REFUSED: the profile has no such
 * thing. */
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
	uint64_t insns, loads, stores, both; /* both: of the loads and of the stores */
	uint64_t branches[QEMU_BRANCHES], not_taken;
};

/* How much of each class that is. */
struct vpmu_amounts qemu_amounts(const struct qemu_counts *counts);

/* The name and signature of a -cpu that fits the model, as QEMU takes it; never NULL. */
const char *qemu_cpu_for(const struct vpmu_model *model);

#endif
