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

/* APM vol. 2 13.2.1, table of HG_ONLY: what each value of the two bits counts. */
static void host_only_and_guest_only_follow_svms_mode(void **state)
{
	static const struct {
		uint64_t bits;
		bool counts[3]; /* by enum vpmu_svm */
	} rows[] = {
		{0, {true, true, true}},
		{SEL_AMD_GUEST, {false, false, true}},
		{SEL_AMD_HOST, {false, true, false}},
		{SEL_AMD_GUEST | SEL_AMD_HOST, {false, true, true}},
	};
	struct vpmu_pmu *pmu;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t expected = 0;

		pmu = machine_of("zen3");
		wr(pmu, CORE_SEL0, SEL_ON | INSTRUCTIONS | rows[i].bits);
		for (unsigned svm = 0; svm < 3; svm++) {
			vpmu_pmu_set_svm(pmu, (enum vpmu_svm)svm);
			vpmu_pmu_run(pmu, &RUN(10, 10), 0);
			expected += rows[i].counts[svm] ? 10 : 0;
			assert_int_equal(rd(pmu, CORE_CTR0), expected);
		}
		vpmu_pmu_set_svm(pmu, VPMU_SVM_HOST); /* and back */
		vpmu_pmu_run(pmu, &RUN(10, 10), 0);
		expected += rows[i].counts[VPMU_SVM_HOST] ? 10 : 0;
		assert_int_equal(rd(pmu, CORE_CTR0), expected);
	}
	pmu = machine_of("intel-v2");
	wr(pmu, 0x186, SEL_ON | INSTRUCTIONS);
	wr(pmu, 0x38f, 1);
	assert_int_equal(vpmu_pmu_set_svm(pmu, VPMU_SVM_GUEST), VPMU_REFUSED);
	vpmu_pmu_run(pmu, &RUN(10, 10), 0);
	assert_int_equal(rd(pmu, 0xc1), 10);
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

static void in_tx_counts_nothing_without_transactions(void **state)
{
	struct vpmu_pmu *pmu = machine_of("skylake");

	wr(pmu, SEL0 + 2, SEL_ON | INSTRUCTIONS | SEL_IN_TX);
	vpmu_pmu_run(pmu, &RUN(1000, 1000), 0);
	assert_int_equal(rd(pmu, PMC0 + 2), 0);
	wr(pmu, SEL0 + 2, SEL_ON | INSTRUCTIONS | SEL_IN_TXCP);
	vpmu_pmu_run(pmu, &RUN(1000, 1000), 0);
	assert_int_equal(rd(pmu, PMC0 + 2), 1000);
}

/* ZX-D and later take 48 bits at the counters' own numbers; KVM, as Intel's code, takes 32. */
static void a_zhaoxin_counter_takes_all_its_bits(void **state)
{
	struct vpmu_pmu *pmu = machine_of("zhaoxin-v2");

	wr(pmu, PMC0, UINT64_C(0xfffdabf41c00));
	assert_true(rd(pmu, PMC0) == UINT64_C(0xfffdabf41c00));
	pmu = machine_on("linux-6.12", "zhaoxin-v2");
	wr(pmu, PMC0, UINT64_C(0xfffdabf41c00));
	assert_true(rd(pmu, PMC0) == UINT64_C(0xffffabf41c00));
	pmu = machine_of("intel-v2");
	wr(pmu, PMC0, UINT64_C(0xfffdabf41c00));
	assert_true(rd(pmu, PMC0) == UINT64_C(0xffffabf41c00));
}

static void a_zhaoxin_counts_its_own_events(void **state)
{
	struct vpmu_pmu *pmu = machine_of("zhaoxin-v2");
	uint64_t value;

	wr(pmu, SEL0, SEL_ON_INT | 0x82);
	wr(pmu, GLOBAL_CTRL, 1);
	vpmu_pmu_run(pmu, &RUN(1000, 2000), 0);
	assert_int_equal(rd(pmu, PMC0), 2000);
	assert_int_equal(vpmu_pmu_guest_read(pmu, CAPABILITIES, &value), VPMU_NO_REGISTER);
	assert_int_equal(vpmu_pmu_guest_read(pmu, A_PMC0, &value), VPMU_NO_REGISTER);
}

/* KVM reads it; on hardware it is none of a PMU's registers. */
static void perf_capabilities_are_there_with_pdcm(void **state)
{
	static const char *const names[] = {"linux-6.1", "linux-6.12", "linux-7.3", "mediated"};
	uint64_t value;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct vpmu_pmu *pmu = machine_on(names[i], "intel-v2,pmu=off,pdcm=on");

		value = 1;
		assert_int_equal(vpmu_pmu_guest_read(pmu, CAPABILITIES, &value), VPMU_OK);
		assert_int_equal(value, 0);
		assert_int_equal(vpmu_pmu_guest_write(pmu, CAPABILITIES, 0), VPMU_GP);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(host_only_and_guest_only_count_nothing_without_svm),
		cmocka_unit_test(host_only_and_guest_only_follow_svms_mode),
		cmocka_unit_test(a_counter_that_counts_nothing_wants_no_class),
		cmocka_unit_test(the_linux_profiles_have_no_such_bits),
		cmocka_unit_test(in_tx_counts_nothing_without_transactions),
		cmocka_unit_test(a_zhaoxin_counter_takes_all_its_bits),
		cmocka_unit_test(a_zhaoxin_counts_its_own_events),
		cmocka_unit_test(perf_capabilities_are_there_with_pdcm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
