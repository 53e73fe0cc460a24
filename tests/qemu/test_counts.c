/* SPDX-License-Identifier: MIT */
/* What the plugin counts: each instruction once, branches, repeats. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "guest.h"

static void test_each_instruction_is_counted_once(void **state)
{
	begin();
	count_from(SEL_INSNS, 1000);
	CODE(MIX MIX MIX "\xf4");
	fake_run();
	assert_int_equal(fake.executed, 12);
	assert_int_equal(read_msr(PMC0) + 1000, 1 + fake.executed + (UINT64_C(1) << 48));
}

static void test_branches_are_counted(void **state)
{
	begin();
	count_from(SEL_BRANCHES, 1000);
	CODE(MIX "\xeb\x01\xf4" MIX "\xeb\x00\x90\xf4");
	fake_run();
	assert_int_equal((uint16_t)(read_msr(PMC0) + 1000), 2);
}

static void test_a_fault_does_not_count(void **state)
{
	begin();
	count_from(SEL_INSNS, 1000);
	CODE("\x90\x90\x8a\x07\x90\xf4");
	fake.faults = true;
	fake_run(); /* two NOPs, and the handler's HLT */
	assert_int_equal((uint16_t)(read_msr(PMC0) + 1000), 3);
}

static void test_a_store_into_its_own_block_counts_once(void **state)
{
	begin();
	count_from(SEL_INSNS, 1000);
	CODE("\x90\x90\x88\x07\x90\xf4");
	fake.changes_itself = true;
	fake_run();
	assert_int_equal(fake.blocks, 3); /* to the store, the store, the rest */
	assert_int_equal((uint16_t)(read_msr(PMC0) + 1000), 5);
}

static void test_blocks_of_one_instruction_count_where_all_are(void **state)
{
	begin();
	plugin.singles = 100; /* as with one-insn-per-tb=on */
	count_from(SEL_INSNS, 1000);
	CODE("\x90\x90\x88\x07\x90\xf4");
	fake.changes_itself = true;
	fake_run();
	assert_int_equal((uint16_t)(read_msr(PMC0) + 1000), 6);
}

static void test_a_rep_counts_once_however_often_it_is_entered(void **state)
{
	begin();
	count_from(SEL_INSNS, 1000);
	CODE("\x90\xf3\xa4\x90\xf4");
	fake.rep_entries = 5;
	fake_run();
	assert_int_equal((uint16_t)(read_msr(PMC0) + 1000), 4);
}

static void test_an_interrupted_rep_counts_once(void **state)
{
	begin();
	count_from(SEL_INSNS, 1000);
	CODE("\x90\xf3\xa4\x90\xf4");
	fake.rep_entries = 5;
	fake.interrupt_rep = 3;
	fake_run();
	assert_int_equal(fake.taken, 1);
	assert_int_equal((uint16_t)(read_msr(PMC0) + 1000), 4);
	assert_int_equal(plugin.cpu[0]->stat.interrupted_reps, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_instruction_is_counted_once),
		cmocka_unit_test(test_branches_are_counted),
		cmocka_unit_test(test_a_fault_does_not_count),
		cmocka_unit_test(test_a_store_into_its_own_block_counts_once),
		cmocka_unit_test(test_blocks_of_one_instruction_count_where_all_are),
		cmocka_unit_test(test_a_rep_counts_once_however_often_it_is_entered),
		cmocka_unit_test(test_an_interrupted_rep_counts_once),
	};

	return cmocka_run_group_tests_name("qemu-counts", tests, NULL, NULL);
}
