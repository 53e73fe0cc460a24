/* SPDX-License-Identifier: MIT */
/* Explores one cell, for the tests. */
#ifndef TESTS_CHECK_EXPLORE_ONE_H
#define TESTS_CHECK_EXPLORE_ONE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <check/room_int.h>
#include <vpmu/vpmu.h>

#include "../arch/random_model.h"

/* What is put: by an order, or a plan as text, on a model and profile after a life. */
struct cell {
	const char *model, *profile, *order, *plan;
	enum vpmu_level level;
	enum check_life life;
	bool first_only;
};

/* Of many alike, one in this many is tried: VPMU_TEST_SHARE, or as many as the test says. */
unsigned test_share(unsigned usual);

/* Whether this one is among them: others each time. */
bool is_drawn(struct random *random, unsigned share);

/* A scope that shows everything that the tests are after. */
struct check_scope small_scope(void);

/* Explores; fails the test when that cannot be. The caller clears the result. */
void explore_cell(const struct cell *cell, const struct check_scope *scope,
                  struct check_subject *subject, struct check_result *result);

/* The layout of a model on a profile. */
void layout_on(struct vpmu_layout *layout, const char *model, const char *profile);

/* Fails unless the cell violates the property; the story then has the text (may be NULL). */
void assert_violates(const struct cell *cell, enum check_property property, const char *text);

#endif
