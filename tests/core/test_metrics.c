/* SPDX-License-Identifier: MIT */
/* IA32_PERF_METRICS: four shares of the slots that fixed counter 3 counts (Intel SDM vol. 3B
 * 20.3.9.3), which travel with that counter. */
#include <string.h>

#include "machine.h"

enum { METRICS = 0x329, SLOTS_COUNTER = FIXED0 + 3, RDPMC_SHARES = 0x20000000 };
#define BOTH_ON (UINT64_C(1) << 48 | UINT64_C(1) << 35)

static const struct vpmu_amounts some = {.of = {
						 [VPMU_SLOTS] = 400,
						 [VPMU_TOPDOWN_RETIRING] = 100,
						 [VPMU_TOPDOWN_SPECULATION] = 100,
						 [VPMU_TOPDOWN_FRONTEND] = 30,
						 [VPMU_TOPDOWN_BACKEND] = 170,
					 }};

/* 100/400, 100/400, 30/400, and the rest. */
#define SHARES_OF_SOME UINT64_C(0x6c134040)

static struct vpmu_pmu *counting(void)
{
	struct vpmu_pmu *pmu = machine_of("icelake");

	wr(pmu, FIXED_CTRL, 0x3000);
	wr(pmu, GLOBAL_CTRL, BOTH_ON);
	return pmu;
}

static unsigned sum_of_shares(uint64_t value)
{
	return (unsigned)((value & 0xff) + (value >> 8 & 0xff) + (value >> 16 & 0xff) +
	                  (value >> 24 & 0xff));
}

static void slots_are_shared_out(void **state)
{
	struct vpmu_pmu *pmu = counting();
	uint64_t value = 0;

	vpmu_pmu_account(pmu, &some, 0);
	assert_int_equal(rd(pmu, METRICS), SHARES_OF_SOME);
	assert_int_equal(vpmu_pmu_rdpmc(pmu, RDPMC_SHARES, 0, true, &value), VPMU_OK);
	assert_int_equal(value, SHARES_OF_SOME);
	assert_int_equal(rd(pmu, SLOTS_COUNTER), 400);
}

/* A guest may write shares that are more than the whole: the later ones are cut. */
static void shares_that_were_written_are_of_one_whole(void **state)
{
	struct vpmu_pmu *pmu = counting();

	wr(pmu, SLOTS_COUNTER, 1000);
	wr(pmu, METRICS, 0x0080ffff);
	vpmu_pmu_account(pmu, &RUN([VPMU_SLOTS] = 1000), 0);
	assert_int_equal(rd(pmu, METRICS), 0x7f000080);
	pmu = counting();
	wr(pmu, SLOTS_COUNTER, 1000);
	wr(pmu, METRICS, 0xc0c0);
	vpmu_pmu_account(pmu, &RUN([VPMU_SLOTS] = 1000), 0);
	assert_int_equal(rd(pmu, METRICS), 0x7f002060);
}

/* Shares of 0 say nothing, whatever the counter is. */
static void no_shares_have_no_weight(void **state)
{
	struct vpmu_pmu *pmu = counting();

	wr(pmu, SLOTS_COUNTER, 1000);
	wr(pmu, METRICS, 0);
	vpmu_pmu_account(pmu, &RUN([VPMU_SLOTS] = 1, [VPMU_TOPDOWN_RETIRING] = 1), 0);
	assert_int_equal(rd(pmu, METRICS), 0xff);
}

static void what_was_written_stays_until_slots_are_counted(void **state)
{
	static const uint64_t values[] = {0,          1,          0x40404040,
	                                  0xffffffff, UINT64_MAX, 0x0102030405060708};
	struct vpmu_pmu *pmu = counting();

	for (unsigned i = 0; i < 6; i++) {
		wr(pmu, METRICS, values[i]);
		assert_true(rd(pmu, METRICS) == values[i]);
		wr(pmu, SLOTS_COUNTER, i * 1000);
		assert_true(rd(pmu, METRICS) == values[i]);
	}
	vpmu_pmu_account(pmu, &some, 0);
	assert_int_equal(rd(pmu, METRICS) >> 32, 0x01020304);
}

static void counts_only_with_all_that_it_needs(void **state)
{
	static const uint64_t controls[][2] = {
		{0x3000, UINT64_C(1) << 48},
		{0x3000, UINT64_C(1) << 35},
		{0x2000, BOTH_ON},
		{0x0333, BOTH_ON},
		{0, BOTH_ON},
	};

	for (unsigned i = 0; i < 5; i++) {
		struct vpmu_pmu *pmu = machine_of("icelake");

		wr(pmu, FIXED_CTRL, controls[i][0]);
		wr(pmu, GLOBAL_CTRL, controls[i][1]);
		vpmu_pmu_account(pmu, &some, 0);
		assert_int_equal(rd(pmu, METRICS), 0);
		wr(pmu, GLOBAL_CTRL, BOTH_ON);
		wr(pmu, FIXED_CTRL, 0x1000);
		vpmu_pmu_account(pmu, &some, 0);
		assert_int_equal(rd(pmu, METRICS), SHARES_OF_SOME);
	}
}

static void what_it_needs_is_wanted(void **state)
{
	struct vpmu_pmu *pmu = counting();
	uint64_t needs = VPMU_CLASS_BIT(VPMU_SLOTS) | VPMU_CLASS_BIT(VPMU_TOPDOWN_RETIRING) |
	                 VPMU_CLASS_BIT(VPMU_TOPDOWN_SPECULATION) |
	                 VPMU_CLASS_BIT(VPMU_TOPDOWN_FRONTEND);

	assert_int_equal(vpmu_pmu_wanted(pmu), needs);
	wr(pmu, GLOBAL_CTRL, UINT64_C(1) << 35);
	assert_int_equal(vpmu_pmu_wanted(pmu), VPMU_CLASS_BIT(VPMU_SLOTS));
}

/* In the order of the manual the shares go on where they were, as well as 8 bits tell; in the other
 * they stand for no slots, and are forgotten with the first. */
static void travels_behind_fixed_counter_3(void **state)
{
	struct vpmu_pmu *from = counting(), *to = counting(), *wrong = counting();
	struct vpmu_amounts more = RUN([VPMU_TOPDOWN_RETIRING] = 300, [VPMU_SLOTS] = 300);

	vpmu_pmu_account(from, &some, 0);
	wr(to, SLOTS_COUNTER, rd(from, SLOTS_COUNTER));
	wr(to, METRICS, rd(from, METRICS));
	wr(wrong, METRICS, rd(from, METRICS));
	wr(wrong, SLOTS_COUNTER, rd(from, SLOTS_COUNTER));
	assert_int_equal(rd(to, METRICS), SHARES_OF_SOME);
	vpmu_pmu_account(from, &more, 0);
	vpmu_pmu_account(to, &more, 0);
	vpmu_pmu_account(wrong, &more, 0);
	for (unsigned shift = 0; shift < 32; shift += 8)
		assert_in_range((rd(to, METRICS) >> shift & 0xff) + 2 -
		                        (rd(from, METRICS) >> shift & 0xff),
		                0, 4);
	assert_int_equal(rd(wrong, METRICS), 0xff);
	assert_int_not_equal(rd(to, METRICS), 0xff);
}

static void a_wrap_begins_anew_from_the_same_shares(void **state)
{
	struct vpmu_pmu *pmu = counting();

	wr(pmu, SLOTS_COUNTER, (UINT64_C(1) << 48) - 400);
	vpmu_pmu_account(pmu, &some, 0);
	assert_int_equal(rd(pmu, SLOTS_COUNTER), 0);
	assert_int_equal(rd(pmu, METRICS), SHARES_OF_SOME);
	vpmu_pmu_account(pmu, &RUN([VPMU_SLOTS] = 8), 0);
	assert_int_equal(rd(pmu, METRICS), 0xff000000);
}

/* What it is made of has places behind the counters': who tells of each counter stops there. */
static void its_parts_are_no_counters(void **state)
{
	struct {
		struct vpmu_last_cycles last;
		uint8_t behind[64];
	} told;
	struct vpmu_pmu *pmu = counting();

	memset(&told, 0xff, sizeof(told));
	vpmu_pmu_last_cycles(pmu, &told.last);
	for (unsigned i = 0; i < sizeof(told.behind); i++)
		assert_int_equal(told.behind[i], 0xff);
	assert_int_equal(vpmu_pmu_set_last_cycles(pmu, &told.last), VPMU_OK);
	assert_int_equal(rd(pmu, INUSE), UINT64_C(1) << 35);
}

static void zero_begins_anew(void **state)
{
	struct vpmu_pmu *pmu = counting();

	vpmu_pmu_account(pmu, &RUN([VPMU_SLOTS] = 5000), 0);
	assert_int_equal(rd(pmu, METRICS), 0xff000000);
	wr(pmu, METRICS, 0);
	vpmu_pmu_account(pmu, &some, 0);
	assert_int_equal(rd(pmu, METRICS), SHARES_OF_SOME);
	vpmu_pmu_reset(pmu);
	assert_int_equal(rd(pmu, METRICS), 0);
}

static void a_freeze_stops_it_with_the_counters(void **state)
{
	struct vpmu_pmu *pmu = counting();

	wr(pmu, FIXED_CTRL, 0xb000);
	wr(pmu, DEBUGCTL, DEBUGCTL_FREEZE_PERFMON);
	wr(pmu, SLOTS_COUNTER, (UINT64_C(1) << 48) - 400);
	assert_int_equal(vpmu_pmu_account(pmu, &some, 0).pmi, 1);
	assert_int_equal(rd(pmu, STATUS), STATUS_CTR_FRZ | UINT64_C(1) << 35);
	vpmu_pmu_account(pmu, &RUN([VPMU_SLOTS] = 5000), 0);
	assert_int_equal(rd(pmu, METRICS), SHARES_OF_SOME);
}

static void any_amounts_add_up_to_the_whole(void **state)
{
	uint64_t seed = test_seed();

	for (unsigned i = 0; i < 2000; i++) {
		struct vpmu_pmu *pmu = counting();
		struct vpmu_amounts amounts = {{0}};

		wr(pmu, SLOTS_COUNTER, test_random(&seed) >> (16 + test_random(&seed) % 48));
		wr(pmu, METRICS, test_random(&seed));
		for (unsigned c = 0; c < VPMU_CLASSES; c++)
			amounts.of[c] = test_random(&seed) >> (10 + test_random(&seed) % 54);
		amounts.of[VPMU_SLOTS]++;
		vpmu_pmu_account(pmu, &amounts, 0);
		assert_int_equal(sum_of_shares(rd(pmu, METRICS)), 255);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_are_shared_out),
		cmocka_unit_test(shares_that_were_written_are_of_one_whole),
		cmocka_unit_test(no_shares_have_no_weight),
		cmocka_unit_test(what_was_written_stays_until_slots_are_counted),
		cmocka_unit_test(counts_only_with_all_that_it_needs),
		cmocka_unit_test(what_it_needs_is_wanted),
		cmocka_unit_test(travels_behind_fixed_counter_3),
		cmocka_unit_test(a_wrap_begins_anew_from_the_same_shares),
		cmocka_unit_test(its_parts_are_no_counters),
		cmocka_unit_test(zero_begins_anew),
		cmocka_unit_test(a_freeze_stops_it_with_the_counters),
		cmocka_unit_test(any_amounts_add_up_to_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
