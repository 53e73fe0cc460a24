/* SPDX-License-Identifier: MIT */
/* Overflows: status, PMIs, LVTPC, moments. */
#include "machine.h"

/* One counter of the model, ready to count instructions. */
struct setup {
	const char *model;
	uint32_t counter, selector, status; /* status 0: there is none */
};

static const struct setup everyone[] = {
	{"intel-v1", PMC0, SEL0, 0},
	{"intel-v2", PMC0, SEL0, STATUS},
	{"intel-v2,gp=8", PMC0, SEL0, STATUS},
	{"intel-v3", PMC0, SEL0, STATUS},
	{"intel-v4", PMC0, SEL0, STATUS},
	{"intel-v5", PMC0, SEL0, STATUS},
	{"zhaoxin-v2", PMC0, SEL0, STATUS},
	{"amd-k7", K7_CTR0, K7_SEL0, 0},
	{"amd-perfcore", CORE_CTR0, CORE_SEL0, 0},
	{"amd-perfmon-v2", CORE_CTR0, CORE_SEL0, AMD_STATUS},
};

static struct vpmu_pmu *counting(const struct setup *setup, uint64_t sel, uint64_t value)
{
	struct vpmu_pmu *pmu = machine_of(setup->model);

	wr(pmu, setup->counter, value);
	wr(pmu, setup->selector, sel | INSTRUCTIONS);
	return pmu;
}

#define FOR_EVERYONE(setup)                                                                        \
	for (const struct setup *setup = everyone; setup < everyone + ARRAY_SIZE(everyone); setup++)

static void counts_exactly(void **state)
{
	FOR_EVERYONE(setup)
	{
		struct vpmu_pmu *pmu = counting(setup, SEL_ON, 5);

		vpmu_pmu_run(pmu, &RUN(1000), 0);
		vpmu_pmu_run(pmu, &RUN(1000), 3);
		assert_int_equal(rd(pmu, setup->counter), 2005);
	}
}

static void privilege_filters(void **state)
{
	FOR_EVERYONE(setup)
	{
		struct vpmu_pmu *pmu = counting(setup, SEL_EN | SEL_USR, 0);

		vpmu_pmu_run(pmu, &RUN(100), 0);
		vpmu_pmu_run(pmu, &RUN(50), 3);
		assert_int_equal(rd(pmu, setup->counter), 50);
		wr(pmu, setup->selector, SEL_EN | SEL_OS | INSTRUCTIONS);
		vpmu_pmu_run(pmu, &RUN(7), 0);
		vpmu_pmu_run(pmu, &RUN(9), 3);
		assert_int_equal(rd(pmu, setup->counter), 57);
	}
}

static void overflow_without_int_is_silent(void **state)
{
	FOR_EVERYONE(setup)
	{
		struct vpmu_pmu *pmu = counting(setup, SEL_ON, UINT64_C(0xffffffffffff) - 99);
		struct vpmu_outcome outcome = vpmu_pmu_run(pmu, &RUN(100), 0);

		assert_int_equal(outcome.pmi, 0);
		assert_int_equal(rd(pmu, setup->counter), 0);
		if (setup->status)
			assert_int_equal(rd(pmu, setup->status), 1);
	}
}

static void the_last_event_overflows_not_the_one_before(void **state)
{
	FOR_EVERYONE(setup)
	{
		struct vpmu_pmu *pmu = counting(setup, SEL_ON_INT, UINT64_C(0xffffffffffff) - 99);

		assert_int_equal(vpmu_pmu_run(pmu, &RUN(99), 0).pmi, 0);
		assert_int_equal(rd(pmu, setup->counter), UINT64_C(0xffffffffffff));
		assert_int_equal(vpmu_pmu_run(pmu, &RUN(1), 0).pmi, 1);
		assert_int_equal(rd(pmu, setup->counter), 0);
	}
}

static void intel_masks_lvtpc_on_delivery_amd_does_not(void **state)
{
	FOR_EVERYONE(setup)
	{
		struct vpmu_pmu *pmu = counting(setup, SEL_ON_INT, UINT64_C(0xffffffffffff));

		vpmu_pmu_run(pmu, &RUN(1), 0);
		assert_int_equal(vpmu_pmu_lvtpc(pmu), setup->counter == PMC0 ? 0x10400 : 0x400);
	}
}

static void a_pmi_while_masked_is_dropped(void **state)
{
	FOR_EVERYONE(setup)
	{
		struct vpmu_pmu *pmu = counting(setup, SEL_ON_INT, UINT64_C(0xffffffffffff));
		struct vpmu_outcome outcome;

		vpmu_pmu_set_lvtpc(pmu, 0x10400);
		outcome = vpmu_pmu_run(pmu, &RUN(1), 0);
		assert_int_equal(outcome.pmi, 0);
		assert_int_equal(outcome.masked, 1);
		vpmu_pmu_set_lvtpc(pmu, 0x400);
		assert_int_equal(vpmu_pmu_enter(pmu).pmi, 0);
	}
}

static void lvtpc_keeps_vector_mode_and_mask(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v2");

	vpmu_pmu_set_lvtpc(pmu, 0xffffffff);
	assert_int_equal(vpmu_pmu_lvtpc(pmu), 0x107ff);
}

static void overflows_at_one_moment_make_one_pmi(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v2");

	wr(pmu, SEL0, SEL_ON_INT | INSTRUCTIONS);
	wr(pmu, SEL0 + 1, SEL_ON_INT | CORE_CYCLES);
	wr(pmu, PMC0, -10);
	wr(pmu, PMC0 + 1, -20);
	vpmu_pmu_set_lvtpc(pmu, 0x30);
	/* the 10th of 50 instructions and the 20th of 100 cycles: both at 1/5 of the run */
	assert_int_equal(vpmu_pmu_run(pmu, &RUN(50, 100), 0).pmi, 1);
	assert_int_equal(rd(pmu, STATUS), 3);
}

static void overflows_at_two_moments_make_two_pmis_where_nothing_masks(void **state)
{
	struct vpmu_pmu *pmu = machine_of("amd-k7");

	wr(pmu, K7_SEL0, SEL_ON_INT | INSTRUCTIONS);
	wr(pmu, K7_SEL0 + 1, SEL_ON_INT | 0x76);
	wr(pmu, K7_CTR0, UINT64_C(0xfffffffffff6));
	wr(pmu, K7_CTR0 + 1, UINT64_C(0xffffffffffed));
	assert_int_equal(vpmu_pmu_run(pmu, &RUN(50, 100), 0).pmi, 2);
}

static void a_second_overflow_in_a_run_is_seen(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v2,width=32");
	struct vpmu_outcome outcome;

	wr(pmu, SEL0, SEL_ON_INT | INSTRUCTIONS);
	outcome = vpmu_pmu_run(pmu, &RUN((UINT64_C(3) << 32) + 5), 0);
	assert_int_equal(outcome.pmi, 1);
	assert_int_equal(outcome.masked, 2); /* by the first one's delivery */
	assert_int_equal(rd(pmu, PMC0), 5);
}

static void status_is_cleared_by_its_clear_register(void **state)
{
	struct vpmu_pmu *pmu = counting(&everyone[1], SEL_ON, -1);

	vpmu_pmu_run(pmu, &RUN(1), 0);
	wr(pmu, OVF_CTRL, 2);
	assert_int_equal(rd(pmu, STATUS), 1);
	wr(pmu, OVF_CTRL, 1);
	assert_int_equal(rd(pmu, STATUS), 0);
	assert_int_equal(rd(pmu, OVF_CTRL), 0);
}

static void fixed_counter_overflows_into_bit_32(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v2");

	wr(pmu, GLOBAL_CTRL, BIT64(32));
	wr(pmu, FIXED_CTRL, 0xb);
	wr(pmu, FIXED0, UINT64_C(0xffffffffffff));
	assert_int_equal(vpmu_pmu_run(pmu, &RUN(3), 0).pmi, 1);
	assert_int_equal(rd(pmu, FIXED0), 2);
	assert_int_equal(rd(pmu, STATUS), BIT64(32));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_exactly),
		cmocka_unit_test(privilege_filters),
		cmocka_unit_test(overflow_without_int_is_silent),
		cmocka_unit_test(the_last_event_overflows_not_the_one_before),
		cmocka_unit_test(intel_masks_lvtpc_on_delivery_amd_does_not),
		cmocka_unit_test(a_pmi_while_masked_is_dropped),
		cmocka_unit_test(lvtpc_keeps_vector_mode_and_mask),
		cmocka_unit_test(overflows_at_one_moment_make_one_pmi),
		cmocka_unit_test(overflows_at_two_moments_make_two_pmis_where_nothing_masks),
		cmocka_unit_test(a_second_overflow_in_a_run_is_seen),
		cmocka_unit_test(status_is_cleared_by_its_clear_register),
		cmocka_unit_test(fixed_counter_overflows_into_bit_32),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
