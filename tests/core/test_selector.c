/* SPDX-License-Identifier: MIT */
/* What a selector's bits do on profile hardware, beyond event, unit mask, modes and thresholds. */
#include <string.h>

#include "machine.h"

static const char *const amd_models[] = {"amd-k7", "zen3", "zen4"};

static uint32_t selector_of(const char *model)
{
	return strcmp(model, "amd-k7") ? CORE_SEL0 : K7_SEL0;
}

static uint32_t counter_of(const char *model)
{
	return strcmp(model, "amd-k7") ? CORE_CTR0 : K7_CTR0;
}

/* What 1000 instructions come to in a counter that one more would overflow, and the PMIs. */
static void check_filter(const char *model, uint64_t bits, bool counts)
{
	struct vpmu_pmu *pmu = machine_of(model);
	struct vpmu_outcome outcome;

	wr(pmu, counter_of(model), width_mask(48));
	wr(pmu, selector_of(model), SEL_ON_INT | INSTRUCTIONS | bits);
	assert_int_equal(rd(pmu, selector_of(model)), SEL_ON_INT | INSTRUCTIONS | bits);
	outcome = vpmu_pmu_run(pmu, &RUN(1000, 1000), 0);
	assert_int_equal(outcome.pmi, counts);
	assert_int_equal(outcome.overflowed, counts);
	assert_int_equal(rd(pmu, counter_of(model)), counts ? 999 : width_mask(48));
}

static void host_only_and_guest_only_count_nothing_without_svm(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(amd_models); i++) {
		check_filter(amd_models[i], 0, true);
		check_filter(amd_models[i], SEL_AMD_GUEST, false);
		check_filter(amd_models[i], SEL_AMD_HOST, false);
		check_filter(amd_models[i], SEL_AMD_HOST | SEL_AMD_GUEST, false);
	}
}

static void a_counter_that_counts_nothing_wants_no_class(void **state)
{
	struct vpmu_pmu *pmu = machine_of("zen3");

	wr(pmu, CORE_SEL0, SEL_ON | INSTRUCTIONS | SEL_AMD_HOST);
	assert_int_equal(vpmu_pmu_wanted(pmu), 0);
	wr(pmu, CORE_SEL0, SEL_ON | INSTRUCTIONS);
	assert_int_equal(vpmu_pmu_wanted(pmu), 1u << VPMU_INSTRUCTIONS);
}

/* KVM clears the bits (amd_pmu_refresh, reserved_bits). */
static void the_linux_profiles_have_no_such_bits(void **state)
{
	for (size_t i = 0; vpmu_profile_name(i); i++) {
		struct vpmu_pmu *pmu;

		if (!(vpmu_profile_facts(vpmu_profile_find(vpmu_profile_name(i))) & VPMU_FACT_KVM))
			continue;
		pmu = machine_on(vpmu_profile_name(i), "zen3");
		wr(pmu, CORE_SEL0, SEL_ON | INSTRUCTIONS | SEL_AMD_HOST);
		assert_int_equal(rd(pmu, CORE_SEL0), SEL_ON | INSTRUCTIONS);
		vpmu_pmu_run(pmu, &RUN(1000, 1000), 0);
		assert_int_equal(rd(pmu, CORE_CTR0), 1000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(host_only_and_guest_only_count_nothing_without_svm),
		cmocka_unit_test(a_counter_that_counts_nothing_wants_no_class),
		cmocka_unit_test(the_linux_profiles_have_no_such_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
