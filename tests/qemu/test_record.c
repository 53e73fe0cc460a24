/* SPDX-License-Identifier: MIT */
/* The stack of last branches: what of a block's branch is recorded, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "guest.h"

enum { CTL = 0x14ce, FROM = 0x1500, TO = 0x1600, INFO = 0x1200, ALL = 0x7f0007 };

static void begin_recording(const char *bytes, unsigned length, uint64_t ctl)
{
	begin_with("model=icelake", "lbr=8");
	write_msr(CTL, ctl);
	/* What a translation has in it is decided by a write, here by the test's. */
	shape_follow(plugin.cpu[0]);
	code(bytes, length);
}

#define RECORDING(bytes) begin_recording(bytes, sizeof(bytes) - 1, ALL)

/* The n-th of the last branches. */
static void is_entry(unsigned n, uint64_t from, uint64_t to, uint64_t kind)
{
	assert_int_equal(read_msr(FROM + n), from);
	assert_int_equal(read_msr(TO + n), to);
	assert_int_equal(read_msr(INFO + n), kind << 56);
}

static void test_a_branch_goes_from_its_address_to_the_next_block(void **state)
{
	RECORDING("\x90\xeb\x01\xf4\x90\xeb\x00\xf4");
	fake_run();
	is_entry(0, FAKE_CODE + 5, FAKE_CODE + 7, VPMU_BRANCH_JUMP);
	is_entry(1, FAKE_CODE + 1, FAKE_CODE + 4, VPMU_BRANCH_JUMP);
	is_entry(2, 0, 0, 0);
}

static void test_a_conditional_branch_is_recorded_when_it_is_taken(void **state)
{
	for (unsigned zero = 0; zero < 2; zero++) {
		RECORDING("\x74\x01\x90\xf4");
		fake.zero = zero;
		fake_run();
		if (zero)
			is_entry(0, FAKE_CODE, FAKE_CODE + 3, VPMU_BRANCH_CONDITIONAL);
		is_entry(zero, 0, 0, 0);
	}
}

static void test_an_interrupt_behind_a_branch_is_another_branch(void **state)
{
	RECORDING("\xeb\x01\xf4\x90\xf4");
	fake.timer_at_jump = true;
	fake_run();
	is_entry(0, FAKE_HANDLER_TIMER + 1, FAKE_CODE + 3, VPMU_BRANCH_FAR);
	is_entry(1, FAKE_CODE + 3, FAKE_HANDLER_TIMER, VPMU_BRANCH_FAR);
	is_entry(2, FAKE_CODE, FAKE_CODE + 3, VPMU_BRANCH_JUMP);
	is_entry(3, 0, 0, 0);
}

static void test_a_fault_is_recorded_and_not_what_it_keeps_from_retiring(void **state)
{
	RECORDING("\x90\x8a\x07\xf4");
	fake.faults = true;
	fake_run();
	is_entry(0, FAKE_CODE + 1, FAKE_HANDLER_PF, VPMU_BRANCH_FAR);
	is_entry(1, 0, 0, 0);
	RECORDING("\x90\xcf");
	fake.faults = true;
	fake_run();
	is_entry(0, FAKE_CODE + 1, FAKE_HANDLER_PF, VPMU_BRANCH_FAR);
	is_entry(1, 0, 0, 0);
}

static void test_an_int_is_one_branch(void **state)
{
	RECORDING("\x90\xcd\x20\xf4");
	fake_run();
	is_entry(0, FAKE_CODE + 1, FAKE_HANDLER_INT, VPMU_BRANCH_FAR);
	is_entry(1, 0, 0, 0);
}

/* It is undone, at the handler's first instruction. */
static void test_the_exception_of_an_rdpmc_is_none(void **state)
{
	RECORDING("\x90\x0f\x33\x90\xeb\x00\xf4");
	fake_run();
	is_entry(0, FAKE_CODE + 4, FAKE_CODE + 6, VPMU_BRANCH_JUMP);
	is_entry(1, 0, 0, 0);
	RECORDING("\x0f\x01\x1f\x90\x0f\x33\xf4"); /* LIDT */
	fake.reg[FAKE_RCX] = 77;                   /* no counter */
	fake_run();
	is_entry(0, FAKE_CODE + 4, FAKE_HANDLER_GP, VPMU_BRANCH_FAR);
	is_entry(1, 0, 0, 0);
}

static void test_what_has_begun_before_is_not_recorded(void **state)
{
	RECORDING("\xeb\x00\xf4");
	write_msr(CTL, 0);
	shape_follow(plugin.cpu[0]);
	fake_run();
	write_msr(CTL, ALL);
	shape_follow(plugin.cpu[0]);
	CODE("\x90\xf4");
	fake_run();
	is_entry(0, 0, 0, 0);
}

static void test_a_vcpu_that_stands_has_recorded_its_last_branch(void **state)
{
	RECORDING("\xeb\x00\xf4");
	hot_of(plugin.cpu[0])->recorded_from = 0;
	fake_run();
	/* As a branch has it that ends a block: 0x20 on, 2 bytes, a jump. */
	hot_of(plugin.cpu[0])->recorded_from = 0x20 << 16 | 2 << 8 | VPMU_BRANCH_JUMP << 1 | 1;
	plugin.cpu[0]->block_at = 0x5000;
	fake.reg[FAKE_RIP] = 0x6000;
	fake_idle();
	is_entry(0, 0x5020, 0x6000, VPMU_BRANCH_JUMP);
	is_entry(1, FAKE_CODE, FAKE_CODE + 2, VPMU_BRANCH_JUMP);
}

/* The overflowing branch is the last one, and its PMI's interrupt is not recorded. */
static void test_a_pmi_freezes_behind_the_branch_that_overflows(void **state)
{
	RECORDING("\x90\xeb\x00\x90\xeb\x00\xf4");
	write_msr(0x1d9, 0x800);
	count_from(SEL_BRANCHES, 1);
	fake_run();
	assert_int_equal(fake.taken, 1);
	assert_int_equal(fake.taken_at[0], FAKE_CODE + 3);
	is_entry(0, FAKE_CODE + 1, FAKE_CODE + 3, VPMU_BRANCH_JUMP);
	is_entry(1, 0, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_branch_goes_from_its_address_to_the_next_block),
		cmocka_unit_test(test_a_conditional_branch_is_recorded_when_it_is_taken),
		cmocka_unit_test(test_an_interrupt_behind_a_branch_is_another_branch),
		cmocka_unit_test(test_a_fault_is_recorded_and_not_what_it_keeps_from_retiring),
		cmocka_unit_test(test_an_int_is_one_branch),
		cmocka_unit_test(test_the_exception_of_an_rdpmc_is_none),
		cmocka_unit_test(test_what_has_begun_before_is_not_recorded),
		cmocka_unit_test(test_a_vcpu_that_stands_has_recorded_its_last_branch),
		cmocka_unit_test(test_a_pmi_freezes_behind_the_branch_that_overflows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
