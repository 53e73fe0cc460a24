/* SPDX-License-Identifier: MIT */
/* Classes of events that instructions alone decide, and what changes the ring. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "guest.h"

/* Skylake's selectors, from 1000 before the overflow. */
static uint64_t count_class(uint64_t event, const char *bytes, unsigned length)
{
	begin_with("model=skylake", NULL);
	count_from(0x530000 | event, 1000);
	/* What a translation has in it is decided by a write, here by the test's. */
	shape_follow(plugin.cpu[0]);
	code(bytes, length);
	fake_run();
	return (uint16_t)(read_msr(PMC0) + 1000);
}

#define COUNT(event, bytes) count_class(event, bytes, sizeof(bytes) - 1)

/* Load, store, both. */
#define DATA "\x90\x8a\x07\x88\x07\x01\x07\x8a\x07\xf4"

static void test_loads_and_stores_are_counted(void **state)
{
	assert_int_equal(COUNT(0x81d0, DATA), 3);
	assert_int_equal(COUNT(0x82d0, DATA), 2);
	assert_int_equal(COUNT(0x83d0, DATA), 4);
}

/* Zen has an event of what does both. */
static void test_what_loads_and_stores_is_counted(void **state)
{
	begin_with("model=zen2", NULL);
	write_msr(AMD_SEL0, 0x530000 | 0x0429);
	shape_follow(plugin.cpu[0]);
	CODE(DATA);
	fake_run();
	assert_int_equal(read_msr(AMD_CTR0), 1);
}

static void test_a_load_that_faults_is_none(void **state)
{
	begin_with("model=skylake", NULL);
	count_from((0x530000 | 0x81d0), 1000);
	CODE(DATA);
	fake.faults = true;
	fake_run();
	assert_int_equal((uint16_t)(read_msr(PMC0) + 1000), 0);
}

static void test_branches_by_their_kind(void **state)
{
	static const char jumps[] = "\x74\x01\xf4\xeb\x00\x74\x00\xf4",
			  falls[] = "\x74\x02\x90\xf4";

	for (unsigned zero = 0; zero < 2; zero++) {
		const char *bytes = zero ? jumps : falls;
		unsigned length = zero ? sizeof(jumps) - 1 : sizeof(falls) - 1;

		for (unsigned i = 0; i < 3; i++) {
			static const uint64_t events[] = {0x01c4, 0x10c4, 0x20c4};
			static const unsigned counts[2][3] = {{1, 1, 0}, {2, 1, 2}};

			begin_with("model=skylake", NULL);
			count_from(0x530000 | events[i], 1000);
			shape_follow(plugin.cpu[0]);
			code(bytes, length);
			fake.zero = zero;
			fake_run();
			assert_int_equal((uint16_t)(read_msr(PMC0) + 1000), counts[zero][i]);
		}
	}
}

static void test_a_branch_that_is_interrupted_at_once_has_been_taken_or_not(void **state)
{
	for (unsigned zero = 0; zero < 2; zero++) {
		begin_with("model=skylake", NULL);
		count_from(0x530000 | 0x10c4, 1000);
		shape_follow(plugin.cpu[0]);
		CODE("\x74\x01\x90\xf4");
		fake.zero = zero;
		fake.timer_at_jz = true;
		fake_run();
		assert_int_equal((uint16_t)(read_msr(PMC0) + 1000), !zero);
	}
}

static void test_a_pmi_by_loads_comes_behind_the_load(void **state)
{
	for (unsigned before = 1; before <= 3; before++) {
		begin_with("model=skylake", NULL);
		CODE(MIX MIX MIX MIX "\xf4");
		count_from((0x530000 | 0x81d0), before);
		fake_run();
		assert_int_equal(fake.taken, 1);
		assert_int_equal(fake.taken_at[0], address_of(4 * before));
		assert_int_equal(plugin.cpu[0]->stat.skids, 0);
	}
}

#define KERNEL_INSNS    UINT64_C(0x5200c0)
#define USER_INSNS      UINT64_C(0x5100c0)
#define KERNEL_BRANCHES UINT64_C(0x5200c2)
#define USER_BRANCHES   UINT64_C(0x5100c2)

/* Ring 3 on AMD: a NOP and an INT, whose handler is the code. */
static void begin_in_ring_3(uint64_t selector, const char *handler, unsigned bytes)
{
	begin_with("model=zen2", NULL);
	write_msr(AMD_SEL0, selector);
	CODE("\x90\xcd\x20\x90\x90\xf4");
	fake_write(FAKE_HANDLER_INT, handler, bytes);
	fake.reg[FAKE_CS] = FAKE_USER;
}

/* How much the selector counts on that way. */
static uint64_t counted(uint64_t selector, const char *handler, unsigned bytes)
{
	begin_in_ring_3(selector, handler, bytes);
	fake_run();
	return read_msr(AMD_CTR0);
}

static void test_an_int_counts_in_its_handlers_ring(void **state)
{
	assert_int_equal(counted(KERNEL_INSNS, "\xf4", 1), 2); /* with the HLT */
	assert_int_equal(counted(USER_INSNS, "\xf4", 1), 1);
	assert_int_equal(counted(KERNEL_BRANCHES, "\xf4", 1), 1);
	assert_int_equal(counted(USER_BRANCHES, "\xf4", 1), 0);
}

static void test_an_iret_counts_in_the_ring_that_it_goes_to(void **state)
{
	assert_int_equal(counted(KERNEL_INSNS, "\x90\xcf", 2), 2);
	assert_int_equal(counted(USER_INSNS, "\x90\xcf", 2), 5);
	assert_int_equal(counted(USER_BRANCHES, "\x90\xcf", 2), 1);
}

static void test_on_intel_an_int_counts_in_the_ring_that_it_leaves(void **state)
{
	begin();
	write_msr(SEL0, USER_INSNS);
	write_msr(GLOBAL_CTRL, 1);
	CODE("\x90\xcd\x20\xf4");
	fake.reg[FAKE_CS] = FAKE_USER;
	fake_run();
	assert_int_equal(read_msr(PMC0), 2);
}

static void test_an_iret_that_faults_counts_nowhere(void **state)
{
	begin_in_ring_3(KERNEL_INSNS, "\x90\xcf", 2);
	fake.faults = true;
	fake_run();
	assert_int_equal(read_msr(AMD_CTR0), 3); /* INT, NOP, and the last handler's HLT */
	begin_in_ring_3(USER_INSNS, "\x90\xcf", 2);
	fake.faults = true;
	fake_run();
	assert_int_equal(read_msr(AMD_CTR0), 1);
}

/* The timer's own IRET is one more. */
static void test_an_iret_counts_where_an_interrupt_is_first(void **state)
{
	begin_in_ring_3(USER_INSNS, "\x90\xcf", 2);
	fake.timer_at_iret = true;
	fake_run();
	assert_int_equal(read_msr(AMD_CTR0), 6);
	begin_in_ring_3(KERNEL_INSNS, "\x90\xcf", 2);
	fake.timer_at_iret = true;
	fake_run();
	assert_int_equal(read_msr(AMD_CTR0), 3); /* INT and two NOPs */
}

static void test_a_pmi_by_what_changes_the_ring_comes_where_it_goes(void **state)
{
	begin_in_ring_3(KERNEL_INSNS | 1 << 20, "\x90\xf4", 2);
	write_msr(AMD_CTR0, -UINT64_C(1));
	fake_run();
	assert_int_equal(fake.taken, 1);
	assert_int_equal(fake.taken_at[0], FAKE_HANDLER_INT);
	begin_in_ring_3(USER_INSNS | 1 << 20, "\x90\xcf", 2);
	write_msr(AMD_CTR0, -UINT64_C(2));
	fake_run();
	assert_int_equal(fake.taken, 1);
	assert_int_equal(fake.taken_at[0], FAKE_CODE + 3);
	assert_int_equal(plugin.cpu[0]->stat.skids, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loads_and_stores_are_counted),
		cmocka_unit_test(test_what_loads_and_stores_is_counted),
		cmocka_unit_test(test_a_load_that_faults_is_none),
		cmocka_unit_test(test_branches_by_their_kind),
		cmocka_unit_test(test_a_branch_that_is_interrupted_at_once_has_been_taken_or_not),
		cmocka_unit_test(test_a_pmi_by_loads_comes_behind_the_load),
		cmocka_unit_test(test_an_int_counts_in_its_handlers_ring),
		cmocka_unit_test(test_an_iret_counts_in_the_ring_that_it_goes_to),
		cmocka_unit_test(test_on_intel_an_int_counts_in_the_ring_that_it_leaves),
		cmocka_unit_test(test_an_iret_that_faults_counts_nowhere),
		cmocka_unit_test(test_an_iret_counts_where_an_interrupt_is_first),
		cmocka_unit_test(test_a_pmi_by_what_changes_the_ring_comes_where_it_goes),
	};

	return cmocka_run_group_tests_name("qemu-classes", tests, NULL, NULL);
}
