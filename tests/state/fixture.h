/* SPDX-License-Identifier: MIT */
/* Models, states and targets for the tests of src/state. */
#ifndef TESTS_STATE_FIXTURE_H
#define TESTS_STATE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <state/room_int.h>

#include "../arch/random_model.h"

/* The i-th of the models that the tests go through: every preset, and variants with odd counts and
 * widths. NULL past the last. */
const char *test_model(size_t i);

/* The layout of a model by name; fails the test when there is no such model. */
struct vpmu_layout layout_of(const char *model);

/* A register machine, on hardware or on a profile. */
struct vpmu_pmu *machine_of(const struct vpmu_model *model);
struct vpmu_pmu *machine_on(const char *profile, const struct vpmu_model *model);

/* A state with any value that each register can hold. */
struct vpmu_state random_state(struct random *random, const struct vpmu_layout *layout);

/* A state whose every value is another than the given state's. */
struct vpmu_state other_state(const struct vpmu_state *state, const struct vpmu_layout *layout);

/* What the machine has; fails the test when it does not give all of it. */
struct vpmu_state state_of(struct vpmu_pmu *pmu, const struct vpmu_layout *layout);

/* Puts the whole state on the machine, which must take it. */
void put_whole(struct vpmu_pmu *pmu, const struct vpmu_state *state,
               const struct vpmu_layout *layout);

void assert_same_state(const struct vpmu_state *a, const struct vpmu_state *b,
                       const struct vpmu_layout *layout);

/* A target that passes accesses on to a machine, refuses some, and keeps count. */
struct moody {
	struct vpmu_target inner;
	unsigned read_calls, write_calls;
	unsigned writes;        /* accesses that were tried, refused or not */
	unsigned refused_write; /* the write of this number is refused; NONE: no such */
	uint32_t refused_msr;   /* every write of this MSR is refused; 0: no such */
	uint32_t unread_msr;    /* every read of this MSR is refused; 0: no such */
	unsigned failed_call;   /* the write call of this number fails with EIO */
	bool reads_fail;        /* every read call fails with EIO */
};
enum { NONE = 1000000 };

/* Starts with a machine and no moods. */
struct moody moody_of(struct vpmu_pmu *pmu);
struct vpmu_target moody_target(struct moody *moody);

/* Whether the order has that register of last branches or PEBS; every order has all others. */
bool order_has(const struct vpmu_order *order, const struct vpmu_layout *layout,
               const struct vpmu_register *reg);

/* Whether there is a register that it does not have. */
bool order_loses(const struct vpmu_order *order, const struct vpmu_layout *layout);

#endif
