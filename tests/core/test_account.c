/* SPDX-License-Identifier: MIT */
/* The emulator's interface: accounting in pieces, headroom, wanted classes, epochs. */
#include <string.h>

#include "machine.h"

static void pieces_below_the_headroom_never_overflow(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v2");
	struct vpmu_amounts headroom;

	wr(pmu, SEL0, SEL_ON_INT | INSTRUCTIONS);
	wr(pmu, PMC0, -1000);
	vpmu_pmu_headroom(pmu, 0, &headroom);
	assert_int_equal(headroom.of[VPMU_INSTRUCTIONS], 1000);
	assert_true(headroom.of[VPMU_CYCLES] == UINT64_MAX);
	assert_int_equal(vpmu_pmu_account(pmu, &RUN(999, 5000), 0).pmi, 0);
	vpmu_pmu_headroom(pmu, 0, &headroom);
	assert_int_equal(headroom.of[VPMU_INSTRUCTIONS], 1);
	assert_int_equal(vpmu_pmu_account(pmu, &RUN(1, 5000), 0).pmi, 1);
}

static void nothing_happened(struct vpmu_outcome outcome)
{
	assert_int_equal(outcome.pmi | outcome.masked, 0);
	assert_true(!outcome.overflowed);
}

/* Whichever way it is accounted: the first time, again, at another privilege level, after a write;
 * with counters of common classes, of others, and with a threshold. */
static void counting_alone_has_no_outcome(void **state)
{
	static const uint64_t selectors[] = {
		SEL_ON_INT | INSTRUCTIONS,
		SEL_ON_INT | 0x01c4, /* conditional branches */
		SEL_ON_INT | INSTRUCTIONS | 1 << 24,
	};
	const struct vpmu_amounts amounts =
		RUN([VPMU_INSTRUCTIONS] = 10, [VPMU_CYCLES] = 10, [VPMU_CONDITIONAL_BRANCHES] = 10);

	for (unsigned i = 0; i < 1u << ARRAY_SIZE(selectors); i++) {
		struct vpmu_pmu *pmu = machine_of("skylake");

		wr(pmu, GLOBAL_CTRL, 0xf);
		for (unsigned k = 0; k < ARRAY_SIZE(selectors); k++)
			wr(pmu, SEL0 + k, i >> k & 1 ? selectors[k] : 0);
		for (unsigned k = 0; k < 20; k++) {
			nothing_happened(vpmu_pmu_account(pmu, &amounts, k / 3 % 2 ? 3 : 0));
			if (k % 7 == 6)
				wr(pmu, GLOBAL_CTRL, 0xf);
		}
		for (unsigned k = 0; k < ARRAY_SIZE(selectors); k++)
			assert_int_equal(rd(pmu, PMC0 + k), i >> k & 1 ? 200 : 0);
	}
}

static void headroom_is_the_privilege_levels(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v2");
	struct vpmu_amounts headroom;

	wr(pmu, SEL0, SEL_EN | SEL_USR | INSTRUCTIONS);
	wr(pmu, PMC0, -10);
	vpmu_pmu_headroom(pmu, 0, &headroom);
	assert_true(headroom.of[VPMU_INSTRUCTIONS] == UINT64_MAX);
	vpmu_pmu_headroom(pmu, 3, &headroom);
	assert_int_equal(headroom.of[VPMU_INSTRUCTIONS], 10);
}

static void both_levels_together_overflow(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v2");

	wr(pmu, SEL0, SEL_ON_INT | INSTRUCTIONS);
	wr(pmu, PMC0, -10);
	assert_int_equal(vpmu_pmu_account(pmu, &RUN(6), 0).pmi, 0);
	assert_int_equal(vpmu_pmu_account(pmu, &RUN(6), 3).pmi, 1);
	assert_int_equal(rd(pmu, PMC0), 2);
}

static void wanted_names_the_running_classes(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v2");

	assert_int_equal(vpmu_pmu_wanted(pmu), 0);
	wr(pmu, SEL0, SEL_ON | BRANCHES);
	assert_int_equal(vpmu_pmu_wanted(pmu), 1u << VPMU_BRANCHES);
	wr(pmu, SEL0 + 1, SEL_ON | INSTRUCTIONS | 1 << 24);
	assert_int_equal(vpmu_pmu_wanted(pmu),
	                 1u << VPMU_BRANCHES | 1u << VPMU_INSTRUCTIONS | 1u << VPMU_CYCLES);
	wr(pmu, GLOBAL_CTRL, 0);
	assert_int_equal(vpmu_pmu_wanted(pmu), 0);
}

static void a_counter_tells_what_it_counts(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v2");
	struct vpmu_counting now;

	assert_false(vpmu_pmu_counting(pmu, PMC0 + 1, &now));
	wr(pmu, SEL0 + 1, SEL_EN | SEL_USR | BRANCHES);
	wr(pmu, FIXED_CTRL, 3 << 4);
	assert_false(vpmu_pmu_counting(pmu, FIXED0 + 1, &now));
	wr(pmu, GLOBAL_CTRL, UINT64_C(0x200000003));
	assert_true(vpmu_pmu_counting(pmu, PMC0 + 1, &now));
	assert_int_equal(now.class_, VPMU_BRANCHES);
	assert_true(now.user && !now.kernel);
	assert_false(vpmu_pmu_counting(pmu, PMC0, &now));
	assert_true(vpmu_pmu_counting(pmu, FIXED0 + 1, &now));
	assert_int_equal(now.class_, VPMU_CYCLES);
	assert_true(now.user && now.kernel);
	assert_false(vpmu_pmu_counting(pmu, SEL0 + 1, &now));
	wr(pmu, GLOBAL_CTRL, 1);
	assert_false(vpmu_pmu_counting(pmu, PMC0 + 1, &now));
	assert_false(vpmu_pmu_counting(pmu, FIXED0 + 1, &now));
}

/* What an emulator caches under an epoch must still be true under the same epoch. */
static void the_epoch_moves_with_what_it_guards(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v4");
	uint64_t seed = test_seed();

	for (unsigned i = 0; i < 20000; i++) {
		uint32_t epoch = vpmu_pmu_epoch(pmu);
		uint64_t wanted = vpmu_pmu_wanted(pmu);
		struct vpmu_amounts before, after;
		uint64_t value = test_random(&seed);

		vpmu_pmu_headroom(pmu, 0, &before);
		switch (test_random(&seed) % 6) {
		case 0:
			wr(pmu, SEL0 + value % 8, (value >> 8 & 0x53ffff) & ~UINT64_C(0x40000));
			break;
		case 1:
			wr(pmu, GLOBAL_CTRL, value & UINT64_C(0x7000000ff));
			break;
		case 2:
			wr(pmu, FIXED_CTRL, value & 0xbbb);
			break;
		case 3:
			wr(pmu, PMC0 + value % 8, value >> 8);
			break;
		case 4:
			wr(pmu, value & 1 ? STATUS_SET : OVF_CTRL, value & BIT64(59));
			break;
		case 5:
			vpmu_pmu_reset(pmu);
			break;
		}
		vpmu_pmu_headroom(pmu, 0, &after);
		if (vpmu_pmu_epoch(pmu) == epoch) {
			assert_int_equal(vpmu_pmu_wanted(pmu), wanted);
			assert_memory_equal(&before, &after, sizeof(before));
		}
	}
}

static void a_copy_of_a_machine_goes_on_alike(void **state)
{
	static _Alignas(VPMU_PMU_ALIGN) unsigned char copy[VPMU_PMU_BYTES];
	struct vpmu_pmu *pmu = machine_of("amd-perfmon-v2");

	wr(pmu, CORE_SEL0, SEL_ON_INT | INSTRUCTIONS);
	vpmu_pmu_account(pmu, &RUN(17), 0);
	memcpy(copy, pmu, vpmu_pmu_size());
	vpmu_pmu_account(pmu, &RUN(4), 0);
	vpmu_pmu_account((struct vpmu_pmu *)copy, &RUN(4), 0);
	assert_int_equal(rd(pmu, CORE_CTR0), 21);
	assert_int_equal(rd((struct vpmu_pmu *)copy, CORE_CTR0), 21);
}

static void amounts_beyond_63_bits_are_counted(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v2,width=64");

	wr(pmu, SEL0, SEL_ON | INSTRUCTIONS);
	vpmu_pmu_account(pmu, &RUN(UINT64_C(0xc000000000000000)), 0);
	assert_true(rd(pmu, PMC0) == UINT64_C(0xc000000000000000));
	vpmu_pmu_account(pmu, &RUN(UINT64_C(0x4000000000000001)), 0);
	assert_int_equal(rd(pmu, PMC0), 1);
	assert_int_equal(rd(pmu, STATUS), 1);
}

static void a_stopped_counter_keeps_its_value(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v2");

	wr(pmu, SEL0, SEL_ON | INSTRUCTIONS);
	vpmu_pmu_account(pmu, &RUN(5), 0);
	wr(pmu, SEL0, INSTRUCTIONS);
	vpmu_pmu_account(pmu, &RUN(7), 0);
	assert_int_equal(rd(pmu, PMC0), 5);
	wr(pmu, SEL0, SEL_ON | INSTRUCTIONS);
	vpmu_pmu_account(pmu, &RUN(1), 0);
	assert_int_equal(rd(pmu, PMC0), 6);
}

static void a_running_counter_takes_a_write(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v2");

	wr(pmu, SEL0, SEL_ON | INSTRUCTIONS);
	vpmu_pmu_account(pmu, &RUN(5), 0);
	wr(pmu, PMC0, -2);
	vpmu_pmu_account(pmu, &RUN(3), 0);
	assert_int_equal(rd(pmu, PMC0), 1);
	assert_int_equal(rd(pmu, STATUS), 1);
}

static void a_machine_fits_in_4_kib(void **state)
{
	assert_true(vpmu_pmu_size() <= VPMU_PMU_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_below_the_headroom_never_overflow),
		cmocka_unit_test(counting_alone_has_no_outcome),
		cmocka_unit_test(headroom_is_the_privilege_levels),
		cmocka_unit_test(both_levels_together_overflow),
		cmocka_unit_test(wanted_names_the_running_classes),
		cmocka_unit_test(a_counter_tells_what_it_counts),
		cmocka_unit_test(the_epoch_moves_with_what_it_guards),
		cmocka_unit_test(a_copy_of_a_machine_goes_on_alike),
		cmocka_unit_test(amounts_beyond_63_bits_are_counted),
		cmocka_unit_test(a_stopped_counter_keeps_its_value),
		cmocka_unit_test(a_running_counter_takes_a_write),
		cmocka_unit_test(a_machine_fits_in_4_kib),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
