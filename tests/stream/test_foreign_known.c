/* SPDX-License-Identifier: MIT */
/* The PMUs of processors by family and model: the same as in the table, listed by PMU; and a
 * signature's family and model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <stream/foreign/room_int.h>

static const struct {
	const char *text;
	uint8_t models[16]; /* of family 6, in ascending order; 0: the end */
} of_intel[] = {
	{"intel-v1", {0x0e}},
	{"intel-v2,gp=2,full-width=off", {0x0f, 0x16, 0x17, 0x1d}},
	{"intel-v3,full-width=off", {0x1a, 0x1e, 0x1f, 0x25, 0x2c, 0x2e, 0x2f}},
	{"intel-v3,gp=2,width=40,full-width=off", {0x1c, 0x26, 0x27, 0x35, 0x36}},
	{"intel-v3", {0x2a, 0x2d, 0x3a, 0x3e}},
	{"intel-v3,gp=2,width=40", {0x37, 0x4a, 0x4c, 0x4d, 0x57, 0x5a, 0x5d, 0x85}},
	{"haswell", {0x3c, 0x3d, 0x3f, 0x45, 0x46, 0x47, 0x4f, 0x56}},
	{"skylake", {0x4e, 0x5e, 0x66, 0x8e, 0x9e, 0xa5, 0xa6}},
	{"cascadelake", {0x55}},
	{"intel-v4,gp=4", {0x5c, 0x5f, 0x7a}},
	{"icelake", {0x6a, 0x6c, 0x7d, 0x7e, 0x8c, 0x8d, 0xa7}},
	{"intel-v5,gp=4,fixed=3", {0x86, 0x96, 0x9c}},
	{"sapphire-rapids", {0x8f, 0xad, 0xae, 0xcf}},
	{"sapphire-rapids,hle=off,rtm=off", {0x97, 0x9a, 0xaa, 0xac, 0xb7, 0xba, 0xbf}},
	{"intel-v5,gp=8,fixed=3", {0xaf}},
	{"intel-v5,gp=6,fixed=3", {0xbe}},
};

static const char *intel_model(unsigned model)
{
	for (size_t i = 0; i < ARRAY_SIZE(of_intel); i++)
		for (size_t k = 0; k < ARRAY_SIZE(of_intel[i].models); k++)
			if (model && of_intel[i].models[k] == model)
				return of_intel[i].text;
	return NULL;
}

static void must_be(enum vpmu_vendor vendor, uint32_t family, uint32_t model, const char *text)
{
	const char *is = known_pmu(vendor, foreign_signature(family, model, 1));

	if (!is != !text || (is && strcmp(is, text) != 0))
		fail_msg("family 0x%x, model 0x%x: %s", family, model, is ? is : "not known");
}

static void intels_are_known_by_model(void **state)
{
	for (unsigned model = 0; model < 256; model++) {
		must_be(VPMU_VENDOR_INTEL, 6, model, intel_model(model));
		must_be(VPMU_VENDOR_INTEL, 5, model, NULL);
		must_be(VPMU_VENDOR_INTEL, 7, model, NULL);
		must_be(VPMU_VENDOR_INTEL, 0xf, model, NULL);
		must_be(VPMU_VENDOR_INTEL_P6, 6, model, model <= 0x0d ? "intel-p6" : NULL);
	}
}

static void zhaoxins_are_known_by_family(void **state)
{
	for (unsigned model = 0; model < 256; model++) {
		must_be(VPMU_VENDOR_ZHAOXIN, 7, model,
		        model >= 0x1b && model <= 0x6b ? "zhaoxin-v2" : NULL);
		must_be(VPMU_VENDOR_ZHAOXIN, 6, model, model == 0x19 ? "zx-c" : NULL);
	}
}

static const char *amd_model(unsigned family, unsigned model)
{
	static const char *const of[] = {
		[0x06] = "amd-k7",       [0x0f] = "amd-k7",         [0x10] = "amd-k7",
		[0x11] = "amd-k7",       [0x12] = "amd-k7",         [0x14] = "amd-k7",
		[0x15] = "amd-perfcore", [0x16] = "amd-k7",         [0x17] = "amd-perfcore",
		[0x18] = "amd-perfcore", [0x1a] = "amd-perfmon-v2",
	};

	if (family == 0x19) /* Zen 3 and Zen 4 */
		return (model >= 0x10 && model <= 0x1f) || model >= 0x60 ? "amd-perfmon-v2"
		                                                         : "amd-perfcore";
	return family < ARRAY_SIZE(of) ? of[family] : NULL;
}

static void amds_are_known_by_family(void **state)
{
	for (unsigned family = 0; family < 0x20; family++)
		for (unsigned model = 0; model < 256; model++)
			must_be(VPMU_VENDOR_AMD, family, model, amd_model(family, model));
}

/* Signatures as processors have them (CPUID.1 EAX). */
static void signatures_are_family_model_and_stepping(void **state)
{
	static const struct {
		uint32_t signature, family, model, stepping;
	} rows[] = {
		{0x506e3, 6, 0x5e, 3},  {0x6fb, 6, 0x0f, 0xb},     {0x806f8, 6, 0x8f, 8},
		{0x681, 6, 8, 1},       {0x100f43, 0x10, 4, 3},    {0x800f12, 0x17, 1, 2},
		{0xa00f11, 0x19, 1, 1}, {0xa10f11, 0x19, 0x11, 1}, {0xb00f21, 0x1a, 2, 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(foreign_signature(rows[i].family, rows[i].model, rows[i].stepping),
		                 rows[i].signature);
	assert_string_equal(known_pmu(VPMU_VENDOR_AMD, 0xa10f11), "amd-perfmon-v2");
	assert_string_equal(known_pmu(VPMU_VENDOR_AMD, 0xa00f11), "amd-perfcore");
	assert_string_equal(known_pmu(VPMU_VENDOR_AMD, 0x100f43), "amd-k7");
	/* Type and stepping do not matter. */
	assert_string_equal(known_pmu(VPMU_VENDOR_INTEL, 0x536ef), "skylake");
}

static void every_known_pmu_is_a_model(void **state)
{
	struct vpmu_model model;

	for (size_t i = 0; i < ARRAY_SIZE(of_intel); i++)
		assert_int_equal(vpmu_model_parse(&model, of_intel[i].text, NULL, 0), VPMU_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(intels_are_known_by_model),
		cmocka_unit_test(zhaoxins_are_known_by_family),
		cmocka_unit_test(amds_are_known_by_family),
		cmocka_unit_test(signatures_are_family_model_and_stepping),
		cmocka_unit_test(every_known_pmu_is_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
