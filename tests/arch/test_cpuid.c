/* SPDX-License-Identifier: MIT */
/* CPUID to model and back: exact, and never a model that cannot exist. */
#include "random_model.h"
#include "unit.h"

static void round_trip(const struct vpmu_model *model)
{
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	struct vpmu_model back;
	char why[512] = "";
	size_t count = vpmu_model_to_cpuid(model, leaves);

	assert_true(count > 0 && count <= VPMU_CPUID_LEAVES);
	if (vpmu_model_from_cpuid(&back, leaves, count, model->perf_capabilities, why,
	                          sizeof(why)) != VPMU_OK)
		fail_msg("%s: %s", model->name, why);
	if (!vpmu_model_equal(&back, model))
		fail_msg("%s: comes back as another", model->name);
	assert_string_equal(back.name, "cpuid");
}

/* No bit of AMD's or a P6's CPUID says that there is no PMU. */
static bool cannot_be_said(const struct vpmu_model *m)
{
	return !m->version && (m->vendor == VPMU_VENDOR_AMD || m->vendor == VPMU_VENDOR_INTEL_P6);
}

static void presets_and_overrides_come_back_equal(void **state)
{
	static const char *const overrides[] = {
		"",
		",pmu=off",
		",gp=0",
		",gp=1",
		",gp=10",
		",gp=15",
		",fixed=0",
		",fixed=8",
		",width=32",
		",width=64",
		",fixed-mask=0xa5",
		",gp-mask=0x205",
		",pdcm=off",
		",full-width=off",
		",metrics=on",
		",hle=on",
		",rtm=on",
		",version=1",
		",version=5",
		",anythread=on",
		",events-length=32",
		",perfcore=on",
		",perfmon-v2=on",
		",perfcore=off",
		",perfmon-v2=off",
	};
	unsigned done = 0;

	for (size_t i = 0; vpmu_preset_name(i); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(overrides); k++) {
			struct vpmu_model m;
			char text[64];

			snprintf(text, sizeof(text), "%s%s", vpmu_preset_name(i), overrides[k]);
			if (vpmu_model_parse(&m, text, NULL, 0) != VPMU_OK || cannot_be_said(&m))
				continue;
			round_trip(&m);
			done++;
		}
	}
	assert_true(done > 200);
}

static void random_models_come_back_equal(void **state)
{
	struct random random = random_seeded("round trip");

	for (unsigned i = 0; i < 50000; i++) {
		struct vpmu_model m = random_model(&random);

		if (!cannot_be_said(&m))
			round_trip(&m);
	}
}

/* What somebody collects by the rows is all that a model is read from. */
static void every_leaf_has_a_row(void **state)
{
	struct random random = random_seeded("rows of leaves");

	for (unsigned i = 0; i < 20000; i++) {
		struct vpmu_model m = random_model(&random), back;
		struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES], kept[VPMU_CPUID_LEAVES];
		size_t count = vpmu_model_to_cpuid(&m, leaves), rows = 0;

		for (size_t j = 0; j < count; j++)
			if (leaf_row_find(leaves[j].leaf, leaves[j].subleaf))
				kept[rows++] = leaves[j];
		assert_int_equal(
			vpmu_model_from_cpuid(&back, kept, rows, m.perf_capabilities, NULL, 0),
			VPMU_OK);
		assert_true(cannot_be_said(&m) || vpmu_model_equal(&back, &m));
	}
}

static void order_and_strangers_do_not_matter(void **state)
{
	struct vpmu_model m = model_of("zen4"), back;
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES], all[VPMU_CPUID_LEAVES + 2];
	size_t count = vpmu_model_to_cpuid(&m, leaves);

	all[0] = (struct vpmu_cpuid){.leaf = 0x15, .eax = ~0u};
	all[1] = (struct vpmu_cpuid){.leaf = 7, .subleaf = 1, .ebx = ~0u};
	for (size_t i = 0; i < count; i++)
		all[2 + i] = leaves[count - 1 - i];
	assert_int_equal(vpmu_model_from_cpuid(&back, all, count + 2, 0, NULL, 0), VPMU_OK);
	assert_true(vpmu_model_equal(&m, &back));
}

/* Leaves with random bits; most of them of a known vendor and shaped to be nearly possible. */
static size_t garbage(struct random *random, struct vpmu_cpuid *leaves)
{
	struct vpmu_model m = random_model(random);
	size_t count = vpmu_model_to_cpuid(&m, leaves);

	for (size_t i = 1; i < count; i++) {
		uint32_t *reg[] = {&leaves[i].eax, &leaves[i].ebx, &leaves[i].ecx, &leaves[i].edx};

		for (unsigned k = 0; k < 4; k++) {
			uint64_t mask = random_next(random);

			if (random_between(random, 0, 1))
				mask &= random_next(random) & random_next(random) &
				        random_next(random);
			*reg[k] ^= (uint32_t)mask;
		}
		if (!random_between(random, 0, 15))
			leaves[i].leaf = (uint32_t)random_next(random);
	}
	return random_between(random, 0, 31) ? count : random_between(random, 0, (unsigned)count);
}

static void garbage_never_makes_an_impossible_model(void **state)
{
	struct random random = random_seeded("garbage");
	unsigned taken = 0;

	for (unsigned i = 0; i < 200000; i++) {
		struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
		size_t count = garbage(&random, leaves);
		struct vpmu_model m;
		char why[256] = "";
		enum vpmu_status status = vpmu_model_from_cpuid(
			&m, leaves, count, random_next(&random), why, sizeof(why));

		if (status == VPMU_OK) {
			taken++;
			assert_int_equal(vpmu_model_check(&m, NULL, 0), VPMU_OK);
			if (!cannot_be_said(&m))
				round_trip(&m);
		} else {
			assert_int_equal(status, VPMU_INCOMPATIBLE);
			assert_memory_equal(why, "CPUID: ", 7);
			assert_true(strlen(why) > 7);
		}
	}
	assert_true(taken > 1000);
}

/* A model from a model's leaves after one change. */
struct change {
	uint32_t leaf;
	struct vpmu_cpuid set; /* these bits on */
	struct vpmu_cpuid clear;
};

static enum vpmu_status changed(const char *base, struct change change, struct vpmu_model *model,
                                char *why, size_t why_bytes)
{
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	struct vpmu_model m = model_of(base);
	size_t count = vpmu_model_to_cpuid(&m, leaves);

	for (size_t i = 0; i < count; i++) {
		if (leaves[i].leaf != change.leaf)
			continue;
		leaves[i].eax = (leaves[i].eax & ~change.clear.eax) | change.set.eax;
		leaves[i].ebx = (leaves[i].ebx & ~change.clear.ebx) | change.set.ebx;
		leaves[i].ecx = (leaves[i].ecx & ~change.clear.ecx) | change.set.ecx;
		leaves[i].edx = (leaves[i].edx & ~change.clear.edx) | change.set.edx;
	}
	return vpmu_model_from_cpuid(model, leaves, count, m.perf_capabilities, why, why_bytes);
}

static void perfmon_v2_without_perfcore_is_refused(void **state)
{
	struct change change = {0x80000001, .clear = {.ecx = 1u << 23}};
	struct vpmu_model m;
	char why[128];

	assert_int_equal(changed("zen4", change, &m, why, sizeof(why)), VPMU_INCOMPATIBLE);
	assert_string_equal(why, "CPUID: PerfMonV2 needs PERFCORE");
}

/* A hypervisor may give a version and no counter, with a width or without. */
static void a_pmu_may_have_no_general_purpose_counter(void **state)
{
	struct change count = {0xa, .clear = {.eax = 0xff00}};
	struct change both = {0xa, .clear = {.eax = 0xffff00}};
	struct change width = {0xa, .clear = {.eax = 0xff0000}};
	struct change amd = {0x80000022, .clear = {.ebx = 0xf}};
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	struct vpmu_model m, none = model_of("intel-v2,gp=0"), zen = model_of("zen4,gp=0");
	char why[128];

	assert_int_equal(changed("intel-v2", count, &m, NULL, 0), VPMU_OK);
	assert_true(vpmu_model_equal(&m, &none));
	assert_int_equal(changed("intel-v2", both, &m, NULL, 0), VPMU_OK);
	assert_true(vpmu_model_equal(&m, &none));
	assert_int_equal(m.gp_width, 0);
	/* Linux takes the width for all counters' (intel_pmu_init). */
	assert_true(vpmu_model_to_cpuid(&m, leaves) > 3);
	assert_int_equal(leaves[3].leaf, 0xa);
	assert_int_equal(leaves[3].eax, 0x7300002);
	assert_int_equal(changed("zen4", amd, &m, NULL, 0), VPMU_OK);
	assert_true(vpmu_model_equal(&m, &zen));
	assert_int_equal(changed("intel-v2", width, &m, why, sizeof(why)), VPMU_INCOMPATIBLE);
	assert_string_equal(why, "CPUID: general-purpose counters have a width, or there are none");
}

static void version_0_hides_everything(void **state)
{
	struct change change = {0xa, .clear = {.eax = 0xff}};
	struct vpmu_model m, off = model_of("icelake,pmu=off,pdcm=on");

	assert_int_equal(changed("icelake", change, &m, NULL, 0), VPMU_OK);
	assert_true(vpmu_model_equal(&m, &off));
}

static void versions_after_6_are_read_as_6(void **state)
{
	struct change change = {0xa, .set = {.eax = 7}, .clear = {.eax = 0xff}};
	struct vpmu_model m, v6 = model_of("icelake,version=6");

	assert_int_equal(changed("icelake", change, &m, NULL, 0), VPMU_OK);
	assert_true(vpmu_model_equal(&m, &v6));
}

static void fixed_counters_are_count_or_bitmap(void **state)
{
	struct change count = {0xa, .set = {.edx = 2}, .clear = {.edx = 0x1f, .ecx = ~0u}};
	struct change both = {0xa, .set = {.edx = 2, .ecx = 0x8},
	                      .clear = {.edx = 0x1f, .ecx = ~0u}};
	struct change ignored = {0xa, .set = {.ecx = 0x80}};
	struct vpmu_model m;

	assert_int_equal(changed("intel-v5", count, &m, NULL, 0), VPMU_OK);
	assert_int_equal(m.fixed_mask, 0x3);
	assert_int_equal(changed("intel-v5", both, &m, NULL, 0), VPMU_OK);
	assert_int_equal(m.fixed_mask, 0xb);
	assert_int_equal(changed("intel-v4", ignored, &m, NULL, 0), VPMU_OK);
	assert_int_equal(m.fixed_mask, 0x7);
}

static void general_purpose_counters_are_number_or_bitmap(void **state)
{
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	struct vpmu_model m = model_of("intel-v5,gp-mask=0xf7"), back;
	size_t count = vpmu_model_to_cpuid(&m, leaves), k;

	/* Who does not know leaf 23H finds the counters before the first hole. */
	for (k = 0; leaves[k].leaf != 0xa;)
		k++;
	assert_int_equal(leaves[k].eax >> 8 & 0xff, 3);
	assert_int_equal(leaves[0].eax, 0x23);
	for (k = 0; leaves[k].leaf != 7 || leaves[k].subleaf != 1;)
		k++;
	leaves[k].eax = 0;
	assert_int_equal(vpmu_model_from_cpuid(&back, leaves, count, m.perf_capabilities, NULL, 0),
	                 VPMU_OK);
	assert_int_equal(back.gp_count, 3);
	assert_int_equal(back.gp_missing, 0);
}

static void version_1_has_no_fixed_counters_whatever_edx_says(void **state)
{
	struct change change = {0xa, .set = {.edx = 3 | 48 << 5}};
	struct vpmu_model m;

	assert_int_equal(changed("intel-v1", change, &m, NULL, 0), VPMU_OK);
	assert_int_equal(m.fixed_mask, 0);
	assert_int_equal(m.fixed_width, 0);
}

static void capabilities_are_taken_only_with_pdcm(void **state)
{
	struct change change = {1, .clear = {.ecx = 1u << 15}};
	struct vpmu_model m;

	assert_int_equal(changed("intel-v2", change, &m, NULL, 0), VPMU_OK);
	assert_int_equal(m.perf_capabilities, 0);
	assert_false(model_has_full_width(&m));
}

static void the_other_vendors_features_are_ignored(void **state)
{
	struct change pdcm = {1, .set = {.ecx = 1u << 15}};
	struct change tsx = {7, .set = {.ebx = 1u << 4 | 1u << 11}};
	struct change perfcore = {0x80000001, .set = {.ecx = 1u << 23}};
	struct vpmu_model m, zen4 = model_of("zen4"), v4 = model_of("intel-v4");

	assert_int_equal(changed("zen4", pdcm, &m, NULL, 0), VPMU_OK);
	assert_true(vpmu_model_equal(&m, &zen4));
	assert_int_equal(changed("zen4", tsx, &m, NULL, 0), VPMU_OK);
	assert_true(vpmu_model_equal(&m, &zen4));
	assert_int_equal(changed("intel-v4", perfcore, &m, NULL, 0), VPMU_OK);
	assert_true(vpmu_model_equal(&m, &v4));
}

static void amd_before_k7_has_no_pmu(void **state)
{
	struct change change = {1, .set = {.eax = 0x580}, .clear = {.eax = ~0u}};
	struct vpmu_model m;

	assert_int_equal(changed("zen4", change, &m, NULL, 0), VPMU_OK);
	assert_int_equal(m.version, 0);
	assert_int_equal(m.features, 0);
}

static struct vpmu_cpuid vendor_leaf(const char *s)
{
	struct vpmu_cpuid leaf = {.leaf = 0};

	memcpy(&leaf.ebx, s, 4);
	memcpy(&leaf.edx, s + 4, 4);
	memcpy(&leaf.ecx, s + 8, 4);
	return leaf;
}

static void vendor_strings_are_read(void **state)
{
	static const struct {
		const char *string;
		enum vpmu_vendor vendor;
	} known[] = {
		{"GenuineIntel", VPMU_VENDOR_INTEL},   {"CentaurHauls", VPMU_VENDOR_ZHAOXIN},
		{"  Shanghai  ", VPMU_VENDOR_ZHAOXIN}, {"AuthenticAMD", VPMU_VENDOR_AMD},
		{"HygonGenuine", VPMU_VENDOR_AMD},
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		struct vpmu_cpuid leaf = vendor_leaf(known[i].string);
		struct vpmu_model m;

		assert_int_equal(vpmu_model_from_cpuid(&m, &leaf, 1, 0, NULL, 0), VPMU_OK);
		assert_int_equal(m.vendor, known[i].vendor);
	}
}

/* Intel SDM vol. 2A CPUID, table of highest leaves; vol. 3B, P6 family. */
static void a_processor_of_family_6_before_leaf_0ah_is_a_p6(void **state)
{
	static const struct {
		const char *string;
		uint32_t highest, signature;
		enum vpmu_vendor vendor;
		unsigned counters;
	} known[] = {
		{"GenuineIntel", 2, 0x619, VPMU_VENDOR_INTEL_P6, 2},  /* Pentium Pro */
		{"GenuineIntel", 2, 0x1632, VPMU_VENDOR_INTEL_P6, 2}, /* Pentium II OverDrive */
		{"GenuineIntel", 3, 0x68a, VPMU_VENDOR_INTEL_P6, 2},  /* Pentium III */
		{"GenuineIntel", 2, 0x6d8, VPMU_VENDOR_INTEL_P6, 2},  /* Pentium M */
		{"GenuineIntel", 0xa, 0x6d8, VPMU_VENDOR_INTEL, 0},   /* but with the leaf */
		{"GenuineIntel", 0, 0x6d8, VPMU_VENDOR_INTEL, 0},     /* a part of CPUID */
		{"GenuineIntel", 2, 0x6e8, VPMU_VENDOR_INTEL, 0},     /* Core Duo, limited */
		{"GenuineIntel", 2, 0x106d1, VPMU_VENDOR_INTEL, 0},   /* Dunnington, limited */
		{"GenuineIntel", 1, 0x543, VPMU_VENDOR_INTEL, 0},     /* Pentium MMX */
		{"GenuineIntel", 5, 0xf41, VPMU_VENDOR_INTEL, 0},     /* Pentium 4 */
		{"CentaurHauls", 1, 0x6d0, VPMU_VENDOR_ZHAOXIN, 0},   /* VIA C7 */
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		struct vpmu_cpuid leaves[2] = {vendor_leaf(known[i].string),
		                               {.leaf = 1, .eax = known[i].signature}};
		struct vpmu_model m;

		leaves[0].eax = known[i].highest;
		assert_int_equal(vpmu_model_from_cpuid(&m, leaves, 2, 0, NULL, 0), VPMU_OK);
		assert_int_equal(m.vendor, known[i].vendor);
		assert_int_equal(m.gp_count, known[i].counters);
		assert_int_equal(m.other_name, 0);
	}
}

/* As a guest would find it: nothing beyond the highest leaf. */
static void a_p6_has_no_leaf_beyond_its_highest(void **state)
{
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	struct vpmu_model m;
	size_t count;

	assert_int_equal(vpmu_model_parse(&m, "intel-p6", NULL, 0), VPMU_OK);
	count = vpmu_model_to_cpuid(&m, leaves);
	assert_int_equal(leaves[0].eax, 2);
	for (size_t i = 0; i < count; i++)
		assert_true(leaves[i].leaf <= 2 || leaves[i].leaf >= 0x80000000);
}

static void vendor_strings_are_written_by_family(void **state)
{
	static const struct {
		const char *model, *string;
	} known[] = {
		{"skylake", "GenuineIntel"},
		{"zhaoxin-v2", "  Shanghai  "},
		{"zhaoxin-v2,other-name=1", "CentaurHauls"},
		{"zx-c", "CentaurHauls"},
		{"zx-c,other-name=1", "  Shanghai  "},
		{"zx-e", "CentaurHauls"},
		{"kx-7000", "CentaurHauls"},
		{"hygon", "HygonGenuine"},
		{"hygon,other-name=1", "AuthenticAMD"},
		{"zen4,other-name=1", "HygonGenuine"},
		{"zhaoxin-v2,signature=0x6f0", "CentaurHauls"},
		{"zen2", "AuthenticAMD"},
		{"zen2,signature=0x900f00", "HygonGenuine"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		struct vpmu_model m = model_of(known[i].model);
		struct vpmu_cpuid wanted = vendor_leaf(known[i].string);
		struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];

		vpmu_model_to_cpuid(&m, leaves);
		assert_int_equal(leaves[0].leaf, 0);
		assert_int_equal(leaves[0].ebx, wanted.ebx);
		assert_int_equal(leaves[0].ecx, wanted.ecx);
		assert_int_equal(leaves[0].edx, wanted.edx);
	}
}

static void unknown_vendors_are_refused_by_name(void **state)
{
	struct vpmu_cpuid leaf = vendor_leaf("VIA VIA VIA ");
	struct vpmu_model m;
	char why[256];

	assert_int_equal(vpmu_model_from_cpuid(&m, &leaf, 1, 0, why, sizeof(why)),
	                 VPMU_INCOMPATIBLE);
	assert_non_null(strstr(why, "unknown vendor 'VIA VIA VIA '"));
	assert_int_equal(vpmu_model_from_cpuid(&m, NULL, 0, 0, why, sizeof(why)),
	                 VPMU_INCOMPATIBLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(presets_and_overrides_come_back_equal),
		cmocka_unit_test(random_models_come_back_equal),
		cmocka_unit_test(every_leaf_has_a_row),
		cmocka_unit_test(order_and_strangers_do_not_matter),
		cmocka_unit_test(garbage_never_makes_an_impossible_model),
		cmocka_unit_test(perfmon_v2_without_perfcore_is_refused),
		cmocka_unit_test(a_pmu_may_have_no_general_purpose_counter),
		cmocka_unit_test(version_0_hides_everything),
		cmocka_unit_test(versions_after_6_are_read_as_6),
		cmocka_unit_test(fixed_counters_are_count_or_bitmap),
		cmocka_unit_test(general_purpose_counters_are_number_or_bitmap),
		cmocka_unit_test(version_1_has_no_fixed_counters_whatever_edx_says),
		cmocka_unit_test(capabilities_are_taken_only_with_pdcm),
		cmocka_unit_test(the_other_vendors_features_are_ignored),
		cmocka_unit_test(amd_before_k7_has_no_pmu),
		cmocka_unit_test(vendor_strings_are_read),
		cmocka_unit_test(a_processor_of_family_6_before_leaf_0ah_is_a_p6),
		cmocka_unit_test(a_p6_has_no_leaf_beyond_its_highest),
		cmocka_unit_test(vendor_strings_are_written_by_family),
		cmocka_unit_test(unknown_vendors_are_refused_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
