/* SPDX-License-Identifier: MIT */
/* Budgets of two privilege levels that are counted side by side. */
#include <stdio.h>

#include <vpmu/meter.h>

#include "../core/machine.h"

#define KERNEL UINT64_C(0x520000)
#define USER   UINT64_C(0x510000)

static struct vpmu_meter meter;

static struct vpmu_pmu *counting(uint64_t selector, uint64_t distance)
{
	struct vpmu_pmu *pmu = machine_of("intel-v2");

	wr(pmu, SEL0, selector);
	wr(pmu, PMC0, -distance);
	assert_int_equal(vpmu_meter_init(&meter, pmu, NULL), VPMU_OK);
	return pmu;
}

static void a_counter_of_one_level_bounds_that_one(void **state)
{
	uint64_t budget[2];

	counting(USER | INSTRUCTIONS, 1000);
	vpmu_meter_budgets(&meter, 0, 1, budget);
	assert_true(budget[0] == UINT64_MAX);
	assert_int_equal(budget[1], 999);
	counting(KERNEL | BRANCHES, 1000);
	vpmu_meter_budgets(&meter, 3, 1, budget);
	assert_int_equal(budget[0], 999);
	assert_true(budget[1] == UINT64_MAX);
}

static void a_counter_of_both_bounds_the_sum(void **state)
{
	uint64_t budget[2];

	counting(SEL_ON | INSTRUCTIONS, 1601);
	vpmu_meter_budgets(&meter, 3, 1, budget);
	assert_int_equal(budget[0], 100);
	assert_int_equal(budget[1], 1500);
	vpmu_meter_budgets(&meter, 0, 1, budget);
	assert_int_equal(budget[0], 1500);
	assert_int_equal(budget[1], 100);
	counting(SEL_ON | INSTRUCTIONS, 1);
	vpmu_meter_budgets(&meter, 0, 1, budget);
	assert_int_equal(budget[0] + budget[1], 0);
}

static void nothing_wanted_bounds_nothing(void **state)
{
	uint64_t budget[2];

	counting(0, 1);
	vpmu_meter_budgets(&meter, 0, 1, budget);
	assert_true(budget[0] == UINT64_MAX && budget[1] == UINT64_MAX);
	vpmu_meter_refresh(&meter, 0, UINT64_MAX);
	assert_int_equal(vpmu_meter_wanted(&meter), 0);
}

/* --- Within the budgets nothing overflows; they come to an end near where something does ------ */

enum { SLOTS_MOST = 7 };

static const uint16_t events[] = {0xc0, 0x3c, 0x13c, 0xc4};

static void random_counters(struct vpmu_pmu *pmu, uint64_t *seed)
{
	for (unsigned i = 0; i < 3; i++) {
		uint64_t event = events[test_random(seed) % ARRAY_SIZE(events)];

		wr(pmu, SEL0 + i, BIT64(22) | event | (test_random(seed) % 4) << 16);
		wr(pmu, PMC0 + i, -(1 + test_random(seed) % 3000));
	}
}

static void random_spending(struct vpmu_pmu *pmu, uint64_t *seed, bool *overflowed)
{
	uint64_t budget[2];
	uint32_t epoch = vpmu_pmu_epoch(pmu);

	vpmu_meter_budgets(&meter, test_random(seed) % 2 ? 3 : 0, SLOTS_MOST, budget);
	for (unsigned n = 0; n < 20000 && (budget[0] || budget[1]); n++) {
		unsigned level = (unsigned)(test_random(seed) % 2);
		const struct vpmu_insn insn = {
			.slots = (uint16_t)(test_random(seed) % (SLOTS_MOST + 1)),
			.flags = test_random(seed) % 2 ? VPMU_INSN_BRANCH : 0};

		if (!budget[level])
			continue;
		budget[level]--;
		vpmu_meter_refresh(&meter, level ? 3 : 0, UINT64_MAX);
		vpmu_meter_retire(&meter, &insn);
		vpmu_meter_settle(&meter, level ? 3 : 0);
		assert_int_equal(vpmu_pmu_epoch(pmu), epoch);
	}
	/* One at a time up to where something happens. */
	for (unsigned n = 0; n < 100 && vpmu_pmu_epoch(pmu) == epoch; n++) {
		vpmu_meter_refresh(&meter, n % 2 * 3, UINT64_MAX);
		vpmu_meter_retire(&meter, &(struct vpmu_insn){.slots = SLOTS_MOST,
		                                              .flags = VPMU_INSN_BRANCH});
		vpmu_meter_settle(&meter, n % 2 * 3);
	}
	*overflowed = vpmu_pmu_epoch(pmu) != epoch;
}

static void no_counter_overflows_within_budgets(void **state)
{
	const struct vpmu_rates rates = {.width = 3, .ref_numerator = 3, .ref_denominator = 2};
	uint64_t seed = test_seed();
	unsigned near = 0;

	for (unsigned i = 0; i < 400; i++) {
		struct vpmu_pmu *pmu = machine_of("intel-v2");
		bool overflowed;

		assert_int_equal(vpmu_meter_init(&meter, pmu, &rates), VPMU_OK);
		random_counters(pmu, &seed);
		random_spending(pmu, &seed, &overflowed);
		near += overflowed;
	}
	assert_true(near > 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_counter_of_one_level_bounds_that_one),
		cmocka_unit_test(a_counter_of_both_bounds_the_sum),
		cmocka_unit_test(nothing_wanted_bounds_nothing),
		cmocka_unit_test(no_counter_overflows_within_budgets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
