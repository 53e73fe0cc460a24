/* SPDX-License-Identifier: MIT */
/*
 * The register tables are proved: sorted, without overlap in any model, and every register can hold
 * its reset value. Then what the manuals say of single registers.
 */
#include "random_model.h"
#include "unit.h"

struct listing {
	struct vpmu_register at[VPMU_MAX_REGISTERS];
	size_t count;
};

static struct listing list(const struct vpmu_model *model)
{
	struct listing listing;

	listing.count = vpmu_model_registers(model, listing.at);
	return listing;
}

static const struct vpmu_register *find(const struct listing *listing, uint32_t msr)
{
	for (size_t i = 0; i < listing->count; i++)
		if (listing->at[i].msr == msr)
			return &listing->at[i];
	return NULL;
}

/* The bits that a model's register takes; fails the test when it does not exist. */
static uint64_t writable(const char *model, uint32_t msr)
{
	struct vpmu_model m = model_of(model);
	struct listing listing = list(&m);
	const struct vpmu_register *reg = find(&listing, msr);

	if (!reg)
		fail_msg("%s has no register 0x%x", model, msr);
	return reg->writable;
}

static uint64_t reset_value(const char *model, uint32_t msr)
{
	struct vpmu_model m = model_of(model);
	struct listing listing = list(&m);
	const struct vpmu_register *reg = find(&listing, msr);

	if (!reg)
		fail_msg("%s has no register 0x%x", model, msr);
	return reg->reset;
}

static bool exists(const char *model, uint32_t msr)
{
	struct vpmu_model m = model_of(model);
	struct listing listing = list(&m);

	return find(&listing, msr);
}

static void rows_are_sorted_and_complete(void **state)
{
	for (int v = 0; v < VPMU_VENDORS; v++) {
		const struct reg_table *table = reg_table_of((enum vpmu_vendor)v);

		for (size_t i = 0; i < table->count; i++) {
			const struct reg_row *row = &table->rows[i];

			assert_true(!i || row[-1].base <= row->base);
			assert_non_null(row->name);
			assert_non_null(row->exists);
			assert_non_null(row->writable);
			assert_non_null(row->reset);
			assert_true(row->kind < VPMU_KINDS);
			assert_int_equal(!row->stride, row->count == REG_ONE);
			assert_int_equal(!strstr(row->name, "%u"), row->count == REG_ONE);
		}
	}
}

/* Whether a register keeps a value that somebody wrote. */
static bool is_stored(const struct vpmu_register *reg)
{
	return reg->guest == VPMU_ACCESS_READ_WRITE || reg->host == VPMU_ACCESS_READ_WRITE;
}

static void prove_register(const struct vpmu_model *m, const struct vpmu_register *reg)
{
	uint64_t room = width_mask(reg->width);

	assert_true(reg->width >= 32 && reg->width <= 64);
	assert_int_equal(reg->reset & ~room, 0);
	assert_int_equal(reg->writable & ~room, 0);
	if (is_stored(reg))
		assert_int_equal(reg->reset & ~reg->writable, 0);
	if (reg->level != VPMU_LEVEL_NEVER)
		assert_int_equal(reg->host, VPMU_ACCESS_READ_WRITE);
	assert_true(strlen(reg->name) >= 4);
	assert_null(strchr(reg->name, '%'));
	/* Its row, asked by itself, agrees that there is such a register. */
	for (size_t i = 0; i < reg_table_of(m->vendor)->count; i++) {
		const struct reg_row *row = &reg_table_of(m->vendor)->rows[i];

		if (row->kind == reg->kind && reg_exists(row, m, reg->index) &&
		    row->base + row->stride * reg->index == reg->msr)
			return;
	}
	fail_msg("%s (0x%x) has no row", reg->name, reg->msr);
}

static void prove_model(const struct vpmu_model *m)
{
	struct listing listing = list(m);

	assert_int_equal(!listing.count, !m->version);
	assert_true(listing.count < VPMU_MAX_REGISTERS);
	for (size_t i = 0; i < listing.count; i++) {
		prove_register(m, &listing.at[i]);
		for (size_t k = 0; k < i; k++) {
			assert_true(listing.at[k].msr < listing.at[i].msr);
			assert_string_not_equal(listing.at[k].name, listing.at[i].name);
		}
	}
}

static void every_presets_registers_are_proved(void **state)
{
	for (size_t i = 0; vpmu_preset_name(i); i++) {
		struct vpmu_model m = model_of(vpmu_preset_name(i));

		prove_model(&m);
	}
}

static void random_models_registers_are_proved(void **state)
{
	struct random random = random_seeded("table");

	for (unsigned i = 0; i < 5000; i++) {
		struct vpmu_model m = random_model(&random);

		prove_model(&m);
	}
}

static unsigned count_kind(const struct listing *listing, enum vpmu_kind kind)
{
	unsigned count = 0;

	for (size_t i = 0; i < listing->count; i++)
		count += listing->at[i].kind == kind;
	return count;
}

static void every_counter_has_one_register_and_one_selector(void **state)
{
	struct random random = random_seeded("counters");

	for (unsigned i = 0; i < 5000; i++) {
		struct vpmu_model m = random_model(&random);
		struct listing l = list(&m);

		unsigned gp = m.gp_count - (unsigned)__builtin_popcount(m.gp_missing);

		assert_int_equal(count_kind(&l, VPMU_KIND_COUNTER), gp);
		assert_int_equal(count_kind(&l, VPMU_KIND_SELECTOR), gp);
		assert_int_equal(count_kind(&l, VPMU_KIND_FIXED_COUNTER),
		                 vpmu_model_fixed_count(&m));
		assert_int_equal(count_kind(&l, VPMU_KIND_GLOBAL_CTRL), model_has_global(&m));
	}
}

static void names_are_the_vendors(void **state)
{
	static const struct {
		const char *model;
		uint32_t msr;
		const char *name;
	} named[] = {
		{"intel-v5", 0xc1, "IA32_PMC0"},
		{"intel-v5", 0x4c8, "IA32_A_PMC7"},
		{"intel-v5", 0x187, "IA32_PERFEVTSEL1"},
		{"intel-v5", 0x30c, "IA32_FIXED_CTR3"},
		{"intel-v5", 0x345, "IA32_PERF_CAPABILITIES"},
		{"intel-v5", 0x38d, "IA32_FIXED_CTR_CTRL"},
		{"intel-v5", 0x38e, "IA32_PERF_GLOBAL_STATUS"},
		{"intel-v5", 0x38f, "IA32_PERF_GLOBAL_CTRL"},
		{"intel-v5", 0x390, "IA32_PERF_GLOBAL_OVF_CTRL"},
		{"intel-v5", 0x391, "IA32_PERF_GLOBAL_STATUS_SET"},
		{"intel-v5", 0x392, "IA32_PERF_GLOBAL_INUSE"},
		{"icelake", 0x329, "IA32_PERF_METRICS"},
		{"amd-k7", 0xc0010003, "PerfEvtSel3"},
		{"amd-k7", 0xc0010007, "PerfCtr3"},
		{"amd-perfcore", 0xc001020a, "PerfEvtSel5"},
		{"amd-perfcore", 0xc001020b, "PerfCtr5"},
		{"amd-perfcore", 0xc0010000, "PERF_LEGACY_CTL0"},
		{"amd-perfmon-v2", 0xc0000300, "PerfCntrGlobalStatus"},
		{"amd-perfmon-v2", 0xc0000301, "PerfCntrGlobalCtl"},
		{"amd-perfmon-v2", 0xc0000302, "PerfCntrGlobalStatusClr"},
		{"amd-perfmon-v2", 0xc0000303, "PerfCntrGlobalStatusSet"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(named); i++) {
		struct vpmu_model m = model_of(named[i].model);
		struct listing l = list(&m);
		const struct vpmu_register *reg = find(&l, named[i].msr);

		assert_non_null(reg);
		assert_string_equal(reg->name, named[i].name);
	}
}

static void intel_selectors_take_what_the_version_has(void **state)
{
	assert_int_equal(writable("intel-v2", 0x186), 0xffdfffff);
	assert_int_equal(writable("intel-v3", 0x186), 0xffffffff);
	assert_int_equal(writable("intel-v4", 0x18d), 0xffffffff);
	assert_int_equal(writable("intel-v5", 0x186), 0xffdfffff);
	assert_int_equal(writable("intel-v5,anythread=on", 0x186), 0xffffffff);
}

static void in_txcp_is_counter_2s_only(void **state)
{
	assert_int_equal(writable("intel-v2,rtm=on", 0x186), 0x1ffdfffff);
	assert_int_equal(writable("intel-v2,hle=on", 0x188), 0x3ffdfffff);
	assert_int_equal(writable("intel-v2,rtm=on", 0x189), 0x1ffdfffff);
}

static void fixed_control_has_four_bits_a_counter(void **state)
{
	assert_int_equal(writable("intel-v2", 0x38d), 0xbbb);
	assert_int_equal(writable("intel-v3", 0x38d), 0xfff);
	assert_int_equal(writable("intel-v5", 0x38d), 0xbbbb);
	assert_int_equal(writable("intel-v5,fixed-mask=0x9", 0x38d), 0xb00b);
	assert_int_equal(writable("intel-v2,fixed=8", 0x38d), 0xbbbbbbbb);
}

static void a_hole_between_fixed_counters_is_no_register(void **state)
{
	assert_true(exists("intel-v5,fixed-mask=0x9", 0x309));
	assert_false(exists("intel-v5,fixed-mask=0x9", 0x30a));
	assert_true(exists("intel-v5,fixed-mask=0x9", 0x30c));
	assert_false(exists("intel-v5,fixed-mask=0x9", 0x30d));
	assert_int_equal(writable("intel-v5,fixed-mask=0x9", 0x38f), 0x9000000ff);
}

static void global_registers_take_existing_counters(void **state)
{
	assert_int_equal(writable("intel-v2", 0x38f), 0x70000000f);
	assert_int_equal(writable("icelake", 0x38f), 0x1000f000000ff);
	assert_int_equal(writable("intel-v2", 0x38e), 0xc00000070000000f);
	assert_int_equal(writable("intel-v2", 0x390), 0xc00000070000000f);
	assert_int_equal(writable("intel-v4", 0x390), 0xcc000007000000ff);
	assert_int_equal(writable("intel-v4", 0x391), 0x4c000007000000ff);
	assert_int_equal(writable("icelake", 0x38e), 0xcc01000f000000ff);
	assert_int_equal(writable("amd-perfmon-v2,gp=9", 0xc0000301), 0x1ff);
	assert_int_equal(writable("amd-perfmon-v2", 0xc0000300), 0x80000000000003f);
}

static void amd_selectors_leave_reserved_bits_out(void **state)
{
	assert_int_equal(writable("amd-k7", 0xc0010000), 0x30fffd7ffff);
	assert_int_equal(writable("amd-perfcore", 0xc0010200), 0x30fffd7ffff);
}

static void versions_add_registers(void **state)
{
	static const uint32_t from_2[] = {0x309, 0x38d, 0x38e, 0x38f, 0x390, 0x1d9};

	for (size_t i = 0; i < ARRAY_SIZE(from_2); i++) {
		assert_false(exists("intel-v1", from_2[i]));
		assert_true(exists("intel-v2", from_2[i]));
	}
	assert_false(exists("intel-v3", 0x391));
	assert_false(exists("intel-v3", 0x392));
	assert_true(exists("intel-v4", 0x391));
	assert_true(exists("intel-v4", 0x392));
	assert_false(exists("intel-v5", 0x329));
}

/* By model the format tells which registers there are; the architectural stack has its own. */
static void formats_of_last_branches_have_their_registers(void **state)
{
	static const struct {
		const char *model;
		uint32_t there[8], missing[8]; /* 0: the end */
	} rows[] = {
		{"skylake", {0}, {0x1c8, 0x1c9, 0x680, 0x6c0, 0xdc0, 0x14ce, 0x14cf, 0x1500}},
		{"skylake,lbr-format=3",
	         {0x1c8, 0x1c9, 0x680, 0x68f, 0x6c0, 0x6cf},
	         {0x690, 0x6d0, 0xdc0, 0x14ce}},
		{"skylake,lbr-format=4", {0x1c8, 0x68f, 0x6cf}, {0x690, 0x6d0, 0xdc0}},
		{"skylake,lbr-format=5",
	         {0x1c8, 0x69f, 0x6df, 0xdc0, 0xddf},
	         {0x6a0, 0x6e0, 0xde0}},
		{"skylake,lbr-format=6", {0x1c8, 0x69f, 0x6df}, {0x6a0, 0x6e0, 0xdc0}},
		{"skylake,lbr-format=7",
	         {0x1c8, 0x69f, 0x6df, 0xdc0, 0xddf},
	         {0x6a0, 0x6e0, 0xde0}},
		{"icelake,lbr=8",
	         {0x14ce, 0x14cf, 0x1200, 0x1207, 0x1507, 0x1607},
	         {0x1208, 0x1508, 0x1608, 0x1c8, 0x1c9, 0x680, 0x6c0}},
		{"amd-perfmon-v2", {0}, {0xc000010e, 0xc000010f, 0xc0010300, 0xc0010301}},
		{"amd-perfmon-v2,lbr=2",
	         {0xc000010e, 0xc000010f, 0xc0010302, 0xc0010303},
	         {0xc0010304, 0xc0010305}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (size_t k = 0; k < 8; k++) {
			if (rows[i].there[k] && !exists(rows[i].model, rows[i].there[k]))
				fail_msg("%s has no 0x%x", rows[i].model, rows[i].there[k]);
			if (rows[i].missing[k] && exists(rows[i].model, rows[i].missing[k]))
				fail_msg("%s has 0x%x", rows[i].model, rows[i].missing[k]);
		}
}

static void pebs_has_its_registers(void **state)
{
	static const struct {
		uint64_t capabilities;
		bool has, has_data;
	} rows[] = {
		{0, false, false},
		{VPMU_PERF_CAP_PEBS_DATA, false, false},
		{0x300, true, false},
		{0x400, true, false},
		{0x400 | VPMU_PERF_CAP_PEBS_DATA, true, true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vpmu_model m = model_of("icelake,full-width=on");
		struct listing listing;

		m.perf_capabilities |= rows[i].capabilities;
		listing = list(&m);
		assert_int_equal(find(&listing, 0x3f1) != NULL, rows[i].has);
		assert_int_equal(find(&listing, 0x600) != NULL, rows[i].has);
		assert_int_equal(find(&listing, 0x3f2) != NULL, rows[i].has_data);
	}
}

static void full_width_aliases_need_the_capability(void **state)
{
	assert_true(exists("intel-v2", 0x4c1));
	assert_false(exists("intel-v2,full-width=off", 0x4c1));
	assert_true(exists("intel-v2,full-width=off", 0x345));
	assert_false(exists("intel-v2,pdcm=off", 0x4c1));
	assert_false(exists("intel-v2,pdcm=off", 0x345));
}

static void perfcore_makes_k7s_numbers_aliases(void **state)
{
	struct vpmu_model k7 = model_of("amd-k7"), core = model_of("amd-perfcore");
	struct vpmu_model three = model_of("amd-perfmon-v2,gp=3");
	struct listing in_k7 = list(&k7), in_core = list(&core), in_three = list(&three);

	assert_int_equal(find(&in_k7, 0xc0010004)->kind, VPMU_KIND_COUNTER);
	assert_null(find(&in_k7, 0xc0010200));
	assert_int_equal(find(&in_core, 0xc0010004)->kind, VPMU_KIND_COUNTER_ALIAS);
	assert_int_equal(find(&in_core, 0xc0010003)->kind, VPMU_KIND_SELECTOR_ALIAS);
	assert_int_equal(find(&in_core, 0xc0010003)->index, 3);
	assert_int_equal(count_kind(&in_three, VPMU_KIND_COUNTER_ALIAS), 3);
}

static void reset_enables_all_counters_and_nothing_else(void **state)
{
	assert_int_equal(reset_value("intel-v4", 0x38f), 0xff);
	assert_int_equal(reset_value("amd-perfmon-v2", 0xc0000301), 0x3f);
	assert_int_equal(reset_value("intel-v4", 0x345), 0x2000);
	assert_int_equal(reset_value("intel-v4", 0x1a0), 0x1880);
	assert_int_equal(reset_value("intel-v4", 0x186), 0);
}

/* AMD's first numbers have another name on processors with PERFCORE; the others one only. */
static void every_register_is_named_without_its_model(void **state)
{
	char name[VPMU_NAME_BYTES];

	for (size_t p = 0; vpmu_preset_name(p); p++) {
		struct vpmu_model model = model_of(vpmu_preset_name(p));
		struct listing listing = list(&model);

		for (size_t i = 0; i < listing.count; i++) {
			const struct vpmu_register *reg = &listing.at[i];

			assert_true(vpmu_msr_name(model.vendor, reg->msr, name));
			if (reg->msr >> 3 != 0xc0010000 >> 3)
				assert_string_equal(name, reg->name);
		}
	}
	assert_true(vpmu_msr_name(VPMU_VENDOR_AMD, 0xc0010000, name));
	assert_string_equal(name, "PerfEvtSel0");
	assert_true(vpmu_msr_name(VPMU_VENDOR_AMD, 0xc001020b, name));
	assert_string_equal(name, "PerfCtr5");
	assert_false(vpmu_msr_name(VPMU_VENDOR_AMD, 0xc1, name));
	assert_true(vpmu_msr_name(VPMU_VENDOR_ZHAOXIN, 0x38f, name));
	assert_string_equal(name, "IA32_PERF_GLOBAL_CTRL");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_sorted_and_complete),
		cmocka_unit_test(every_presets_registers_are_proved),
		cmocka_unit_test(random_models_registers_are_proved),
		cmocka_unit_test(every_counter_has_one_register_and_one_selector),
		cmocka_unit_test(names_are_the_vendors),
		cmocka_unit_test(every_register_is_named_without_its_model),
		cmocka_unit_test(intel_selectors_take_what_the_version_has),
		cmocka_unit_test(in_txcp_is_counter_2s_only),
		cmocka_unit_test(fixed_control_has_four_bits_a_counter),
		cmocka_unit_test(a_hole_between_fixed_counters_is_no_register),
		cmocka_unit_test(global_registers_take_existing_counters),
		cmocka_unit_test(amd_selectors_leave_reserved_bits_out),
		cmocka_unit_test(versions_add_registers),
		cmocka_unit_test(formats_of_last_branches_have_their_registers),
		cmocka_unit_test(pebs_has_its_registers),
		cmocka_unit_test(full_width_aliases_need_the_capability),
		cmocka_unit_test(perfcore_makes_k7s_numbers_aliases),
		cmocka_unit_test(reset_enables_all_counters_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
