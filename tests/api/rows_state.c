/* SPDX-License-Identifier: MIT */
/* Rows of vpmu/state.h. */
#include "rows.h"

static struct vpmu_report report;

/* Nothing was tried. */
#define REJECTS_REPORTED(call)                                                                     \
	do {                                                                                       \
		memset(&report, 0x5a, sizeof(report));                                             \
		REJECTS(call);                                                                     \
		assert_int_equal(report.status, VPMU_BAD_ARGUMENT);                                \
		assert_int_equal(report.done, 0);                                                  \
	} while (0)

static void layout_init(void)
{
	struct vpmu_layout layout;

	memset(&layout, 0x5a, sizeof(layout));
	REJECTS(vpmu_layout_init(NULL, &good()->model));
	REJECTS(vpmu_layout_init(&layout, NULL));
	assert_int_equal(layout.register_count, 0);
	assert_int_equal(layout.value_count, 0);
}

static void layout_find(void)
{
	const struct vpmu_layout *layout = &good()->layout;

	assert_int_equal(vpmu_layout_find(NULL, "IA32_PMC0"), -1);
	assert_int_equal(vpmu_layout_find(layout, NULL), -1);
	assert_int_equal(vpmu_layout_find(layout, "IA32_PMC77"), -1);
	assert_int_equal(vpmu_layout_find(layout, ""), -1);
	assert_int_equal(vpmu_layout_find_msr(NULL, 0xc1), -1);
	assert_int_equal(vpmu_layout_find_msr(layout, 0xdead), -1);
}

static void layout_excess(void)
{
	assert_int_equal(vpmu_layout_excess(NULL, 0, 6), 6);
	assert_int_equal(vpmu_layout_excess(&good()->layout, 9999, 6), 6);
}

static void state_reset(void)
{
	struct vpmu_state state;

	memset(&state, 0x5a, sizeof(state));
	vpmu_state_reset(NULL, &good()->layout);
	vpmu_state_reset(&state, NULL);
	assert_int_equal(state.model.version, 0);
	for (unsigned i = 0; i < VPMU_MAX_STATE; i++)
		assert_int_equal(state.values[i], 0);
}

static void state_value(void)
{
	struct good *it = good();
	uint64_t value = 5;

	REJECTS(vpmu_state_value(NULL, &it->layout, 0, &value));
	REJECTS(vpmu_state_value(&it->state, NULL, 0, &value));
	REJECTS(vpmu_state_value(&it->state, &it->layout, 0, NULL));
	assert_int_equal(vpmu_state_value(&it->state, &it->layout, 9999, &value), VPMU_NO_REGISTER);
	assert_int_equal(value, 5);
}

static void state_set(void)
{
	struct good *it = good();

	REJECTS(vpmu_state_set(NULL, &it->layout, 0, 0));
	REJECTS(vpmu_state_set(&it->state, NULL, 0, 0));
	assert_int_equal(vpmu_state_set(&it->state, &it->layout, 9999, 0), VPMU_NO_REGISTER);
}

static void state_check(void)
{
	struct good *it = good();
	char why[4] = "";

	REJECTS(vpmu_state_check(NULL, &it->layout, NULL, 0));
	REJECTS(vpmu_state_check(&it->state, NULL, why, sizeof(why)));
	assert_string_equal(why, "a r");
}

static void state_compare(void)
{
	struct good *it = good();
	struct vpmu_difference out[VPMU_MAX_STATE];
	size_t count = 5;

	REJECTS(vpmu_state_compare(NULL, &it->state, &it->layout, out, &count));
	assert_int_equal(count, 0);
	REJECTS(vpmu_state_compare(&it->state, NULL, &it->layout, out, &count));
	REJECTS(vpmu_state_compare(&it->state, &it->state, NULL, out, &count));
	REJECTS(vpmu_state_compare(&it->state, &it->state, &it->layout, NULL, &count));
	REJECTS(vpmu_state_compare(&it->state, &it->state, &it->layout, out, NULL));
}

static void order_find(void)
{
	assert_null(vpmu_order_find(NULL));
	assert_null(vpmu_order_find("typo"));
	assert_null(vpmu_order_find("saf"));
	assert_null(vpmu_order_find("safer"));
}

static void levels(void)
{
	assert_int_equal(vpmu_level_find(NULL), VPMU_LEVEL_NEVER);
	assert_int_equal(vpmu_level_find("typo"), VPMU_LEVEL_NEVER);
	assert_null(vpmu_level_name(VPMU_LEVEL_NEVER));
	assert_null(vpmu_level_name((enum vpmu_level)99));
}

static void plan_make(void)
{
	struct good *it = good();
	struct vpmu_plan plan = {.count = 5};

	REJECTS(vpmu_plan_make(&plan, &it->state, &it->layout, VPMU_LEVEL_FULL,
	                       vpmu_order_find("typo")));
	assert_int_equal(plan.count, 0);
	REJECTS(vpmu_plan_make(NULL, &it->state, &it->layout, VPMU_LEVEL_FULL, it->safe));
	REJECTS(vpmu_plan_make(&plan, NULL, &it->layout, VPMU_LEVEL_FULL, it->safe));
	REJECTS(vpmu_plan_make(&plan, &it->state, NULL, VPMU_LEVEL_FULL, it->safe));
	REJECTS(vpmu_plan_make(&plan, &it->state, &it->layout, vpmu_level_find("typo"), it->safe));
	REJECTS(vpmu_plan_make(&plan, &it->state, &it->layout, (enum vpmu_level)99, it->safe));
}

static void order_compare(void)
{
	struct vpmu_msr writes[] = {{.index = 0xc1}};
	struct vpmu_order_match match = {.is_it = true};
	struct good *it = good();

	REJECTS(vpmu_order_compare(it->safe, &it->layout, writes, 1, 1, NULL));
	REJECTS(vpmu_order_compare(vpmu_order_find("typo"), &it->layout, writes, 1, 1, &match));
	assert_false(match.is_it);
	REJECTS(vpmu_order_compare(it->safe, NULL, writes, 1, 1, &match));
	REJECTS(vpmu_order_compare(it->safe, &it->layout, NULL, 1, 1, &match));
}

static void plan_apply(void)
{
	struct good *it = good();
	struct vpmu_target deaf = {.read = it->target.read};
	struct vpmu_plan failed, foreign = it->plan;

	REJECTS(vpmu_plan_apply(&it->plan, &it->layout, &it->target, VPMU_POLICY_STOP, NULL));
	REJECTS_REPORTED(
		vpmu_plan_apply(NULL, &it->layout, &it->target, VPMU_POLICY_STOP, &report));
	REJECTS_REPORTED(vpmu_plan_apply(&it->plan, NULL, &it->target, VPMU_POLICY_STOP, &report));
	REJECTS_REPORTED(vpmu_plan_apply(&it->plan, &it->layout, NULL, VPMU_POLICY_STOP, &report));
	REJECTS_REPORTED(vpmu_plan_apply(&it->plan, &it->layout, &deaf, VPMU_POLICY_STOP, &report));
	REJECTS_REPORTED(
		vpmu_plan_apply(&it->plan, &it->layout, &it->target, (enum vpmu_policy)9, &report));
	/* One whose making failed is no plan, not an empty one. */
	vpmu_plan_make(&failed, &it->state, &it->layout, VPMU_LEVEL_FULL, NULL);
	REJECTS_REPORTED(
		vpmu_plan_apply(&failed, &it->layout, &it->target, VPMU_POLICY_STOP, &report));
	foreign.writes[0].msr++;
	REJECTS_REPORTED(
		vpmu_plan_apply(&foreign, &it->layout, &it->target, VPMU_POLICY_STOP, &report));
}

static void state_put(void)
{
	struct good *it = good();

#define PUT(state, layout, target, order, policy, report)                                          \
	vpmu_state_put(state, layout, target, VPMU_LEVEL_FULL, order, policy, report)
	REJECTS(PUT(&it->state, &it->layout, &it->target, it->safe, VPMU_POLICY_STOP, NULL));
	REJECTS_REPORTED(PUT(NULL, &it->layout, &it->target, it->safe, VPMU_POLICY_STOP, &report));
	REJECTS_REPORTED(PUT(&it->state, NULL, &it->target, it->safe, VPMU_POLICY_STOP, &report));
	REJECTS_REPORTED(PUT(&it->state, &it->layout, NULL, it->safe, VPMU_POLICY_STOP, &report));
	REJECTS_REPORTED(PUT(&it->state, &it->layout, &it->target, vpmu_order_find("typo"),
	                     VPMU_POLICY_STOP, &report));
	REJECTS_REPORTED(
		PUT(&it->state, &it->layout, &it->target, it->safe, (enum vpmu_policy)9, &report));
#undef PUT
}

static void state_get(void)
{
	struct good *it = good();
	struct vpmu_target deaf = {.write = it->target.write};
	struct vpmu_state state;

	REJECTS(vpmu_state_get(&state, &it->layout, &it->target, VPMU_POLICY_STOP, NULL));
	REJECTS_REPORTED(vpmu_state_get(NULL, &it->layout, &it->target, VPMU_POLICY_STOP, &report));
	REJECTS_REPORTED(vpmu_state_get(&state, NULL, &it->target, VPMU_POLICY_STOP, &report));
	REJECTS_REPORTED(vpmu_state_get(&state, &it->layout, NULL, VPMU_POLICY_STOP, &report));
	REJECTS_REPORTED(vpmu_state_get(&state, &it->layout, &deaf, VPMU_POLICY_STOP, &report));
	REJECTS_REPORTED(
		vpmu_state_get(&state, &it->layout, &it->target, (enum vpmu_policy)9, &report));
}

static void target_machine(void)
{
	struct vpmu_target target = vpmu_target_machine(NULL);

	assert_null(target.read);
	assert_null(target.write);
}

static void target_reset(void)
{
	struct good *it = good();

	REJECTS(vpmu_target_reset(&it->target, &it->layout, VPMU_POLICY_STOP, NULL));
	REJECTS_REPORTED(vpmu_target_reset(NULL, &it->layout, VPMU_POLICY_STOP, &report));
	REJECTS_REPORTED(vpmu_target_reset(&it->target, NULL, VPMU_POLICY_STOP, &report));
}

static void report_describe(void)
{
	char line[8] = "before", whole[160];

	vpmu_report_describe(NULL, 0, line, sizeof(line));
	assert_string_equal(line, "");
	vpmu_plan_apply(NULL, NULL, NULL, VPMU_POLICY_STOP, &report);
	vpmu_report_describe(&report, 0, NULL, 0);
	vpmu_report_describe(&report, 0, whole, sizeof(whole));
	vpmu_report_describe(&report, 0, line, sizeof(line));
	assert_memory_equal(line, whole, 7);
	assert_int_equal(line[7], 0);
	vpmu_report_describe(&report, 9999, line, sizeof(line));
	assert_string_equal(line, "");
}

static const struct row rows[] = {
	{"vpmu_layout_init", layout_init},     {"vpmu_layout_find", layout_find},
	{"vpmu_layout_find_msr", layout_find}, {"vpmu_layout_excess", layout_excess},
	{"vpmu_state_reset", state_reset},     {"vpmu_state_value", state_value},
	{"vpmu_state_set", state_set},         {"vpmu_state_check", state_check},
	{"vpmu_state_compare", state_compare}, {"vpmu_order_find", order_find},
	{"vpmu_order_compare", order_compare}, {"vpmu_level_find", levels},
	{"vpmu_level_name", levels},           {"vpmu_plan_make", plan_make},
	{"vpmu_plan_apply", plan_apply},       {"vpmu_state_put", state_put},
	{"vpmu_state_get", state_get},         {"vpmu_target_machine", target_machine},
	{"vpmu_target_reset", target_reset},   {"vpmu_report_describe", report_describe},
};

ROWS(state_rows, rows);
