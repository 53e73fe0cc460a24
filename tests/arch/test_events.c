/* SPDX-License-Identifier: MIT */
/* Which class an event counts. */
#include "unit.h"

struct known {
	uint64_t selector;
	enum vpmu_class class_;
};

static void check_all(const char *model, const struct known *known, size_t count)
{
	struct vpmu_model m = model_of(model);

	for (size_t i = 0; i < count; i++)
		if (event_class(&m, known[i].selector) != known[i].class_)
			fail_msg("%s: event 0x%llx", model, (unsigned long long)known[i].selector);
}

static void intels_architectural_events_have_their_class(void **state)
{
	static const struct known known[] = {
		{0x003c, VPMU_CYCLES},        {0x00c0, VPMU_INSTRUCTIONS},
		{0x013c, VPMU_REF_CYCLES},    {0x4f2e, VPMU_LLC_REFERENCES},
		{0x412e, VPMU_LLC_MISSES},    {0x00c4, VPMU_BRANCHES},
		{0x00c5, VPMU_BRANCH_MISSES}, {0x0000, VPMU_NO_CLASS},
		{0x01c0, VPMU_NO_CLASS},      {0x023c, VPMU_NO_CLASS},
		{0x0076, VPMU_NO_CLASS},      {0x00c2, VPMU_NO_CLASS},
	};

	check_all("intel-v1", known, ARRAY_SIZE(known));
	check_all("intel-v5", known, ARRAY_SIZE(known));
	check_all("zhaoxin-v2", known, ARRAY_SIZE(known));
}

/* Intel SDM vol. 3B, architectural performance events 8 to 11. */
static void top_down_events_are_counted_where_cpuid_has_them(void **state)
{
	static const struct {
		uint64_t selector;
		enum vpmu_class class_;
	} known[] = {
		{0x02a4, VPMU_TOPDOWN_BACKEND},
		{0x0073, VPMU_TOPDOWN_SPECULATION},
		{0x019c, VPMU_TOPDOWN_FRONTEND},
		{0x02c2, VPMU_TOPDOWN_RETIRING},
	};
	struct vpmu_model all = model_of("intel-v6,events-length=13"),
			  before = model_of("intel-v6");

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		struct vpmu_model without = all;

		without.events_missing = 0x100u << i;
		assert_int_equal(event_class(&all, known[i].selector), known[i].class_);
		assert_int_equal(event_class(&without, known[i].selector), VPMU_NO_CLASS);
		assert_int_equal(event_class(&before, known[i].selector), VPMU_NO_CLASS);
	}
}

static void an_architectural_event_that_nobody_counts_has_a_name(void **state)
{
	static const struct {
		uint64_t selector;
		const char *name;
	} known[] = {
		{0x01e4, "LBR inserts"},
	};
	struct vpmu_model all = model_of("intel-v6,events-length=13");
	struct vpmu_model none = model_of("intel-v6,events-length=13,events-missing=0x1f00");
	struct vpmu_model before = model_of("intel-v6"), other = model_of("zen4");

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		uint64_t selector = known[i].selector | SEL_EN | SEL_USR;

		assert_int_equal(event_class(&all, selector), VPMU_NO_CLASS);
		assert_string_equal(event_uncounted_name(&all, selector), known[i].name);
		assert_null(event_uncounted_name(&none, selector));
		assert_null(event_uncounted_name(&before, selector));
		assert_null(event_uncounted_name(&other, selector));
	}
	assert_null(event_uncounted_name(&all, 0x01a4));
	assert_null(event_uncounted_name(&all, 0x00c2));
}

static void amd_events_ignore_the_unit_mask_but_not_bits_35_32(void **state)
{
	static const struct known known[] = {
		{0x76, VPMU_CYCLES},          {0xc0, VPMU_INSTRUCTIONS},
		{0xc2, VPMU_BRANCHES},        {0xc3, VPMU_BRANCH_MISSES},
		{0xff76, VPMU_CYCLES},        {0x12c0, VPMU_INSTRUCTIONS},
		{0x3c, VPMU_NO_CLASS},        {0xc4, VPMU_TAKEN_BRANCHES},
		{0x01c4, VPMU_NO_CLASS},      {0x1000000c4, VPMU_NO_CLASS},
		{0x1000000c0, VPMU_NO_CLASS}, {0x800000076, VPMU_NO_CLASS},
	};

	check_all("amd-k7", known, ARRAY_SIZE(known));
	check_all("amd-perfmon-v2", known, ARRAY_SIZE(known));
}

static void other_selector_bits_do_not_change_the_class(void **state)
{
	struct vpmu_model intel = model_of("intel-v4"), amd = model_of("zen2");
	uint64_t other = SEL_USR | SEL_OS | SEL_EDGE | SEL_PC | SEL_INT | SEL_ANY | SEL_EN |
	                 SEL_INV | SEL_CMASK;

	assert_int_equal(event_class(&intel, 0x4f2e | other | SEL_IN_TX | SEL_IN_TXCP),
	                 VPMU_LLC_REFERENCES);
	assert_int_equal(event_class(&amd, 0xc2 | other | SEL_AMD_GUEST | SEL_AMD_HOST),
	                 VPMU_BRANCHES);
}

static void missing_events_count_nothing(void **state)
{
	struct vpmu_model m = model_of("intel-v2,events-missing=0x2");

	assert_int_equal(event_class(&m, 0x00c0), VPMU_NO_CLASS);
	assert_int_equal(event_class(&m, 0x003c), VPMU_CYCLES);
}

static void events_beyond_the_length_are_missing(void **state)
{
	struct vpmu_model m = model_of("intel-v2,events-length=6");
	struct vpmu_model none = model_of("intel-v2,events-length=0");

	assert_int_equal(event_class(&m, 0x00c4), VPMU_BRANCHES);
	assert_int_equal(event_class(&m, 0x00c5), VPMU_NO_CLASS);
	assert_int_equal(event_class(&none, 0x003c), VPMU_NO_CLASS);
}

static void slots_need_the_eighth_event(void **state)
{
	struct vpmu_model v4 = model_of("intel-v4"), v5 = model_of("intel-v5");

	assert_int_equal(event_class(&v4, 0x01a4), VPMU_NO_CLASS);
	assert_int_equal(event_class(&v5, 0x01a4), VPMU_SLOTS);
}

static void fixed_counters_have_their_class(void **state)
{
	struct vpmu_model v5 = model_of("intel-v5"), v4 = model_of("intel-v4");
	struct vpmu_model many = model_of("intel-v5,fixed=8");
	struct vpmu_model amd = model_of("zen4");

	assert_int_equal(fixed_class(&v5, 0), VPMU_INSTRUCTIONS);
	assert_int_equal(fixed_class(&v5, 1), VPMU_CYCLES);
	assert_int_equal(fixed_class(&v5, 2), VPMU_REF_CYCLES);
	assert_int_equal(fixed_class(&v5, 3), VPMU_SLOTS);
	assert_int_equal(fixed_class(&v4, 3), VPMU_NO_CLASS);
	assert_int_equal(fixed_class(&many, 4), VPMU_NO_CLASS);
	assert_int_equal(fixed_class(&many, 1000), VPMU_NO_CLASS);
	assert_int_equal(fixed_class(&amd, 0), VPMU_NO_CLASS);
}

/* The public questions, which also take what is no model. */
static void a_caller_can_ask_for_a_class(void **state)
{
	struct vpmu_model v1 = model_of("intel-v1"), v5 = model_of("intel-v5");

	assert_int_equal(vpmu_model_event_class(&v5, 0x5300c0), VPMU_INSTRUCTIONS);
	assert_int_equal(vpmu_model_event_class(&v5, 0xff4f2e), VPMU_LLC_REFERENCES);
	assert_int_equal(vpmu_model_fixed_class(&v5, 2), VPMU_REF_CYCLES);
	assert_int_equal(vpmu_model_fixed_class(&v1, 2), VPMU_NO_CLASS);
	v5.gp_width = 99;
	assert_int_equal(vpmu_model_event_class(&v5, 0x5300c0), VPMU_NO_CLASS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(intels_architectural_events_have_their_class),
		cmocka_unit_test(top_down_events_are_counted_where_cpuid_has_them),
		cmocka_unit_test(an_architectural_event_that_nobody_counts_has_a_name),
		cmocka_unit_test(amd_events_ignore_the_unit_mask_but_not_bits_35_32),
		cmocka_unit_test(other_selector_bits_do_not_change_the_class),
		cmocka_unit_test(missing_events_count_nothing),
		cmocka_unit_test(events_beyond_the_length_are_missing),
		cmocka_unit_test(slots_need_the_eighth_event),
		cmocka_unit_test(fixed_counters_have_their_class),
		cmocka_unit_test(a_caller_can_ask_for_a_class),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
