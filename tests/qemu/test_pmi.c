/* SPDX-License-Identifier: MIT */
/* Where the PMIs come: behind the instruction that overflows, and before what comes with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guest.h"

static void test_a_pmi_comes_behind_each_instruction(void **state)
{
	for (unsigned before = 1; before <= 12; before++) {
		uint8_t memory[64];

		begin();
		CODE(MIX MIX MIX MIX "\xf4");
		memcpy(memory, fake.memory + FAKE_CODE, sizeof(memory));
		count_from(SEL_INSNS, before);
		fake_run();
		assert_int_equal(fake.taken, 1);
		assert_int_equal(fake.taken_at[0], address_of(before));
		assert_int_equal(fake.message & 0x700, 0x400);
		assert_int_equal(plugin.cpu[0]->stat.skids, 0);
		assert_int_equal(read_msr(PMC0), 17 - before); /* with the HLT */
		assert_memory_equal(memory, fake.memory + FAKE_CODE, sizeof(memory));
	}
}

static void test_a_pmi_by_branches_comes_behind_the_branch(void **state)
{
	begin();
	CODE(MIX "\xeb\x00" MIX "\xeb\x00" MIX "\xf4");
	count_from(SEL_BRANCHES, 2);
	fake_run();
	assert_int_equal(fake.taken, 1);
	assert_int_equal(fake.taken_at[0], FAKE_CODE + 20);
	assert_int_equal(plugin.cpu[0]->stat.skids, 0);
}

/* From the second on, for estimates: a jump each would cost more than what is sampled. */
static void test_pmis_of_cycles_that_come_often_plant_no_jumps(void **state)
{
	begin();
	CODE(MIX MIX "\xeb\x00" MIX "\xf4");
	for (unsigned i = 0; i < 2; i++) {
		count_from(SEL_CYCLES, 3);
		fake_run();
		read_msr(PMC0);     /* pays what has been executed */
		fake.lvtpc = 0x400; /* a PMI masks it */
	}
	assert_int_equal(fake.taken, 2);
	assert_int_equal(fake.taken_at[0], address_of(3));
	assert_int_equal(fake.taken_at[1], FAKE_CODE + 18);
	count_from(SEL_INSNS, 3);
	fake_run();
	assert_int_equal(fake.taken_at[2], address_of(3));
	assert_int_equal(plugin.cpu[0]->stat.planted, 2);
	assert_int_equal(plugin.cpu[0]->stat.skids, 0);
}

static void test_a_pmi_goes_before_an_interrupt_that_comes_with_it(void **state)
{
	begin();
	CODE(MIX MIX "\xf4");
	count_from(SEL_INSNS, 5);
	fake.timer_at_jump = true; /* the planted one */
	fake_run();
	assert_int_equal(fake.taken, 1);
	assert_int_equal(fake.taken_at[0], address_of(5));
}

/* Of a block's last instruction, which is a jump: with nothing else in the block that can leave it,
 * and with a load. */
static void test_a_pmi_of_a_jump_goes_before_an_interrupt_that_comes_with_it(void **state)
{
	static const struct {
		const char *code;
		uint64_t selector;
		unsigned length, before, at;
	} rows[] = {
		{"\x90\x74\x00\x90\xf4", SEL_INSNS, 5, 2, 3},
		{"\x90\x74\x00\x90\xf4", SEL_BRANCHES, 5, 1, 3},
		{"\x8a\x07\x74\x00\x90\xf4", SEL_INSNS, 6, 2, 4},
		{"\x8a\x07\x74\x00\x90\xf4", SEL_BRANCHES, 6, 1, 4},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin();
		code(rows[i].code, rows[i].length);
		count_from(rows[i].selector, rows[i].before);
		fake.timer_at_jz = true;
		fake_run();
		assert_int_equal(fake.taken, 1);
		assert_int_equal(fake.taken_at[0], FAKE_CODE + rows[i].at);
		assert_int_equal(plugin.cpu[0]->stat.skids, 0);
		/* What comes behind it: the NOP and the HLT. */
		assert_int_equal(read_msr(PMC0), rows[i].selector == SEL_INSNS ? 2 : 0);
	}
}

static void test_an_instruction_of_a_byte_before_a_pmi_is_whole_after_an_interrupt(void **state)
{
	uint8_t memory[32];

	begin();
	CODE(MIX MIX "\xf4");
	memcpy(memory, fake.memory + FAKE_CODE, sizeof(memory));
	fake.lvtpc = 0x10400; /* no PMI: only the other one */
	count_from(SEL_INSNS, 6);
	fake.timer_at_jump = true;
	fake_run();
	assert_int_equal(fake.taken, 0);
	assert_memory_equal(memory, fake.memory + FAKE_CODE, sizeof(memory));
	/* The rest, the HLT, and the handler's two. */
	assert_int_equal(read_msr(PMC0), 9 - 6 + 2);
}

/* The counter counts ring 0 alone, so that ring 3 has a budget of its own. */
static void test_a_pmi_of_an_iret_comes_where_it_leads_to(void **state)
{
	const uint64_t frame[] = {FAKE_CODE + 2, FAKE_USER, 0, FAKE_STACK, 0};

	begin();
	CODE("\x90\xcf\x90\xeb\x00\x90\xf4");
	fake.reg[FAKE_RSP] = FAKE_STACK - sizeof(frame);
	fake_write(fake.reg[FAKE_RSP], frame, sizeof(frame));
	count_from(SEL_INSNS & ~(UINT64_C(1) << 16), 2);
	fake_run();
	assert_int_equal(fake.taken, 1);
	assert_int_equal(fake.taken_at[0], FAKE_CODE + 2);
}

static void test_a_pmi_masks_lvtpc(void **state)
{
	begin();
	CODE(MIX MIX "\xf4");
	fake.lvtpc = 0x33;
	count_from(SEL_INSNS, 3);
	fake_run();
	assert_int_equal(fake.message, 0x33);
	assert_int_equal(fake.lvtpc, 0x10033);
}

static void test_a_masked_lvtpc_gets_no_pmi(void **state)
{
	begin();
	CODE(MIX MIX "\xf4");
	fake.lvtpc = 0x10400;
	count_from(SEL_INSNS, 3);
	fake_run();
	assert_int_equal(fake.taken, 0);
	assert_int_equal(plugin.cpu[0]->stat.masked, 1);
}

static void test_a_rep_ends_before_its_pmi(void **state)
{
	begin();
	CODE("\x90\xf3\xa4\x90\x90\xf4");
	fake.rep_entries = 4;
	count_from(SEL_INSNS, 2);
	fake_run();
	assert_int_equal(fake.taken, 1);
	assert_int_equal(fake.taken_at[0], FAKE_CODE + 3);
}

static void test_an_interrupt_takes_the_jump_away(void **state)
{
	struct block *block;

	begin();
	CODE(MIX MIX "\xf4");
	count_from(SEL_INSNS, 6);
	block = calloc(1, sizeof(*block) + 4);
	assert_non_null(block);
	block->physical[0] = FAKE_CODE;
	block->insns = 4;
	memcpy(block->insn, (uint8_t[]){3, 2, 1, 2}, 4);
	assert_int_equal(plant_set(plugin.cpu[0], block, 1, FAKE_CODE), PLANTED);
	assert_memory_equal(fake.memory + FAKE_CODE + 3, "\xeb\xfe", 2);
	fake.interrupts = true;
	fake_run();
	assert_memory_equal(fake.memory + FAKE_CODE + 3, "\x89\xd8", 2);
	assert_int_equal(fake.taken_at[0], FAKE_CODE);
	assert_int_equal(fake.taken_at[1], address_of(6)); /* and the PMI came in time */
	free(block);
}

static void test_memory_that_is_not_ram_gets_no_jump(void **state)
{
	struct block *block;

	begin();
	block = calloc(1, sizeof(*block) + 2);
	assert_non_null(block);
	block->insns = 2;
	block->insn[0] = block->insn[1] = 2;
	block->physical[1] = UINT64_MAX;
	for (unsigned i = 0; i < 3; i++) {
		block->physical[0] = (uint64_t[]){0xc8000, 0xfffff000, UINT64_MAX}[i];
		assert_int_equal(plant_set(plugin.cpu[0], block, 1, 0), PLANT_IMPOSSIBLE);
	}
	free(block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_pmi_comes_behind_each_instruction),
		cmocka_unit_test(test_a_pmi_by_branches_comes_behind_the_branch),
		cmocka_unit_test(test_pmis_of_cycles_that_come_often_plant_no_jumps),
		cmocka_unit_test(test_a_pmi_goes_before_an_interrupt_that_comes_with_it),
		cmocka_unit_test(test_a_pmi_of_a_jump_goes_before_an_interrupt_that_comes_with_it),
		cmocka_unit_test(
			test_an_instruction_of_a_byte_before_a_pmi_is_whole_after_an_interrupt),
		cmocka_unit_test(test_a_pmi_of_an_iret_comes_where_it_leads_to),
		cmocka_unit_test(test_a_pmi_masks_lvtpc),
		cmocka_unit_test(test_a_masked_lvtpc_gets_no_pmi),
		cmocka_unit_test(test_a_rep_ends_before_its_pmi),
		cmocka_unit_test(test_an_interrupt_takes_the_jump_away),
		cmocka_unit_test(test_memory_that_is_not_ram_gets_no_jump),
	};

	return cmocka_run_group_tests_name("qemu-pmi", tests, NULL, NULL);
}
