/* SPDX-License-Identifier: MIT */
/* The plugin in a QEMU of the test's own (fake_qemu.h): what it counts, and where its PMIs come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <qemu/room_int.h>

#include "fake_qemu.h"

enum { PMC0 = 0xc1, SEL0 = 0x186, FIXED_CTRL = 0x38d, GLOBAL_CTRL = 0x38f, FIXED0 = 0x309 };

#define SEL_INSNS    UINT64_C(0x5300c0) /* user and kernel, with a PMI, enabled */
#define SEL_BRANCHES UINT64_C(0x5300c4)

static const char *profile; /* for the next begin_with(), or NULL */

static void begin_with(const char *model, const char *more)
{
	char *argv[] = {(char *)model, (char *)more, (char *)profile};

	/* The plugin keeps its vCPUs: in a process of the test's own there is a new one each time.
	 */
	free(plugin.cpu[0]);
	memset(&plugin, 0, sizeof(plugin));
	assert_int_equal(fake_begin(more ? 2 + !!profile : 1, argv), 0);
	profile = NULL;
}

static void begin(void)
{
	begin_with("model=intel-v2", NULL);
}

static void write_msr(uint32_t msr, uint64_t value)
{
	assert_int_equal(vpmu_pmu_guest_write(plugin.cpu[0]->pmu, msr, value), VPMU_OK);
	count_arm(plugin.cpu[0], RING_KERNEL, 0);
}

static uint64_t read_msr(uint32_t msr)
{
	uint64_t value = 0;

	count_account(plugin.cpu[0], RING_KERNEL, 0);
	assert_int_equal(vpmu_pmu_guest_read(plugin.cpu[0]->pmu, msr, &value), VPMU_OK);
	return value;
}

/* Counter 0 counts the event, from `before` events before its overflow. */
static void count_from(uint64_t selector, uint64_t before)
{
	write_msr(SEL0, selector);
	write_msr(PMC0, (uint32_t)-before);
	write_msr(GLOBAL_CTRL, 1);
}

static void code(const char *bytes, unsigned length)
{
	fake_write(FAKE_CODE, bytes, length);
}

#define CODE(bytes) code(bytes, sizeof(bytes) - 1)

/* --- Counts ----------------------------------------------------------------------------------- */

/* INC RAX, MOV, NOP, load: a block of every kind of segment. */
#define MIX "\x48\xff\xc0\x89\xd8\x90\x8a\x07"

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

/* --- PMIs ------------------------------------------------------------------------------------- */

/* The address of the n-th instruction of MIX MIX MIX…. */
static uint64_t address_of(unsigned n)
{
	static const uint8_t offsets[] = {0, 3, 5, 6};

	return FAKE_CODE + n / 4 * 8 + offsets[n % 4];
}

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

/* --- Classes that instructions alone decide --------------------------------------------------- */

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

/* --- What changes the ring ---------------------------------------------------------------------
 */

enum { AMD_SEL0 = 0xc0010200u, AMD_CTR0 = 0xc0010201u };

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

/* --- Intercepted ------------------------------------------------------------------------------ */

static void test_cpuid_shows_the_pmu(void **state)
{
	begin();
	CODE("\x0f\xa2\x90\xf4");
	fake.reg[FAKE_RAX] = 0xa;
	fake_run();
	assert_int_equal(fake.reg[FAKE_RAX] & 0xffff, 0x402);
	assert_int_equal(fake.reg[FAKE_RDX] & 0x1f, 3);
}

static void test_the_highest_leaf_has_the_pmu_in_it(void **state)
{
	begin();
	CODE("\x0f\xa2\xf4");
	fake_run();
	assert_int_equal(fake.reg[FAKE_RAX], 0xa);
}

static void test_a_cpu_of_another_vendor_has_no_pmu(void **state)
{
	begin_with("model=zen2", NULL);
	CODE("\x0f\xa2\x90\xf4");
	fake_run();
	assert_true(plugin.off);
}

static void test_wrmsr_counts_by_what_was_before_it(void **state)
{
	begin();
	write_msr(SEL0, SEL_INSNS);
	write_msr(GLOBAL_CTRL, 0);
	CODE("\x0f\x30\x90\x90\xf4");
	fake.reg[FAKE_RCX] = GLOBAL_CTRL;
	fake.reg[FAKE_RAX] = 1;
	fake_run();
	assert_int_equal(read_msr(PMC0), 3); /* the NOPs and the HLT */
	fake.reg[FAKE_RAX] = 0;
	fake_run();
	assert_int_equal(read_msr(PMC0), 4); /* the WRMSR that stops it */
}

static void test_rdmsr_reads_the_machine(void **state)
{
	begin();
	write_msr(PMC0, 0x1234567);
	CODE("\x0f\x32\x90\xf4");
	fake.reg[FAKE_RCX] = PMC0;
	fake_run();
	assert_int_equal(fake.reg[FAKE_RAX], 0x1234567);
	assert_int_equal(fake.reg[FAKE_RDX], 0);
}

static void test_a_refused_write_raises_gp_with_rcx_as_it_was(void **state)
{
	begin();
	CODE("\x90\x0f\x30\x90\xf4");
	fake.reg[FAKE_RCX] = GLOBAL_CTRL;
	fake.reg[FAKE_RAX] = 0x80; /* no such counter */
	fake_run();
	assert_int_equal(fake.reg[FAKE_RIP], FAKE_HANDLER_GP);
	assert_int_equal(fake.reg[FAKE_RCX], GLOBAL_CTRL);
}

static void test_a_register_that_the_model_lacks_raises_gp(void **state)
{
	begin_with("model=intel-v1", NULL);
	CODE("\x0f\x32\x90\xf4");
	fake.reg[FAKE_RCX] = FIXED0;
	fake_run();
	assert_int_equal(fake.reg[FAKE_RIP], FAKE_HANDLER_GP);
}

static void test_an_msr_of_others_is_qemus(void **state)
{
	begin();
	CODE("\x0f\x32\x90\xf4");
	fake.reg[FAKE_RCX] = 0xce;
	fake.reg[FAKE_RAX] = 77;
	fake_run();
	assert_int_equal(fake.reg[FAKE_RAX], 0);
	assert_int_not_equal(fake.reg[FAKE_RIP], FAKE_HANDLER_GP);
}

static void check_rdpmc(void)
{
	uint64_t sp = fake.reg[FAKE_RSP], flags = 0x202;

	fake.reg[FAKE_EFLAGS] = flags;
	write_msr(PMC0, 0x7654321);
	fake_run();
	assert_int_equal(fake.reg[FAKE_RAX], 0x7654321);
	assert_int_equal(fake.reg[FAKE_RSP], sp);
	assert_int_equal(fake.reg[FAKE_EFLAGS], flags);
	assert_int_equal(fake.reg[FAKE_RIP] & ~UINT64_C(15), FAKE_CODE);
}

static void test_rdpmc_at_a_blocks_start(void **state)
{
	begin();
	CODE("\x0f\x33\x90\xf4");
	check_rdpmc();
	assert_int_equal(plugin.cpu[0]->stat.undone, 0);
}

static void test_rdpmc_inside_a_block_is_undone(void **state)
{
	begin();
	CODE("\x90\x90\x0f\x33\x90\xf4");
	check_rdpmc();
	assert_int_equal(plugin.cpu[0]->stat.undone, 1);
}

static void test_rdpmc_counts(void **state)
{
	begin();
	count_from(SEL_INSNS, 1000);
	CODE("\x90\x90\x0f\x33\x90\xf4");
	fake_run();
	assert_int_equal((uint16_t)(read_msr(PMC0) + 1000), 5);
}

static void test_rdpmc_of_no_counter_raises_gp(void **state)
{
	begin();
	CODE("\x0f\x01\x1f\x90\x0f\x33\x90\xf4"); /* LIDT, …, RDPMC */
	fake.reg[FAKE_RCX] = 77;
	fake_run();
	assert_int_equal(fake.reg[FAKE_RIP], FAKE_HANDLER_GP);
	assert_memory_equal(fake.memory + fake.reg[FAKE_RSP] + 8, &(uint64_t){FAKE_CODE + 4},
	                    sizeof(uint64_t));
}

/* --- Broken ----------------------------------------------------------------------------------- */

/* What a guest that lets counter 0 count instructions finds in it after two NOPs; 0xffff: it was
 * refused. */
static uint64_t broken_count(void)
{
	static const uint32_t writes[][2] = {{AMD_SEL0, 0x5300c0}, {AMD_CTR0, 5}};

	for (unsigned i = 0; i < ARRAY_SIZE(writes); i++) {
		CODE("\x0f\x30\xf4"); /* WRMSR */
		fake.reg[FAKE_RCX] = writes[i][0];
		fake.reg[FAKE_RAX] = writes[i][1];
		fake.reg[FAKE_RDX] = 0;
		fake_run();
		if (fake.reg[FAKE_RIP] == FAKE_HANDLER_GP)
			return 0xffff;
	}
	CODE("\x90\x90\xf4");
	fake_run();
	CODE("\x0f\x32\x90\xf4");
	fake.reg[FAKE_RCX] = AMD_CTR0;
	fake_run();
	return fake.reg[FAKE_RAX];
}

static void test_a_counter_that_the_host_has_drops_writes(void **state)
{
	begin_with("model=zen2", "fault=taken:0");
	assert_int_equal(broken_count(), 0);
	begin_with("model=zen2", "fault=taken:1");
	assert_true(broken_count() > 5);
}

static void test_a_denied_event_counts_nothing(void **state)
{
	profile = "profile=linux-6.12";
	begin_with("model=zen2", "fault=deny:0xc0");
	assert_int_equal(broken_count(), 5);
	profile = "profile=linux-6.12";
	begin_with("model=zen2", "fault=deny:0xc2");
	assert_true(broken_count() > 5);
}

static void test_creations_that_fail_count_nothing(void **state)
{
	profile = "profile=linux-6.12";
	begin_with("model=zen2", "fault=fail-create:1000");
	assert_int_equal(broken_count(), 5);
}

/* --- Reset ------------------------------------------------------------------------------------ */

static void test_a_reset_resets_the_pmu(void **state)
{
	begin();
	write_msr(PMC0, 123);
	at_reset(0, NULL);
	assert_int_equal(read_msr(PMC0), 0);
}

static void test_a_reset_leaves_it_where_it_is_asked_to(void **state)
{
	begin_with("model=intel-v2", "reset=keep");
	write_msr(PMC0, 123);
	at_reset(0, NULL);
	assert_int_equal(read_msr(PMC0), 123);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_instruction_is_counted_once),
		cmocka_unit_test(test_branches_are_counted),
		cmocka_unit_test(test_a_fault_does_not_count),
		cmocka_unit_test(test_a_rep_counts_once_however_often_it_is_entered),
		cmocka_unit_test(test_an_interrupted_rep_counts_once),
		cmocka_unit_test(test_a_pmi_comes_behind_each_instruction),
		cmocka_unit_test(test_a_pmi_by_branches_comes_behind_the_branch),
		cmocka_unit_test(test_a_store_into_its_own_block_counts_once),
		cmocka_unit_test(test_blocks_of_one_instruction_count_where_all_are),
		cmocka_unit_test(test_blocks_of_one_instruction_count_where_all_are),
		cmocka_unit_test(test_a_pmi_goes_before_an_interrupt_that_comes_with_it),
		cmocka_unit_test(test_a_pmi_of_a_jump_goes_before_an_interrupt_that_comes_with_it),
		cmocka_unit_test(
			test_an_instruction_of_a_byte_before_a_pmi_is_whole_after_an_interrupt),
		cmocka_unit_test(test_a_pmi_masks_lvtpc),
		cmocka_unit_test(test_a_masked_lvtpc_gets_no_pmi),
		cmocka_unit_test(test_a_rep_ends_before_its_pmi),
		cmocka_unit_test(test_an_interrupt_takes_the_jump_away),
		cmocka_unit_test(test_memory_that_is_not_ram_gets_no_jump),
		cmocka_unit_test(test_loads_and_stores_are_counted),
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
		cmocka_unit_test(test_cpuid_shows_the_pmu),
		cmocka_unit_test(test_the_highest_leaf_has_the_pmu_in_it),
		cmocka_unit_test(test_a_cpu_of_another_vendor_has_no_pmu),
		cmocka_unit_test(test_wrmsr_counts_by_what_was_before_it),
		cmocka_unit_test(test_rdmsr_reads_the_machine),
		cmocka_unit_test(test_a_refused_write_raises_gp_with_rcx_as_it_was),
		cmocka_unit_test(test_a_register_that_the_model_lacks_raises_gp),
		cmocka_unit_test(test_an_msr_of_others_is_qemus),
		cmocka_unit_test(test_rdpmc_at_a_blocks_start),
		cmocka_unit_test(test_rdpmc_inside_a_block_is_undone),
		cmocka_unit_test(test_rdpmc_counts),
		cmocka_unit_test(test_rdpmc_of_no_counter_raises_gp),
		cmocka_unit_test(test_a_counter_that_the_host_has_drops_writes),
		cmocka_unit_test(test_a_denied_event_counts_nothing),
		cmocka_unit_test(test_creations_that_fail_count_nothing),
		cmocka_unit_test(test_a_reset_resets_the_pmu),
		cmocka_unit_test(test_a_reset_leaves_it_where_it_is_asked_to),
	};

	return cmocka_run_group_tests_name("qemu-plugin", tests, NULL, NULL);
}
