/* SPDX-License-Identifier: MIT */
/* Perf events under the Linux profiles: when they are made, paused, used again and released, their
 * periods, and what emulated instructions add. */
#include <string.h>

#include "machine.h"

static const char *profile(size_t i)
{
	return profile_with(VPMU_FACT_PERF_EVENTS, i);
}

/* Whether a write only marks its counter, and the entry does the rest. */
static bool defers(const char *name)
{
	return vpmu_profile_kernel(vpmu_profile_find(name)) >= 0x602;
}

static void assert_events(const struct vpmu_pmu *pmu, uint32_t live, uint32_t created,
                          uint32_t released, uint32_t enabled, uint32_t paused)
{
	struct vpmu_event_counts counts = vpmu_pmu_events(pmu);

	assert_int_equal(counts.live, live);
	assert_int_equal(counts.created, created);
	assert_int_equal(counts.released, released);
	assert_int_equal(counts.enabled, enabled);
	assert_int_equal(counts.paused, paused);
}

static void run(struct vpmu_pmu *pmu, uint64_t instructions)
{
	vpmu_pmu_run(pmu, &RUN(instructions), 0);
}

/* Counter 0 counts instructions, with a PMI, from a value; an entry has been made. */
static struct vpmu_pmu *counting(const char *profile, uint64_t value)
{
	struct vpmu_pmu *pmu = machine_on(profile, "intel-v2");

	wr(pmu, GLOBAL_CTRL, 1);
	wr(pmu, A_PMC0, value);
	wr(pmu, SEL0, SEL_ON_INT | INSTRUCTIONS);
	vpmu_pmu_enter(pmu);
	return pmu;
}

#define ENDS_IN(events) ((UINT64_C(1) << 48) - (events))

static void an_event_is_made_by_the_write_or_by_the_entry(void **state)
{
	for (size_t i = 0; profile(i); i++) {
		struct vpmu_pmu *pmu = machine_on(profile(i), "intel-v2");

		wr(pmu, GLOBAL_CTRL, 1);
		wr(pmu, SEL0, SEL_ON | INSTRUCTIONS);
		assert_int_equal(vpmu_pmu_events(pmu).live, !defers(profile(i)));
		vpmu_pmu_enter(pmu);
		assert_events(pmu, 1, 1, 0, 0, 0);
	}
}

static void a_toggled_counter_uses_its_event_again(void **state)
{
	for (size_t i = 0; profile(i); i++) {
		struct vpmu_pmu *pmu = counting(profile(i), 0);

		wr(pmu, GLOBAL_CTRL, 0);
		vpmu_pmu_enter(pmu);
		wr(pmu, GLOBAL_CTRL, 1);
		vpmu_pmu_enter(pmu);
		assert_events(pmu, 1, 1, 0, 1, 1);
	}
}

static void another_event_select_takes_another_event(void **state)
{
	for (size_t i = 0; profile(i); i++) {
		struct vpmu_pmu *pmu = counting(profile(i), 0);

		wr(pmu, SEL0, SEL_ON_INT | BRANCHES);
		vpmu_pmu_enter(pmu);
		assert_events(pmu, 1, 2, 1, 0, 1);
	}
}

static void an_unused_event_goes_with_the_second_time_slice(void **state)
{
	for (size_t i = 0; profile(i); i++) {
		struct vpmu_pmu *pmu = counting(profile(i), 0);

		wr(pmu, SEL0, 0);
		vpmu_pmu_enter(pmu);
		vpmu_pmu_schedule(pmu);
		vpmu_pmu_enter(pmu);
		assert_events(pmu, 1, 1, 0, 0, 1);
		vpmu_pmu_schedule(pmu);
		vpmu_pmu_enter(pmu);
		assert_events(pmu, 0, 1, 1, 0, 1);
	}
}

static void a_counter_that_was_touched_keeps_its_event(void **state)
{
	for (size_t i = 0; profile(i); i++) {
		struct vpmu_pmu *pmu = counting(profile(i), 0);

		wr(pmu, SEL0, 0);
		for (unsigned slice = 0; slice < 4; slice++) {
			wr(pmu, PMC0, 0);
			vpmu_pmu_schedule(pmu);
			vpmu_pmu_enter(pmu);
		}
		assert_int_equal(vpmu_pmu_events(pmu).live, 1);
	}
}

/* The same of every register of a counter, whoever writes what is there already. */
static void a_write_of_any_register_touches_the_counter(void **state)
{
	static const struct {
		const char *model;
		uint32_t control; /* that makes the event, and pauses it */
		uint64_t on, off;
		uint32_t touched;
	} rows[] = {
		{"intel-v2", SEL0, SEL_ON | INSTRUCTIONS, INSTRUCTIONS, PMC0},
		{"intel-v2", SEL0, SEL_ON | INSTRUCTIONS, INSTRUCTIONS, SEL0},
		{"intel-v2", FIXED_CTRL, 3, 0, FIXED0},
		{"amd-k7", K7_SEL0, SEL_ON | INSTRUCTIONS, INSTRUCTIONS, K7_CTR0},
		{"amd-k7", K7_SEL0, SEL_ON | INSTRUCTIONS, INSTRUCTIONS, K7_SEL0},
		{"amd-perfcore", CORE_SEL0, SEL_ON | INSTRUCTIONS, INSTRUCTIONS, CORE_CTR0},
		{"amd-perfcore", CORE_SEL0, SEL_ON | INSTRUCTIONS, INSTRUCTIONS, CORE_SEL0},
		{"amd-perfcore", CORE_SEL0, SEL_ON | INSTRUCTIONS, INSTRUCTIONS, K7_CTR0},
		{"amd-perfcore", CORE_SEL0, SEL_ON | INSTRUCTIONS, INSTRUCTIONS, K7_SEL0},
	};

	for (size_t i = 0; profile(i); i++)
		for (size_t k = 0; k < 2 * ARRAY_SIZE(rows); k++) {
			bool by_host = k % 2;
			uint32_t msr = rows[k / 2].touched;
			struct vpmu_pmu *pmu = machine_on(profile(i), rows[k / 2].model);

			if (!strncmp(rows[k / 2].model, "intel", 5))
				wr(pmu, GLOBAL_CTRL, BIT64(32) | 1);
			wr(pmu, rows[k / 2].control, rows[k / 2].on);
			vpmu_pmu_enter(pmu);
			wr(pmu, rows[k / 2].control, rows[k / 2].off);
			for (unsigned slice = 0; slice < 4; slice++) {
				uint64_t value = rd(pmu, msr);

				if (by_host)
					assert_int_equal(vpmu_pmu_host_write(pmu, msr, value),
					                 VPMU_OK);
				else
					wr(pmu, msr, value);
				vpmu_pmu_schedule(pmu);
				vpmu_pmu_enter(pmu);
			}
			if (vpmu_pmu_events(pmu).live != 1)
				fail_msg("%s, %s: MSR 0x%x, by %s", profile(i), rows[k / 2].model,
				         msr, by_host ? "the host" : "the guest");
		}
}

static void a_released_events_count_is_kept(void **state)
{
	for (size_t i = 0; profile(i); i++) {
		struct vpmu_pmu *pmu = counting(profile(i), 0);

		run(pmu, 77);
		wr(pmu, SEL0, 0);
		for (unsigned slice = 0; slice < 3; slice++) {
			vpmu_pmu_schedule(pmu);
			vpmu_pmu_enter(pmu);
		}
		assert_int_equal(vpmu_pmu_events(pmu).live, 0);
		assert_int_equal(rd(pmu, PMC0), 77);
	}
}

static void only_6_12_tries_a_failed_creation_again(void **state)
{
	for (size_t i = 0; profile(i); i++) {
		struct vpmu_pmu *pmu = machine_on(profile(i), "intel-v2");

		assert_int_equal(vpmu_pmu_fail_creations(pmu, 1), VPMU_OK);
		wr(pmu, GLOBAL_CTRL, 3);
		wr(pmu, SEL0, SEL_ON | INSTRUCTIONS);
		vpmu_pmu_enter(pmu);
		vpmu_pmu_enter(pmu);
		assert_events(pmu, 0, 0, 0, 0, 0);
		wr(pmu, SEL0 + 1, SEL_ON | BRANCHES);
		vpmu_pmu_enter(pmu);
		assert_int_equal(vpmu_pmu_events(pmu).live, defers(profile(i)) ? 2 : 1);
		run(pmu, 10);
		assert_int_equal(rd(pmu, PMC0), defers(profile(i)) ? 10 : 0);
	}
}

static void only_events_can_fail_to_be_made(void **state)
{
	assert_int_equal(vpmu_pmu_fail_creations(machine_of("intel-v2"), 1), VPMU_REFUSED);
	assert_int_equal(vpmu_pmu_fail_creations(machine_on("mediated", "intel-v2"), 1),
	                 VPMU_REFUSED);
}

static void below_two_events_left_overflow_after_two(void **state)
{
	for (size_t i = 0; profile(i); i++)
		for (uint64_t left = 1; left <= 3; left++) {
			struct vpmu_pmu *pmu = counting(profile(i), ENDS_IN(left));
			uint64_t takes = left < 2 ? 2 : left;

			run(pmu, takes - 1);
			assert_int_equal(rd(pmu, STATUS), 0);
			run(pmu, 1);
			assert_int_equal(rd(pmu, STATUS), 1);
			assert_int_equal(rd(pmu, PMC0), takes - left);
		}
}

/* perf programs a hardware counter with half of its range at most, and goes on by itself. */
static void a_period_beyond_half_the_range_is_one_overflow(void **state)
{
	for (size_t i = 0; profile(i); i++) {
		struct vpmu_pmu *pmu = counting(profile(i), 0);

		run(pmu, (UINT64_C(1) << 48) - 1);
		assert_int_equal(rd(pmu, STATUS), 0);
		assert_true(rd(pmu, PMC0) == (UINT64_C(1) << 48) - 1);
		run(pmu, 1);
		assert_int_equal(rd(pmu, STATUS), 1);
		assert_int_equal(rd(pmu, PMC0), 0);
	}
}

static void a_write_while_counting_makes_the_overflow_late(void **state)
{
	for (size_t i = 0; profile(i); i++) {
		struct vpmu_pmu *pmu = counting(profile(i), 0);

		run(pmu, 1000);
		wr(pmu, A_PMC0, ENDS_IN(100));
		assert_true(rd(pmu, PMC0) == ENDS_IN(100));
		run(pmu, 1099);
		assert_int_equal(rd(pmu, STATUS), 0);
		run(pmu, 1);
		assert_int_equal(rd(pmu, STATUS), 1);
		assert_int_equal(rd(pmu, PMC0), 1000);
	}
}

static void an_emulated_overflow_is_folded_in_at_once_or_at_the_entry(void **state)
{
	for (size_t i = 0; profile(i); i++) {
		struct vpmu_pmu *pmu = counting(profile(i), ENDS_IN(1));
		bool at_once = !defers(profile(i));

		vpmu_pmu_emulate(pmu, false, 0);
		assert_int_equal(rd(pmu, PMC0), 0);
		assert_int_equal(rd(pmu, STATUS), at_once);
		assert_int_equal(vpmu_pmu_enter(pmu).pmi, 1);
		assert_int_equal(rd(pmu, STATUS), 1);
		assert_int_equal(rd(pmu, PMC0), 0);
	}
}

static void emulated_and_counted_instructions_add_up(void **state)
{
	for (size_t i = 0; profile(i); i++) {
		struct vpmu_pmu *pmu = counting(profile(i), 5);

		run(pmu, 10);
		vpmu_pmu_emulate(pmu, true, 0);
		vpmu_pmu_emulate(pmu, false, 0);
		assert_int_equal(rd(pmu, PMC0), 17);
		run(pmu, 10);
		assert_int_equal(rd(pmu, PMC0), 27);
		vpmu_pmu_emulate(pmu, false, 3);
		assert_int_equal(rd(pmu, PMC0), 28);
	}
}

static void a_failed_creation_in_a_run_is_made_up_for_in_that_run(void **state)
{
	struct vpmu_pmu *pmu = machine_on("linux-6.12", "intel-v2");

	vpmu_pmu_fail_creations(pmu, 1);
	wr(pmu, GLOBAL_CTRL, 3);
	wr(pmu, SEL0, SEL_ON | INSTRUCTIONS);
	wr(pmu, SEL0 + 1, SEL_ON | INSTRUCTIONS);
	wr(pmu, A_PMC0 + 1, ENDS_IN(40));
	run(pmu, 100);
	assert_int_equal(rd(pmu, STATUS), 2);
	assert_int_equal(rd(pmu, PMC0), 60);
	assert_int_equal(rd(pmu, PMC0 + 1), 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_is_made_by_the_write_or_by_the_entry),
		cmocka_unit_test(a_toggled_counter_uses_its_event_again),
		cmocka_unit_test(another_event_select_takes_another_event),
		cmocka_unit_test(an_unused_event_goes_with_the_second_time_slice),
		cmocka_unit_test(a_counter_that_was_touched_keeps_its_event),
		cmocka_unit_test(a_write_of_any_register_touches_the_counter),
		cmocka_unit_test(a_released_events_count_is_kept),
		cmocka_unit_test(only_6_12_tries_a_failed_creation_again),
		cmocka_unit_test(only_events_can_fail_to_be_made),
		cmocka_unit_test(below_two_events_left_overflow_after_two),
		cmocka_unit_test(a_period_beyond_half_the_range_is_one_overflow),
		cmocka_unit_test(a_write_while_counting_makes_the_overflow_late),
		cmocka_unit_test(an_emulated_overflow_is_folded_in_at_once_or_at_the_entry),
		cmocka_unit_test(emulated_and_counted_instructions_add_up),
		cmocka_unit_test(a_failed_creation_in_a_run_is_made_up_for_in_that_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
