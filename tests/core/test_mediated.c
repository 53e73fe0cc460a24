/* SPDX-License-Identifier: MIT */
/* Profile mediated: the guest has the hardware's counters while it runs. */
#include "machine.h"

#define ENDS_IN(events) ((UINT64_C(1) << 48) - (events))

static enum vpmu_status host_write(struct vpmu_pmu *pmu, uint32_t msr, uint64_t value)
{
	return vpmu_pmu_host_write(pmu, msr, value);
}

static struct vpmu_pmu *counting(void)
{
	struct vpmu_pmu *pmu = machine_on("mediated", "intel-v2");

	wr(pmu, GLOBAL_CTRL, 1);
	wr(pmu, SEL0, SEL_ON_INT | INSTRUCTIONS);
	return pmu;
}

static struct vpmu_outcome run(struct vpmu_pmu *pmu, uint64_t instructions)
{
	return vpmu_pmu_run(pmu, &RUN(instructions), 0);
}

static void there_are_no_events(void **state)
{
	struct vpmu_pmu *pmu = counting();
	struct vpmu_event_counts none = {0}, counts;

	run(pmu, 100);
	wr(pmu, GLOBAL_CTRL, 0);
	vpmu_pmu_schedule(pmu);
	vpmu_pmu_enter(pmu);
	counts = vpmu_pmu_events(pmu);
	assert_memory_equal(&counts, &none, sizeof(none));
	assert_int_equal(rd(pmu, PMC0), 100);
}

static void counters_are_loaded_at_the_entry(void **state)
{
	struct vpmu_pmu *pmu = counting();

	vpmu_pmu_account(pmu, &RUN(100), 0);
	assert_int_equal(rd(pmu, PMC0), 0);
	vpmu_pmu_enter(pmu);
	vpmu_pmu_account(pmu, &RUN(100), 0);
	assert_int_equal(rd(pmu, PMC0), 100);
}

static void a_host_write_stores(void **state)
{
	struct vpmu_pmu *pmu = counting();

	run(pmu, 1000);
	assert_int_equal(host_write(pmu, PMC0, ENDS_IN(10)), VPMU_OK);
	assert_true(rd(pmu, PMC0) == ENDS_IN(10));
	assert_int_equal(run(pmu, 9).pmi, 0);
	assert_int_equal(run(pmu, 1).pmi, 1);
	assert_int_equal(rd(pmu, PMC0), 0);
}

static void one_event_left_overflows_after_one(void **state)
{
	struct vpmu_pmu *pmu = counting();

	wr(pmu, A_PMC0, ENDS_IN(1));
	assert_int_equal(run(pmu, 1).pmi, 1);
	assert_int_equal(rd(pmu, STATUS), 1);
}

static void cmask_is_the_hardwares(void **state)
{
	struct vpmu_pmu *pmu = machine_on("mediated", "intel-v2");

	wr(pmu, GLOBAL_CTRL, 1);
	wr(pmu, SEL0, SEL_ON | INSTRUCTIONS | UINT64_C(2) << 24);
	vpmu_pmu_run(pmu, &RUN(100, 50), 0);
	assert_int_equal(rd(pmu, PMC0), 50);
	vpmu_pmu_run(pmu, &RUN(100, 100), 0);
	assert_int_equal(rd(pmu, PMC0), 50);
}

static void the_filter_shadows_the_selector(void **state)
{
	static const struct vpmu_filter deny = {
		.action = VPMU_FILTER_DENY, .count = 1, .events = {INSTRUCTIONS}};
	struct vpmu_pmu *pmu = counting();

	run(pmu, 10);
	assert_int_equal(vpmu_pmu_set_filter(pmu, &deny), VPMU_OK);
	run(pmu, 100);
	assert_int_equal(rd(pmu, PMC0), 10);
	assert_int_equal(rd(pmu, SEL0), SEL_ON_INT | INSTRUCTIONS);
	wr(pmu, SEL0, SEL_ON | CORE_CYCLES);
	vpmu_pmu_run(pmu, &RUN(100, 7), 0);
	assert_int_equal(rd(pmu, PMC0), 17);
	assert_int_equal(vpmu_pmu_set_filter(pmu, NULL), VPMU_OK);
	wr(pmu, SEL0, SEL_ON | INSTRUCTIONS);
	run(pmu, 100);
	assert_int_equal(rd(pmu, PMC0), 117);
}

static void a_restored_status_stays_and_makes_no_pmi(void **state)
{
	struct vpmu_pmu *pmu = counting();

	assert_int_equal(host_write(pmu, STATUS, 1), VPMU_OK);
	assert_int_equal(run(pmu, 100).pmi, 0);
	assert_int_equal(rd(pmu, STATUS), 1);
	wr(pmu, OVF_CTRL, 1);
	assert_int_equal(rd(pmu, STATUS), 0);
	assert_int_equal(host_write(pmu, STATUS, UINT64_C(1) << 8), VPMU_REFUSED);
}

static void an_emulated_instruction_increments_the_saved_counter(void **state)
{
	struct vpmu_pmu *pmu = counting();

	vpmu_pmu_enter(pmu);
	wr(pmu, A_PMC0, ENDS_IN(1));
	vpmu_pmu_emulate(pmu, false, 0);
	assert_int_equal(rd(pmu, PMC0), 0);
	assert_int_equal(rd(pmu, STATUS), 1);
	assert_int_equal(vpmu_pmu_enter(pmu).pmi, 1);
	assert_int_equal(vpmu_pmu_enter(pmu).pmi, 0);
}

static void a_reset_stops_and_clears(void **state)
{
	struct vpmu_pmu *pmu = counting();

	run(pmu, 100);
	vpmu_pmu_reset(pmu);
	assert_int_equal(rd(pmu, PMC0), 0);
	assert_int_equal(rd(pmu, SEL0), 0);
	assert_int_equal(rd(pmu, GLOBAL_CTRL), 0);
	run(pmu, 100);
	assert_int_equal(rd(pmu, PMC0), 0);
}

static void amd_counts_in_the_guest(void **state)
{
	struct vpmu_pmu *pmu = machine_on("mediated", "amd-perfmon-v2");

	wr(pmu, CORE_SEL0, SEL_ON_INT | INSTRUCTIONS);
	wr(pmu, CORE_CTR0, ENDS_IN(50));
	assert_int_equal(run(pmu, 100).pmi, 1);
	assert_int_equal(rd(pmu, CORE_CTR0), 50);
	assert_int_equal(rd(pmu, AMD_STATUS), 1);
	/* HostOnly and GuestOnly are KVM's. */
	wr(pmu, CORE_SEL0, SEL_ON | INSTRUCTIONS | UINT64_C(3) << 40);
	assert_int_equal(rd(pmu, CORE_SEL0), SEL_ON | INSTRUCTIONS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_are_no_events),
		cmocka_unit_test(counters_are_loaded_at_the_entry),
		cmocka_unit_test(a_host_write_stores),
		cmocka_unit_test(one_event_left_overflows_after_one),
		cmocka_unit_test(cmask_is_the_hardwares),
		cmocka_unit_test(the_filter_shadows_the_selector),
		cmocka_unit_test(a_restored_status_stays_and_makes_no_pmi),
		cmocka_unit_test(an_emulated_instruction_increments_the_saved_counter),
		cmocka_unit_test(a_reset_stops_and_clears),
		cmocka_unit_test(amd_counts_in_the_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
