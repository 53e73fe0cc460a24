/* SPDX-License-Identifier: MIT */
/* Intel's P6 family: two counters of 40 bits under one enable bit (Intel SDM vol. 3B, performance
 * monitoring, P6 family processor). */
#include "machine.h"

enum { SEL1 = SEL0 + 1, PMC1 = PMC0 + 1 };

/* The bits of SEL_ON but EN. */
#define BOTH_MODES (SEL_OS | SEL_USR)

static void the_first_enable_bit_is_everybodys(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-p6");

	wr(pmu, SEL1, BOTH_MODES | BRANCHES | SEL_EN);
	assert_int_equal(rd(pmu, SEL1), BOTH_MODES | BRANCHES | SEL_EN);
	assert_int_equal(vpmu_pmu_wanted(pmu), 0);
	vpmu_pmu_run(pmu, &RUN(10, 10, 10, 5), 0);
	assert_int_equal(rd(pmu, PMC1), 0);

	wr(pmu, SEL0, BOTH_MODES | INSTRUCTIONS | SEL_EN);
	wr(pmu, SEL1, BOTH_MODES | BRANCHES);
	vpmu_pmu_run(pmu, &RUN(10, 10, 10, 5), 0);
	assert_int_equal(rd(pmu, PMC0), 10);
	assert_int_equal(rd(pmu, PMC1), 5);

	wr(pmu, SEL0, BOTH_MODES | INSTRUCTIONS);
	vpmu_pmu_run(pmu, &RUN(10, 10, 10, 5), 0);
	assert_int_equal(rd(pmu, PMC0), 10);
	assert_int_equal(rd(pmu, PMC1), 5);
}

static void a_state_that_is_put_in_any_order_counts(void **state)
{
	static const uint32_t orders[][2] = {{SEL0, SEL1}, {SEL1, SEL0}};

	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		struct vpmu_pmu *pmu = machine_of("intel-p6");

		for (size_t k = 0; k < 2; k++)
			assert_int_equal(vpmu_pmu_host_write(pmu, orders[i][k],
			                                     orders[i][k] == SEL0
			                                             ? SEL_EN
			                                             : BOTH_MODES | BRANCHES),
			                 VPMU_OK);
		vpmu_pmu_run(pmu, &RUN(10, 10, 10, 5), 3);
		assert_int_equal(rd(pmu, PMC0), 0);
		assert_int_equal(rd(pmu, PMC1), 5);
	}
}

static void a_guests_write_takes_32_bits_and_extends_their_sign(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-p6");
	uint64_t value;

	wr(pmu, PMC0, UINT64_C(0x12345678f0000000));
	assert_int_equal(rd(pmu, PMC0), 0xfff0000000);
	wr(pmu, PMC1, 0x7fffffff);
	assert_int_equal(rd(pmu, PMC1), 0x7fffffff);
	assert_int_equal(vpmu_pmu_host_write(pmu, PMC1, 0x1234567890), VPMU_OK);
	assert_int_equal(rd(pmu, PMC1), 0x1234567890);
	assert_int_equal(vpmu_pmu_host_write(pmu, PMC1, BIT64(40)), VPMU_REFUSED);
	assert_int_equal(vpmu_pmu_rdpmc(pmu, 1, 3, true, &value), VPMU_OK);
	assert_int_equal(value, 0x1234567890);
	assert_int_equal(vpmu_pmu_rdpmc(pmu, 2, 0, true, &value), VPMU_GP);
	assert_int_equal(vpmu_pmu_rdpmc(pmu, BIT64(30), 0, true, &value), VPMU_GP);
}

static void an_overflow_asks_for_a_pmi_and_shows_in_no_register(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-p6");
	struct vpmu_outcome outcome;
	uint64_t value;

	wr(pmu, PMC1, UINT32_MAX); /* 1 to go */
	wr(pmu, SEL1, BOTH_MODES | INSTRUCTIONS | SEL_INT);
	wr(pmu, SEL0, SEL_EN);
	outcome = vpmu_pmu_run(pmu, &RUN(10, 10), 0);
	assert_int_equal(outcome.pmi, 1);
	assert_int_equal(outcome.overflowed, 2);
	assert_int_equal(rd(pmu, PMC1), 9);
	assert_true(vpmu_pmu_lvtpc(pmu) & VPMU_LVTPC_MASKED);
	for (uint32_t msr = STATUS; msr <= OVF_CTRL; msr++)
		assert_int_equal(vpmu_pmu_guest_read(pmu, msr, &value), VPMU_NO_REGISTER);
	assert_int_equal(vpmu_pmu_guest_read(pmu, PMC0 + 2, &value), VPMU_NO_REGISTER);
}

static void reserved_bits_of_selectors_fault(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-p6");

	assert_int_equal(vpmu_pmu_guest_write(pmu, SEL0, SEL_ANY), VPMU_GP);
	assert_int_equal(vpmu_pmu_guest_write(pmu, SEL1, SEL_IN_TX), VPMU_GP);
	wr(pmu, SEL1, UINT32_MAX & ~SEL_ANY);
}

/* intel_pmu_refresh: no CPUID.0AH, no PMU. The numbers are those that KVM drops for a P6's sake. */
static void kvm_has_no_pmu_for_it(void **state)
{
	for (size_t i = 0; vpmu_profile_name(i); i++) {
		struct vpmu_pmu *pmu;
		uint64_t value;

		if (!(vpmu_profile_facts(vpmu_profile_find(vpmu_profile_name(i))) & VPMU_FACT_KVM))
			continue;
		pmu = machine_on(vpmu_profile_name(i), "intel-p6");
		assert_int_equal(vpmu_pmu_model(pmu)->version, 0);
		wr(pmu, SEL0, SEL_ON | INSTRUCTIONS);
		vpmu_pmu_run(pmu, &RUN(10, 10), 0);
		assert_int_equal(rd(pmu, SEL0), 0);
		assert_int_equal(rd(pmu, PMC0), 0);
		assert_int_equal(vpmu_pmu_rdpmc(pmu, 0, 0, true, &value), VPMU_GP);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_enable_bit_is_everybodys),
		cmocka_unit_test(a_state_that_is_put_in_any_order_counts),
		cmocka_unit_test(a_guests_write_takes_32_bits_and_extends_their_sign),
		cmocka_unit_test(an_overflow_asks_for_a_pmi_and_shows_in_no_register),
		cmocka_unit_test(reserved_bits_of_selectors_fault),
		cmocka_unit_test(kvm_has_no_pmu_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
