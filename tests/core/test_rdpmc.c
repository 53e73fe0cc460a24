/* SPDX-License-Identifier: MIT */
/* RDPMC: selectors, privilege, models. */
#include "machine.h"

static bool faults(struct vpmu_pmu *pmu, uint32_t ecx, unsigned cpl, bool pce)
{
	uint64_t value = 0x1234;
	bool fault = vpmu_pmu_rdpmc(pmu, ecx, cpl, pce, &value) == VPMU_GP;

	if (fault)
		assert_int_equal(value, 0x1234);
	return fault;
}

static uint64_t rdpmc(struct vpmu_pmu *pmu, uint32_t ecx)
{
	uint64_t value = 0;

	assert_int_equal(vpmu_pmu_rdpmc(pmu, ecx, 0, false, &value), VPMU_OK);
	return value;
}

static void intel_reads_gp_and_fixed_counters(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v2");

	wr(pmu, A_PMC0 + 3, 0x123456789abc);
	wr(pmu, FIXED0 + 2, 0x23456789abcd);
	assert_true(rdpmc(pmu, 3) == 0x123456789abc);
	assert_true(rdpmc(pmu, 0x40000002) == 0x23456789abcd);
}

static void intel_faults_beyond_the_counters_and_on_other_types(void **state)
{
	static const uint32_t bad[] = {4,          16,         64,         0x40000003,
	                               0x40000010, 0x80000000, 0xc0000000, 0x20000000,
	                               0x00010000, 0x40010000, 0xffffffff};
	struct vpmu_pmu *pmu = machine_of("intel-v2");

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_true(faults(pmu, bad[i], 0, true));
	assert_true(faults(machine_of("intel-v1"), 0x40000000, 0, true));
}

static void user_mode_needs_pce(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v2");

	assert_true(faults(pmu, 0, 3, false));
	assert_false(faults(pmu, 0, 3, true));
	assert_false(faults(pmu, 0, 0, false));
}

/* CPUID.23H EBX[2]. */
static void a_hidden_counter_reads_0_in_user_mode(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v6");
	uint64_t value = 1;

	wr(pmu, A_PMC0 + 1, 77);
	wr(pmu, FIXED0 + 2, 88);
	wr(pmu, SEL0 + 1, SEL_HIDE);
	wr(pmu, FIXED_CTRL, FIXED_HIDE << 8);
	assert_int_equal(vpmu_pmu_rdpmc(pmu, 1, 3, true, &value), VPMU_OK);
	assert_int_equal(value, 0);
	assert_int_equal(vpmu_pmu_rdpmc(pmu, 0x40000002, 3, true, &value), VPMU_OK);
	assert_int_equal(value, 0);
	assert_int_equal(rdpmc(pmu, 1), 77);
	assert_int_equal(rdpmc(pmu, 0x40000002), 88);
	wr(pmu, SEL0 + 1, 0);
	wr(pmu, FIXED_CTRL, FIXED_HIDE << 4);
	assert_int_equal(vpmu_pmu_rdpmc(pmu, 1, 3, true, &value), VPMU_OK);
	assert_int_equal(value, 77);
	assert_int_equal(vpmu_pmu_rdpmc(pmu, 0x40000002, 3, true, &value), VPMU_OK);
	assert_int_equal(value, 88);
}

static void amd_reads_as_many_as_it_has(void **state)
{
	static const struct {
		const char *model;
		unsigned count;
	} amd[] = {{"amd-k7", 4},
	           {"amd-perfcore", 6},
	           {"amd-perfmon-v2", 6},
	           {"amd-perfmon-v2,gp=4", 4}};

	for (size_t i = 0; i < ARRAY_SIZE(amd); i++) {
		struct vpmu_pmu *pmu = machine_of(amd[i].model);

		assert_false(faults(pmu, amd[i].count - 1, 0, true));
		assert_true(faults(pmu, amd[i].count, 0, true));
		assert_true(faults(pmu, 0x40000000, 0, true));
		assert_true(faults(pmu, 0x80000000, 0, true));
	}
}

static void metrics_are_read_where_the_model_has_them(void **state)
{
	assert_true(faults(machine_of("intel-v5,fixed=3"), 0x20000000, 0, true));
	assert_false(faults(machine_of("icelake"), 0x20000000, 0, true));
}

static void without_a_pmu_every_selector_faults(void **state)
{
	assert_true(faults(machine_of("intel-v2,pmu=off"), 0, 0, true));
	assert_true(faults(machine_of("amd-k7,pmu=off"), 0, 0, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(intel_reads_gp_and_fixed_counters),
		cmocka_unit_test(intel_faults_beyond_the_counters_and_on_other_types),
		cmocka_unit_test(user_mode_needs_pce),
		cmocka_unit_test(a_hidden_counter_reads_0_in_user_mode),
		cmocka_unit_test(amd_reads_as_many_as_it_has),
		cmocka_unit_test(metrics_are_read_where_the_model_has_them),
		cmocka_unit_test(without_a_pmu_every_selector_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
