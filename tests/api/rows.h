/* SPDX-License-Identifier: MIT */
/*
 * What each exported function answers to a NULL, an unknown name and a buffer that is too small: a
 * row a function. A row calls it with each pointer that it needs missing in turn.
 */
#ifndef TESTS_API_ROWS_H
#define TESTS_API_ROWS_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <vpmu/simulate.h>
#include <vpmu/vpmu.h>

struct row {
	const char *symbol;
	void (*answers)(void);
};

struct rows {
	const struct row *at;
	size_t count;
};

extern const struct rows model_rows, pmu_rows, meter_rows, state_rows, judge_rows, stream_rows,
	kvm_rows;

#define ROWS(name, table) const struct rows name = {table, sizeof(table) / sizeof((table)[0])}

/* Good arguments, the same for all rows: an intel-v2 on profile hardware, after reset. */
struct good {
	struct vpmu_model model;
	struct vpmu_layout layout;
	struct vpmu_state state;
	struct vpmu_plan plan; /* of a full put in order safe */
	struct vpmu_pmu *pmu;
	struct vpmu_target target; /* that machine */
	const struct vpmu_profile *hardware;
	const struct vpmu_order *safe;
};

/* Made anew at each call. */
struct good *good(void);

#define REJECTS(call)      assert_int_equal(call, VPMU_BAD_ARGUMENT)
#define OUTCOME_NONE(call) assert_true(outcome_is_none(call))

static inline int outcome_is_none(struct vpmu_outcome outcome)
{
	return !outcome.pmi && !outcome.masked && !outcome.overflowed;
}

#endif
