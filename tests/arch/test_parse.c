/* SPDX-License-Identifier: MIT */
/* Models as people type them: overrides do what they say, mistakes are told precisely. */
#include <stdlib.h>

#include "unit.h"

static void overrides_set_their_field(void **state)
{
	struct vpmu_model m = model_of("intel-v5,gp=10,fixed-mask=0x9,width=40,fixed-width=33,"
	                               "events-length=6,events-missing=0x3,signature=0x123");

	assert_int_equal(m.gp_count, 10);
	assert_int_equal(m.fixed_mask, 9);
	assert_int_equal(m.gp_width, 40);
	assert_int_equal(m.fixed_width, 33);
	assert_int_equal(m.events_length, 6);
	assert_int_equal(m.events_missing, 3);
	assert_int_equal(m.signature, 0x123);
}

static void width_sets_gp_and_fixed(void **state)
{
	struct vpmu_model m = model_of("intel-v2,width=40");

	assert_int_equal(m.gp_width, 40);
	assert_int_equal(m.fixed_width, 40);
}

static void width_leaves_no_fixed_width_without_fixed_counters(void **state)
{
	assert_int_equal(model_of("intel-v1,width=40").fixed_width, 0);
	assert_int_equal(model_of("intel-v2,fixed=0,width=40").fixed_width, 0);
}

static void counters_are_a_number_or_a_bitmap(void **state)
{
	struct vpmu_model m = model_of("intel-v5,gp-mask=0x2d");

	assert_int_equal(m.gp_count, 6);
	assert_int_equal(m.gp_missing, 0x12);
	m = model_of("intel-v5,gp-mask=0x2d,gp=8");
	assert_int_equal(m.gp_count, 8);
	assert_int_equal(m.gp_missing, 0);
	m = model_of("intel-v2,gp=2,gp-mask=0xf");
	assert_int_equal(m.gp_count, 4);
	assert_int_equal(m.gp_missing, 0);
}

static void the_only_width_of_amd_can_be_given(void **state)
{
	struct vpmu_model given = model_of("amd-k7,width=48"), plain = model_of("amd-k7");

	assert_true(vpmu_model_equal(&given, &plain));
}

static void full_width_brings_the_capabilities_register(void **state)
{
	struct vpmu_model on = model_of("intel-v1,full-width=on");
	struct vpmu_model off = model_of("intel-v2,full-width=off");

	assert_true(on.features & VPMU_FEATURE_PDCM);
	assert_true(model_has_full_width(&on));
	assert_true(off.features & VPMU_FEATURE_PDCM);
	assert_false(model_has_full_width(&off));
}

/* A format is one number, not bits that add up. */
static void the_last_of_two_formats_counts(void **state)
{
	struct vpmu_model model = model_of("skylake,lbr-format=6,lbr-format=5");

	assert_int_equal(model.perf_capabilities & VPMU_PERF_CAP_LBR_FORMAT, 5);
	model = model_of("skylake,pebs=3,pebs=0");
	assert_int_equal(model.perf_capabilities & VPMU_PERF_CAP_PEBS_FORMAT, 0);
	model = model_of("skylake,pebs=2,pebs=1");
	assert_int_equal(model.perf_capabilities & VPMU_PERF_CAP_PEBS_FORMAT, 1 << 8);
}

static void no_capabilities_register_no_capabilities(void **state)
{
	struct vpmu_model m = model_of("sapphire-rapids,pdcm=off");

	assert_int_equal(m.perf_capabilities, 0);
	assert_false(model_has_full_width(&m));
}

static void anythread_follows_version_and_deprecation(void **state)
{
	struct vpmu_model v2 = model_of("intel-v2,anythread=on");
	struct vpmu_model v3 = model_of("intel-v3,anythread=off");
	struct vpmu_model v5 = model_of("intel-v5,anythread=on");

	assert_false(model_has_anythread(&v2));
	assert_false(model_has_anythread(&v3));
	assert_true(model_has_anythread(&v5));
}

static void a_lower_version_loses_what_it_cannot_have(void **state)
{
	struct vpmu_model m = model_of("icelake,version=1");

	assert_int_equal(m.fixed_mask, 0);
	assert_int_equal(m.fixed_width, 0);
	assert_false(model_has_metrics(&m));
	assert_false(model_has_global(&m));
}

static void amd_counters_follow_the_features(void **state)
{
	assert_int_equal(model_of("amd-k7,perfcore=on").gp_count, 6);
	assert_int_equal(model_of("amd-perfcore,perfcore=off").gp_count, 4);
	assert_int_equal(model_of("amd-perfcore,perfmon-v2=on").version, 2);
	assert_int_equal(model_of("amd-perfmon-v2,gp=15").gp_count, 15);
	assert_int_equal(model_of("zen4,perfmon-v2=off,perfcore=off").version, 1);
}

static void pmu_off_leaves_nothing_but_the_processor(void **state)
{
	for (size_t i = 0; vpmu_preset_name(i); i++) {
		struct vpmu_model on = model_of(vpmu_preset_name(i));
		struct vpmu_model off = {.vendor = on.vendor,
		                         .signature = on.signature,
		                         .other_name = on.other_name};
		struct vpmu_model got;
		char text[64];

		snprintf(text, sizeof(text), "%s,pmu=off", on.name);
		got = model_of(text);
		assert_true(vpmu_model_equal(&got, &off));
		assert_string_equal(got.name, on.name);
	}
}

/* A CPU may have IA32_PERF_CAPABILITIES and no PMU, as QEMU before 10.1 showed it. */
/* A processor has its name in CPUID whatever its PMU. */
static void the_other_name_can_be_without_a_pmu(void **state)
{
	struct vpmu_model model = model_of("zhaoxin-v2,pmu=off,other-name=1");

	assert_int_equal(model.version, 0);
	assert_int_equal(model.other_name, 1);
	model = model_of("zhaoxin-v2,other-name=0,pmu=off");
	assert_int_equal(model.other_name, 0);
}

static void pdcm_can_be_without_a_pmu(void **state)
{
	struct vpmu_model pdcm = model_of("intel-v2,pmu=off,pdcm=on");
	struct vpmu_model none = model_of("intel-v2,pmu=off,pdcm=off");

	assert_int_equal(pdcm.version, 0);
	assert_int_equal(pdcm.features, VPMU_FEATURE_PDCM);
	assert_int_equal(pdcm.perf_capabilities, 0);
	assert_int_equal(none.features, 0);
	assert_false(vpmu_model_equal(&pdcm, &none));
}

/* Of one key, and of a number of counters and its bitmap, the last counts. */
static bool are_alternatives(const char *a, const char *b)
{
	size_t length = strcspn(a, "=");

	return (!strncmp(a, b, length) && b[length] == '=') ||
	       (!strncmp(a, "gp", 2) && !strncmp(b, "gp", 2));
}

/* A refusal may name either of them. */
static void same_in_both_orders(const char *preset, const char *first, const char *second)
{
	struct vpmu_model a, b;
	char one[80], other[80];
	bool fails;

	snprintf(one, sizeof(one), "%s,%s,%s", preset, first, second);
	snprintf(other, sizeof(other), "%s,%s,%s", preset, second, first);
	fails = vpmu_model_parse(&a, one, NULL, 0);
	if (fails != !!vpmu_model_parse(&b, other, NULL, 0) ||
	    (!fails && !vpmu_model_equal(&a, &b)))
		fail_msg("not as in the other order: %s", one);
}

/* Each key with each other one. */
static void overrides_mean_the_same_in_any_order(void **state)
{
	/* clang-format off */
	static const char *const presets[] = {"intel-v1", "intel-v2", "intel-v5", "intel-v6",
	                                      "zhaoxin-v2", "amd-k7", "amd-perfmon-v2"};
	static const char *const typed[] = {
		"pmu=off", "fixed=2", "version=2", "gp=4", "width=40", "fixed-mask=5",
		"fixed-width=44", "events-length=6", "events-missing=0x41", "signature=0x306c3",
		"lbr=8", "lbr-format=5", "pebs=3", "gp-mask=7", "other-name=1", "pdcm=off", "pdcm=on", "full-width=on",
		"full-width=off", "metrics=on", "anythread=on", "perfcore=off", "perfmon-v2=off",
		"hle=on", "rtm=on", "umask2=off", "eq=on"};
	/* clang-format on */

	for (size_t p = 0; p < ARRAY_SIZE(presets); p++)
		for (size_t i = 0; i < ARRAY_SIZE(typed); i++)
			for (size_t j = 0; j < i; j++)
				if (!are_alternatives(typed[i], typed[j]))
					same_in_both_orders(presets[p], typed[i], typed[j]);
}

static void a_change_goes_for_what_was_before_it(void **state)
{
	struct vpmu_model off = model_of("zen4,pmu=off"),
			  shorter = model_of("intel-v2,events-length=6,events-missing=1");
	struct vpmu_model model;

	assert_int_equal(vpmu_model_parse_in_turn(&model, "zen4,gp=6,pmu=off", NULL, 0), VPMU_OK);
	assert_true(vpmu_model_equal(&model, &off));
	assert_int_equal(vpmu_model_parse_in_turn(
				 &model, "intel-v2,events-missing=0x41,events-length=6", NULL, 0),
	                 VPMU_OK);
	assert_true(vpmu_model_equal(&model, &shorter));
	assert_int_equal(vpmu_model_parse_in_turn(&model, "zen4,pmu=off,gp=6", NULL, 0),
	                 VPMU_INCOMPATIBLE);
}

static void pmu_on_changes_nothing(void **state)
{
	struct vpmu_model a = model_of("intel-v4"), b = model_of("intel-v4,pmu=off,pmu=on");

	assert_true(vpmu_model_equal(&a, &b));
}

struct mistake {
	const char *text;
	enum vpmu_status status;
	const char *said; /* must be in the reason */
};

static const struct mistake mistakes[] = {
	{"", VPMU_BAD_ARGUMENT, "unknown model ''"},
	{"intel-v5,eq=on", VPMU_INCOMPATIBLE, "UMASK2, EQ and RDPMC user disable need version 6"},
	{"intel-v7", VPMU_BAD_ARGUMENT, "unknown model 'intel-v7': known are intel-v1, intel-v2"},
	{"intel-v", VPMU_BAD_ARGUMENT, "unknown model"},
	{"INTEL-V2", VPMU_BAD_ARGUMENT, "unknown model"},
	{",gp=4", VPMU_BAD_ARGUMENT, "unknown model ''"},
	{"intel-v2,other-name=1", VPMU_INCOMPATIBLE, "Intel has one name in CPUID"},
	{"icelake,lbr=24", VPMU_INCOMPATIBLE, "8, 16 or 32 entries"},
	{"icelake,lbr=33", VPMU_BAD_ARGUMENT, "8 to 32"},
	{"icelake,lbr=8,lbr-format=5", VPMU_INCOMPATIBLE,
         "lbr and lbr-format contradict each other"},
	{"amd-perfmon-v2,lbr=17", VPMU_BAD_ARGUMENT, "1 to 16"},
	{"amd-perfcore,lbr=16", VPMU_INCOMPATIBLE, "LbrExtV2 needs PerfMonV2"},
	{"amd-perfcore,pebs=3", VPMU_INCOMPATIBLE, "not an option of an AMD PMU"},
	{"intel-p6,lbr=8", VPMU_INCOMPATIBLE, "not an option of an Intel P6 PMU"},
	{"skylake,pebs=5", VPMU_BAD_ARGUMENT, "pebs="},
	{"zx-c,other-name=2", VPMU_BAD_ARGUMENT, "out of range"},
	{"intel-v2,", VPMU_BAD_ARGUMENT, "unknown option ''"},
	{"intel-v2,,gp=4", VPMU_BAD_ARGUMENT, "unknown option ''"},
	{"intel-v2,gpu=4", VPMU_BAD_ARGUMENT, "unknown option 'gpu': known are pmu=on|off"},
	{"intel-v2,g=4", VPMU_BAD_ARGUMENT, "unknown option 'g'"},
	{"intel-v2,gp", VPMU_BAD_ARGUMENT, "a value is missing: gp=N"},
	{"intel-v2,gp=", VPMU_BAD_ARGUMENT, "gp='' is no number"},
	{"intel-v2,gp=-1", VPMU_BAD_ARGUMENT, "gp='-1' is no number that fits: 0 to 10"},
	{"intel-v2,gp=4 ", VPMU_BAD_ARGUMENT, "gp='4 ' is no number"},
	{"amd-perfcore,gp=0", VPMU_INCOMPATIBLE, "6 counters with PERFCORE, else 4"},
	{"intel-v2,gp=11", VPMU_BAD_ARGUMENT, "gp='11' is out of range: 0 to 10 on an Intel PMU"},
	{"intel-v2,gp=260", VPMU_BAD_ARGUMENT, "gp='260' is out of range: 0 to 10"},
	{"intel-v2,gp=18446744073709551617", VPMU_BAD_ARGUMENT, "is no number that fits"},
	{"amd-perfmon-v2,gp=16", VPMU_BAD_ARGUMENT, "gp='16' is out of range: 0 to 15"},
	{"intel-v2,width=31", VPMU_BAD_ARGUMENT, "out of range: 32 to 64"},
	{"intel-v2,width=65", VPMU_BAD_ARGUMENT, "out of range: 32 to 64"},
	{"amd-k7,width=40", VPMU_BAD_ARGUMENT, "out of range: 48 on an AMD PMU"},
	{"intel-v5,gp-mask=0x400", VPMU_BAD_ARGUMENT, "gp-mask='0x400' is out of range: 0 to 1023"},
	{"intel-v5,gp-mask=6", VPMU_INCOMPATIBLE, "the first and the last"},
	{"intel-v4,gp-mask=5", VPMU_INCOMPATIBLE, "need version 5"},
	{"amd-k7,gp-mask=1", VPMU_INCOMPATIBLE, "gp-mask is not an option of an AMD PMU"},
	{"intel-v2,fixed=9", VPMU_BAD_ARGUMENT, "out of range: 0 to 8"},
	{"intel-v2,version=7", VPMU_BAD_ARGUMENT, "out of range: 1 to 6"},
	{"intel-v2,version=0", VPMU_BAD_ARGUMENT, "out of range: 1 to 6"},
	{"intel-v2,full-width=yes", VPMU_BAD_ARGUMENT, "full-width='yes': give on or off"},
	{"intel-v2,full-width=o", VPMU_BAD_ARGUMENT, "give on or off"},
	{"intel-v2,signature=0x100000000", VPMU_BAD_ARGUMENT, "out of range"},
	{"intel-v1,fixed=1", VPMU_INCOMPATIBLE, "fixed counters need version 2"},
	{"intel-v4,fixed-mask=5", VPMU_INCOMPATIBLE, "need version 5"},
	{"intel-v2,metrics=on", VPMU_INCOMPATIBLE, "needs fixed counter 3"},
	{"intel-v2,events-missing=0x80", VPMU_INCOMPATIBLE, "beyond the length"},
	{"intel-v2,perfcore=on", VPMU_INCOMPATIBLE, "perfcore is not an option of an Intel PMU"},
	{"zhaoxin-v2,perfcore=on", VPMU_INCOMPATIBLE, "an option of a Zhaoxin PMU"},
	{"amd-k7,fixed=1", VPMU_INCOMPATIBLE, "fixed is not an option of an AMD PMU"},
	{"amd-k7,gp=6", VPMU_INCOMPATIBLE, "6 counters with PERFCORE, else 4"},
	{"amd-perfcore,gp=4", VPMU_INCOMPATIBLE, "6 counters with PERFCORE, else 4"},
	{"amd-k7,perfmon-v2=on", VPMU_INCOMPATIBLE, "PerfMonV2 needs PERFCORE"},
	{"amd-perfmon-v2,perfcore=off", VPMU_INCOMPATIBLE, "PerfMonV2 needs PERFCORE"},
	{"amd-k7,signature=0x580", VPMU_INCOMPATIBLE, "before K7"},
	{"intel-v2,gp=99,pmu=off", VPMU_BAD_ARGUMENT, "out of range"},
	{"intel-v2,pmu=off,gp=4", VPMU_INCOMPATIBLE, "pmu=off and gp=4 contradict each other"},
	{"intel-v2,events-missing=0x41,events-length=6", VPMU_INCOMPATIBLE, "beyond the length"},
	{"intel-v2,gp=4,pmu=off", VPMU_INCOMPATIBLE, "pmu=off and gp=4 contradict each other"},
	{"intel-v2,pmu=off,fixed=1", VPMU_INCOMPATIBLE, "pmu=off and fixed=1 contradict"},
	{"intel-v2,pmu=off,full-width=on", VPMU_INCOMPATIBLE, "pmu=off and full-width=on"},
	{"zen4,pmu=off,perfcore=on", VPMU_INCOMPATIBLE, "pmu=off and perfcore=on"},
	{"amd-k7,gp-mask=5", VPMU_INCOMPATIBLE, "gp-mask is not an option of an AMD PMU"},
	{"intel-p6,gp=2", VPMU_INCOMPATIBLE, "gp is not an option of an Intel P6 PMU"},
	{"intel-p6,pdcm=on", VPMU_INCOMPATIBLE, "pdcm is not an option of an Intel P6 PMU"},
	{"intel-p6,signature=0x6e8", VPMU_INCOMPATIBLE, "none of P6's: family 6, model 0 to 0xd"},
	{"zen4,fixed=3", VPMU_INCOMPATIBLE, "fixed is not an option of an AMD PMU"},
};

static void mistakes_are_told_and_change_nothing(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
		const struct mistake *bad = &mistakes[i];
		struct vpmu_model m, before;
		char why[512] = "";

		memset(&m, 0x5a, sizeof(m));
		before = m;
		if (vpmu_model_parse(&m, bad->text, why, sizeof(why)) != bad->status)
			fail_msg("\"%s\": status, reason: %s", bad->text, why);
		if (!strstr(why, bad->said))
			fail_msg("\"%s\": \"%s\" does not say \"%s\"", bad->text, why, bad->said);
		if (strchr(why, '\n'))
			fail_msg("\"%s\": more than one line", bad->text);
		assert_memory_equal(&m, &before, sizeof(m));
	}
}

static void a_reason_is_cut_to_its_buffer_or_left_out(void **state)
{
	struct vpmu_model m;
	char why[12];

	memset(why, 'x', sizeof(why));
	assert_int_equal(vpmu_model_parse(&m, "nonsense", why, 8), VPMU_BAD_ARGUMENT);
	assert_string_equal(why, "unknown");
	assert_int_equal(why[8], 'x');
	assert_int_equal(vpmu_model_parse(&m, "nonsense", NULL, 0), VPMU_BAD_ARGUMENT);
	assert_int_equal(vpmu_model_parse(&m, "nonsense", NULL, 100), VPMU_BAD_ARGUMENT);
	assert_int_equal(vpmu_model_parse(&m, "amd-k7,gp=6", why, 1), VPMU_INCOMPATIBLE);
	assert_string_equal(why, "");
}

static void unprintable_input_is_not_echoed(void **state)
{
	struct vpmu_model m;
	char why[512];

	assert_int_equal(vpmu_model_parse(&m, "\033[31m\n!\xff", why, sizeof(why)),
	                 VPMU_BAD_ARGUMENT);
	assert_non_null(strstr(why, "'?[31m?!?'"));
}

static void a_mebibyte_is_refused_in_one_short_line(void **state)
{
	size_t size = 1 << 20;
	char *text = malloc(size + 1);
	struct vpmu_model m;
	char why[1024];

	assert_non_null(text);
	memset(text, 'a', size);
	text[size] = '\0';
	assert_int_equal(vpmu_model_parse(&m, text, why, sizeof(why)), VPMU_BAD_ARGUMENT);
	assert_non_null(strstr(why, "...': known are"));
	memcpy(text, "intel-v2,", 9);
	assert_int_equal(vpmu_model_parse(&m, text, why, sizeof(why)), VPMU_BAD_ARGUMENT);
	assert_non_null(strstr(why, "...': known are"));
	free(text);
}

static void every_key_is_listed_with_its_values(void **state)
{
	size_t count = 0;

	for (; vpmu_model_key(count); count++) {
		const char *equals = strchr(vpmu_model_key(count), '=');

		assert_non_null(equals);
		assert_true(!strcmp(equals, "=N") || !strcmp(equals, "=on|off"));
		assert_non_null(vpmu_model_key_about(count));
	}
	assert_true(count > 10);
	assert_null(vpmu_model_key_about(count));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(overrides_set_their_field),
		cmocka_unit_test(width_sets_gp_and_fixed),
		cmocka_unit_test(width_leaves_no_fixed_width_without_fixed_counters),
		cmocka_unit_test(counters_are_a_number_or_a_bitmap),
		cmocka_unit_test(the_only_width_of_amd_can_be_given),
		cmocka_unit_test(full_width_brings_the_capabilities_register),
		cmocka_unit_test(the_last_of_two_formats_counts),
		cmocka_unit_test(no_capabilities_register_no_capabilities),
		cmocka_unit_test(anythread_follows_version_and_deprecation),
		cmocka_unit_test(a_lower_version_loses_what_it_cannot_have),
		cmocka_unit_test(amd_counters_follow_the_features),
		cmocka_unit_test(pmu_off_leaves_nothing_but_the_processor),
		cmocka_unit_test(the_other_name_can_be_without_a_pmu),
		cmocka_unit_test(pdcm_can_be_without_a_pmu),
		cmocka_unit_test(pmu_on_changes_nothing),
		cmocka_unit_test(overrides_mean_the_same_in_any_order),
		cmocka_unit_test(a_change_goes_for_what_was_before_it),
		cmocka_unit_test(mistakes_are_told_and_change_nothing),
		cmocka_unit_test(a_reason_is_cut_to_its_buffer_or_left_out),
		cmocka_unit_test(unprintable_input_is_not_echoed),
		cmocka_unit_test(a_mebibyte_is_refused_in_one_short_line),
		cmocka_unit_test(every_key_is_listed_with_its_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
