/* SPDX-License-Identifier: MIT */
/* The presets are those that the documentation promises, and all can exist. */
#include "unit.h"

#include <arch/room_int.h>

struct expected {
	const char *name;
	enum vpmu_vendor vendor;
	unsigned version, gp, fixed, width;
	bool full_width, anythread, global;
	uint32_t signature; /* as in Intel's and AMD's microcode packages */
	unsigned events;
	uint32_t tsx;
};

enum { TSX = VPMU_FEATURE_HLE | VPMU_FEATURE_RTM };

static const struct expected expected[] = {
	{"intel-v1", VPMU_VENDOR_INTEL, 1, 2, 0, 48, false, false, false, 0x6e8, 7, 0},
	{"intel-v2", VPMU_VENDOR_INTEL, 2, 4, 3, 48, true, false, true, 0x6fb, 7, 0},
	{"intel-v3", VPMU_VENDOR_INTEL, 3, 4, 3, 48, true, true, true, 0x106a5, 7, 0},
	{"intel-v4", VPMU_VENDOR_INTEL, 4, 8, 3, 48, true, true, true, 0x506e3, 7, 0},
	{"intel-v5", VPMU_VENDOR_INTEL, 5, 8, 4, 48, true, false, true, 0x606a6, 8, 0},
	{"intel-v6", VPMU_VENDOR_INTEL, 6, 10, 4, 48, true, false, true, 0xb06d1, 8, 0},
	{"intel-p6", VPMU_VENDOR_INTEL_P6, 1, 2, 0, 40, false, false, false, 0x68a, 0, 0},
	{"zx-c", VPMU_VENDOR_ZHAOXIN, 2, 2, 3, 40, false, false, true, 0x6fe, 6, 0},
	{"zx-e", VPMU_VENDOR_ZHAOXIN, 2, 4, 3, 48, false, false, true, 0x307b2, 7, 0},
	{"kx-7000", VPMU_VENDOR_ZHAOXIN, 2, 4, 3, 48, false, false, true, 0x607b1, 7, 0},
	{"hygon", VPMU_VENDOR_AMD, 1, 6, 0, 48, false, false, false, 0x900f02, 0, 0},
	{"zhaoxin-v2", VPMU_VENDOR_ZHAOXIN, 2, 4, 3, 48, false, false, true, 0x107b0, 7, 0},
	{"amd-k7", VPMU_VENDOR_AMD, 1, 4, 0, 48, false, false, false, 0x100f43, 0, 0},
	{"amd-perfcore", VPMU_VENDOR_AMD, 1, 6, 0, 48, false, false, false, 0x800f12, 0, 0},
	{"amd-perfmon-v2", VPMU_VENDOR_AMD, 2, 6, 0, 48, false, false, true, 0xa10f11, 0, 0},
	{"haswell", VPMU_VENDOR_INTEL, 3, 4, 3, 48, true, true, true, 0x306c3, 7, 0},
	{"skylake", VPMU_VENDOR_INTEL, 4, 4, 3, 48, true, true, true, 0x506e3, 7, TSX},
	{"cascadelake", VPMU_VENDOR_INTEL, 4, 4, 3, 48, true, true, true, 0x50657, 7, TSX},
	{"icelake", VPMU_VENDOR_INTEL, 5, 8, 4, 48, true, false, true, 0x606a6, 8, TSX},
	{"sapphire-rapids", VPMU_VENDOR_INTEL, 5, 8, 4, 48, true, false, true, 0x806f8, 8, TSX},
	{"zen2", VPMU_VENDOR_AMD, 1, 6, 0, 48, false, false, false, 0x830f10, 0, 0},
	{"zen3", VPMU_VENDOR_AMD, 1, 6, 0, 48, false, false, false, 0xa00f11, 0, 0},
	{"zen4", VPMU_VENDOR_AMD, 2, 6, 0, 48, false, false, true, 0xa10f11, 0, 0},
	{"zen5", VPMU_VENDOR_AMD, 2, 6, 0, 48, false, false, true, 0xb00f21, 0, 0},
};

static void presets_are_as_documented(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		const struct expected *e = &expected[i];
		struct vpmu_model m = model_of(e->name);

		assert_string_equal(m.name, e->name);
		assert_int_equal(m.vendor, e->vendor);
		assert_int_equal(m.version, e->version);
		assert_int_equal(m.gp_count, e->gp);
		assert_int_equal(vpmu_model_fixed_count(&m), e->fixed);
		assert_int_equal(m.gp_width, e->width);
		assert_int_equal(m.fixed_width, e->fixed ? e->width : 0);
		assert_int_equal(model_has_full_width(&m), e->full_width);
		assert_int_equal(model_has_anythread(&m), e->anythread);
		assert_int_equal(model_has_global(&m), e->global);
		assert_int_equal(m.signature, e->signature);
		assert_int_equal(m.events_length, e->events);
		assert_int_equal(m.events_missing, 0);
		assert_int_equal(m.features & TSX, e->tsx);
	}
}

static void every_preset_is_listed_and_can_exist(void **state)
{
	size_t count = 0;
	char why[256];

	while (vpmu_preset_name(count)) {
		struct vpmu_model m = model_of(vpmu_preset_name(count));

		if (vpmu_model_check(&m, why, sizeof(why)) != VPMU_OK)
			fail_msg("%s: %s", m.name, why);
		assert_non_null(vpmu_preset_about(count));
		count++;
	}
	assert_int_equal(count, ARRAY_SIZE(expected));
	assert_null(vpmu_preset_about(count));
}

static void preset_names_differ(void **state)
{
	for (size_t i = 0; vpmu_preset_name(i); i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(vpmu_preset_name(i), vpmu_preset_name(k));
}

static void metrics_are_where_processors_have_them(void **state)
{
	struct vpmu_model generic = model_of("intel-v5");
	struct vpmu_model icelake = model_of("icelake");
	struct vpmu_model without = model_of("icelake,fixed=3");

	assert_false(model_has_metrics(&generic));
	assert_true(model_has_metrics(&icelake));
	assert_false(model_has_metrics(&without));
	assert_int_equal(without.perf_capabilities, VPMU_PERF_CAP_FULL_WIDTH);
}

/* The keys can be typed behind the name, and give a processor with last branches. */
static void what_a_preset_leaves_out_can_be_had(void **state)
{
	static const struct {
		const char *name;
		unsigned branches, pebs;
	} rows[] = {{"haswell", 16, 2}, {"skylake", 32, 3},         {"cascadelake", 32, 3},
	            {"icelake", 32, 4}, {"sapphire-rapids", 32, 4}, {"zen4", 16, 0},
	            {"zen5", 16, 0}};
	size_t found = 0;
	const char *name;

	for (size_t i = 0; (name = vpmu_preset_name(i)); i++) {
		const char *keys = vpmu_preset_more(i);
		struct vpmu_model model;
		char text[100];

		if (!keys)
			continue;
		snprintf(text, sizeof(text), "%s,%s", name, keys);
		assert_int_equal(vpmu_model_parse(&model, text, NULL, 0), VPMU_OK);
		assert_string_equal(name, rows[found].name);
		assert_int_equal(model_lbr(&model), rows[found].branches);
		assert_int_equal(model_pebs_format(&model), rows[found].pebs);
		found++;
	}
	assert_int_equal(found, ARRAY_SIZE(rows));
	assert_null(vpmu_preset_more(ARRAY_SIZE(expected)));
}

/* Parsing derives what a row leaves out; a row leaves nothing out. */
static void a_row_is_the_whole_model(void **state)
{
	for (size_t i = 0; i < preset_count; i++) {
		struct vpmu_model model = model_of(presets[i].model.name);

		if (!vpmu_model_equal(&model, &presets[i].model))
			fail_msg("%s", model.name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_is_the_whole_model),
		cmocka_unit_test(presets_are_as_documented),
		cmocka_unit_test(every_preset_is_listed_and_can_exist),
		cmocka_unit_test(preset_names_differ),
		cmocka_unit_test(metrics_are_where_processors_have_them),
		cmocka_unit_test(what_a_preset_leaves_out_can_be_had),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
