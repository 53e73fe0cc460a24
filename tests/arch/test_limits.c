/* SPDX-License-Identifier: MIT */
/* Where models end: for each key the largest value that is taken and the first that is not, and the
 * same for models that are no text. */
#include "unit.h"

/* Both are the same text but for the value. */
static const struct limit {
	const char *taken, *refused;
} limits[] = {
	{"intel-v2,gp=1,version=1", "intel-v2,gp=1,version=0"},
	{"intel-v2,version=6", "intel-v2,version=7"},
	{"intel-v2,gp=0", "intel-v2,gp=-1"},
	{"intel-v2,gp=10", "intel-v2,gp=11"},
	{"zhaoxin-v2,gp=10", "zhaoxin-v2,gp=11"},
	{"amd-perfmon-v2,gp=0", "amd-perfcore,gp=0"},
	{"amd-perfmon-v2,gp=15", "amd-perfmon-v2,gp=16"},
	{"amd-perfcore,gp=6", "amd-perfcore,gp=7"},
	{"amd-perfcore,gp=6", "amd-perfcore,gp=5"},
	{"amd-k7,gp=4", "amd-k7,gp=3"},
	{"amd-k7,gp=4", "amd-k7,gp=5"},
	{"intel-v2,width=32", "intel-v2,width=31"},
	{"intel-v2,width=64", "intel-v2,width=65"},
	{"amd-k7,width=48", "amd-k7,width=47"},
	{"amd-k7,width=48", "amd-k7,width=49"},
	{"intel-v2,fixed-width=32", "intel-v2,fixed-width=31"},
	{"intel-v2,fixed-width=64", "intel-v2,fixed-width=65"},
	{"intel-v2,fixed=0", "intel-v2,fixed=-1"},
	{"intel-v5,fixed=8", "intel-v5,fixed=9"},
	{"intel-v5,fixed-mask=0xff", "intel-v5,fixed-mask=0x100"},
	{"intel-v4,fixed-mask=0x3", "intel-v4,fixed-mask=0x5"},
	{"intel-v2,fixed-mask=0x0", "intel-v1,fixed-mask=0x1"},
	{"intel-v5,gp-mask=0x3ff", "intel-v5,gp-mask=0x7ff"},
	{"intel-v5,gp-mask=0x201", "intel-v5,gp-mask=0x202"},
	{"intel-v4,gp-mask=0x3", "intel-v4,gp-mask=0x5"},
	{"intel-v5,gp-mask=0x0", "intel-v5,gp-mask=0x4"},
	{"intel-v2,events-length=0", "intel-v2,events-length=-1"},
	{"intel-v2,events-length=32", "intel-v2,events-length=33"},
	{"intel-v2,events-length=32,events-missing=0xffffffff",
         "intel-v2,events-length=32,events-missing=0x100000000"},
	{"intel-v2,signature=0xffffffff", "intel-v2,signature=0x100000000"},
	{"amd-k7,signature=0xffffffff", "amd-k7,signature=0x100000000"},
	{"icelake,metrics=on", "intel-v4,metrics=on"},
	{"intel-v5,fixed=4,metrics=on", "intel-v5,fixed=3,metrics=on"},
	{"amd-perfmon-v2,perfcore=on", "amd-perfmon-v2,perfcore=off"},
	{"intel-v2,pdcm=on", "intel-v2,pdcm=o"},
	{"intel-v2,pdcm=off", "intel-v2,pdcm=offf"},
	{"intel-v2", "intel-v2,"},
	{"intel-v2", "intel-v"},
	{"intel-v2", "intel-v22"},
	{"intel-v2,gp=2", "intel-v2,g=2"},
	{"intel-v2,gp=2", "intel-v2,gpp=2"},
	{"intel-v2,gp=2", "intel-v2,gp"},
	{"intel-v2,gp=2", "intel-v2,gp="},
};

static void each_key_ends_where_it_says(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		const char *refused = limits[i].refused;
		struct vpmu_model model = model_of(limits[i].taken), same = model;
		char why[400] = "";
		enum vpmu_status status = vpmu_model_parse(&model, refused, why, sizeof(why));

		if (status != VPMU_BAD_ARGUMENT && status != VPMU_INCOMPATIBLE)
			fail_msg("%s: %d", refused, status);
		assert_true(strlen(why) > 0);
		assert_memory_equal(&model, &same, sizeof(model));
	}
}

static void what_is_reserved_is_0(void **state)
{
	struct vpmu_model model = model_of("intel-v5");

	for (size_t i = 0; i < ARRAY_SIZE(model.reserved_bytes); i++) {
		model.reserved_bytes[i] = 0x80;
		assert_int_equal(vpmu_model_check(&model, NULL, 0), VPMU_INCOMPATIBLE);
		model.reserved_bytes[i] = 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(model.reserved); i++) {
		model.reserved[i] = 1;
		assert_int_equal(vpmu_model_check(&model, NULL, 0), VPMU_INCOMPATIBLE);
		model.reserved[i] = 0;
	}
	assert_int_equal(vpmu_model_check(&model, NULL, 0), VPMU_OK);
}

static void a_name_has_room_for_its_end(void **state)
{
	struct vpmu_model model = model_of("intel-v2");

	memset(model.name, 'a', VPMU_NAME_BYTES);
	assert_int_equal(vpmu_model_check(&model, NULL, 0), VPMU_INCOMPATIBLE);
	model.name[VPMU_NAME_BYTES - 1] = '\0';
	assert_int_equal(vpmu_model_check(&model, NULL, 0), VPMU_OK);
}

/* --- The leaves of CPUID, bit by bit: Intel SDM vol. 2A CPUID, AMD APM vol. 3 appendix E ------ */

static const struct {
	const char *model;
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
} told[] = {
	{"intel-v2",
         {
		 {0, 0, 0xa, 0x756e6547, 0x6c65746e, 0x49656e69},
		 {1, 0, 0x6fb, 0, 0x8000, 0},
		 {7, 0, 0, 0, 0, 0},
		 {0xa, 0, 0x7300402, 0, 0, 0x603},
		 {0x80000000, 0, 0x80000008, 0x756e6547, 0x6c65746e, 0x49656e69},
		 {0x80000001, 0, 0, 0, 0, 0},
	 }},
	{"sapphire-rapids",
         {
		 {0, 0, 0xa, 0x756e6547, 0x6c65746e, 0x49656e69},
		 {1, 0, 0x806f8, 0, 0x8000, 0},
		 {7, 0, 0, 0x810, 0, 0},
		 {0xa, 0, 0x8300805, 0, 0xf, 0x8604},
		 {0x80000000, 0, 0x80000008, 0x756e6547, 0x6c65746e, 0x49656e69},
		 {0x80000001, 0, 0, 0, 0, 0},
	 }},
	{"intel-v5,gp-mask=0x2d,fixed-mask=0xb,events-missing=0x41",
         {
		 {0, 0, 0x23, 0x756e6547, 0x6c65746e, 0x49656e69},
		 {1, 0, 0x606a6, 0, 0x8000, 0},
		 {7, 0, 1, 0, 0, 0},
		 {0xa, 0, 0x8300105, 0x41, 0xb, 0x8602},
		 {0x1c, 0, 0, 0, 0, 0},
		 {0x80000000, 0, 0x80000008, 0x756e6547, 0x6c65746e, 0x49656e69},
		 {0x80000001, 0, 0, 0, 0, 0},
		 {7, 1, 0x100, 0, 0, 0},
		 {0x23, 0, 0xb, 0, 0, 0},
		 {0x23, 1, 0x2d, 0xb, 0, 0},
		 {0x23, 3, 0xbe, 0, 0, 0},
	 }},
	{"intel-v5,gp=0",
         {
		 {0, 0, 0xa, 0x756e6547, 0x6c65746e, 0x49656e69},
		 {1, 0, 0x606a6, 0, 0x8000, 0},
		 {7, 0, 0, 0, 0, 0},
		 {0xa, 0, 0x8300005, 0, 0xf, 0x8604},
		 {0x80000000, 0, 0x80000008, 0x756e6547, 0x6c65746e, 0x49656e69},
		 {0x80000001, 0, 0, 0, 0, 0},
	 }},
	{"zhaoxin-v2,pmu=off",
         {
		 {0, 0, 0xa, 0x68532020, 0x20206961, 0x68676e61},
		 {1, 0, 0x107b0, 0, 0, 0},
		 {7, 0, 0, 0, 0, 0},
		 {0xa, 0, 0, 0, 0, 0},
		 {0x80000000, 0, 0x80000008, 0x68532020, 0x20206961, 0x68676e61},
		 {0x80000001, 0, 0, 0, 0, 0},
	 }},
	{"amd-perfmon-v2,gp=5",
         {
		 {0, 0, 0xa, 0x68747541, 0x444d4163, 0x69746e65},
		 {1, 0, 0xa10f11, 0, 0, 0},
		 {7, 0, 0, 0, 0, 0},
		 {0xa, 0, 0, 0, 0, 0},
		 {0x80000000, 0, 0x80000022, 0x68747541, 0x444d4163, 0x69746e65},
		 {0x80000001, 0, 0xa10f11, 0, 0x800000, 0},
		 {0x80000022, 0, 1, 5, 0, 0},
	 }},
	{"amd-k7",
         {
		 {0, 0, 0xa, 0x68747541, 0x444d4163, 0x69746e65},
		 {1, 0, 0x100f43, 0, 0, 0},
		 {7, 0, 0, 0, 0, 0},
		 {0xa, 0, 0, 0, 0, 0},
		 {0x80000000, 0, 0x80000022, 0x68747541, 0x444d4163, 0x69746e65},
		 {0x80000001, 0, 0x100f43, 0, 0, 0},
		 {0x80000022, 0, 0, 0, 0, 0},
	 }},
};

static void leaves_are_those_of_the_manuals(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(told); i++) {
		struct vpmu_model model = model_of(told[i].model), back;
		struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
		size_t count = vpmu_model_to_cpuid(&model, leaves);

		for (size_t l = 0; l < count; l++)
			if (memcmp(&leaves[l], &told[i].leaves[l], sizeof(leaves[l])))
				fail_msg("%s: leaf 0x%x.%u is 0x%x 0x%x 0x%x 0x%x", told[i].model,
				         leaves[l].leaf, leaves[l].subleaf, leaves[l].eax,
				         leaves[l].ebx, leaves[l].ecx, leaves[l].edx);
		if (count < VPMU_CPUID_LEAVES)
			assert_int_equal(told[i].leaves[count].leaf + told[i].leaves[count].eax, 0);
		assert_int_equal(vpmu_model_from_cpuid(&back, told[i].leaves, count,
		                                       model.perf_capabilities, NULL, 0),
		                 VPMU_OK);
		assert_true(vpmu_model_equal(&back, &model));
	}
}

/* The leaf's registers with `bits` exchanged; the model, when there is one, is the text's. */
static void each_field_of_cpuid_ends_where_it_says(void **state)
{
	enum { EAX, EBX, ECX, EDX };
	static const struct {
		const char *base;
		uint32_t leaf;
		unsigned place; /* of the register */
		uint32_t bits, value;
		const char *model; /* NULL: the leaves contradict each other */
	} rows[] = {
		{"intel-v5", 0xa, EAX, 0xff, 0, "intel-v5,pmu=off,pdcm=on"},
		{"intel-v5", 0xa, EAX, 0xff, 5, "intel-v5"},
		{"intel-v5", 0xa, EAX, 0xff, 6, "intel-v5,version=6"},
		{"intel-v5", 0xa, EAX, 0xff, 255, "intel-v5,version=6"},
		{"intel-v5", 0xa, EAX, 0xff00, 0x0000, "intel-v5,gp=0"},
		{"intel-v6", 0xa, EAX, 0xff00, 0x0000, "intel-v6"},
		{"intel-v5", 0xa, EAX, 0xff0000, 0, NULL},
		{"intel-v5", 0xa, EAX, 0xff00, 0x0100, "intel-v5,gp=1"},
		{"intel-v5", 0xa, EAX, 0xff00, 0x0a00, "intel-v5,gp=10"},
		{"intel-v5", 0xa, EAX, 0xff00, 0x0b00, NULL},
		{"intel-v5", 0xa, EAX, 0xff0000, 0x1f0000, NULL},
		{"intel-v5", 0xa, EAX, 0xff0000, 0x200000, "intel-v5,width=32,fixed-width=48"},
		{"intel-v5", 0xa, EAX, 0xff0000, 0x400000, "intel-v5,width=64,fixed-width=48"},
		{"intel-v5", 0xa, EAX, 0xff0000, 0x410000, NULL},
		{"intel-v5", 0xa, EAX, 0xff000000, 0, "intel-v5,events-length=0"},
		{"intel-v5", 0xa, EAX, 0xff000000, 0x20000000, "intel-v5,events-length=32"},
		{"intel-v5", 0xa, EAX, 0xff000000, 0x21000000, NULL},
		{"intel-v5", 0xa, EBX, 0xffffffff, 0xff, "intel-v5,events-missing=0xff"},
		{"intel-v5", 0xa, EBX, 0xffffffff, 0x1ff, "intel-v5,events-missing=0xff"},
		{"intel-v5", 0xa, ECX, 0xffffffff, 0xff, "intel-v5,fixed=8"},
		{"intel-v5", 0xa, ECX, 0xffffffff, 0x100, NULL},
		{"intel-v5", 0xa, EDX, 0x1f, 8, "intel-v5,fixed=8"},
		{"intel-v5", 0xa, EDX, 0x1f, 9, NULL},
		{"intel-v5", 0xa, EDX, 0x1fe0, 31 << 5, NULL},
		{"intel-v5", 0xa, EDX, 0x1fe0, 32 << 5, "intel-v5,fixed-width=32"},
		{"intel-v5", 0xa, EDX, 0x1fe0, 64 << 5, "intel-v5,fixed-width=64"},
		{"intel-v5", 0xa, EDX, 0x1fe0, 65 << 5, NULL},
		{"intel-v6", 0x23, EBX, ~0u, 1, "intel-v6,eq=off,rdpmc-hide=off"},
		{"intel-v6", 0x23, EBX, ~0u, 2, "intel-v6,umask2=off,rdpmc-hide=off"},
		{"intel-v6", 0x23, EBX, ~0u, 4, "intel-v6,umask2=off,eq=off"},
		{"intel-v6", 0x23, EBX, ~0u, 0xfffffff8,
	         "intel-v6,umask2=off,eq=off,rdpmc-hide=off"},
		{"intel-v6", 0xa, EAX, 0xff, 5, "intel-v6,version=5"},
		{"intel-v2", 0xa, EDX, 0x1f, 0, "intel-v2,fixed=0"},
		{"amd-perfmon-v2", 0x80000022, EBX, 0xf, 1, "amd-perfmon-v2,gp=1"},
		{"amd-perfmon-v2", 0x80000022, EBX, 0xf, 15, "amd-perfmon-v2,gp=15"},
		{"amd-perfmon-v2", 0x80000022, EBX, 0xf, 0, "amd-perfmon-v2,gp=0"},
		{"amd-perfmon-v2", 0x80000022, EBX, 0x3f0, 0x3f0, "amd-perfmon-v2"},
		{"amd-k7", 1, EAX, 0xf00, 0x500, "amd-k7,pmu=off"},
		{"amd-k7", 1, EAX, 0xf00, 0x600, "amd-k7"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vpmu_model base = model_of(rows[i].base), read = base, expected;
		struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
		size_t count = vpmu_model_to_cpuid(&base, leaves);
		enum vpmu_status status;

		for (size_t l = 0; l < count; l++) {
			uint32_t *word = &leaves[l].eax + rows[i].place;

			if (leaves[l].leaf == rows[i].leaf && !leaves[l].subleaf)
				*word = (*word & ~rows[i].bits) | rows[i].value;
		}
		status = vpmu_model_from_cpuid(&read, leaves, count, base.perf_capabilities, NULL,
		                               0);
		if (status != (rows[i].model ? VPMU_OK : VPMU_INCOMPATIBLE))
			fail_msg("row %zu: status %d", i, status);
		if (!rows[i].model)
			continue;
		expected = model_of(rows[i].model);
		expected.signature = read.signature;
		if (!vpmu_model_equal(&read, &expected))
			fail_msg("row %zu is not %s", i, rows[i].model);
	}
}

/* Intel SDM vol. 4 IA32_PERFEVTSELx, IA32_FIXED_CTR_CTRL, IA32_PERF_GLOBAL_STATUS; AMD APM vol.
 * 2 13.2. */
static void bits_are_where_the_manuals_have_them(void **state)
{
	static const struct {
		uint64_t bits;
		unsigned first, last;
	} places[] = {
		{SEL_EVENT, 0, 7},
		{SEL_UMASK, 8, 15},
		{SEL_USR, 16, 16},
		{SEL_OS, 17, 17},
		{SEL_EDGE, 18, 18},
		{SEL_PC, 19, 19},
		{SEL_INT, 20, 20},
		{SEL_ANY, 21, 21},
		{SEL_EN, 22, 22},
		{SEL_INV, 23, 23},
		{SEL_CMASK, 24, 31},
		{SEL_AMD_EVENT, 32, 35},
		{SEL_IN_TX, 32, 32},
		{SEL_IN_TXCP, 33, 33},
		{SEL_AMD_GUEST, 40, 40},
		{SEL_AMD_HOST, 41, 41},
		{SEL_ADAPTIVE, 34, 34},
		{SEL_EQ, 36, 36},
		{SEL_HIDE, 37, 37},
		{SEL_UMASK2, 40, 47},
		{FIXED_OS, 0, 0},
		{FIXED_USR, 1, 1},
		{FIXED_ANY, 2, 2},
		{FIXED_PMI, 3, 3},
		{FIXED_ADAPTIVE, 32, 32},
		{FIXED_HIDE, 33, 33},
		{STATUS_METRICS, 48, 48},
		{STATUS_LBR_FRZ, 58, 58},
		{STATUS_CTR_FRZ, 59, 59},
		{STATUS_DS, 62, 62},
		{STATUS_COND, 63, 63},
		{DEBUGCTL_FREEZE_LBRS, 11, 11},
		{DEBUGCTL_FREEZE_PERFMON, 12, 12},
	};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		uint64_t bits = 0;

		for (unsigned bit = places[i].first; bit <= places[i].last; bit++)
			bits |= UINT64_C(1) << bit;
		if (places[i].bits != bits)
			fail_msg("row %zu: 0x%llx", i, (unsigned long long)places[i].bits);
	}
	assert_int_equal(SEL_CMASK_BIT, 24);
	assert_int_equal(GLOBAL_FIXED_BIT, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_key_ends_where_it_says),
		cmocka_unit_test(what_is_reserved_is_0),
		cmocka_unit_test(a_name_has_room_for_its_end),
		cmocka_unit_test(leaves_are_those_of_the_manuals),
		cmocka_unit_test(each_field_of_cpuid_ends_where_it_says),
		cmocka_unit_test(bits_are_where_the_manuals_have_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
