/* SPDX-License-Identifier: MIT */
/* Defects that were met in the field, planted in a plan: each is found and named. */
#include "../profiles.h"
#include "explore_one.h"

static const char *with_events(size_t i)
{
	return profile_with(VPMU_FACT_PERF_EVENTS, i);
}

/* QEMU before its fix: the get side decodes PERFCORE's MSRs with `index & 1` and never halves the
 * index. Of what was saved, selector 0 survives, counter 1 has counter 0's value … */
static void the_permutation_of_amd_registers_is_named(void **state)
{
	for (size_t i = 0; vpmu_profile_name(i); i++) {
		const struct cell cell = {
			.model = "amd-perfcore",
			.profile = vpmu_profile_name(i),
			.plan = "0xc0010201 0\n0xc0010200 0x1000c0\n0xc0010203 0x100\n"
				"0xc0010202 0\n0xc0010205 0\n0xc0010204 0x100076\n"
				"0xc0010207 0x101\n0xc0010206 0\n0xc0010209 0\n"
				"0xc0010208 0x1000c2\n0xc001020b 0x102\n0xc001020a 0\n"
				"expect 0xc0010201 0x100\nexpect 0xc0010203 0x101\n"
				"expect 0xc0010205 0x102\nexpect 0xc0010207 0x103\n"
				"expect 0xc0010209 0x104\nexpect 0xc001020b 0x105\n"
				"expect 0xc0010202 0x100076\nexpect 0xc0010204 0x1000c2\n"
				"expect 0xc0010206 0x1000c3\nexpect 0xc0010208 0x100029\n",
			.level = VPMU_LEVEL_FULL,
		};

		assert_violates(&cell, CHECK_READS_AS_PUT, "it has the value of PerfCtr0");
	}
}

static void global_control_before_selectors_near_an_overflow_is_named(void **state)
{
	for (size_t i = 0; with_events(i); i++) {
		const struct cell cell = {
			.model = "intel-v2",
			.profile = with_events(i),
			.plan = "IA32_PERF_GLOBAL_CTRL 0x70000000f\n"
				"IA32_PMC0 0xfffffffffffd\nIA32_PERFEVTSEL0 0x5300c0\n",
			.level = VPMU_LEVEL_FULL,
			.life = CHECK_RUNNING,
		};

		assert_violates(&cell, CHECK_NO_OVERFLOW_LOST,
		                "IA32_PERF_GLOBAL_STATUS reads 0x0; it should be 0x1");
		assert_violates(&cell, CHECK_NO_PMI_LOST, "it should be 1 PMI");
	}
}

static void a_selector_that_is_not_reset_is_named(void **state)
{
	for (size_t i = 0; vpmu_profile_name(i); i++) {
		const struct cell cell = {
			.model = "amd-k7",
			.profile = vpmu_profile_name(i),
			.plan = "0xc0010004 0\n0xc0010000 0\n0xc0010006 0\n0xc0010002 0\n"
				"0xc0010005 0\n0xc0010007 0\n0xc0010003 0\n",
			.level = VPMU_LEVEL_RESET,
			.life = CHECK_RUNNING,
		};

		assert_violates(&cell, CHECK_READS_AS_PUT, "PerfEvtSel1 reads");
	}
}

static void a_status_clear_after_the_status_write_is_named(void **state)
{
	for (size_t i = 0; vpmu_profile_name(i); i++) {
		const struct cell cell = {
			.model = "intel-v2",
			.profile = vpmu_profile_name(i),
			.plan = "0x38f 0\n0x186 0x5300c0\n0x38e 1\n0x38e 0\n0x38f 0x70000000f\n"
				"expect 0x38e 1\n",
			.level = VPMU_LEVEL_FULL,
		};

		assert_violates(&cell, CHECK_READS_AS_PUT,
		                "IA32_PERF_GLOBAL_STATUS reads 0x0; it should be 0x1");
	}
}

/* OVF_CTRL written by the host clears nothing, on any profile. */
static void writing_the_clear_register_after_the_status_holds(void **state)
{
	for (size_t i = 0; vpmu_profile_name(i); i++) {
		const struct cell cell = {
			.model = "intel-v2",
			.profile = vpmu_profile_name(i),
			.plan = "0x38f 0\n0x186 0x5300c0\n0x38e 1\n0x390 1\n0x38f 0x70000000f\n",
			.level = VPMU_LEVEL_FULL,
		};
		struct check_scope scope = small_scope();
		struct check_subject subject;
		struct check_result result;

		explore_cell(&cell, &scope, &subject, &result);
		assert_int_equal(result.violated & CHECK_OF_ORDERS, 0);
		check_result_clear(&result);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_permutation_of_amd_registers_is_named),
		cmocka_unit_test(global_control_before_selectors_near_an_overflow_is_named),
		cmocka_unit_test(a_selector_that_is_not_reset_is_named),
		cmocka_unit_test(a_status_clear_after_the_status_write_is_named),
		cmocka_unit_test(writing_the_clear_register_after_the_status_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
