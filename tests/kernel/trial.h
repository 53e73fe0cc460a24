/* SPDX-License-Identifier: MIT */
/*
 * A put of a random state after a random life on the kernel's own code, beside a guest on the same
 * code that has done nothing before and simply holds the state. What the two answer from then on
 * must be the same. Nothing of vpmu's register machine and of src/check is used; only the plan and
 * who writes it are vpmu's.
 */
#ifndef KERNEL_TRIAL_H
#define KERNEL_TRIAL_H

#include <stddef.h>

#include <vpmu/vpmu.h>

#include "../arch/random_model.h"
#include <kernel/room.h>

/* What has happened to at least one counter; the others are in any condition. The names are those
 * of vpmu check. */
enum trial_life {
	TRIAL_FRESH,
	TRIAL_RUNNING,
	TRIAL_OVERFLOW_PENDING,
	TRIAL_PMI_PENDING,
	TRIAL_EMULATED,
	TRIAL_PAUSED,
	TRIAL_FAILED_CREATION,
	TRIAL_LIVES
};
extern const char *const trial_lives[TRIAL_LIVES];

struct trial_case {
	const struct kernel_subject *kernel;
	bool mediated;                    /* its vPMU is not on perf events */
	const char *model;                /* what the VMM asks for */
	const struct vpmu_layout *layout; /* of what the kernel makes of it */
	const struct vpmu_order *order;
	enum vpmu_level level;
	enum trial_life life;
	unsigned incidents; /* of `enter` and `schedule` between the writes, at most */
};

enum trial_end { TRIAL_SAME, TRIAL_LOST, TRIAL_REFUSED };

/* The same seed makes the same trial. Not TRIAL_SAME: what has a line about it. */
enum trial_end trial_run(const struct trial_case *tried, uint64_t seed, char *what,
                         size_t what_bytes);

#endif
