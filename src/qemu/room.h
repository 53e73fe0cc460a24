/* SPDX-License-Identifier: MIT */
/* What src/qemu shows upward: the plugin's options, which `vpmu qemu` checks before QEMU starts. */
#ifndef QEMU_ROOM_H
#define QEMU_ROOM_H

#include <vpmu/model.h>
#include <vpmu/pmu.h>

/* What a reset of the machine does to the PMU. */
enum qemu_reset {
	QEMU_RESET_MODEL, /* what the profile says of a processor's reset */
	QEMU_RESET_KEEP,  /* nothing, as VMMs did */
};

struct qemu_options {
	struct vpmu_model model;
	const struct vpmu_profile *profile;
	enum qemu_reset reset;
	const char *log, *stat; /* files, "-" for stderr, or NULL */
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

/* The name and signature of a -cpu that fits the model, as QEMU takes it; never NULL. */
const char *qemu_cpu_for(const struct vpmu_model *model);

#endif
