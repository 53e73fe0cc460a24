/* SPDX-License-Identifier: MIT */
/* What a block comes to, and its segments. */
#include <string.h>

#include <vpmu/meter.h>

#include "../core/machine.h"

static const struct vpmu_insn insns[] = {
	{.slots = 1, .flags = VPMU_INSN_STRAIGHT},
	{.slots = 2, .flags = VPMU_INSN_STRAIGHT},
	{.slots = 4, .lines = 2}, /* may fault */
	{.slots = 32, .lines = 4, .flags = VPMU_INSN_APART},
	{.slots = 8, .flags = VPMU_INSN_STRAIGHT},
	{.slots = 16, .flags = VPMU_INSN_BRANCH},
};

static struct vpmu_block block_of(const struct vpmu_insn *insn, uint32_t count)
{
	struct vpmu_block block;

	assert_int_equal(vpmu_block_make(&block, insn, count, sizeof(*insn)), VPMU_OK);
	return block;
}

static void a_block_is_the_sum_of_what_is_paid_with_it(void **state)
{
	struct vpmu_block block = block_of(insns, ARRAY_SIZE(insns));

	assert_int_equal(block.count, 6);
	assert_int_equal(block.insns, 5);
	assert_int_equal(block.branches, 1);
	assert_int_equal(block.slots, 31);
	assert_int_equal(block.lines, 6);
	assert_int_equal(block.apart, 36);
	assert_int_equal(block.need, VPMU_BLOCK_NEVER);
	assert_int_equal(block_of(insns, 3).need, 3);
}

static void impossible_blocks_are_refused(void **state)
{
	static struct vpmu_insn many[VPMU_BLOCK_INSNS + 1];
	struct vpmu_block block, before;

	memset(&block, 0x5a, sizeof(block));
	before = block;
	assert_int_equal(vpmu_block_make(&block, insns, 1, 4), VPMU_BAD_ARGUMENT);
	assert_int_equal(vpmu_block_make(&block, insns, 1, 0), VPMU_BAD_ARGUMENT);
	assert_int_equal(vpmu_block_make(&block, insns, 1, 9), VPMU_BAD_ARGUMENT);
	assert_int_equal(vpmu_block_make(&block, many, VPMU_BLOCK_INSNS + 1, sizeof(many[0])),
	                 VPMU_BAD_ARGUMENT);
	assert_memory_equal(&block, &before, sizeof(block));
	assert_int_equal(vpmu_block_make(&block, many, VPMU_BLOCK_INSNS, sizeof(many[0])), VPMU_OK);
}

static void only_a_segments_last_instruction_may_leave(void **state)
{
	struct vpmu_block block = block_of(insns, ARRAY_SIZE(insns));
	struct vpmu_amounts amounts;

	assert_int_equal(vpmu_block_segment(&block, 0, &amounts), 3);
	assert_int_equal(amounts.of[VPMU_INSTRUCTIONS], 3);
	assert_int_equal(amounts.of[VPMU_SLOTS], 7);
	assert_int_equal(amounts.of[VPMU_BRANCHES], 0);
	assert_int_equal(vpmu_block_segment(&block, 1, &amounts), 3);
	assert_int_equal(amounts.of[VPMU_INSTRUCTIONS], 2);
	assert_int_equal(vpmu_block_segment(&block, 3, &amounts), 4);
	assert_int_equal(amounts.of[VPMU_INSTRUCTIONS], 0);
	assert_int_equal(vpmu_block_segment(&block, 4, &amounts), 6);
	assert_int_equal(amounts.of[VPMU_INSTRUCTIONS], 2);
	assert_int_equal(amounts.of[VPMU_BRANCHES], 1);
	/* The end of the block ends a segment, and so does what is apart. */
	block = block_of(insns, 2);
	assert_int_equal(vpmu_block_segment(&block, 0, &amounts), 2);
	block = block_of(insns + 3, 2);
	assert_int_equal(vpmu_block_segment(&block, 1, &amounts), 2);
}

static void what_is_apart_is_in_no_segment(void **state)
{
	const struct vpmu_insn with_rep[] = {{.flags = VPMU_INSN_STRAIGHT},
	                                     {.flags = VPMU_INSN_APART},
	                                     {.flags = VPMU_INSN_STRAIGHT}};
	struct vpmu_block block = block_of(with_rep, 3);
	struct vpmu_amounts amounts;

	assert_int_equal(vpmu_block_segment(&block, 0, &amounts), 1);
	assert_int_equal(amounts.of[VPMU_INSTRUCTIONS], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_is_the_sum_of_what_is_paid_with_it),
		cmocka_unit_test(impossible_blocks_are_refused),
		cmocka_unit_test(only_a_segments_last_instruction_may_leave),
		cmocka_unit_test(what_is_apart_is_in_no_segment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
