/* SPDX-License-Identifier: MIT */
/* A property that cannot fail is no property: for each, a plan that violates it. */
#include "explore_one.h"

static const struct cell without_stop = {
	.model = "intel-v2",
	.profile = "linux-6.12",
	.order = "no-stop",
	.level = VPMU_LEVEL_FULL,
	.life = CHECK_RUNNING,
};

/* Resets everything but the first selector. */
static const struct cell without_selector = {
	.model = "amd-k7",
	.profile = "linux-6.12",
	.plan = "PerfCtr0 0\nPerfCtr1 0\nPerfEvtSel1 0\nPerfCtr2 0\nPerfEvtSel2 0\n"
		"PerfCtr3 0\nPerfEvtSel3 0\n",
	.level = VPMU_LEVEL_RESET,
	.life = CHECK_RUNNING,
};

static void a_counter_that_is_not_written_does_not_read_as_put(void **state)
{
	const struct cell cell = {.model = "intel-v2",
	                          .profile = "hardware",
	                          .plan = "0x186 0x5300c0\n0x38f 0xf\nexpect 0xc1 7\n",
	                          .level = VPMU_LEVEL_FULL};

	assert_violates(&cell, CHECK_READS_AS_PUT, "IA32_PMC0 reads 0x0; it should be 0x7");
}

static void an_event_that_is_not_created_again_does_not_count(void **state)
{
	struct cell cell = without_stop;

	cell.life = CHECK_NO_EVENT;
	assert_violates(&cell, CHECK_COUNTS, "IA32_PMC0 reads 0xfffffffffffd");
}

static void without_a_stop_an_overflow_is_lost(void **state)
{
	assert_violates(&without_stop, CHECK_NO_OVERFLOW_LOST, "IA32_PERF_GLOBAL_STATUS reads 0x0");
}

static void without_a_stop_an_overflow_is_invented(void **state)
{
	assert_violates(&without_stop, CHECK_NO_OVERFLOW_INVENTED,
	                "IA32_PERF_GLOBAL_STATUS reads 0x1; it should be 0x0");
}

static void without_a_stop_a_pmi_is_lost(void **state)
{
	assert_violates(&without_stop, CHECK_NO_PMI_LOST, "no PMI; it should be 1 PMI");
}

static void without_a_stop_a_pmi_is_invented(void **state)
{
	assert_violates(&without_stop, CHECK_NO_PMI_INVENTED, "1 PMI; it should be no PMI");
}

static void a_selector_that_is_not_reset_interrupts_the_next_guest(void **state)
{
	assert_violates(&without_selector, CHECK_NOTHING_LEFT_OVER, "it should be no PMI");
}

static void a_selector_that_is_not_reset_keeps_its_event(void **state)
{
	assert_violates(&without_selector, CHECK_NO_EVENT_ALIVE, "1 events live; it should be 0");
}

static void without_a_stop_a_second_put_creates_no_event_that_failed(void **state)
{
	struct cell cell = without_stop;

	cell.life = CHECK_FRESH;
	assert_violates(&cell, CHECK_TWICE_IS_ONCE, "the vCPU enters the guest");
}

/* Before the first entry Linux 6.12 makes the PMU anew for it. */
static void a_write_that_undoes_another_is_not_as_reported(void **state)
{
	const struct cell cell = {.model = "intel-v2",
	                          .profile = "linux-6.12",
	                          .plan = "0xc1 5\nIA32_PERF_CAPABILITIES 0\n0x186 0x5300c0\n",
	                          .level = VPMU_LEVEL_FULL,
	                          .life = CHECK_FRESH};

	assert_violates(&cell, CHECK_REFUSAL_AS_REPORTED, "IA32_PMC0 reads 0x0; it should be 0x5");
}

static void every_property_is_named_and_claimed_at_a_level(void **state)
{
	for (unsigned i = 0; i < CHECK_PROPERTIES; i++) {
		assert_non_null(check_properties[i].name);
		assert_non_null(check_properties[i].about);
		assert_true(check_properties[i].levels);
		for (unsigned j = 0; j < i; j++)
			assert_int_not_equal(check_properties[i].letter,
			                     check_properties[j].letter);
	}
}

/* No property may be reported at a level at which it is not claimed. */
static void a_property_is_reported_where_it_is_claimed(void **state)
{
	static const enum vpmu_level levels[] = {VPMU_LEVEL_RESET, VPMU_LEVEL_FULL};
	struct check_scope scope = small_scope();

	for (unsigned i = 0; i < 2; i++)
		for (unsigned life = 0; life < CHECK_LIVES; life++) {
			struct cell cell = without_stop;
			struct check_subject subject;
			struct check_result result;

			cell.level = levels[i];
			cell.life = (enum check_life)life;
			explore_cell(&cell, &scope, &subject, &result);
			for (unsigned j = 0; j < CHECK_PROPERTIES; j++)
				if (result.violated >> j & 1)
					assert_true(check_properties[j].levels >> levels[i] & 1);
			check_result_clear(&result);
		}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_property_is_named_and_claimed_at_a_level),
		cmocka_unit_test(a_property_is_reported_where_it_is_claimed),
		cmocka_unit_test(a_counter_that_is_not_written_does_not_read_as_put),
		cmocka_unit_test(an_event_that_is_not_created_again_does_not_count),
		cmocka_unit_test(without_a_stop_an_overflow_is_lost),
		cmocka_unit_test(without_a_stop_an_overflow_is_invented),
		cmocka_unit_test(without_a_stop_a_pmi_is_lost),
		cmocka_unit_test(without_a_stop_a_pmi_is_invented),
		cmocka_unit_test(a_selector_that_is_not_reset_interrupts_the_next_guest),
		cmocka_unit_test(a_selector_that_is_not_reset_keeps_its_event),
		cmocka_unit_test(without_a_stop_a_second_put_creates_no_event_that_failed),
		cmocka_unit_test(a_write_that_undoes_another_is_not_as_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
