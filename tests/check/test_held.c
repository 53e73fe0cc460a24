/* SPDX-License-Identifier: MIT */
/* What is in no register when a get reads is told by its own name, and no order is blamed. */
#include "../profiles.h"
#include "explore_one.h"

/* Explores order safe, which loses nothing itself; whether something was in no register. */
static bool something_is_in_no_register(const char *profile, enum check_life life, const char *text)
{
	static char story[1 << 16];
	const struct cell cell = {.model = "amd-k7",
	                          .profile = profile,
	                          .order = "safe",
	                          .level = VPMU_LEVEL_FULL,
	                          .life = life};
	struct check_scope scope = small_scope();
	struct check_subject subject;
	struct check_result result;
	const struct check_trace *trace;
	bool told;

	explore_cell(&cell, &scope, &subject, &result);
	assert_int_equal(result.violated & CHECK_OF_ORDERS, 0);
	trace = result.shortest[CHECK_IN_A_REGISTER];
	told = trace;
	assert_int_equal(told, result.violated >> CHECK_IN_A_REGISTER & 1);
	if (told) {
		check_trace_story(trace, &subject, story, sizeof(story));
		if (!strstr(story, "a new vCPU gets the same") || !strstr(story, text))
			fail_msg("no '%s' in:\n%s", text, story);
	}
	check_result_clear(&result);
	return told;
}

static void a_new_vcpu_has_everything_in_registers(void **state)
{
	const char *profile;

	for (size_t p = 0; (profile = vpmu_profile_name(p)); p++)
		assert_false(something_is_in_no_register(profile, CHECK_FRESH, ""));
}

static void a_pmi_that_waits_for_the_entry_is_in_no_register(void **state)
{
	const char *profile;

	for (size_t i = 0; (profile = profile_with(VPMU_FACT_KVM, i)); i++)
		assert_true(something_is_in_no_register(profile, CHECK_PMI_PENDING,
		                                        "no PMI; it should be 1 PMI"));
}

static void an_overflow_that_perf_owes_is_in_no_register(void **state)
{
	const char *profile;

	for (size_t i = 0; (profile = profile_with(VPMU_FACT_PERF_EVENTS, i)); i++)
		assert_true(something_is_in_no_register(profile, CHECK_RUNNING,
		                                        "no PMI; it should be 1 PMI"));
}

static void the_level_of_an_edge_detector_is_in_no_register(void **state)
{
	assert_true(something_is_in_no_register("hardware", CHECK_RUNNING, "PerfCtr0 reads"));
}

/* Hardware emulates nothing, pauses nothing, and delivers at once. */
static void hardware_has_nothing_else_beside_its_registers(void **state)
{
	static const enum check_life lives[] = {CHECK_OVERFLOW_PENDING, CHECK_PMI_PENDING,
	                                        CHECK_EMULATED, CHECK_PAUSED};

	for (unsigned i = 0; i < ARRAY_SIZE(lives); i++)
		assert_false(something_is_in_no_register("hardware", lives[i], ""));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_vcpu_has_everything_in_registers),
		cmocka_unit_test(a_pmi_that_waits_for_the_entry_is_in_no_register),
		cmocka_unit_test(an_overflow_that_perf_owes_is_in_no_register),
		cmocka_unit_test(the_level_of_an_edge_detector_is_in_no_register),
		cmocka_unit_test(hardware_has_nothing_else_beside_its_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
