/* SPDX-License-Identifier: MIT */
/* timing=cache: what the timing model makes of accesses to memory, and of branches. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "guest.h"

/* What these select; with a PMI, in both rings. */
enum { SEL_LLC_REFERENCES = 0x534f2e, SEL_LLC_MISSES = 0x53412e, SEL_BRANCH_MISSES = 0x5300c5 };

#define LOAD   "\x8a\x07"
#define NOPS_8 "\x90\x90\x90\x90\x90\x90\x90\x90"

/* What the counter has after this code. */
static uint64_t count(const char *timing, uint64_t selector, const char *code_, unsigned length)
{
	begin_with("model=intel-v2", timing);
	count_from(selector, 100000);
	fake.data = 0x4000;
	code(code_, length);
	fake_run();
	return (uint32_t)(read_msr(PMC0) + 100000);
}

#define COUNT(timing, selector, bytes) count(timing, selector, bytes, sizeof(bytes) - 1)

static void test_a_line_misses_once(void **state)
{
	assert_int_equal(COUNT("timing=cache", SEL_LLC_MISSES, LOAD LOAD LOAD "\xf4"), 1);
	assert_int_equal(COUNT("timing=cache", SEL_LLC_REFERENCES, LOAD LOAD LOAD "\xf4"), 1);
}

static void test_without_it_nothing_misses(void **state)
{
	assert_int_equal(COUNT(NULL, SEL_LLC_MISSES, LOAD LOAD LOAD "\xf4"), 0);
}

/* Four slots are a cycle: 4 instructions, and what the line costs. */
static void test_cycles_are_what_the_model_says(void **state)
{
	assert_int_equal(COUNT("timing=cache", SEL_CYCLES, LOAD LOAD LOAD "\xf4"), 1 + 6 + 80);
	assert_int_equal(COUNT(NULL, SEL_CYCLES, LOAD LOAD LOAD "\xf4"), 4);
}

static void test_a_conditional_branch_is_first_predicted_not_taken(void **state)
{
	begin_with("model=intel-v2", "timing=cache");
	count_from(SEL_BRANCH_MISSES, 100000);
	CODE("\x74\x01\xf4\x90\xf4");
	fake_run();
	assert_int_equal((uint32_t)(read_msr(PMC0) + 100000), 0);
	fake.zero = true;
	fake_run();
	assert_int_equal((uint32_t)(read_msr(PMC0) + 100000), 1);
}

static void test_a_branch_is_seen_where_an_interrupt_comes_first(void **state)
{
	begin_with("model=intel-v2", "timing=cache");
	count_from(SEL_BRANCH_MISSES, 100000);
	CODE("\x74\x01\xf4\x90\xf4");
	fake.zero = fake.timer_at_jz = true;
	fake_run();
	assert_int_equal((uint32_t)(read_msr(PMC0) + 100000), 1);
}

static void test_taken_branches_count_once(void **state)
{
	begin_with("model=skylake", "timing=cache");
	count_from(0x5320c4, 100000); /* near and taken */
	write_msr(SEL0 + 1, SEL_BRANCH_MISSES);
	write_msr(GLOBAL_CTRL, 3);
	CODE("\xeb\x00\x90\xf4");
	fake_run();
	assert_int_equal((uint32_t)(read_msr(PMC0) + 100000), 1);
}

static void test_a_pmi_by_misses_comes_at_the_next_block(void **state)
{
	begin_with("model=intel-v2", "timing=cache");
	count_from(SEL_LLC_MISSES, 1);
	fake.data = 0x4000;
	CODE(LOAD "\xeb\x00\x90\xf4");
	fake_run();
	assert_int_equal(fake.taken, 1);
	assert_int_equal(fake.taken_at[0], FAKE_CODE + 4);
}

static void test_a_pmi_by_what_a_line_costs_comes_at_the_next_block(void **state)
{
	begin_with("model=intel-v2", "timing=cache");
	count_from(SEL_CYCLES, 50);
	fake.data = 0x4000;
	CODE(LOAD "\xeb\x00\x90\xf4");
	fake_run();
	assert_int_equal(fake.taken, 1);
	assert_int_equal(fake.taken_at[0], FAKE_CODE + 4);
}

static void test_no_jump_is_planted_for_an_estimate(void **state)
{
	begin_with("model=intel-v2", "timing=cache");
	count_from(SEL_CYCLES, 3);
	fake.data = 0x4000;
	CODE(LOAD NOPS_8 NOPS_8 NOPS_8 NOPS_8 "\xeb\x00\x90\xf4"); /* at_block() looks */
	fake_run();
	assert_int_equal(plugin.cpu[0]->stat.planted, 0);
}

static void test_a_branch_goes_with_its_translation(void **state)
{
	begin_with("model=intel-v2", "timing=cache");
	hot_of(plugin.cpu[0])->timed_from = 1;
	fake_flush();
	assert_int_equal(hot_of(plugin.cpu[0])->timed_from, 0);
}

static void test_a_taken_branch_ends_its_cycle(void **state)
{
	assert_int_equal(COUNT("timing=cache", SEL_CYCLES, "\x90\xeb\x00\xeb\x00\xf4"), 2);
	assert_int_equal(COUNT("timing=cache", SEL_CYCLES, "\x90\x90\x90\x90\xf4"), 1);
}

static void test_a_reset_empties_the_caches(void **state)
{
	begin_with("model=intel-v2", "timing=cache");
	count_from(SEL_LLC_MISSES, 100000);
	fake.data = 0x4000;
	CODE(LOAD "\xf4");
	fake_run();
	at_reset(0, NULL);
	count_from(SEL_LLC_MISSES, 100000);
	fake_run();
	assert_int_equal((uint32_t)(read_msr(PMC0) + 100000), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_line_misses_once),
		cmocka_unit_test(test_without_it_nothing_misses),
		cmocka_unit_test(test_cycles_are_what_the_model_says),
		cmocka_unit_test(test_a_conditional_branch_is_first_predicted_not_taken),
		cmocka_unit_test(test_a_branch_is_seen_where_an_interrupt_comes_first),
		cmocka_unit_test(test_taken_branches_count_once),
		cmocka_unit_test(test_a_pmi_by_misses_comes_at_the_next_block),
		cmocka_unit_test(test_a_pmi_by_what_a_line_costs_comes_at_the_next_block),
		cmocka_unit_test(test_no_jump_is_planted_for_an_estimate),
		cmocka_unit_test(test_a_branch_goes_with_its_translation),
		cmocka_unit_test(test_a_taken_branch_ends_its_cycle),
		cmocka_unit_test(test_a_reset_empties_the_caches),
	};

	return cmocka_run_group_tests_name("qemu-timed", tests, NULL, NULL);
}
