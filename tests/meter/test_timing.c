/* SPDX-License-Identifier: MIT */
/* The timing model alone: what its caches, prefetcher and predictor make of patterns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <core/room.h>
#include <meter/room.h>

#include "../core/machine.h"

static struct vpmu_timing memory, *timing;
static struct vpmu_costs costs;

static int make(void **state)
{
	costs = (struct vpmu_costs){0};
	timing = vpmu_timing_init(&memory, sizeof(memory));
	return timing ? 0 : -1;
}

static void a_line_misses_once(void **state)
{
	for (unsigned i = 0; i < 8; i++)
		vpmu_timing_access(timing, &costs, 0x10000 + 8 * i, 8);
	assert_int_equal(costs.llc_references, 1);
	assert_int_equal(costs.llc_misses, 1);
	assert_int_equal(costs.slots, TIMING_LLC_HIT + TIMING_MEMORY);
}

static void an_access_across_lines_is_two(void **state)
{
	vpmu_timing_access(timing, &costs, 0x1003c, 8);
	assert_int_equal(costs.llc_references, 2);
}

static void a_stream_is_prefetched(void **state)
{
	const unsigned lines = 64 * 64;

	for (unsigned i = 0; i < lines; i++)
		vpmu_timing_access(timing, &costs, 0x1000000 + 64 * i, 8);
	assert_int_equal(costs.llc_references, lines);
	/* In each page: the first line, and the second, which makes the stream known in the first.
	 */
	assert_in_range(costs.llc_misses, lines / 64, lines / 64 * 2);
}

static void jumping_about_is_not(void **state)
{
	uint64_t address = 1;

	for (unsigned i = 0; i < 10000; i++) {
		address = address * 6364136223846793005 + 1442695040888963407;
		vpmu_timing_access(timing, &costs, address >> 20 & ~UINT64_C(63), 8);
	}
	assert_in_range(costs.llc_misses, 9900, 10000);
}

static void what_fits_in_a_cache_stays_there(void **state)
{
	struct vpmu_costs before;

	for (unsigned turn = 0; turn < 3; turn++) {
		before = costs;
		for (unsigned i = 0; i < 512; i++)
			vpmu_timing_access(timing, &costs, 0x20000 + 64 * i, 8);
	}
	assert_int_equal(costs.llc_references, before.llc_references);
	for (unsigned turn = 0; turn < 3; turn++) {
		before = costs;
		for (unsigned i = 0; i < 16384; i++)
			vpmu_timing_access(timing, &costs, 0x4000000 + 64 * i, 8);
	}
	assert_int_equal(costs.llc_references - before.llc_references, 16384);
	assert_int_equal(costs.llc_misses, before.llc_misses);
}

static void a_flushed_line_misses_again(void **state)
{
	vpmu_timing_access(timing, &costs, 0x10000, 8);
	vpmu_timing_flush_line(timing, 0x10020);
	vpmu_timing_access(timing, &costs, 0x10000, 8);
	assert_int_equal(costs.llc_misses, 2);
}

static void branch(uint64_t address, bool taken)
{
	vpmu_timing_branch(timing, &costs, address, address + 2, taken ? address - 20 : address + 2,
	                   VPMU_INSN_BRANCH | VPMU_INSN_CONDITIONAL);
}

static void a_loop_is_learnt(void **state)
{
	for (unsigned i = 0; i < 1000; i++)
		branch(0x1000, true);
	assert_in_range(costs.branch_misses, 1, 2 * TIMING_HISTORY);
	assert_true(vpmu_timing_settled(timing, 0x1000));
}

static void a_short_loops_end_is_learnt(void **state)
{
	uint64_t before = 0;

	for (unsigned turn = 0; turn < 200; turn++) {
		before = costs.branch_misses;
		for (unsigned i = 0; i < 8; i++)
			branch(0x1000, i < 7);
	}
	assert_int_equal(costs.branch_misses, before);
}

static void random_branches_miss_half_the_time(void **state)
{
	uint64_t random = 1;

	for (unsigned i = 0; i < 10000; i++) {
		random = random * 6364136223846793005 + 1442695040888963407;
		branch(0x1000, random >> 63);
	}
	assert_in_range(costs.branch_misses, 4000, 6000);
}

static void returns_are_predicted_and_indirect_targets_learnt(void **state)
{
	for (unsigned i = 0; i < 100; i++) {
		vpmu_timing_branch(timing, &costs, 0x100, 0x105, 0x900, VPMU_INSN_CALL);
		vpmu_timing_branch(timing, &costs, 0x910, 0x911, 0x105,
		                   VPMU_INSN_RETURN | VPMU_INSN_INDIRECT);
	}
	assert_int_equal(costs.branch_misses, 0);
	for (unsigned i = 0; i < 100; i++)
		vpmu_timing_branch(timing, &costs, 0x200, 0x202, 0x700, VPMU_INSN_INDIRECT);
	assert_int_equal(costs.branch_misses, 1);
	vpmu_timing_flush_predictor(timing);
	vpmu_timing_branch(timing, &costs, 0x200, 0x202, 0x700, VPMU_INSN_INDIRECT);
	assert_int_equal(costs.branch_misses, 2);
}

enum { KINDS = 7 };
static const struct {
	uint16_t event; /* Ice Lake's */
	unsigned misses;
} kinds[KINDS] = {
	{0x11c5, 2}, /* conditional */
	{0x01c5, 1}, /* and taken */
	{0x10c5, 1}, /* and not taken */
	{0x02c5, 1}, /* calls */
	{0x08c5, 1}, /* returns */
	{0x80c5, 2}, /* indirect */
	{0x20c5, 4}, /* taken */
};

static struct vpmu_meter *meter_of_kinds(struct vpmu_meter *meter)
{
	struct vpmu_pmu *pmu = machine_of("icelake");
	struct vpmu_rates rates;

	for (unsigned i = 0; i < KINDS; i++)
		wr(pmu, SEL0 + i, SEL_ON | kinds[i].event);
	wr(pmu, GLOBAL_CTRL, 0xff);
	vpmu_timing_rates(&rates);
	assert_int_equal(vpmu_meter_init(meter, pmu, &rates), VPMU_OK);
	vpmu_meter_refresh(meter, 0, UINT64_MAX);
	return meter;
}

/* Adds no more to a class than the rates say. */
static void jump(struct vpmu_meter *meter, uint64_t address, uint64_t target, unsigned flags)
{
	struct vpmu_amounts before = meter->details;

	vpmu_timing_jump(timing, meter, address, address + 2, target, VPMU_INSN_BRANCH | flags);
	for (unsigned i = VPMU_LLC_LOADS; i < VPMU_CLASSES; i++)
		assert_true(meter->details.of[i] - before.of[i] <= meter->rates.branch_more[i]);
}

/* A branch of that kind that the predictor has never seen. */
static void new_branch(struct vpmu_meter *meter, unsigned flags)
{
	vpmu_timing_flush_predictor(timing);
	jump(meter, 0x100, 0x900, flags);
}

static void misses_are_counted_by_the_kind_of_branch(void **state)
{
	struct vpmu_meter made, *meter = meter_of_kinds(&made);

	new_branch(meter, 0);
	new_branch(meter, VPMU_INSN_CALL);
	new_branch(meter, VPMU_INSN_CONDITIONAL);
	new_branch(meter, VPMU_INSN_CALL | VPMU_INSN_INDIRECT);
	new_branch(meter, VPMU_INSN_RETURN | VPMU_INSN_INDIRECT);
	new_branch(meter, VPMU_INSN_INDIRECT);
	new_branch(meter, VPMU_INSN_INDIRECT | VPMU_INSN_FAR);
	for (unsigned i = 0; i < 100; i++)
		branch(0x1000, true);
	jump(meter, 0x1000, 0x1002, VPMU_INSN_CONDITIONAL);
	assert_int_equal(meter->costs.branch_misses, 6);
	vpmu_meter_settle(meter, 0);
	for (unsigned i = 0; i < KINDS; i++)
		if (rd(meter->pmu, PMC0 + i) != kinds[i].misses)
			fail_msg("event 0x%x: %u", kinds[i].event,
			         (unsigned)rd(meter->pmu, PMC0 + i));
}

static uint64_t slots_of_a_branch(unsigned flags, uint64_t target)
{
	costs.slots = 1;
	vpmu_timing_branch(timing, &costs, 0x100, 0x105, target, flags);
	return costs.slots;
}

/* A taken branch ends the cycle in which it is fetched. */
static void a_jump_to_the_next_instruction_is_taken(void **state)
{
	assert_int_equal(slots_of_a_branch(VPMU_INSN_BRANCH, 0x105), TIMING_WIDTH);
	assert_int_equal(slots_of_a_branch(VPMU_INSN_BRANCH | VPMU_INSN_CALL, 0x105), TIMING_WIDTH);
	assert_int_equal(slots_of_a_branch(VPMU_INSN_BRANCH | VPMU_INSN_CONDITIONAL, 0x105), 1);
}

/* What is left over of a cycle is not lost from one settle to the next. */
static void cycles_are_slots_by_width(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v2");
	struct vpmu_rates rates;
	struct vpmu_meter meter;

	wr(pmu, SEL0, SEL_ON | CORE_CYCLES);
	wr(pmu, FIXED_CTRL, 0x300);
	wr(pmu, GLOBAL_CTRL, UINT64_C(0x70000000f));
	vpmu_timing_rates(&rates);
	assert_int_equal(vpmu_meter_init(&meter, pmu, &rates), VPMU_OK);
	for (unsigned i = 0; i < 1000; i++) {
		vpmu_meter_refresh(&meter, 0, UINT64_MAX);
		meter.costs.slots += 7;
		vpmu_meter_settle(&meter, 0);
	}
	assert_int_equal(rd(pmu, PMC0), 7000 / TIMING_WIDTH);
	assert_int_equal(rd(pmu, FIXED0 + 2),
	                 7000 * TIMING_REF_NUMERATOR / (TIMING_REF_DENOMINATOR * TIMING_WIDTH));
}

static void what_an_access_and_a_branch_add_is_bounded_by_the_rates(void **state)
{
	struct vpmu_rates rates;
	uint64_t random = 1;

	vpmu_timing_rates(&rates);
	for (unsigned i = 0; i < 100000; i++) {
		struct vpmu_costs before = costs;

		random = random * 6364136223846793005 + 1442695040888963407;
		if (random >> 63)
			vpmu_timing_access(timing, &costs, (random >> 38 & 0xffffff) << 6, 8);
		else
			branch(0x1000, random >> 62 & 1);
		assert_true(costs.slots - before.slots <=
		            (random >> 63 ? rates.line.slots : rates.branch.slots));
	}
}

static void memory_that_does_not_do_is_refused(void **state)
{
	assert_int_equal(vpmu_timing_size(), sizeof(memory));
	assert_null(vpmu_timing_init(NULL, sizeof(memory)));
	assert_null(vpmu_timing_init(&memory, sizeof(memory) - 1));
	assert_null(vpmu_timing_init((char *)&memory + 4, sizeof(memory)));
}

#define TEST(name) cmocka_unit_test_setup(name, make)

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
		TEST(misses_are_counted_by_the_kind_of_branch),
		TEST(a_jump_to_the_next_instruction_is_taken),
		TEST(cycles_are_slots_by_width),
		TEST(what_an_access_and_a_branch_add_is_bounded_by_the_rates),
		cmocka_unit_test(memory_that_does_not_do_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
