/* SPDX-License-Identifier: MIT */
/* Facts that the machine hands out: which counters have overflowed, what the guest can write. */
#include "machine.h"

#define FIXED_BIT(n) (UINT64_C(1) << (32 + (n)))

/* Counter 1 wraps in 5 instructions, fixed counter 0 in 10; no PMI is asked for. */
static struct vpmu_pmu *two_near_the_end(const char *profile)
{
	struct vpmu_pmu *pmu = machine_on(profile, "intel-v2");

	wr(pmu, A_PMC0 + 1, ((UINT64_C(1) << 48) - 5));
	wr(pmu, FIXED0, ((UINT64_C(1) << 48) - 10));
	wr(pmu, SEL0 + 1, SEL_ON | INSTRUCTIONS);
	wr(pmu, FIXED_CTRL, 3);
	wr(pmu, GLOBAL_CTRL, FIXED_BIT(0) | 2);
	return pmu;
}

static void an_outcome_names_the_counters_that_overflowed(void **state)
{
	static const char *const profiles[] = {"hardware", "linux-6.1", "linux-6.12", "mediated"};

	for (unsigned i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
		struct vpmu_pmu *pmu = two_near_the_end(profiles[i]);

		assert_true(vpmu_pmu_run(pmu, &RUN(4), 0).overflowed == 0);
		assert_true(vpmu_pmu_run(pmu, &RUN(1), 0).overflowed == 2);
		assert_true(vpmu_pmu_account(pmu, &RUN(1), 0).overflowed == 0);
		assert_true(vpmu_pmu_account(pmu, &RUN(10), 0).overflowed == FIXED_BIT(0));
		assert_true(vpmu_pmu_enter(pmu).overflowed == 0);
		pmu = two_near_the_end(profiles[i]);
		assert_true(vpmu_pmu_run(pmu, &RUN(20), 0).overflowed == (FIXED_BIT(0) | 2));
	}
}

/* A model that has no status register. */
static void an_overflow_without_a_status_register_is_told(void **state)
{
	struct vpmu_pmu *pmu = machine_of("amd-k7");

	wr(pmu, K7_CTR0 + 2, ((UINT64_C(1) << 48) - 5));
	wr(pmu, K7_SEL0 + 2, SEL_ON | INSTRUCTIONS);
	assert_true(vpmu_pmu_run(pmu, &RUN(7), 0).overflowed == 4);
}

static void an_emulated_instruction_overflows_at_the_entry_that_sees_it(void **state)
{
	static const char *const profiles[] = {"linux-6.1", "linux-6.12", "mediated"};

	for (unsigned i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
		struct vpmu_pmu *pmu = machine_on(profiles[i], "intel-v2");
		uint64_t seen;

		wr(pmu, SEL0, SEL_ON | INSTRUCTIONS);
		wr(pmu, A_PMC0, (UINT64_C(1) << 48) - 1);
		wr(pmu, GLOBAL_CTRL, 1);
		seen = vpmu_pmu_enter(pmu).overflowed;
		seen |= vpmu_pmu_emulate(pmu, false, 0).overflowed;
		seen |= vpmu_pmu_enter(pmu).overflowed;
		if (seen != 1)
			fail_msg("%s", profiles[i]);
	}
}

/* What overflows while the host runs is not lost. */
static void an_overflow_of_the_hosts_waits_for_the_entry(void **state)
{
	struct vpmu_pmu *pmu = two_near_the_end("linux-6.12");

	vpmu_pmu_set_exclude_host(pmu, false);
	vpmu_pmu_enter(pmu);
	vpmu_pmu_host_run(pmu, &RUN(5));
	assert_true(vpmu_pmu_enter(pmu).overflowed == 2);
	assert_true(vpmu_pmu_enter(pmu).overflowed == 0);
}

/* Asking and doing give the same answer, and asking changes nothing. */
static void what_can_be_written_is_what_a_write_takes(void **state)
{
	static const char *const models[] = {"intel-v1",   "intel-v2",        "intel-v5",
	                                     "zhaoxin-v2", "amd-k7",          "zen2",
	                                     "zen4",       "intel-v2,pmu=off"};
	static const uint32_t bases[] = {0xc1,       0x186,      0x309,     0x345, 0x38d,
	                                 0x390,      0x4c1,      0x1a0,     0x1d9, 0x329,
	                                 0xc0000300, 0xc0010000, 0xc0010200};
	uint64_t random = test_seed();

	for (unsigned i = 0; i < 40000; i++) {
		struct vpmu_pmu *pmu = machine_on(vpmu_profile_name(i / 8 % 4), models[i % 8]);
		uint64_t value = test_random(&random) >> test_random(&random) % 64;
		uint32_t msr = bases[test_random(&random) % 13] + test_random(&random) % 8;
		uint64_t before;
		enum vpmu_status can;

		vpmu_pmu_guest_write(pmu, msr, value ^ (value << 1 & value));
		before = vpmu_pmu_fingerprint(pmu);
		can = vpmu_pmu_guest_can_write(pmu, msr, value);
		assert_true(before == vpmu_pmu_fingerprint(pmu));
		if (can != vpmu_pmu_guest_write(pmu, msr, value))
			fail_msg("%s on %s: WRMSR 0x%x 0x%llx", models[i % 8],
			         vpmu_profile_name(i / 8 % 4), msr, (unsigned long long)value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_outcome_names_the_counters_that_overflowed),
		cmocka_unit_test(an_overflow_without_a_status_register_is_told),
		cmocka_unit_test(an_emulated_instruction_overflows_at_the_entry_that_sees_it),
		cmocka_unit_test(an_overflow_of_the_hosts_waits_for_the_entry),
		cmocka_unit_test(what_can_be_written_is_what_a_write_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
