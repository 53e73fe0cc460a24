/* SPDX-License-Identifier: MIT */
/* Single leaves of CPUID: what stands in them, and what is made of them. */
#include "unit.h"

static struct vpmu_cpuid leaf_in(const struct vpmu_cpuid *leaves, size_t count, uint32_t leaf)
{
	for (size_t i = 0; i < count; i++)
		if (leaves[i].leaf == leaf && !leaves[i].subleaf)
			return leaves[i];
	return (struct vpmu_cpuid){0};
}

/* Lunar Lake's efficient cores: leaf 0AH says 8 and 3, leaf 23H has ff and 77. */
static void leaf_23_has_the_bitmaps_of_counters(void **state)
{
	struct vpmu_model m, full = model_of("intel-v6,gp=8,fixed-mask=0x77");
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	size_t count = vpmu_model_to_cpuid(&full, leaves), k;

	for (k = 0; leaves[k].leaf != 0xa;)
		k++;
	leaves[k].ecx = 0x7;
	assert_int_equal(vpmu_model_from_cpuid(&m, leaves, count, full.perf_capabilities, NULL, 0),
	                 VPMU_OK);
	assert_int_equal(m.fixed_mask, 0x77);
	assert_true(vpmu_model_equal(&m, &full));
}

/* Leaf 23H.3 says which events exist; leaf 0AH, which do not. */
static void leaf_23_has_the_bitmap_of_events(void **state)
{
	struct vpmu_model m, full = model_of("intel-v6,events-missing=0x22");
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	size_t count = vpmu_model_to_cpuid(&full, leaves), a, k;

	for (k = 0; leaves[k].leaf != 0x23 || leaves[k].subleaf != 3;)
		k++;
	assert_int_equal(leaves[k].eax, 0xdd);
	for (a = 0; leaves[a].leaf != 0xa;)
		a++;
	leaves[a].ebx = 0;
	assert_int_equal(vpmu_model_from_cpuid(&m, leaves, count, full.perf_capabilities, NULL, 0),
	                 VPMU_OK);
	assert_true(vpmu_model_equal(&m, &full));
	leaves[k].eax = 0x15dd; /* LBR inserts, frontend bound and backend bound, as well */
	assert_int_equal(vpmu_model_from_cpuid(&m, leaves, count, full.perf_capabilities, NULL, 0),
	                 VPMU_OK);
	assert_int_equal(m.events_length, 13);
	assert_int_equal(m.events_missing, 0xa22);
	leaves[k].eax = 0; /* a hypervisor that knows the leaf and not its part */
	assert_int_equal(vpmu_model_from_cpuid(&m, leaves, count, full.perf_capabilities, NULL, 0),
	                 VPMU_OK);
	assert_int_equal(m.events_missing, 0);
}

/* 7.1 EAX[8] tells whether there is a leaf 23H at all. */
static void an_untold_leaf_23_says_nothing(void **state)
{
	struct vpmu_model m, full = model_of("intel-v6");
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	size_t count = vpmu_model_to_cpuid(&full, leaves), k;

	for (k = 0; leaves[k].leaf != 7 || leaves[k].subleaf != 1;)
		k++;
	leaves[k].eax = 0;
	full = model_of("intel-v6,umask2=off,eq=off,rdpmc-hide=off");
	assert_int_equal(vpmu_model_from_cpuid(&m, leaves, count, full.perf_capabilities, NULL, 0),
	                 VPMU_OK);
	assert_true(vpmu_model_equal(&m, &full));
}

/* A feature is its one bit: neither its absence nor its presence is read from a neighbour. */
static void features_are_single_bits(void **state)
{
	static const struct {
		const char *model; /* without the feature */
		uint32_t leaf, subleaf;
		size_t reg;
		unsigned bit;
		uint32_t feature;
	} rows[] = {
		{"intel-v2,pdcm=off", 1, 0, offsetof(struct vpmu_cpuid, ecx), 15,
	         VPMU_FEATURE_PDCM},
		{"intel-v2", 7, 0, offsetof(struct vpmu_cpuid, ebx), 4, VPMU_FEATURE_HLE},
		{"intel-v2", 7, 0, offsetof(struct vpmu_cpuid, ebx), 11, VPMU_FEATURE_RTM},
		{"intel-v6,umask2=off", 0x23, 0, offsetof(struct vpmu_cpuid, ebx), 0,
	         VPMU_FEATURE_UMASK2},
		{"intel-v6,eq=off", 0x23, 0, offsetof(struct vpmu_cpuid, ebx), 1, VPMU_FEATURE_EQ},
		{"intel-v6,rdpmc-hide=off", 0x23, 0, offsetof(struct vpmu_cpuid, ebx), 2,
	         VPMU_FEATURE_RDPMC_HIDE},
		{"amd-k7", 0x80000001, 0, offsetof(struct vpmu_cpuid, ecx), 23,
	         VPMU_FEATURE_PERFCORE},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vpmu_model model = model_of(rows[i].model), m;
		struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
		size_t count = vpmu_model_to_cpuid(&model, leaves), k = 0;
		uint32_t *word;

		while (leaves[k].leaf != rows[i].leaf || leaves[k].subleaf != rows[i].subleaf)
			k++;
		word = (uint32_t *)(void *)((char *)&leaves[k] + rows[i].reg);
		for (unsigned bit = rows[i].bit ? rows[i].bit - 1 : 0; bit <= rows[i].bit + 1;
		     bit++) {
			uint32_t before = *word;

			*word |= UINT32_C(1) << bit;
			assert_int_equal(vpmu_model_from_cpuid(&m, leaves, count, 0, NULL, 0),
			                 VPMU_OK);
			if (!(m.features & rows[i].feature) != (bit != rows[i].bit))
				fail_msg("leaf 0x%x, bit %u", rows[i].leaf, bit);
			*word = before;
		}
	}
}

static void last_branches_are_told_and_read_back(void **state)
{
	static const struct {
		const char *model;
		uint32_t leaf_7_edx, leaf_1c_eax, v2_eax, v2_ebx;
	} rows[] = {
		{"icelake,lbr=8", 1 << 19, 1, 0, 0},
		{"icelake,lbr=16", 1 << 19, 3, 0, 0},
		{"icelake,lbr=32", 1 << 19, 0xb, 0, 0},
		{"intel-v6,lbr=32", 1 << 19, 0xb, 0, 0},
		{"icelake", 0, 0, 0, 0},
		{"amd-perfmon-v2,lbr=16", 0, 0, 3, 16 << 4 | 6},
		{"amd-perfmon-v2", 0, 0, 1, 6},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vpmu_model model = model_of(rows[i].model), back;
		struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
		size_t count = vpmu_model_to_cpuid(&model, leaves);
		struct vpmu_cpuid v2 = leaf_in(leaves, count, 0x80000022);

		assert_int_equal(leaf_in(leaves, count, 7).edx, rows[i].leaf_7_edx);
		assert_int_equal(leaf_in(leaves, count, 0x1c).eax, rows[i].leaf_1c_eax);
		if (model.vendor == VPMU_VENDOR_AMD) {
			assert_int_equal(v2.eax, rows[i].v2_eax);
			assert_int_equal(v2.ebx, rows[i].v2_ebx);
		}
		assert_true(leaf_in(leaves, count, 0).eax >= (model.lbr && !v2.leaf ? 0x1c : 0xa));
		assert_int_equal(vpmu_model_from_cpuid(&back, leaves, count,
		                                       model.perf_capabilities, NULL, 0),
		                 VPMU_OK);
		assert_true(vpmu_model_equal(&back, &model));
	}
}

/* Leaf 1CH means nothing without its bit of leaf 7, nor depths that nobody has here. */
static void depths_of_last_branches_need_their_bit(void **state)
{
	struct vpmu_model model = model_of("icelake,lbr=32"), read;
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	size_t count = vpmu_model_to_cpuid(&model, leaves);

	for (unsigned told = 0; told < 2; told++) {
		for (size_t i = 0; i < count; i++) {
			if (leaves[i].leaf == 7 && !leaves[i].subleaf)
				leaves[i].edx = told << 19;
			if (leaves[i].leaf == 0x1c)
				leaves[i].eax = told ? 0xf4 : 0xb;
		}
		assert_int_equal(vpmu_model_from_cpuid(&read, leaves, count,
		                                       model.perf_capabilities, NULL, 0),
		                 VPMU_OK);
		assert_int_equal(read.lbr, 0);
	}
}

static void pebs_needs_a_place_for_its_records(void **state)
{
	struct vpmu_model model = model_of("skylake,pebs=3"), none = model_of("skylake");
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	size_t count = vpmu_model_to_cpuid(&model, leaves);

	assert_int_equal(model.perf_capabilities >> 8 & 0xf, 3);
	assert_int_equal(leaf_in(leaves, count, 1).edx, 1 << 21);
	assert_int_equal(leaf_in(leaves, count, 1).ecx & 4, 4);
	count = vpmu_model_to_cpuid(&none, leaves);
	assert_int_equal(leaf_in(leaves, count, 1).edx, 0);
}

/* CPUID.0AH as an Ice Lake server and a Skylake client give it. */
static void leaf_a_is_what_processors_say(void **state)
{
	static const struct {
		const char *model;
		uint32_t eax, edx;
	} known[] = {{"icelake", 0x08300805, 0x8604}, {"skylake", 0x07300404, 0x603}};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		struct vpmu_model m = model_of(known[i].model);
		struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
		size_t count = vpmu_model_to_cpuid(&m, leaves), k = 0;

		while (k < count && leaves[k].leaf != 0xa)
			k++;
		assert_true(k < count);
		assert_int_equal(leaves[k].eax, known[i].eax);
		assert_int_equal(leaves[k].ebx, 0);
		assert_int_equal(leaves[k].edx, known[i].edx);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaf_23_has_the_bitmaps_of_counters),
		cmocka_unit_test(leaf_23_has_the_bitmap_of_events),
		cmocka_unit_test(an_untold_leaf_23_says_nothing),
		cmocka_unit_test(features_are_single_bits),
		cmocka_unit_test(last_branches_are_told_and_read_back),
		cmocka_unit_test(depths_of_last_branches_need_their_bit),
		cmocka_unit_test(pebs_needs_a_place_for_its_records),
		cmocka_unit_test(leaf_a_is_what_processors_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
