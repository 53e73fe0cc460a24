/* SPDX-License-Identifier: MIT */
/* The local APIC's timer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "apic_fixture.h"

static void start_timer(uint32_t entry, uint32_t divide, uint32_t initial)
{
	enable();
	wr(LVT_TIMER, entry);
	wr(DIVIDE, divide);
	wr(INITIAL, initial);
}

static void one_shot_fires_once_on_its_tick(void **state)
{
	start_timer(0xee, DIVIDE_1, 100);
	assert_int_equal(apic_next_event(&t.apic), 1100);
	assert_int_equal(rd(CURRENT), 100);
	at(1060);
	assert_int_equal(rd(CURRENT), 40);
	at(1099);
	assert_int_equal(take(), 0);
	assert_int_equal(rd(CURRENT), 1);
	at(1100);
	assert_int_equal(take(), 0xee);
	assert_int_equal(rd(CURRENT), 0);
	assert_true(apic_next_event(&t.apic) == APIC_NEVER);
	wr(EOI, 0);
	at(5000);
	assert_int_equal(take(), 0);
	assert_int_equal(rd(INITIAL), 100);
}

static void divider_is_decoded_as_the_manual_says(void **state)
{
	static const struct {
		uint32_t code, ticks;
	} rows[] = {{0, 2}, {1, 4}, {2, 8}, {3, 16}, {8, 32}, {9, 64}, {10, 128}, {11, 1}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		start_timer(0xee, rows[i].code, 10);
		assert_int_equal(apic_next_event(&t.apic) - t.now, 10 * rows[i].ticks);
	}
}

static void new_divider_keeps_the_count_left(void **state)
{
	start_timer(0xee, DIVIDE_1, 100);
	at(1040);
	wr(DIVIDE, 0); /* by 2 */
	assert_int_equal(rd(CURRENT), 60);
	assert_int_equal(apic_next_event(&t.apic), 1160);
}

static void count_shows_one_until_its_last_tick(void **state)
{
	start_timer(0xee, 3, 10); /* by 16 */
	at(1001);
	assert_int_equal(rd(CURRENT), 10);
	at(1016);
	assert_int_equal(rd(CURRENT), 9);
	at(1159);
	assert_int_equal(rd(CURRENT), 1);
	at(1160);
	assert_int_equal(rd(CURRENT), 0);
}

static void periodic_fires_on_every_period(void **state)
{
	start_timer(PERIODIC | 0xee, DIVIDE_1, 100);
	for (unsigned i = 1; i < 5; i++) {
		at(1000 + i * 100 - 1);
		assert_int_equal(take(), 0);
		at(1000 + i * 100);
		assert_int_equal(take(), 0xee);
		wr(EOI, 0);
		assert_int_equal(rd(CURRENT), 100);
	}
}

static void periodic_keeps_its_phase_over_a_long_gap(void **state)
{
	start_timer(PERIODIC | 0xee, DIVIDE_1, 100);
	at(9950);
	assert_int_equal(take(), 0xee);
	wr(EOI, 0);
	assert_int_equal(take(), 0);
	assert_int_equal(apic_next_event(&t.apic), 10000);
}

static void change_between_one_shot_and_periodic_goes_on_counting(void **state)
{
	start_timer(0xee, DIVIDE_1, 100);
	at(1070);
	wr(LVT_TIMER, PERIODIC | 0xee);
	assert_int_equal(rd(CURRENT), 30);
	at(1100);
	assert_int_equal(rd(CURRENT), 100);
	at(1150);
	wr(LVT_TIMER, 0xee);
	assert_int_equal(rd(CURRENT), 50);
	at(1200);
	assert_int_equal(rd(CURRENT), 0);
	wr(LVT_TIMER, PERIODIC | 0xee);
	assert_int_equal(rd(CURRENT), 0);
}

static void masked_timer_counts_and_does_not_interrupt(void **state)
{
	start_timer(APIC_LVT_MASKED | PERIODIC | 0xee, DIVIDE_1, 100);
	assert_true(apic_next_event(&t.apic) == APIC_NEVER);
	at(1250);
	assert_int_equal(rd(CURRENT), 50);
	assert_int_equal(take(), 0);
}

static void initial_count_zero_stops_the_timer(void **state)
{
	start_timer(PERIODIC | 0xee, DIVIDE_1, 100);
	wr(INITIAL, 0);
	assert_true(apic_next_event(&t.apic) == APIC_NEVER);
	assert_int_equal(rd(CURRENT), 0);
}

static void deadline_fires_when_the_tsc_reaches_it_and_clears(void **state)
{
	enable();
	wr(LVT_TIMER, DEADLINE | 0xef);
	apic_timer_set_tsc_offset(&t.apic, t.now, 5000);
	apic_timer_write_deadline(&t.apic, t.now, 6500);
	assert_int_equal(apic_next_event(&t.apic), 1500);
	assert_int_equal(apic_timer_read_deadline(&t.apic), 6500);
	at(1500);
	assert_int_equal(take(), 0xef);
	assert_int_equal(apic_timer_read_deadline(&t.apic), 0);
}

static void past_deadline_fires_at_once(void **state)
{
	enable();
	wr(LVT_TIMER, DEADLINE | 0xef);
	apic_timer_write_deadline(&t.apic, t.now, 1);
	assert_int_equal(take(), 0xef);
}

static void deadline_outside_its_mode_is_ignored(void **state)
{
	enable();
	wr(LVT_TIMER, 0xef);
	apic_timer_write_deadline(&t.apic, t.now, 1);
	assert_int_equal(take(), 0);
	assert_int_equal(apic_timer_read_deadline(&t.apic), 0);
	wr(LVT_TIMER, DEADLINE | 0xef);
	wr(INITIAL, 100);
	assert_int_equal(rd(INITIAL), 0);
	assert_true(apic_next_event(&t.apic) == APIC_NEVER);
}

static void change_to_and_from_deadline_mode_disarms(void **state)
{
	start_timer(0xee, DIVIDE_1, 100);
	wr(LVT_TIMER, DEADLINE | 0xee);
	assert_true(apic_next_event(&t.apic) == APIC_NEVER);
	apic_timer_write_deadline(&t.apic, t.now, 4000);
	wr(LVT_TIMER, 0xee);
	assert_true(apic_next_event(&t.apic) == APIC_NEVER);
	assert_int_equal(apic_timer_read_deadline(&t.apic), 0);
}

static void written_tsc_moves_the_deadline(void **state)
{
	enable();
	wr(LVT_TIMER, DEADLINE | 0xef);
	apic_timer_write_deadline(&t.apic, t.now, 3000);
	apic_timer_set_tsc_offset(&t.apic, t.now, 500);
	assert_int_equal(apic_next_event(&t.apic), 2500);
	apic_timer_set_tsc_offset(&t.apic, t.now, 5000);
	assert_int_equal(take(), 0xef);
}

static void farthest_deadline_never_comes(void **state)
{
	enable();
	wr(LVT_TIMER, DEADLINE | 0xef);
	apic_timer_write_deadline(&t.apic, t.now, UINT64_MAX);
	assert_true(apic_next_event(&t.apic) == APIC_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_shot_fires_once_on_its_tick),
		T(divider_is_decoded_as_the_manual_says),
		T(new_divider_keeps_the_count_left),
		T(count_shows_one_until_its_last_tick),
		T(periodic_fires_on_every_period),
		T(periodic_keeps_its_phase_over_a_long_gap),
		T(change_between_one_shot_and_periodic_goes_on_counting),
		T(masked_timer_counts_and_does_not_interrupt),
		T(initial_count_zero_stops_the_timer),
		T(deadline_fires_when_the_tsc_reaches_it_and_clears),
		T(past_deadline_fires_at_once),
		T(deadline_outside_its_mode_is_ignored),
		T(change_to_and_from_deadline_mode_disarms),
		T(written_tsc_moves_the_deadline),
		T(farthest_deadline_never_comes),
	};

	return cmocka_run_group_tests_name("apic-timer", tests, NULL, NULL);
}
