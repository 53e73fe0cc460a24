/* SPDX-License-Identifier: MIT */
/* A scope is read and printed; what it bounds is kept; and machines that are alike are explored
 * once. */
#include "explore_one.h"

static void a_scope_is_read_as_it_is_printed(void **state)
{
	struct check_scope scope = check_scope_default(), again = {0};
	char text[CHECK_SCOPE_BYTES], printed[CHECK_SCOPE_BYTES], why[100] = "";

	assert_true(check_scope_parse(&scope, "between=1,incidents=enter+run,twice=off", why,
	                              sizeof(why)));
	assert_int_equal(scope.between, 1);
	assert_int_equal(scope.incidents, BIT32(CHECK_ENTER) | BIT32(CHECK_RUN));
	assert_false(scope.twice);
	check_scope_print(&scope, text);
	assert_true(check_scope_parse(&again, text, why, sizeof(why)));
	check_scope_print(&again, printed);
	assert_string_equal(text, printed);
}

static void a_bad_scope_is_refused_and_changes_nothing(void **state)
{
	static const char *const bad[] = {
		"",
		"between",
		"between=",
		"between=x",
		"between=7",
		"twice=1",
		"incidents=",
		"incidents=x",
		"incidents=+",
		"between=1,",
		"states=0",
		"states=11",
		"nodes=1",
		"between=1,,",
		"what=1",
		"limit=0",
		"limit=99999999999999999999999",
	};
	struct check_scope scope = check_scope_default(), before = scope;
	char why[100];

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		why[0] = '\0';
		if (check_scope_parse(&scope, bad[i], why, sizeof(why)))
			fail_msg("taken: '%s'", bad[i]);
		assert_true(why[0]);
		assert_memory_equal(&scope, &before, sizeof(scope));
	}
}

static void what_does_not_fit_is_not_called_explored(void **state)
{
	const struct cell cell = {.model = "intel-v5",
	                          .profile = "linux-6.12",
	                          .order = "listed",
	                          .level = VPMU_LEVEL_FULL,
	                          .life = CHECK_RUNNING};
	struct check_scope scope = small_scope();
	struct check_subject subject;
	struct check_result result;

	scope.between = 4;
	scope.nodes = 1024;
	explore_cell(&cell, &scope, &subject, &result);
	assert_true(result.incomplete);
	assert_true(result.peak_nodes <= scope.nodes);
	check_result_clear(&result);
}

static void no_exploration_is_larger_than_its_estimate(void **state)
{
	static const char *const orders[] = {"safe", "listed", "ascending"};

	for (unsigned between = 0; between < 3; between++)
		for (unsigned i = 0; i < ARRAY_SIZE(orders); i++) {
			const struct cell cell = {.model = "intel-v2",
			                          .profile = "linux-6.12",
			                          .order = orders[i],
			                          .level = VPMU_LEVEL_FULL,
			                          .life = CHECK_RUNNING};
			struct check_scope scope = small_scope();
			struct check_subject subject;
			struct check_result result;

			scope.between = between;
			explore_cell(&cell, &scope, &subject, &result);
			assert_true(result.transitions <= check_estimate(&scope, &subject));
			check_result_clear(&result);
		}
}

static void machines_that_are_alike_have_one_fingerprint(void **state)
{
	static struct machine one, other;
	struct vcpu one_vcpu = {&register_machine, &one, NULL};
	struct vcpu other_vcpu = {&register_machine, &other, NULL};
	struct check_subject subject = {.profile = vpmu_profile_find("linux-6.12")};
	struct vpmu_pmu *a = pmu_of(&one), *b = pmu_of(&other);

	assert_int_equal(vpmu_model_parse(&subject.model, "intel-v2", NULL, 0), VPMU_OK);
	assert_true(vcpu_fresh(&one_vcpu, &subject) && vcpu_fresh(&other_vcpu, &subject));
	assert_int_equal(vpmu_pmu_fingerprint(a), vpmu_pmu_fingerprint(b));
	vpmu_pmu_guest_write(a, 0x186, 0x5300c0);
	assert_int_not_equal(vpmu_pmu_fingerprint(a), vpmu_pmu_fingerprint(b));
	vpmu_pmu_guest_write(b, 0x186, 0x5300c0);
	assert_int_equal(vpmu_pmu_fingerprint(a), vpmu_pmu_fingerprint(b));
	step_do(&one_vcpu, replay_simple(REPLAY_RUN, 7), NULL);
	assert_int_not_equal(vpmu_pmu_fingerprint(a), vpmu_pmu_fingerprint(b));
	step_do(&other_vcpu, replay_simple(REPLAY_RUN, 3), NULL);
	step_do(&other_vcpu, replay_simple(REPLAY_RUN, 4), NULL);
	assert_int_equal(vpmu_pmu_fingerprint(a), vpmu_pmu_fingerprint(b));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_scope_is_read_as_it_is_printed),
		cmocka_unit_test(a_bad_scope_is_refused_and_changes_nothing),
		cmocka_unit_test(what_does_not_fit_is_not_called_explored),
		cmocka_unit_test(no_exploration_is_larger_than_its_estimate),
		cmocka_unit_test(machines_that_are_alike_have_one_fingerprint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
