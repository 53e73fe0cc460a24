/* SPDX-License-Identifier: MIT */
/* vpmu_model_check() refuses what no processor can be, and says why. */
#include "random_model.h"
#include "unit.h"

/* A way to spoil a model that was fine. */
struct spoiling {
	const char *base;
	void (*spoil)(struct vpmu_model *model);
	const char *said;
};

static void no_width(struct vpmu_model *m)
{
	m->gp_width = 0;
}

static void no_counters(struct vpmu_model *m)
{
	m->gp_count = 0;
}

static void eleven_counters(struct vpmu_model *m)
{
	m->gp_count = 11;
}

static void narrow(struct vpmu_model *m)
{
	m->gp_width = 31;
}

static void wide(struct vpmu_model *m)
{
	m->gp_width = 65;
}

static void narrow_fixed(struct vpmu_model *m)
{
	m->fixed_width = 31;
}

static void ninth_fixed(struct vpmu_model *m)
{
	m->fixed_mask = 0x1ff;
}

static void version_7(struct vpmu_model *m)
{
	m->version = 7;
}

static void umask2(struct vpmu_model *m)
{
	m->features |= VPMU_FEATURE_UMASK2;
}

static void version_0(struct vpmu_model *m)
{
	m->version = 0;
}

static void version_1(struct vpmu_model *m)
{
	m->version = 1;
}

static void hole(struct vpmu_model *m)
{
	m->fixed_mask = 0x5;
}

static void no_pdcm(struct vpmu_model *m)
{
	m->features &= ~(uint32_t)VPMU_FEATURE_PDCM;
}

static void metrics(struct vpmu_model *m)
{
	m->perf_capabilities |= VPMU_PERF_CAP_METRICS;
}

static void perfcore(struct vpmu_model *m)
{
	m->features |= VPMU_FEATURE_PERFCORE;
}

static void no_perfcore(struct vpmu_model *m)
{
	m->features &= ~(uint32_t)VPMU_FEATURE_PERFCORE;
}

static void unknown_feature(struct vpmu_model *m)
{
	m->features |= UINT32_C(1) << 31;
}

static void pdcm(struct vpmu_model *m)
{
	m->features |= VPMU_FEATURE_PDCM;
}

static void fixed_counter(struct vpmu_model *m)
{
	m->fixed_mask = 1;
	m->fixed_width = 48;
}

static void far_vendor(struct vpmu_model *m)
{
	m->vendor = VPMU_VENDORS;
}

static void endless_name(struct vpmu_model *m)
{
	memset(m->name, 'a', sizeof(m->name));
}

static void long_events(struct vpmu_model *m)
{
	m->events_length = 33;
}

static void missing_event(struct vpmu_model *m)
{
	m->events_missing = 1u << 7;
}

static void no_counter_0(struct vpmu_model *m)
{
	m->gp_missing = 1;
}

static void no_last_counter(struct vpmu_model *m)
{
	m->gp_missing = 1u << (m->gp_count - 1);
}

static void no_counter_2(struct vpmu_model *m)
{
	m->gp_missing = 1u << 2;
}

static const struct spoiling spoilings[] = {
	{"intel-v5", no_counter_0, "the first and the last general-purpose counter exist"},
	{"intel-v5", no_last_counter, "the first and the last general-purpose counter exist"},
	{"intel-v4", no_counter_2, "holes between the general-purpose counters need version 5"},
	{"amd-perfmon-v2", no_counter_2, "no bitmap of counters"},
	{"intel-v2", no_width, "general-purpose counters have a width, or there are none"},
	{"intel-v2", no_counters, "general-purpose counters have a width, or there are none"},
	{"intel-v2", eleven_counters, "general-purpose counters: 11 is out of range, 0 to 10"},
	{"intel-v2", narrow, "31 is out of range, 32 to 64 on an Intel PMU"},
	{"zhaoxin-v2", wide, "65 is out of range, 32 to 64 on a Zhaoxin PMU"},
	{"intel-v2", narrow_fixed, "width of fixed counters"},
	{"intel-v5", ninth_fixed,
         "fixed counters: 0x1ff is out of range, 0x0 to 0xff on an Intel PMU"},
	{"intel-v5", version_7, "version: 7 is out of range, 1 to 6"},
	{"intel-v5", umask2, "UMASK2, EQ and RDPMC user disable need version 6"},
	{"intel-v5", version_0, "version 0 is no PMU at all"},
	{"amd-k7", version_0, "version 0 is no PMU at all"},
	{"intel-v2", version_1, "fixed counters need version 2"},
	{"intel-v4", hole, "need version 5"},
	{"intel-v4", no_pdcm, "PDCM"},
	{"intel-v4", metrics, "needs fixed counter 3"},
	{"intel-v4", perfcore, "a feature that this vendor's processors do not have"},
	{"intel-v4", unknown_feature, "a feature that this vendor's processors do not have"},
	{"intel-v4", far_vendor, "unknown vendor"},
	{"intel-v4", endless_name, "name does not end"},
	{"intel-v4", long_events, "33 is out of range, 0 to 32"},
	{"intel-v4", missing_event, "beyond the length"},
	{"amd-perfmon-v2", no_perfcore, "PerfMonV2 needs PERFCORE"},
	{"amd-perfmon-v2", no_width, "general-purpose counters have a width, or there are none"},
	{"intel-p6", no_width, "general-purpose counters have a width, or there are none"},
	{"amd-perfmon-v2", version_1, "the version is 2 with PerfMonV2, else 1"},
	{"amd-perfcore", no_perfcore, "6 counters with PERFCORE, else 4"},
	{"amd-perfcore", narrow, "31 is out of range, 48 on an AMD PMU"},
	{"amd-k7", pdcm, "a feature that this vendor's processors do not have"},
	{"amd-k7", fixed_counter, "AMD has no fixed counters"},
	{"amd-k7", missing_event, "no architectural events"},
};

static void impossible_models_are_refused_with_the_reason(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(spoilings); i++) {
		struct vpmu_model m = model_of(spoilings[i].base);
		char why[256] = "";

		spoilings[i].spoil(&m);
		if (vpmu_model_check(&m, why, sizeof(why)) != VPMU_INCOMPATIBLE)
			fail_msg("%zu (%s) is accepted", i, spoilings[i].said);
		if (!strstr(why, spoilings[i].said))
			fail_msg("%zu: \"%s\" does not say \"%s\"", i, why, spoilings[i].said);
	}
}

static void an_impossible_model_has_no_registers_and_no_leaves(void **state)
{
	struct vpmu_register registers[VPMU_MAX_REGISTERS];
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];

	for (size_t i = 0; i < ARRAY_SIZE(spoilings); i++) {
		struct vpmu_model m = model_of(spoilings[i].base);

		spoilings[i].spoil(&m);
		assert_int_equal(vpmu_model_registers(&m, registers), 0);
		assert_int_equal(vpmu_model_to_cpuid(&m, leaves), 0);
	}
}

static void random_possible_models_are_accepted(void **state)
{
	struct random random = random_seeded("check");
	char why[256] = "";

	for (unsigned i = 0; i < 20000; i++) {
		struct vpmu_model m = random_model(&random);

		if (vpmu_model_check(&m, why, sizeof(why)) != VPMU_OK)
			fail_msg("model %u: %s", i, why);
	}
}

static void other_vendor(struct vpmu_model *m)
{
	m->vendor = VPMU_VENDOR_ZHAOXIN;
}

static void other_signature(struct vpmu_model *m)
{
	m->signature ^= UINT32_C(1) << 31;
}

static void other_capabilities(struct vpmu_model *m)
{
	m->perf_capabilities ^= UINT64_C(1) << 63;
}

static void equality_sees_every_field_but_the_name(void **state)
{
	static void (*const change[])(struct vpmu_model *) = {
		other_vendor,    version_7,
		eleven_counters, narrow,
		narrow_fixed,    hole,
		perfcore,        long_events,
		missing_event,   other_capabilities,
		other_signature, no_counter_2,
	};
	struct vpmu_model a = model_of("icelake"), b = a;

	strcpy(b.name, "other");
	assert_true(vpmu_model_equal(&a, &b));
	for (size_t i = 0; i < ARRAY_SIZE(change); i++) {
		b = a;
		change[i](&b);
		if (vpmu_model_equal(&a, &b))
			fail_msg("change %zu is not seen", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(impossible_models_are_refused_with_the_reason),
		cmocka_unit_test(an_impossible_model_has_no_registers_and_no_leaves),
		cmocka_unit_test(random_possible_models_are_accepted),
		cmocka_unit_test(equality_sees_every_field_but_the_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
