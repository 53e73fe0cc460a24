/* SPDX-License-Identifier: MIT */
/* DEBUGCTL's freeze on a PMI: by clearing GLOBAL_CTRL, by CTR_FRZ, and not at all. */
#include "machine.h"

static struct vpmu_pmu *about_to_freeze(const char *model)
{
	struct vpmu_pmu *pmu = machine_of(model);

	wr(pmu, DEBUGCTL, BIT64(12));
	wr(pmu, SEL0, SEL_ON_INT | INSTRUCTIONS);
	wr(pmu, SEL0 + 1, SEL_ON | INSTRUCTIONS);
	wr(pmu, PMC0, -10);
	return pmu;
}

static void before_version_4_global_ctrl_is_cleared(void **state)
{
	struct vpmu_pmu *pmu = about_to_freeze("intel-v3");

	assert_int_equal(vpmu_pmu_run(pmu, &RUN(25), 0).pmi, 1);
	assert_int_equal(rd(pmu, GLOBAL_CTRL), 0);
	assert_int_equal(rd(pmu, PMC0 + 1), 10); /* nothing after the overflow's moment */
	assert_int_equal(rd(pmu, STATUS), 1);
}

/* Products of more than 64 bits, to the event. */
static void the_moment_of_a_long_run_is_exact(void **state)
{
	static const struct {
		uint64_t instructions, cycles, at, then;
	} rows[] = {
		{BIT64(50), 3 * BIT64(50) + 7, BIT64(40), 3 * BIT64(40)},
		{BIT64(50), 3 * BIT64(50) + BIT64(10), BIT64(40), 3 * BIT64(40) + 1},
		{BIT64(50), 3 * BIT64(50) + BIT64(10) - 1, BIT64(40), 3 * BIT64(40)},
		{3 * BIT64(45), BIT64(46), BIT64(40), 2 * BIT64(40) / 3},
		{BIT64(60) - 1, BIT64(61) - 2, BIT64(44) - 1, 2 * (BIT64(44) - 1)},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vpmu_pmu *pmu = about_to_freeze("intel-v3");
		struct vpmu_amounts amounts =
			RUN([VPMU_INSTRUCTIONS] = rows[i].instructions, [VPMU_CYCLES] =
		                                                                rows[i].cycles);

		wr(pmu, SEL0 + 1, SEL_ON | CORE_CYCLES);
		wr(pmu, A_PMC0, -rows[i].at & (BIT64(48) - 1)); /* all of its bits */
		vpmu_pmu_run(pmu, &amounts, 0);
		assert_int_equal(rd(pmu, GLOBAL_CTRL), 0);
		assert_int_equal(rd(pmu, PMC0 + 1), rows[i].then);
	}
}

static void from_version_4_on_ctr_frz_is_set(void **state)
{
	struct vpmu_pmu *pmu = about_to_freeze("intel-v4");

	vpmu_pmu_run(pmu, &RUN(25), 0);
	assert_int_equal(rd(pmu, GLOBAL_CTRL), 0xff);
	assert_true(rd(pmu, STATUS) == (BIT64(59) | 1));
	assert_int_equal(rd(pmu, PMC0 + 1), 10);
}

static void clearing_ctr_frz_lets_the_counters_go_on(void **state)
{
	struct vpmu_pmu *pmu = about_to_freeze("intel-v4");

	vpmu_pmu_run(pmu, &RUN(25), 0);
	wr(pmu, OVF_CTRL, BIT64(59));
	vpmu_pmu_run(pmu, &RUN(5), 0);
	assert_int_equal(rd(pmu, PMC0 + 1), 15);
}

static void setting_ctr_frz_by_hand_stops_the_counters(void **state)
{
	struct vpmu_pmu *pmu = about_to_freeze("intel-v4");

	wr(pmu, STATUS_SET, BIT64(59));
	vpmu_pmu_run(pmu, &RUN(5), 0);
	assert_int_equal(rd(pmu, PMC0 + 1), 0);
}

static void an_overflow_without_a_pmi_freezes_nothing(void **state)
{
	struct vpmu_pmu *pmu = about_to_freeze("intel-v4");

	wr(pmu, SEL0, SEL_ON | INSTRUCTIONS);
	vpmu_pmu_run(pmu, &RUN(25), 0);
	assert_int_equal(rd(pmu, STATUS), 1);
	assert_int_equal(rd(pmu, PMC0 + 1), 25);
}

static void amd_freezes_by_pmcf(void **state)
{
	struct vpmu_pmu *pmu = machine_of("amd-perfmon-v2");

	wr(pmu, DEBUGCTL, BIT64(12));
	wr(pmu, CORE_SEL0, SEL_ON_INT | INSTRUCTIONS);
	wr(pmu, CORE_SEL0 + 2, SEL_ON | INSTRUCTIONS);
	wr(pmu, CORE_CTR0, UINT64_C(0xffffffffffff));
	vpmu_pmu_run(pmu, &RUN(25), 0);
	assert_true(rd(pmu, AMD_STATUS) == (BIT64(59) | 1));
	assert_int_equal(rd(pmu, CORE_CTR0 + 2), 1);
	wr(pmu, AMD_STATUS_CLR, BIT64(59) | 1);
	vpmu_pmu_run(pmu, &RUN(25), 0);
	assert_int_equal(rd(pmu, CORE_CTR0 + 2), 26);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_version_4_global_ctrl_is_cleared),
		cmocka_unit_test(the_moment_of_a_long_run_is_exact),
		cmocka_unit_test(from_version_4_on_ctr_frz_is_set),
		cmocka_unit_test(clearing_ctr_frz_lets_the_counters_go_on),
		cmocka_unit_test(setting_ctr_frz_by_hand_stops_the_counters),
		cmocka_unit_test(an_overflow_without_a_pmi_freezes_nothing),
		cmocka_unit_test(amd_freezes_by_pmcf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
