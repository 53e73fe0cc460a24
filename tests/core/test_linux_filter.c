/* SPDX-License-Identifier: MIT */
/* KVM_SET_PMU_EVENT_FILTER: what it refuses, what it denies, masked entries. */
#include "machine.h"

/* KVM_PMU_ENCODE_MASKED_ENTRY; the event's bits 11:8 are given in 35:32. */
static uint64_t masked(uint64_t event, uint64_t mask, uint64_t match, bool exclude)
{
	return event | match << 8 | (uint64_t)exclude << 55 | mask << 56;
}

/* How much of 100 instructions the first counter counts with such a selector, under the filter. */
static uint64_t counted(const char *profile, const struct vpmu_filter *filter, uint64_t event)
{
	struct vpmu_pmu *pmu = machine_on(profile, "intel-v2");

	assert_int_equal(vpmu_pmu_set_filter(pmu, filter), VPMU_OK);
	wr(pmu, GLOBAL_CTRL, 1);
	wr(pmu, SEL0, SEL_ON | event);
	vpmu_pmu_run(pmu,
	             &RUN([VPMU_INSTRUCTIONS] = 100, [VPMU_CYCLES] = 100, [VPMU_REF_CYCLES] = 100),
	             0);
	return rd(pmu, PMC0);
}

static bool allows(const struct vpmu_filter *filter, uint64_t event)
{
	uint64_t on_6_12 = counted("linux-6.12", filter, event);

	assert_int_equal(counted("mediated", filter, event), on_6_12);
	return on_6_12 == 100;
}

static void a_list_allows_or_denies(void **state)
{
	struct vpmu_filter allow = {.count = 1, .events = {INSTRUCTIONS}};
	struct vpmu_filter deny = {.action = VPMU_FILTER_DENY, .count = 1, .events = {0x13c}};

	assert_true(allows(&allow, INSTRUCTIONS));
	assert_false(allows(&allow, CORE_CYCLES));
	assert_true(allows(&deny, CORE_CYCLES));
	assert_false(allows(&deny, 0x13c));
	assert_int_equal(counted("linux-6.1", &allow, INSTRUCTIONS), 100);
	assert_int_equal(counted("linux-6.1", &allow, CORE_CYCLES), 0);
}

static void a_masked_entry_looks_at_the_bits_of_its_mask(void **state)
{
	struct vpmu_filter filter = {
		.flags = VPMU_FILTER_MASKED, .count = 1, .events = {masked(0x3c, 0xfe, 0, false)}};

	assert_true(allows(&filter, 0x3c));
	assert_true(allows(&filter, 0x13c));
	filter.events[0] = masked(0x3c, 0x01, 1, false);
	assert_false(allows(&filter, 0x3c));
	assert_true(allows(&filter, 0x13c));
	assert_false(allows(&filter, INSTRUCTIONS));
}

/* No mask can have what the match asks for. */
static void a_match_beyond_the_mask_matches_nothing(void **state)
{
	struct vpmu_filter filter = {
		.flags = VPMU_FILTER_MASKED, .count = 1, .events = {masked(0x3c, 0, 1, false)}};

	assert_false(allows(&filter, 0x3c));
	assert_false(allows(&filter, 0x13c));
}

static void an_exclude_takes_out_of_what_is_included(void **state)
{
	struct vpmu_filter filter = {
		.flags = VPMU_FILTER_MASKED,
		.count = 2,
		.events = {masked(0x3c, 0, 0, false), masked(0x3c, 0xff, 1, true)}};

	assert_true(allows(&filter, 0x3c));
	assert_false(allows(&filter, 0x13c));
	filter.action = VPMU_FILTER_DENY;
	assert_false(allows(&filter, 0x3c));
	assert_true(allows(&filter, 0x13c));
}

static void fixed_counters_go_by_the_bitmap(void **state)
{
	static const struct vpmu_filter filters[] = {
		{.action = VPMU_FILTER_ALLOW, .fixed_bitmap = 1},
		{.action = VPMU_FILTER_DENY, .fixed_bitmap = 2},
	};

	for (unsigned i = 0; i < 2; i++) {
		struct vpmu_pmu *pmu = machine_on("linux-6.12", "intel-v2");

		vpmu_pmu_set_filter(pmu, &filters[i]);
		wr(pmu, FIXED_CTRL, 0x33);
		wr(pmu, GLOBAL_CTRL, UINT64_C(3) << 32);
		vpmu_pmu_run(pmu, &RUN(100, 100), 0);
		assert_int_equal(rd(pmu, FIXED0), 100);
		assert_int_equal(rd(pmu, FIXED0 + 1), 0);
	}
}

static void what_kvm_refuses_is_a_bad_argument(void **state)
{
	static struct vpmu_filter many = {.count = VPMU_FILTER_EVENTS + 1};
	static const struct vpmu_filter bad[] = {
		{.action = VPMU_FILTER_DENY + 1},
		{.flags = 2},
		{.flags = VPMU_FILTER_MASKED, .count = 1, .events = {UINT64_C(1) << 40}},
		{.flags = VPMU_FILTER_MASKED, .count = 1, .events = {UINT64_C(1) << 32}},
	};
	static const struct vpmu_filter plain = {.flags = VPMU_FILTER_MASKED};
	struct vpmu_pmu *pmu = machine_on("linux-6.12", "intel-v2");

	assert_int_equal(vpmu_pmu_set_filter(pmu, &many), VPMU_BAD_ARGUMENT);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(vpmu_pmu_set_filter(pmu, &bad[i]), VPMU_BAD_ARGUMENT);
	assert_int_equal(vpmu_pmu_set_filter(pmu, &plain), VPMU_OK);
	assert_int_equal(vpmu_pmu_set_filter(machine_on("linux-6.1", "intel-v2"), &plain),
	                 VPMU_BAD_ARGUMENT);
	assert_int_equal(vpmu_pmu_set_filter(machine_of("intel-v2"), &plain), VPMU_REFUSED);
}

static void without_a_filter_everything_counts_again(void **state)
{
	static const struct vpmu_filter nothing = {.action = VPMU_FILTER_ALLOW};
	struct vpmu_pmu *pmu = machine_on("linux-6.12", "intel-v2");

	vpmu_pmu_set_filter(pmu, &nothing);
	wr(pmu, GLOBAL_CTRL, 1);
	wr(pmu, SEL0, SEL_ON | INSTRUCTIONS);
	vpmu_pmu_run(pmu, &RUN(100), 0);
	assert_int_equal(rd(pmu, PMC0), 0);
	assert_int_equal(vpmu_pmu_set_filter(pmu, NULL), VPMU_OK);
	vpmu_pmu_run(pmu, &RUN(100), 0);
	assert_int_equal(rd(pmu, PMC0), 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_allows_or_denies),
		cmocka_unit_test(a_masked_entry_looks_at_the_bits_of_its_mask),
		cmocka_unit_test(a_match_beyond_the_mask_matches_nothing),
		cmocka_unit_test(an_exclude_takes_out_of_what_is_included),
		cmocka_unit_test(fixed_counters_go_by_the_bitmap),
		cmocka_unit_test(what_kvm_refuses_is_a_bad_argument),
		cmocka_unit_test(without_a_filter_everything_counts_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
