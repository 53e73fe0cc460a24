/* SPDX-License-Identifier: MIT */
/* The meter, behaviour by behaviour. */
#include <string.h>

#include <vpmu/meter.h>

#include "../core/machine.h"

static struct vpmu_meter meter;
static struct vpmu_insn straight[10];

static struct vpmu_block block_of(const struct vpmu_insn *insn, uint32_t count)
{
	struct vpmu_block block;

	assert_int_equal(vpmu_block_make(&block, insn, count, sizeof(*insn)), VPMU_OK);
	return block;
}

/* Counter 0 counts an event, and overflows after so many. */
static struct vpmu_pmu *counting(uint64_t event, uint64_t distance)
{
	struct vpmu_pmu *pmu = machine_of("intel-v2");

	wr(pmu, SEL0, SEL_ON_INT | event);
	wr(pmu, PMC0, -distance);
	assert_int_equal(vpmu_meter_init(&meter, pmu, NULL), VPMU_OK);
	vpmu_meter_refresh(&meter, 0, UINT64_MAX);
	return pmu;
}

static void a_block_is_paid_up_to_an_overflow_at_its_end(void **state)
{
	struct vpmu_block block = block_of(straight, 10);
	struct vpmu_pmu *pmu = counting(INSTRUCTIONS, 20);

	assert_true(vpmu_meter_pay(&meter, &block));
	assert_true(vpmu_meter_pay(&meter, &block));
	assert_false(vpmu_meter_pay(&meter, &block));
	assert_int_equal(vpmu_meter_prefix(&meter, &block, 0), 0);
	assert_int_equal(vpmu_meter_spent(&meter), 20);
	assert_int_equal(vpmu_meter_settle(&meter, 0).pmi, 1);
	assert_int_equal(rd(pmu, PMC0), 0);
}

static void an_overflow_inside_a_block_ends_its_prefix(void **state)
{
	struct vpmu_block block = block_of(straight, 10);

	counting(INSTRUCTIONS, 13);
	assert_true(vpmu_meter_pay(&meter, &block));
	assert_false(vpmu_meter_pay(&meter, &block));
	assert_int_equal(vpmu_meter_prefix(&meter, &block, 0), 3);
	vpmu_meter_pay_part(&meter, &block, 0, 3);
	assert_int_equal(vpmu_meter_settle(&meter, 0).pmi, 1);
	vpmu_meter_refresh(&meter, 0, UINT64_MAX);
	assert_int_equal(vpmu_meter_prefix(&meter, &block, 3), 10);
}

/* The branch is what overflows: a block without one must not run first. */
static void nothing_runs_behind_a_branch_that_overflows(void **state)
{
	const struct vpmu_insn jump = {.flags = VPMU_INSN_BRANCH};
	struct vpmu_block jumps = block_of(&jump, 1), plain = block_of(straight, 2);

	counting(BRANCHES, 2);
	assert_true(vpmu_meter_pay(&meter, &jumps));
	assert_true(vpmu_meter_pay(&meter, &plain));
	assert_true(vpmu_meter_pay(&meter, &jumps));
	assert_false(vpmu_meter_pay(&meter, &plain));
	assert_int_equal(vpmu_meter_settle(&meter, 0).pmi, 1);
}

static void an_instruction_that_an_overflow_falls_into_runs_alone(void **state)
{
	const struct vpmu_insn slow[] = {{.slots = 2}, {.slots = 50}, {.slots = 2}};
	struct vpmu_block block = block_of(slow, 3);

	counting(CORE_CYCLES, 20);
	assert_false(vpmu_meter_pay(&meter, &block));
	assert_int_equal(vpmu_meter_prefix(&meter, &block, 0), 1);
	vpmu_meter_pay_part(&meter, &block, 0, 1);
	assert_int_equal(vpmu_meter_prefix(&meter, &block, 1), 1);
	assert_int_equal(vpmu_meter_settle(&meter, 0).pmi, 0);
	vpmu_meter_refresh(&meter, 0, UINT64_MAX);
	assert_int_equal(vpmu_meter_prefix(&meter, &block, 1), 2);
	vpmu_meter_pay_part(&meter, &block, 1, 2);
	assert_int_equal(vpmu_meter_settle(&meter, 0).pmi, 1);
}

static void what_is_taken_back_was_not_counted(void **state)
{
	static const struct vpmu_insn insns[] = {
		{.slots = 1}, {.slots = 1}, {.flags = VPMU_INSN_BRANCH}};
	struct vpmu_block block = block_of(insns, 3);
	struct vpmu_pmu *pmu = counting(INSTRUCTIONS, 1000);

	wr(pmu, SEL0 + 1, SEL_ON | BRANCHES);
	vpmu_meter_refresh(&meter, 0, UINT64_MAX);
	assert_true(vpmu_meter_pay(&meter, &block));
	assert_true(vpmu_meter_pay(&meter, &block));
	vpmu_meter_rewind(&meter, &block, 1, 3);
	vpmu_meter_settle(&meter, 0);
	assert_int_equal(rd(pmu, PMC0 + 1), 1);
	assert_int_equal(meter.totals.of[VPMU_INSTRUCTIONS], 4);
}

static void what_is_apart_is_paid_once_and_when_it_retires(void **state)
{
	const struct vpmu_insn rep[] = {{.slots = 1}, {.slots = 1, .flags = VPMU_INSN_APART}};
	struct vpmu_block block = block_of(rep, 2);

	counting(INSTRUCTIONS, 1000);
	for (unsigned i = 0; i < 3; i++) { /* begun, left and entered again */
		assert_true(vpmu_meter_pay(&meter, &block));
		assert_true(vpmu_meter_fits_insn(&meter, &rep[1]));
		vpmu_meter_rewind(&meter, &block, 0, i < 2);
	}
	vpmu_meter_retire(&meter, &rep[1]);
	assert_int_equal(vpmu_meter_spent(&meter), 2);
}

/* CMASK 2: which cycle an instruction falls into matters. */
static void a_counter_of_cycles_sees_each_instruction_alone(void **state)
{
	struct vpmu_block block = block_of(straight, 10), one = block_of(straight, 1);
	uint64_t budget[2];

	counting(INSTRUCTIONS | 2 << 24, 1000);
	assert_false(vpmu_meter_pay(&meter, &block));
	assert_int_equal(vpmu_meter_prefix(&meter, &block, 0), 1);
	vpmu_meter_budgets(&meter, 0, 1, budget);
	assert_int_equal(budget[0], 1);
	assert_true(vpmu_meter_pay(&meter, &one));
	assert_false(vpmu_meter_pay(&meter, &one));
	vpmu_meter_settle(&meter, 0);
	vpmu_meter_refresh(&meter, 0, UINT64_MAX);
	assert_true(vpmu_meter_pay(&meter, &one));
}

/* Whatever the counter counts: the record names the instruction. */
static void behind_an_overflow_pebs_sees_each_instruction_alone(void **state)
{
	static const struct vpmu_insn branch = {.flags = VPMU_INSN_BRANCH};
	struct vpmu_block block = block_of(straight, 10), one = block_of(&branch, 1);
	struct vpmu_pmu *pmu = machine_of("intel-v2,pebs=1");

	vpmu_pmu_take_pebs(pmu, true);
	wr(pmu, 0x3f1, 1);
	wr(pmu, SEL0, SEL_ON | BRANCHES);
	wr(pmu, PMC0, -UINT64_C(1));
	assert_int_equal(vpmu_meter_init(&meter, pmu, NULL), VPMU_OK);
	vpmu_meter_refresh(&meter, 0, UINT64_MAX);
	assert_true(vpmu_meter_pay(&meter, &block) && vpmu_meter_pay(&meter, &one));
	vpmu_meter_settle(&meter, 0);
	vpmu_meter_refresh(&meter, 3, UINT64_MAX);
	assert_int_equal(vpmu_meter_prefix(&meter, &block, 0), 1);
	assert_false(vpmu_meter_pay(&meter, &block));
	assert_true(vpmu_meter_pay(&meter, &one));
	vpmu_meter_settle(&meter, 3);
	assert_true(vpmu_pmu_pebs_is_due(pmu));
}

/* Once what the one before it has cost is settled; others see no iterations. */
static void a_counter_of_cycles_sees_each_iteration_alone(void **state)
{
	const struct vpmu_insn apart = {.slots = 4, .flags = VPMU_INSN_APART};
	struct vpmu_block block = block_of(&apart, 1);

	for (unsigned cmask = 0; cmask < 2; cmask++) {
		counting(0x3c | cmask << 24, 1000);
		assert_true(vpmu_meter_fits(&meter, &block));
		vpmu_meter_take(&meter, &block);
		meter.costs.slots += 4;
		assert_int_equal(vpmu_meter_fits_insn(&meter, &apart), !cmask);
		assert_int_equal(vpmu_meter_fits(&meter, &block), !cmask);
		vpmu_meter_settle(&meter, 0);
		vpmu_meter_refresh(&meter, 0, UINT64_MAX);
		assert_true(vpmu_meter_fits_insn(&meter, &apart));
	}
}

static void the_limit_is_kept(void **state)
{
	struct vpmu_block block = block_of(straight, 10);

	counting(INSTRUCTIONS, 1000);
	vpmu_meter_refresh(&meter, 0, 4);
	assert_false(vpmu_meter_pay(&meter, &block));
	assert_int_equal(vpmu_meter_prefix(&meter, &block, 5), 9);
	vpmu_meter_settle(&meter, 0);
	vpmu_meter_refresh(&meter, 0, 0);
	assert_int_equal(vpmu_meter_prefix(&meter, &block, 0), 0);
}

static void a_hold_brings_the_next_block_before_fits(void **state)
{
	struct vpmu_block block = block_of(straight, 10);

	counting(INSTRUCTIONS, 1000);
	assert_true(vpmu_meter_pay(&meter, &block));
	assert_true(vpmu_meter_pay_quickly(&meter, &block));
	vpmu_meter_hold(&meter);
	assert_false(vpmu_meter_pay_quickly(&meter, &block));
	assert_int_equal(vpmu_meter_spent(&meter), 20);
	assert_true(vpmu_meter_fits(&meter, &block));
	assert_true(vpmu_meter_pay_quickly(&meter, &block));
}

/* Nothing is granted that is not there any more once much was spent at once. */
static void spending_shortens_what_was_granted(void **state)
{
	struct vpmu_block block = block_of(straight, 10);

	counting(INSTRUCTIONS, 1000);
	assert_true(vpmu_meter_fits(&meter, &block));
	assert_int_equal(vpmu_meter_repeats(&meter, &block, 0), 100);
	vpmu_meter_spend(&meter, &RUN(985));
	assert_true(vpmu_meter_pay(&meter, &block));
	assert_int_equal(vpmu_meter_repeats(&meter, &block, 0), 0);
	assert_false(vpmu_meter_pay(&meter, &block));
	assert_int_equal(vpmu_meter_prefix(&meter, &block, 0), 5);
}

static void without_a_counter_of_time_slots_are_not_paid(void **state)
{
	const struct vpmu_insn slow = {.slots = 100};
	struct vpmu_block block = block_of(&slow, 1);

	counting(INSTRUCTIONS, 1000);
	assert_int_equal(vpmu_meter_wanted(&meter), VPMU_CLASS_BIT(VPMU_INSTRUCTIONS));
	assert_true(vpmu_meter_pay(&meter, &block));
	vpmu_meter_settle(&meter, 0);
	assert_int_equal(meter.totals.of[VPMU_SLOTS], 0);
}

static void rates_out_of_range_are_refused(void **state)
{
	static const struct vpmu_rates good = {
		.width = 64, .ref_numerator = 65535, .ref_denominator = 65535};
	struct vpmu_pmu *pmu = machine_of("intel-v2");
	struct vpmu_rates rates[7];

	for (unsigned i = 0; i < ARRAY_SIZE(rates); i++)
		rates[i] = good;
	rates[0].width = 0;
	rates[1].width = 65;
	rates[2].ref_numerator = 0;
	rates[3].ref_denominator = 65536;
	rates[4].line.slots = BIT64(32);
	rates[5].branch.branch_misses = BIT64(32);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(vpmu_meter_init(&meter, pmu, &rates[i]), VPMU_BAD_ARGUMENT);
	assert_int_equal(vpmu_meter_init(&meter, pmu, &rates[6]), VPMU_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_is_paid_up_to_an_overflow_at_its_end),
		cmocka_unit_test(an_overflow_inside_a_block_ends_its_prefix),
		cmocka_unit_test(nothing_runs_behind_a_branch_that_overflows),
		cmocka_unit_test(an_instruction_that_an_overflow_falls_into_runs_alone),
		cmocka_unit_test(what_is_taken_back_was_not_counted),
		cmocka_unit_test(what_is_apart_is_paid_once_and_when_it_retires),
		cmocka_unit_test(a_counter_of_cycles_sees_each_instruction_alone),
		cmocka_unit_test(behind_an_overflow_pebs_sees_each_instruction_alone),
		cmocka_unit_test(a_counter_of_cycles_sees_each_iteration_alone),
		cmocka_unit_test(the_limit_is_kept),
		cmocka_unit_test(a_hold_brings_the_next_block_before_fits),
		cmocka_unit_test(spending_shortens_what_was_granted),
		cmocka_unit_test(without_a_counter_of_time_slots_are_not_paid),
		cmocka_unit_test(rates_out_of_range_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
