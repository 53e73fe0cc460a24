/* SPDX-License-Identifier: MIT */
/* CMASK, INV and EDGE against the definition, taken literally: cycle by cycle. */
#include "machine.h"

/* What the definition at the head of threshold.c says, without arithmetic tricks. */
static uint64_t literal(const struct tally *tally, uint64_t events, uint64_t cycles, bool *level)
{
	uint64_t count = 0;

	for (uint64_t i = 0; i < cycles; i++) {
		uint64_t here = (i + 1) * events / cycles - i * events / cycles;
		bool reached = tally->equal ? here == tally->threshold : here >= tally->threshold;
		bool holds = reached != tally->invert;

		count += tally->edge ? holds && !*level : holds;
		*level = holds;
	}
	return count;
}

static void closed_form_equals_the_definition(void **state)
{
	for (unsigned events = 0; events < 40; events++)
		for (unsigned cycles = 0; cycles < 24; cycles++)
			for (unsigned bits = 0; bits < 16 * 6; bits++) {
				struct tally tally = {
					.threshold = (uint8_t)(1 + bits / 16),
					.invert = bits & 1,
					.edge = bits & 2,
					.equal = bits & 8,
				};
				bool one = bits & 4, other = one;

				assert_int_equal(threshold_events(&tally, events, cycles, &one),
				                 literal(&tally, events, cycles, &other));
				assert_int_equal(one, other);
			}
}

static void cmask_counts_cycles_with_that_many_events(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v2");

	wr(pmu, SEL0, SEL_ON | INSTRUCTIONS | 2 << 24);
	wr(pmu, SEL0 + 1, SEL_ON | INSTRUCTIONS | 2 << 24 | SEL_INV);
	vpmu_pmu_run(pmu, &RUN(150, 100), 0);
	assert_int_equal(rd(pmu, PMC0), 50);
	assert_int_equal(rd(pmu, PMC0 + 1), 50);
}

/* 150 in 100 cycles: 50 of them with two, 50 with one. */
static void eq_counts_cycles_with_that_many_events_and_no_more(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v6");

	wr(pmu, SEL0, SEL_ON | INSTRUCTIONS | 1 << 24);
	wr(pmu, SEL0 + 1, SEL_ON | INSTRUCTIONS | 1 << 24 | SEL_EQ);
	wr(pmu, SEL0 + 2, SEL_ON | INSTRUCTIONS | 3 << 24 | SEL_EQ);
	wr(pmu, SEL0 + 3, SEL_ON | INSTRUCTIONS | 3 << 24 | SEL_EQ | SEL_INV);
	wr(pmu, SEL0 + 4, SEL_ON | INSTRUCTIONS | SEL_EQ); /* without CMASK: ignored */
	vpmu_pmu_run(pmu, &RUN(150, 100), 0);
	assert_int_equal(rd(pmu, PMC0), 100);
	assert_int_equal(rd(pmu, PMC0 + 1), 50);
	assert_int_equal(rd(pmu, PMC0 + 2), 0);
	assert_int_equal(rd(pmu, PMC0 + 3), 100);
	assert_int_equal(rd(pmu, PMC0 + 4), 150);
	assert_int_equal(vpmu_pmu_guest_write(machine_of("intel-v6,eq=off"), SEL0, SEL_ON | SEL_EQ),
	                 VPMU_GP);
}

static void edge_counts_beginnings(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v2");

	wr(pmu, SEL0, SEL_ON | INSTRUCTIONS | SEL_EDGE);
	vpmu_pmu_run(pmu, &RUN(10, 100), 0);
	assert_int_equal(rd(pmu, PMC0), 10);
	vpmu_pmu_run(pmu, &RUN(100, 100), 0);
	assert_int_equal(rd(pmu, PMC0), 10); /* the last cycle before held already */
}

static void inv_without_cmask_is_ignored(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v2");

	wr(pmu, SEL0, SEL_ON | INSTRUCTIONS | SEL_INV);
	vpmu_pmu_run(pmu, &RUN(150, 100), 0);
	assert_int_equal(rd(pmu, PMC0), 150);
}

static void a_thresholded_counter_overflows(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v2");

	wr(pmu, SEL0, SEL_ON_INT | INSTRUCTIONS | 2 << 24);
	wr(pmu, PMC0, -40);
	assert_int_equal(vpmu_pmu_run(pmu, &RUN(200, 100), 0).pmi, 1);
	assert_int_equal(rd(pmu, PMC0), 60);
	assert_int_equal(rd(pmu, STATUS), 1);
}

static void a_counter_of_events_forgets_the_last_cycle(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v2");

	wr(pmu, SEL0, SEL_ON | INSTRUCTIONS | SEL_EDGE);
	vpmu_pmu_run(pmu, &RUN(10, 10), 0);
	assert_int_equal(rd(pmu, PMC0), 1);
	/* Whether it counts events in one step or more. */
	wr(pmu, SEL0, SEL_ON | INSTRUCTIONS);
	vpmu_pmu_run(pmu, &RUN(5, 5), 0);
	wr(pmu, SEL0, SEL_ON | INSTRUCTIONS | SEL_EDGE);
	vpmu_pmu_run(pmu, &RUN(1, 1), 0);
	assert_int_equal(rd(pmu, PMC0), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closed_form_equals_the_definition),
		cmocka_unit_test(cmask_counts_cycles_with_that_many_events),
		cmocka_unit_test(eq_counts_cycles_with_that_many_events_and_no_more),
		cmocka_unit_test(edge_counts_beginnings),
		cmocka_unit_test(inv_without_cmask_is_ignored),
		cmocka_unit_test(a_thresholded_counter_overflows),
		cmocka_unit_test(a_counter_of_events_forgets_the_last_cycle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
