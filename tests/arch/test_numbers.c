/* SPDX-License-Identifier: MIT */
/*
 * Numbers that the manuals give, written down a second time: where the registers are, and the bits
 * that other rooms know by name. Intel SDM vol. 3B chapters 18 to 20 and vol. 4 chapter 2; AMD APM
 * vol. 2 13.1, 13.2 and appendix A.
 */
#include "unit.h"

struct number {
	const char *name;
	uint32_t base, stride;
};

static const struct number of_intel[] = {
	{"IA32_PMC%u", 0xc1, 1},
	{"IA32_PERFEVTSEL%u", 0x186, 1},
	{"IA32_MISC_ENABLE", 0x1a0, 0},
	{"MSR_LBR_SELECT", 0x1c8, 0},
	{"MSR_LASTBRANCH_TOS", 0x1c9, 0},
	{"IA32_DEBUGCTL", 0x1d9, 0},
	{"IA32_FIXED_CTR%u", 0x309, 1},
	{"IA32_PERF_METRICS", 0x329, 0},
	{"IA32_PERF_CAPABILITIES", 0x345, 0},
	{"IA32_FIXED_CTR_CTRL", 0x38d, 0},
	{"IA32_PERF_GLOBAL_STATUS", 0x38e, 0},
	{"IA32_PERF_GLOBAL_CTRL", 0x38f, 0},
	{"IA32_PERF_GLOBAL_OVF_CTRL", 0x390, 0},
	{"IA32_PERF_GLOBAL_STATUS_SET", 0x391, 0},
	{"IA32_PERF_GLOBAL_INUSE", 0x392, 0},
	{"IA32_PEBS_ENABLE", 0x3f1, 0},
	{"MSR_PEBS_DATA_CFG", 0x3f2, 0},
	{"IA32_A_PMC%u", 0x4c1, 1},
	{"IA32_DS_AREA", 0x600, 0},
	{"MSR_LASTBRANCH_%u_FROM_IP", 0x680, 1},
	{"MSR_LASTBRANCH_%u_TO_IP", 0x6c0, 1},
	{"MSR_LBR_INFO_%u", 0xdc0, 1},
	{"IA32_LBR_%u_INFO", 0x1200, 1},
	{"IA32_LBR_CTL", 0x14ce, 0},
	{"IA32_LBR_DEPTH", 0x14cf, 0},
	{"IA32_LBR_%u_FROM_IP", 0x1500, 1},
	{"IA32_LBR_%u_TO_IP", 0x1600, 1},
	{"IA32_PMC_GP%u_CTR", 0x1900, 4},
	{"IA32_PMC_GP%u_CFG_A", 0x1901, 4},
	{"IA32_PMC_FX%u_CTR", 0x1980, 4},
};

static const struct number of_amd[] = {
	{"DebugCtl", 0x1d9, 0},
	{"LbrSelect", 0xc000010e, 0},
	{"DebugExtnCtl", 0xc000010f, 0},
	{"PerfCntrGlobalStatus", 0xc0000300, 0},
	{"PerfCntrGlobalCtl", 0xc0000301, 0},
	{"PerfCntrGlobalStatusClr", 0xc0000302, 0},
	{"PerfCntrGlobalStatusSet", 0xc0000303, 0},
	{"PerfEvtSel%u", 0xc0010000, 1},
	{"PERF_LEGACY_CTL%u", 0xc0010000, 1},
	{"PerfCtr%u", 0xc0010004, 1},
	{"PERF_LEGACY_CTR%u", 0xc0010004, 1},
	{"PerfEvtSel%u", 0xc0010200, 2},
	{"PerfCtr%u", 0xc0010201, 2},
	{"LastBranchStackFromIp%u", 0xc0010300, 2},
	{"LastBranchStackToIp%u", 0xc0010301, 2},
};

static const struct number of_p6[] = {
	{"PerfCtr%u", 0xc1, 1},
	{"PerfEvtSel%u", 0x186, 1},
};

static void are(enum vpmu_vendor vendor, const struct number *numbers, size_t count)
{
	const struct reg_table *table = reg_table_of(vendor);

	assert_int_equal(table->count, count);
	for (size_t i = 0; i < count; i++) {
		assert_string_equal(table->rows[i].name, numbers[i].name);
		if (table->rows[i].base != numbers[i].base ||
		    table->rows[i].stride != numbers[i].stride)
			fail_msg("%s: 0x%x, not 0x%x", numbers[i].name, table->rows[i].base,
			         numbers[i].base);
	}
}

static void registers_are_where_the_manuals_have_them(void **state)
{
	are(VPMU_VENDOR_INTEL, of_intel, ARRAY_SIZE(of_intel));
	are(VPMU_VENDOR_ZHAOXIN, of_intel, ARRAY_SIZE(of_intel));
	are(VPMU_VENDOR_AMD, of_amd, ARRAY_SIZE(of_amd));
	are(VPMU_VENDOR_INTEL_P6, of_p6, ARRAY_SIZE(of_p6));
}

static void a_row_ends_behind_its_last_register(void **state)
{
	for (size_t p = 0; vpmu_preset_name(p); p++) {
		struct vpmu_model model = model_of(vpmu_preset_name(p));
		const struct reg_table *table = reg_table_of((enum vpmu_vendor)model.vendor);

		for (size_t i = 0; i < table->count; i++) {
			unsigned count = reg_row_count(&table->rows[i], &model);

			assert_true(!count || reg_exists(&table->rows[i], &model, count - 1));
			for (unsigned more = 0; more < 3; more++)
				assert_false(reg_exists(&table->rows[i], &model, count + more));
		}
	}
}

#define NAMED(name, value)                                                                         \
	{                                                                                          \
#name, name, UINT64_C(value)                                                       \
	}

static void bits_are_those_of_the_manuals(void **state)
{
	static const struct {
		const char *name;
		uint64_t is, must_be;
	} bits[] = {
		NAMED(MSR_MISC_ENABLE, 0x1a0),
		NAMED(MSR_DEBUGCTL, 0x1d9),
		NAMED(MISC_EMON, 0x80),
		NAMED(MISC_NO_PEBS_NO_BTS, 0x1800),
		NAMED(MISC_NO_PEBS, 0x1000),
		NAMED(SEL_EVENT, 0xff),
		NAMED(SEL_UMASK, 0xff00),
		NAMED(SEL_USR, 0x10000),
		NAMED(SEL_OS, 0x20000),
		NAMED(SEL_EDGE, 0x40000),
		NAMED(SEL_PC, 0x80000),
		NAMED(SEL_INT, 0x100000),
		NAMED(SEL_ANY, 0x200000),
		NAMED(SEL_EN, 0x400000),
		NAMED(SEL_INV, 0x800000),
		NAMED(SEL_CMASK, 0xff000000),
		NAMED(SEL_CMASK_BIT, 24),
		NAMED(SEL_AMD_EVENT, 0xf00000000),
		NAMED(SEL_IN_TX, 0x100000000),
		NAMED(SEL_IN_TXCP, 0x200000000),
		NAMED(SEL_AMD_GUEST, 0x10000000000),
		NAMED(SEL_AMD_HOST, 0x20000000000),
		NAMED(SEL_EQ, 0x1000000000),
		NAMED(SEL_HIDE, 0x2000000000),
		NAMED(SEL_UMASK2, 0xff0000000000),
		NAMED(FIXED_OS, 1),
		NAMED(FIXED_USR, 2),
		NAMED(FIXED_ANY, 4),
		NAMED(FIXED_PMI, 8),
		NAMED(FIXED_HIDE, 0x200000000),
		NAMED(FIXED_BITS, 4),
		NAMED(GLOBAL_FIXED_BIT, 32),
		NAMED(STATUS_METRICS, 0x1000000000000),
		NAMED(STATUS_LBR_FRZ, 0x400000000000000),
		NAMED(STATUS_CTR_FRZ, 0x800000000000000),
		NAMED(STATUS_ASCI, 0x1000000000000000),
		NAMED(STATUS_UNCORE, 0x2000000000000000),
		NAMED(STATUS_DS, 0x4000000000000000),
		NAMED(STATUS_COND, 0x8000000000000000),
		NAMED(DEBUGCTL_LBR, 1),
		NAMED(DEBUGCTL_FREEZE_LBRS, 0x800),
		NAMED(DEBUGCTL_FREEZE_PERFMON, 0x1000),
		NAMED(LBR_SELECT_BITS, 0x1ff),
		NAMED(LBR_SELECT_CALL_STACK, 0x200),
		NAMED(LBR_CTL_BITS, 0x7f000f),
		NAMED(LBR_CTL_EN, 1),
		NAMED(LBR_V2_EN, 0x40),
		NAMED(LBR_INFO_MISPREDICTED, 0x8000000000000000),
		NAMED(LBR_INFO_IN_TX, 0x4000000000000000),
		NAMED(LBR_INFO_ABORT, 0x2000000000000000),
		NAMED(LBR_INFO_VALID, 0x1000000000000000),
		NAMED(LBR_INFO_KIND, 0xf00000000000000),
		NAMED(LBR_INFO_CYCLES, 0xffff),
	};

	for (size_t i = 0; i < ARRAY_SIZE(bits); i++)
		if (bits[i].is != bits[i].must_be)
			fail_msg("%s", bits[i].name);
}

/* AMD counts what changes the ring in the ring that it goes to. */
static void amd_counts_where_it_goes(void **state)
{
	struct vpmu_model intel = model_of("intel-v2"), p6 = model_of("intel-p6"),
			  amd = model_of("amd-k7");

	assert_false(vpmu_model_counts_where_it_goes(&intel));
	assert_false(vpmu_model_counts_where_it_goes(&p6));
	assert_true(vpmu_model_counts_where_it_goes(&amd));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registers_are_where_the_manuals_have_them),
		cmocka_unit_test(a_row_ends_behind_its_last_register),
		cmocka_unit_test(bits_are_those_of_the_manuals),
		cmocka_unit_test(amd_counts_where_it_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
