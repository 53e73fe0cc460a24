/* SPDX-License-Identifier: MIT */
/* CMASK, INV and EDGE against the definition, taken literally: cycle by cycle. */
#include "machine.h"

/* What the definition at the head of threshold.c says, without arithmetic tricks. */
static uint64_t literal(const struct tally *tally, uint64_t events, uint64_t cycles,
                        struct last_cycle *last)
{
	uint64_t count = 0;

	for (uint64_t i = 0; i < cycles; i++) {
		uint64_t here = (i + 1) * events / cycles - i * events / cycles + last->kept;
		bool reached = tally->equal ? here == tally->threshold : here >= tally->threshold;
		bool holds = reached != tally->invert;

		count += tally->edge ? holds && !last->level : holds;
		*last = (struct last_cycle){.level = holds};
	}
	if (!cycles)
		last->kept = (uint16_t)(last->kept + events);
	return count;
}

static void closed_form_equals_the_definition(void **state)
{
	for (unsigned events = 0; events < 40; events++)
		for (unsigned cycles = 0; cycles < 24; cycles++)
			for (unsigned bits = 0; bits < 16 * 6 * 8; bits++) {
				struct tally tally = {
					.threshold = (uint8_t)(1 + bits / 16 % 6),
					.invert = bits & 1,
					.edge = bits & 2,
					.equal = bits & 8,
				};
				struct last_cycle one = {.level = bits & 4,
				                         .kept = (uint16_t)(bits / 96)};
				struct last_cycle other = one;

				assert_int_equal(threshold_events(&tally, events, cycles, &one),
				                 literal(&tally, events, cycles, &other));
				assert_int_equal(one.level, other.level);
				assert_int_equal(one.kept, other.kept);
			}
}

/* A selector of instructions whose counter may look at cycles, of a few a cycle. */
static uint64_t random_selector(uint64_t *seed)
{
	uint64_t bits = test_random(seed) & (SEL_EDGE | SEL_INV | SEL_EQ);

	return SEL_ON | INSTRUCTIONS | bits | test_random(seed) % 6 << 24;
}

/* Cycles of random numbers of events, each told of in one piece and in several. */
static void a_cycle_in_pieces_counts_as_in_one(void **state)
{
	struct vpmu_pmu *whole = machine_of("intel-v6"), *pieces = machine_of("intel-v6");
	uint64_t seed = test_seed();

	for (unsigned cycle = 0; cycle < 30000; cycle++) {
		uint64_t left = test_random(&seed) % 7;

		if (cycle % 100 == 0) {
			uint32_t msr = SEL0 + cycle / 100 % 4;
			uint64_t selector = random_selector(&seed);

			wr(whole, msr, selector);
			wr(pieces, msr, selector);
		}
		vpmu_pmu_account(whole, &RUN(left, 1), 0);
		while (test_random(&seed) % 3) {
			uint64_t some = test_random(&seed) % (left + 1);

			vpmu_pmu_account(pieces, &RUN(some, 0), 0);
			left -= some;
		}
		vpmu_pmu_account(pieces, &RUN(left, 1), 0);
		assert_true(vpmu_pmu_fingerprint(whole) == vpmu_pmu_fingerprint(pieces));
	}
	assert_true(rd(whole, PMC0) > 100); /* else it has seen nothing */
}

/* More than any CMASK reaches is more: 2^64 events before a cycle are not few. */
static void what_is_kept_does_not_wrap(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v6");

	wr(pmu, SEL0, SEL_ON | INSTRUCTIONS | UINT64_C(255) << 24);
	wr(pmu, SEL0 + 1, SEL_ON | INSTRUCTIONS | UINT64_C(255) << 24 | SEL_EQ);
	for (unsigned i = 0; i < 3; i++)
		vpmu_pmu_account(pmu, &RUN(UINT64_MAX / 2, 0), 0);
	vpmu_pmu_account(pmu, &RUN(1, 1), 0);
	assert_int_equal(rd(pmu, PMC0), 1);
	assert_int_equal(rd(pmu, PMC0 + 1), 0);
}

static void a_stopped_counter_forgets_what_came_before_a_cycle(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v2");

	wr(pmu, SEL0, SEL_ON | INSTRUCTIONS | 3 << 24);
	vpmu_pmu_account(pmu, &RUN(2, 0), 0);
	wr(pmu, SEL0, INSTRUCTIONS | 3 << 24);
	wr(pmu, SEL0, SEL_ON | INSTRUCTIONS | 3 << 24);
	vpmu_pmu_account(pmu, &RUN(1, 1), 0);
	assert_int_equal(rd(pmu, PMC0), 0);
	vpmu_pmu_account(pmu, &RUN(2, 0), 0);
	vpmu_pmu_account(pmu, &RUN(1, 1), 0);
	assert_int_equal(rd(pmu, PMC0), 1);
}

/* What the rooms above save and set again is all that there is. */
static void last_cycles_can_be_moved(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v6"), *other = machine_of("intel-v6");
	uint64_t selector = SEL_ON | INSTRUCTIONS | 3 << 24 | SEL_EDGE;
	struct vpmu_last_cycles last;

	wr(pmu, SEL0 + 1, selector);
	wr(pmu, SEL0 + 2, selector);
	vpmu_pmu_account(pmu, &RUN(3, 1), 0);
	vpmu_pmu_account(pmu, &RUN(2, 0), 0);
	wr(pmu, SEL0 + 2, selector | 0x1f00); /* an event that never happens */
	vpmu_pmu_last_cycles(pmu, &last);
	assert_int_equal(last.of[1], VPMU_LAST_CYCLE_HELD | 2);
	wr(other, SEL0 + 1, selector);
	wr(other, SEL0 + 2, selector | 0x1f00);
	for (uint32_t i = 1; i < 3; i++)
		assert_int_equal(vpmu_pmu_host_write(other, PMC0 + i, rd(pmu, PMC0 + i)), VPMU_OK);
	assert_false(vpmu_pmu_fingerprint(pmu) == vpmu_pmu_fingerprint(other));
	last.of[0] = VPMU_LAST_CYCLE_HELD; /* of one that does not run: no effect */
	assert_int_equal(vpmu_pmu_set_last_cycles(other, &last), VPMU_OK);
	assert_true(vpmu_pmu_fingerprint(pmu) == vpmu_pmu_fingerprint(other));
}

/* However it is stopped; when it goes on, its first cycle has none before it. */
static void a_counter_that_has_stopped_knows_of_no_cycle(void **state)
{
	const uint64_t selector = SEL_ON | INSTRUCTIONS | 3 << 24 | SEL_EDGE;

	for (unsigned way = 0; way < 2; way++) {
		struct vpmu_pmu *pmu = machine_of("intel-v2");
		uint32_t msr = way ? SEL0 : GLOBAL_CTRL;
		struct vpmu_last_cycles last;
		uint64_t before;

		wr(pmu, GLOBAL_CTRL, 1);
		wr(pmu, SEL0, selector);
		vpmu_pmu_account(pmu, &RUN(3, 1), 0);
		vpmu_pmu_account(pmu, &RUN(2, 0), 0);
		vpmu_pmu_last_cycles(pmu, &last);
		assert_int_equal(last.of[0], VPMU_LAST_CYCLE_HELD | 2);
		wr(pmu, msr, way ? selector & ~SEL_EN : 0);
		vpmu_pmu_last_cycles(pmu, &last);
		assert_int_equal(last.of[0], 0);
		before = rd(pmu, PMC0);
		wr(pmu, msr, way ? selector : 1);
		vpmu_pmu_account(pmu, &RUN(1, 1), 0);
		assert_int_equal(rd(pmu, PMC0), before);
		vpmu_pmu_account(pmu, &RUN(3, 1), 0);
		assert_int_equal(rd(pmu, PMC0), before + 1);
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
		cmocka_unit_test(a_cycle_in_pieces_counts_as_in_one),
		cmocka_unit_test(what_is_kept_does_not_wrap),
		cmocka_unit_test(a_stopped_counter_forgets_what_came_before_a_cycle),
		cmocka_unit_test(last_cycles_can_be_moved),
		cmocka_unit_test(a_counter_that_has_stopped_knows_of_no_cycle),
		cmocka_unit_test(cmask_counts_cycles_with_that_many_events),
		cmocka_unit_test(eq_counts_cycles_with_that_many_events_and_no_more),
		cmocka_unit_test(edge_counts_beginnings),
		cmocka_unit_test(inv_without_cmask_is_ignored),
		cmocka_unit_test(a_thresholded_counter_overflows),
		cmocka_unit_test(a_counter_of_events_forgets_the_last_cycle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
