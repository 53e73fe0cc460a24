/* SPDX-License-Identifier: MIT */
/* The timing model alone: what its caches, prefetcher and predictor make of patterns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <machine/timing.h>

static struct timing timing;

static int make(void **state)
{
	timing = (struct timing){0};
	if (!timing_make(&timing))
		return -1;
	timing_reset(&timing);
	return 0;
}

static int unmake(void **state)
{
	timing_unmake(&timing);
	return 0;
}

static void a_line_misses_once(void **state)
{
	for (unsigned i = 0; i < 8; i++)
		timing_access(&timing, 0x10000 + 8 * i, 8);
	assert_int_equal(timing.counts.llc_references, 1);
	assert_int_equal(timing.counts.llc_misses, 1);
	assert_int_equal(timing.counts.slots, TIMING_LLC_HIT + TIMING_MEMORY);
}

static void an_access_across_lines_is_two(void **state)
{
	timing_access(&timing, 0x1003c, 8);
	assert_int_equal(timing.counts.llc_references, 2);
}

static void a_stream_is_prefetched(void **state)
{
	const unsigned lines = 64 * 64;

	for (unsigned i = 0; i < lines; i++)
		timing_access(&timing, 0x1000000 + 64 * i, 8);
	assert_int_equal(timing.counts.llc_references, lines);
	/* In each page: the first line, and the second, which makes the stream known in the first.
	 */
	assert_in_range(timing.counts.llc_misses, lines / 64, lines / 64 * 2);
}

static void jumping_about_is_not(void **state)
{
	uint64_t address = 1;

	for (unsigned i = 0; i < 10000; i++) {
		address = address * 6364136223846793005 + 1442695040888963407;
		timing_access(&timing, address >> 20 & ~UINT64_C(63), 8);
	}
	assert_in_range(timing.counts.llc_misses, 9900, 10000);
}

static void what_fits_in_a_cache_stays_there(void **state)
{
	struct timing_counts before;

	for (unsigned turn = 0; turn < 3; turn++) {
		before = timing.counts;
		for (unsigned i = 0; i < 512; i++)
			timing_access(&timing, 0x20000 + 64 * i, 8);
	}
	assert_int_equal(timing.counts.llc_references, before.llc_references);
	for (unsigned turn = 0; turn < 3; turn++) {
		before = timing.counts;
		for (unsigned i = 0; i < 16384; i++)
			timing_access(&timing, 0x4000000 + 64 * i, 8);
	}
	assert_int_equal(timing.counts.llc_references - before.llc_references, 16384);
	assert_int_equal(timing.counts.llc_misses, before.llc_misses);
}

static void a_flushed_line_misses_again(void **state)
{
	timing_access(&timing, 0x10000, 8);
	timing_flush_line(&timing, 0x10020);
	timing_access(&timing, 0x10000, 8);
	assert_int_equal(timing.counts.llc_misses, 2);
}

static void branch(uint64_t address, bool taken)
{
	struct timing_branch b = {.address = address, .next = address + 2, .conditional = true};

	b.target = taken ? address - 20 : b.next;
	timing_branch(&timing, &b);
}

static void a_loop_is_learnt(void **state)
{
	for (unsigned i = 0; i < 1000; i++)
		branch(0x1000, true);
	assert_in_range(timing.counts.branch_misses, 1, 2 * TIMING_HISTORY);
	assert_true(timing_settled(&timing, 0x1000));
}

static void a_short_loops_end_is_learnt(void **state)
{
	uint64_t before = 0;

	for (unsigned turn = 0; turn < 200; turn++) {
		before = timing.counts.branch_misses;
		for (unsigned i = 0; i < 8; i++)
			branch(0x1000, i < 7);
	}
	assert_int_equal(timing.counts.branch_misses, before);
}

static void random_branches_miss_half_the_time(void **state)
{
	uint64_t random = 1;

	for (unsigned i = 0; i < 10000; i++) {
		random = random * 6364136223846793005 + 1442695040888963407;
		branch(0x1000, random >> 63);
	}
	assert_in_range(timing.counts.branch_misses, 4000, 6000);
}

static void returns_are_predicted_and_indirect_targets_learnt(void **state)
{
	struct timing_branch call = {
		.address = 0x100, .next = 0x105, .target = 0x900, .call = true};
	struct timing_branch back = {.address = 0x910,
	                             .next = 0x911,
	                             .target = 0x105,
	                             .returns = true,
	                             .indirect = true};
	struct timing_branch jump = {
		.address = 0x200, .next = 0x202, .target = 0x700, .indirect = true};

	for (unsigned i = 0; i < 100; i++) {
		timing_branch(&timing, &call);
		timing_branch(&timing, &back);
	}
	assert_int_equal(timing.counts.branch_misses, 0);
	for (unsigned i = 0; i < 100; i++)
		timing_branch(&timing, &jump);
	assert_int_equal(timing.counts.branch_misses, 1);
	timing_flush_predictor(&timing);
	timing_branch(&timing, &jump);
	assert_int_equal(timing.counts.branch_misses, 2);
}

static void cycles_are_slots_by_width(void **state)
{
	struct vpmu_amounts sum = {{0}}, part;

	for (unsigned i = 0; i < 1000; i++) {
		timing.counts.slots += 7;
		part = timing_take(&timing);
		for (unsigned c = 0; c < VPMU_CLASSES; c++)
			sum.of[c] += part.of[c];
	}
	assert_int_equal(sum.of[VPMU_SLOTS], 7000);
	assert_int_equal(sum.of[VPMU_CYCLES], 7000 / TIMING_WIDTH);
	assert_int_equal(sum.of[VPMU_REF_CYCLES],
	                 7000 * TIMING_REF_NUMERATOR / (TIMING_REF_DENOMINATOR * TIMING_WIDTH));
}

static void the_room_is_kept_to_the_slot(void **state)
{
	struct vpmu_amounts room;
	struct timing_counts most = {0};

	for (unsigned c = 0; c < VPMU_CLASSES; c++)
		room.of[c] = UINT64_MAX;
	timing.counts.slots = 9;
	timing_take(&timing);
	room.of[VPMU_CYCLES] = 100;
	timing_limit(&timing, &room);
	most.slots = (2 + 100) * TIMING_WIDTH - 9;
	assert_true(timing_fits(&timing, &most));
	most.slots++;
	assert_false(timing_fits(&timing, &most));
	room.of[VPMU_REF_CYCLES] = 3;
	timing_limit(&timing, &room);
	most.slots = (1 + 3) * 16 / 3 + 1 - 9;
	assert_true(timing_fits(&timing, &most));
	most.slots++;
	assert_false(timing_fits(&timing, &most));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_line_misses_once),
		TEST(an_access_across_lines_is_two),
		TEST(a_stream_is_prefetched),
		TEST(jumping_about_is_not),
		TEST(what_fits_in_a_cache_stays_there),
		TEST(a_flushed_line_misses_again),
		TEST(a_loop_is_learnt),
		TEST(a_short_loops_end_is_learnt),
		TEST(random_branches_miss_half_the_time),
		TEST(returns_are_predicted_and_indirect_targets_learnt),
		TEST(cycles_are_slots_by_width),
		TEST(the_room_is_kept_to_the_slot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
