/* SPDX-License-Identifier: MIT */
/* Rows of vpmu/meter.h and vpmu/timing.h. */
#include "rows.h"

static const struct vpmu_insn insn = {.slots = 1};
static struct vpmu_block block;
static struct vpmu_meter meter;

/* A block of one instruction, and a meter of a machine on which nothing counts. */
static void make(void)
{
	assert_int_equal(vpmu_block_make(&block, &insn, 1, sizeof(insn)), VPMU_OK);
	assert_int_equal(vpmu_meter_init(&meter, good()->pmu, NULL), VPMU_OK);
	vpmu_meter_refresh(&meter, 0, UINT64_MAX);
}

/* And that nothing has been paid. */
static void expect_nothing_paid(void)
{
	assert_int_equal(vpmu_meter_spent(&meter), 0);
	assert_int_equal(meter.branches, 0);
}

static void block_make(void)
{
	struct vpmu_block before;

	make();
	before = block;
	REJECTS(vpmu_block_make(NULL, &insn, 1, sizeof(insn)));
	REJECTS(vpmu_block_make(&block, NULL, 1, sizeof(insn)));
	REJECTS(vpmu_block_make(&block, &insn, VPMU_BLOCK_INSNS + 1, sizeof(insn)));
	REJECTS(vpmu_block_make(&block, &insn, 1, 1));
	assert_memory_equal(&block, &before, sizeof(block));
}

static void block_segment(void)
{
	struct vpmu_amounts amounts = {{7}};

	make();
	assert_int_equal(vpmu_block_segment(NULL, 0, &amounts), 1);
	assert_int_equal(amounts.of[0], 0);
	assert_int_equal(vpmu_block_segment(&block, 0, NULL), 1);
}

static void meter_init(void)
{
	struct vpmu_rates rates = {.width = 0, .ref_numerator = 1, .ref_denominator = 1};

	make();
	REJECTS(vpmu_meter_init(NULL, good()->pmu, NULL));
	REJECTS(vpmu_meter_init(&meter, NULL, NULL));
	REJECTS(vpmu_meter_init(&meter, good()->pmu, &rates));
}

static void asking(void)
{
	make();
	vpmu_meter_refresh(NULL, 0, 1);
	assert_false(vpmu_meter_fits(NULL, &block));
	assert_false(vpmu_meter_fits(&meter, NULL));
	assert_false(vpmu_meter_fits_insn(NULL, &insn));
	assert_false(vpmu_meter_fits_insn(&meter, NULL));
	assert_int_equal(vpmu_meter_prefix(NULL, &block, 0), 0);
	assert_int_equal(vpmu_meter_prefix(&meter, NULL, 0), 0);
	assert_int_equal(vpmu_meter_repeats(NULL, &block, 1), 0);
	assert_int_equal(vpmu_meter_repeats(&meter, NULL, 1), 0);
	expect_nothing_paid();
}

static void paying(void)
{
	struct vpmu_amounts amounts = {{1}};

	make();
	vpmu_meter_take(NULL, &block);
	vpmu_meter_take(&meter, NULL);
	vpmu_meter_pay_part(NULL, &block, 0, 1);
	vpmu_meter_pay_part(&meter, NULL, 0, 1);
	vpmu_meter_rewind(NULL, &block, 0, 1);
	vpmu_meter_rewind(&meter, NULL, 0, 1);
	vpmu_meter_retire(NULL, &insn);
	vpmu_meter_retire(&meter, NULL);
	vpmu_meter_spend(NULL, &amounts);
	vpmu_meter_spend(&meter, NULL);
	expect_nothing_paid();
	OUTCOME_NONE(vpmu_meter_settle(NULL, 0));
}

static void budgets(void)
{
	uint64_t budget[2] = {5, 6};

	make();
	vpmu_meter_budgets(NULL, 0, 1, budget);
	vpmu_meter_budgets(&meter, 0, 1, NULL);
	assert_int_equal(budget[0], 5);
	assert_int_equal(budget[1], 6);
}

static void restoring(void)
{
	struct vpmu_costs costs = {.slots = 4};
	struct vpmu_amounts totals = {{1}};

	make();
	vpmu_meter_restore(NULL, &costs, &totals);
	vpmu_meter_restore(&meter, NULL, &totals);
	vpmu_meter_restore(&meter, &costs, NULL);
	assert_int_equal(meter.costs.slots, 0);
	assert_int_equal(meter.totals.of[0], 0);
}

static void timing_init(void)
{
	static _Alignas(8) unsigned char small[16];

	assert_true(vpmu_timing_size() > sizeof(small));
	assert_null(vpmu_timing_init(NULL, vpmu_timing_size()));
	assert_null(vpmu_timing_init(small, sizeof(small)));
	vpmu_timing_rates(NULL);
}

static void timing(void)
{
	static _Alignas(8) unsigned char memory[1 << 20];
	struct vpmu_timing *model = vpmu_timing_init(memory, sizeof(memory));
	struct vpmu_costs costs = {.slots = 4}, before = costs;

	assert_non_null(model);
	vpmu_timing_access(NULL, &costs, 0, 8);
	vpmu_timing_access(model, NULL, 0, 8);
	vpmu_timing_branch(NULL, &costs, 0, 2, 2, VPMU_INSN_BRANCH);
	vpmu_timing_branch(model, NULL, 0, 2, 2, VPMU_INSN_BRANCH);
	vpmu_timing_data(NULL, NULL, 0, 8, true);
	vpmu_timing_data(model, NULL, 0, 8, true);
	vpmu_timing_jump(NULL, NULL, 0, 2, 2, VPMU_INSN_BRANCH);
	vpmu_timing_jump(model, NULL, 0, 2, 2, VPMU_INSN_BRANCH);
	vpmu_meter_branched(NULL, VPMU_INSN_BRANCH, true);
	vpmu_timing_flush_line(NULL, 0);
	vpmu_timing_flush_caches(NULL);
	vpmu_timing_flush_predictor(NULL);
	assert_false(vpmu_timing_settled(NULL, 0));
	assert_memory_equal(&costs, &before, sizeof(costs));
}

static const struct row rows[] = {
	{"vpmu_block_make", block_make},    {"vpmu_block_segment", block_segment},
	{"vpmu_meter_init", meter_init},    {"vpmu_meter_refresh", asking},
	{"vpmu_meter_fits", asking},        {"vpmu_meter_fits_insn", asking},
	{"vpmu_meter_prefix", asking},      {"vpmu_meter_repeats", asking},
	{"vpmu_meter_take", paying},        {"vpmu_meter_pay_part", paying},
	{"vpmu_meter_rewind", paying},      {"vpmu_meter_retire", paying},
	{"vpmu_meter_spend", paying},       {"vpmu_meter_settle", paying},
	{"vpmu_meter_budgets", budgets},    {"vpmu_meter_restore", restoring},
	{"vpmu_timing_size", timing_init},  {"vpmu_timing_init", timing_init},
	{"vpmu_timing_rates", timing_init}, {"vpmu_timing_access", timing},
	{"vpmu_timing_flush_line", timing}, {"vpmu_timing_flush_caches", timing},
	{"vpmu_timing_branch", timing},     {"vpmu_timing_flush_predictor", timing},
	{"vpmu_timing_settled", timing},    {"vpmu_timing_data", timing},
	{"vpmu_timing_jump", timing},       {"vpmu_meter_branched", timing},
};

ROWS(meter_rows, rows);
