/* SPDX-License-Identifier: MIT */
/*
 * A second witness for what `vpmu check` says of an order: random lives, states and incidents, put
 * on a machine of the profile beside a fresh one that simply holds the state. It knows nothing of
 * src/check, and draws far beyond its scope: every counter, any value, any event, other models.
 */
#ifndef TESTS_CHECK_WITNESS_H
#define TESTS_CHECK_WITNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpmu/vpmu.h>

#include "../arch/random_model.h"

/* What must have happened to at least one counter; to the others anything may have. */
enum ordeal {
	ORDEAL_NONE,     /* a new vCPU */
	ORDEAL_RAN,      /* the guest wrote registers and ran, and nothing else happened */
	ORDEAL_OVERFLOW, /* an emulated instruction made counters without PMIs overflow */
	ORDEAL_PMI,      /* and counters with PMIs */
	ORDEAL_EMULATED, /* an instruction was emulated last */
	ORDEAL_PAUSED,   /* the guest stopped counters, and the vCPU entered */
	ORDEAL_STARVED,  /* a creation of an event failed */
	ORDEALS
};

extern const char *const ordeal_names[ORDEALS];

struct case_ {
	const struct vpmu_profile *profile;
	struct vpmu_model model; /* what the VMM asks for */
	const struct vpmu_order *order;
	enum vpmu_level level;
	enum ordeal ordeal;
	unsigned incidents; /* of `enter` and `schedule` between the writes, at most */
};

/* Puts one random state after one random life. False: something was lost or invented, and what has
 * one line about it. The same seed draws the same trial. */
bool witness_agrees(const struct case_ *tried, uint64_t seed, char *what, size_t what_bytes);

/* Whether the profile can have the ordeal. */
bool ordeal_exists(const struct vpmu_profile *profile, enum ordeal ordeal);

#endif
