/* SPDX-License-Identifier: MIT */
/* What translations have in them: nothing while nothing counts, and what an event needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "guest.h"

#define NOPS  "\x90\x90\x8a\x07\x90\x88\x07\x90\xf4"
#define WRMSR "\x0f\x30"
#define RDMSR "\x0f\x32"

static void stop(void)
{
	write_msr(GLOBAL_CTRL, 0);
}

static void test_without_a_counter_blocks_are_as_they_were(void **state)
{
	begin();
	CODE(NOPS);
	fake_run();
	assert_int_equal(fake.ops, 0);
	assert_int_equal(fake.resets, 0);
}

/* The code starts a counter of instructions, and seven follow. */
static void begin_before_a_start(void)
{
	begin();
	stop();
	write_msr(SEL0, SEL_INSNS);
	fake.reg[FAKE_RCX] = GLOBAL_CTRL;
	fake.reg[FAKE_RAX] = 1;
	fake.reg[FAKE_RDX] = 0;
	CODE(WRMSR NOPS);
}

static void test_a_write_that_starts_a_counter_has_all_translated_anew(void **state)
{
	begin_before_a_start();
	fake_run();
	assert_int_equal(fake.resets, 1);
	assert_int_equal((uint16_t)read_msr(PMC0), 7); /* and not the WRMSR itself */
}

static void test_behind_a_write_a_vcpu_waits_until_all_is_translated_anew(void **state)
{
	begin_before_a_start();
	fake.late = 5;
	fake_run();
	assert_int_equal(fake.late, 0);
	assert_int_equal(fake.resets, 1);
	assert_int_equal((uint16_t)read_msr(PMC0), 7);
}

static void test_cycles_take_one_addition_a_block(void **state)
{
	begin();
	count_from(SEL_CYCLES, 1000);
	CODE(NOPS);
	fake_run();
	assert_int_equal(fake.ops, 2); /* and the look whether something overflows */
	assert_int_equal((uint16_t)(read_msr(PMC0) + 1000), 7);
}

static bool is_kicked(void)
{
	return hot_of(plugin.cpu[0])->run[RING_KERNEL] & RUN_KICK;
}

static void test_while_no_overflow_is_near_only_what_may_go_back_looks(void **state)
{
	begin();
	count_from(SEL_CYCLES, 1 << 30);
	CODE(NOPS);
	fake_run();
	assert_int_equal(fake.ops, 1);
	assert_int_equal((uint16_t)read_msr(PMC0), 7);
	count_remind(plugin.cpu[0]);
	fake_run();
	assert_true(is_kicked());
	CODE("\x90\x74\xfd\x90\xf4"); /* a JZ */
	fake_run();
	assert_false(is_kicked());
	assert_int_equal((uint16_t)read_msr(PMC0), 2 * 7 + 4);
}

static void test_every_block_looks_when_an_overflow_comes_near(void **state)
{
	begin();
	count_from(SEL_CYCLES, (1 << 28) + 400000);
	CODE("\x90\x74\xfd" NOPS);
	fake_run();
	assert_int_equal(fake.ops, 1);
	hot_of(plugin.cpu[0])->run[RING_KERNEL] += 600000 * RUN_INSN;
	fake_run();
	assert_int_equal(fake.ops, 2);
}

static void test_a_kick_makes_every_block_look(void **state)
{
	begin();
	count_from(SEL_CYCLES, 1 << 30);
	CODE(NOPS);
	fake_run();
	count_kick(plugin.cpu[0]);
	fake_run();
	assert_false(is_kicked());
}

static void test_an_exact_count_takes_more(void **state)
{
	begin();
	count_from(SEL_INSNS, 1000);
	CODE(NOPS);
	fake_run();
	assert_int_equal(fake.ops, 4);
	assert_int_equal((uint16_t)(read_msr(PMC0) + 1000), 7);
}

static void test_cycles_do_not_go_back_at_a_fault(void **state)
{
	begin();
	count_from(SEL_CYCLES, 1000);
	CODE(NOPS);
	fake.faults = true;
	fake_run(); /* the whole block, and the handler's HLT */
	assert_int_equal((uint16_t)(read_msr(PMC0) + 1000), 8);
}

static void test_an_answer_at_a_blocks_end_comes_where_nothing_counts(void **state)
{
	begin();
	fake.ends_at_rdmsr = true;
	fake.reg[FAKE_RCX] = SEL0;
	stop();
	write_msr(SEL0, SEL_INSNS);
	CODE(RDMSR "\x90\xf4");
	fake_run();
	assert_int_equal(fake.reg[FAKE_RAX], SEL_INSNS);
	assert_int_equal(fake.resets, 1); /* the block behind it looks */
}

static void test_branches_that_were_not_wanted_are_not_owed(void **state)
{
	begin();
	count_from(SEL_INSNS, 2);
	CODE("\x90\xeb\x01\x90\xf4");
	fake_run();
	assert_int_equal(fake.message & 0x700, 0x400); /* the jump's PMI */
	count_from(SEL_BRANCHES, 1000);
	fake_run();
	assert_int_equal((uint16_t)(read_msr(PMC0) + 1000), 1);
}

static void test_with_stat_all_is_counted_from_the_start(void **state)
{
	begin_with("model=intel-v2", "stat=/dev/null");
	CODE(NOPS);
	fake_run();
	assert_int_equal(count_retired(plugin.cpu[0], RING_KERNEL), 7);
}

/* As if the vCPU had executed so much since it was last looked at. */
static void go_on_for(uint64_t insns)
{
	plugin.cpu[0]->retired[RING_KERNEL] += insns;
	count_kick(plugin.cpu[0]);
	fake_run();
}

static void go_on(void)
{
	go_on_for(200000000);
}

static void test_what_is_not_needed_goes_after_a_while(void **state)
{
	begin();
	count_from(SEL_INSNS, 1000);
	CODE(NOPS);
	fake_run();
	go_on();
	go_on();
	assert_int_equal(fake.resets, 0); /* it counts */
	stop();
	go_on();
	assert_int_equal(fake.resets, 0); /* it may go on */
	for (unsigned i = 0; i < 5; i++)
		go_on_for(100);
	assert_int_equal(fake.resets, 0);
	go_on();
	fake_run();
	assert_int_equal(fake.resets, 1);
	assert_int_equal(fake.ops, 0);
}

static void test_what_is_needed_between_stays(void **state)
{
	begin();
	count_from(SEL_INSNS, 1000);
	CODE(NOPS);
	fake_run();
	stop();
	go_on();
	count_from(SEL_INSNS, 1000);
	stop();
	go_on();
	fake_run();
	assert_int_equal(fake.resets, 0);
}

/* A block of five or six instructions is what compilers make; here with an interception, too. */
static void test_an_instruction_takes_at_most_64_bytes_until_the_flush(void **state)
{
	enum { BLOCKS = 200, INSNS = BLOCKS * 6 };
	static const char block[] = "\x90\x8a\x07\x0f\xa2\x88\x07\x90\xeb\x00";
	static char bytes[BLOCKS * (sizeof(block) - 1) + 1];

	for (unsigned i = 0; i < BLOCKS; i++)
		memcpy(bytes + i * (sizeof(block) - 1), block, sizeof(block) - 1);
	bytes[sizeof(bytes) - 1] = '\xf4';
	begin_with("model=intel-v2", "timing=cache");
	count_from(SEL_INSNS, 100000);
	write_msr(SEL0 + 1, SEL_CYCLES);
	write_msr(GLOBAL_CTRL, 3);
	code(bytes, sizeof(bytes));
	fake_run();
	assert_true(fake.executed >= INSNS);
	assert_in_range(block_memory(), INSNS, INSNS * 64);
	fake_flush();
	assert_int_equal(block_memory(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_a_counter_blocks_are_as_they_were),
		cmocka_unit_test(test_a_write_that_starts_a_counter_has_all_translated_anew),
		cmocka_unit_test(test_behind_a_write_a_vcpu_waits_until_all_is_translated_anew),
		cmocka_unit_test(test_cycles_take_one_addition_a_block),
		cmocka_unit_test(test_while_no_overflow_is_near_only_what_may_go_back_looks),
		cmocka_unit_test(test_every_block_looks_when_an_overflow_comes_near),
		cmocka_unit_test(test_a_kick_makes_every_block_look),
		cmocka_unit_test(test_an_exact_count_takes_more),
		cmocka_unit_test(test_cycles_do_not_go_back_at_a_fault),
		cmocka_unit_test(test_an_answer_at_a_blocks_end_comes_where_nothing_counts),
		cmocka_unit_test(test_branches_that_were_not_wanted_are_not_owed),
		cmocka_unit_test(test_with_stat_all_is_counted_from_the_start),
		cmocka_unit_test(test_what_is_not_needed_goes_after_a_while),
		cmocka_unit_test(test_what_is_needed_between_stays),
		cmocka_unit_test(test_an_instruction_takes_at_most_64_bytes_until_the_flush),
	};

	return cmocka_run_group_tests_name("qemu-shape", tests, NULL, NULL);
}
