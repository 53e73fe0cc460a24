/* SPDX-License-Identifier: MIT */
/* Which order a list of writes is. */
#include "fixture.h"

struct writes {
	size_t count;
	struct vpmu_msr at[VPMU_MAX_PLAN + 1];
};

static struct vpmu_layout layout;

/* What the order writes of a state in which every value is another one. */
static struct writes writes_of(const char *model_text, const char *order)
{
	struct writes writes = {.count = 0};
	struct vpmu_model model;
	struct vpmu_state state;
	struct vpmu_plan plan;

	assert_int_equal(vpmu_model_parse(&model, model_text, NULL, 0), VPMU_OK);
	assert_int_equal(vpmu_layout_init(&layout, &model), VPMU_OK);
	vpmu_state_reset(&state, &layout);
	for (unsigned i = 0; i < layout.value_count; i++)
		state.values[i] = 1 + i;
	assert_int_equal(
		vpmu_plan_make(&plan, &state, &layout, VPMU_LEVEL_FULL, vpmu_order_find(order)),
		VPMU_OK);
	for (size_t i = 0; i < plan.count; i++)
		writes.at[writes.count++] = (struct vpmu_msr){.index = plan.writes[i].msr,
		                                              .value = plan.writes[i].value};
	return writes;
}

static struct vpmu_order_match compare(const struct writes *writes, const char *order, size_t calls)
{
	struct vpmu_order_match match;

	assert_int_equal(vpmu_order_compare(vpmu_order_find(order), &layout, writes->at,
	                                    writes->count, calls, &match),
	                 VPMU_OK);
	return match;
}

static void what_an_order_writes_is_that_order(void **state)
{
	static const char *const models[] = {"intel-v1", "intel-v5", "amd-k7", "amd-perfmon-v2"};
	const struct vpmu_order *order;

	for (unsigned m = 0; m < 4; m++)
		for (size_t i = 0; (order = vpmu_order_at(i)); i++) {
			struct writes writes = writes_of(models[m], order->name);
			struct vpmu_order_match match = compare(&writes, order->name, 1);

			assert_true(match.is_it);
			assert_int_equal(match.same, match.planned);
			assert_int_equal(match.common, match.planned);
			assert_int_equal(match.place, VPMU_NO_VALUE);
		}
}

static void two_writes_exchanged_are_another_order(void **state)
{
	struct writes writes = writes_of("intel-v2", "no-stop");
	struct vpmu_msr third = writes.at[2];
	struct vpmu_order_match match;

	writes.at[2] = writes.at[3];
	writes.at[3] = third;
	match = compare(&writes, "no-stop", 1);
	assert_false(match.is_it);
	assert_int_equal(match.same, 2);
	assert_int_equal(match.common, match.planned - 1);
	assert_int_equal(layout.registers[match.place].msr, third.index);
}

/* The longest sequence that both have: backwards it is any one write, and with the first write at
 * the end all the others. */
static void what_both_have_in_common_need_not_stand_together(void **state)
{
	struct writes writes = writes_of("intel-v2", "no-stop"), turned = writes;
	struct vpmu_order_match match;

	for (size_t i = 0; i < writes.count; i++)
		turned.at[i] = writes.at[writes.count - 1 - i];
	match = compare(&turned, "no-stop", 1);
	assert_false(match.is_it);
	assert_int_equal(match.common, 1);
	for (size_t i = 0; i < writes.count; i++)
		turned.at[i] = writes.at[(i + 1) % writes.count];
	assert_int_equal(compare(&turned, "no-stop", 1).common, writes.count - 1);
	/* Every other one */
	turned.count = 0;
	for (size_t i = 0; i < writes.count; i += 2)
		turned.at[turned.count++] = writes.at[i];
	assert_int_equal(compare(&turned, "no-stop", 1).common, turned.count);
}

static void a_write_too_few_or_too_many_is_no_order(void **state)
{
	struct writes writes = writes_of("intel-v2", "stop-first");

	writes.at[writes.count++] = (struct vpmu_msr){.index = 0x10};
	assert_false(compare(&writes, "stop-first", 1).is_it);
	writes.count -= 2;
	assert_false(compare(&writes, "stop-first", 1).is_it);
	assert_int_equal(compare(&writes, "stop-first", 1).same, writes.count);
	writes.count = 0;
	assert_false(compare(&writes, "stop-first", 1).is_it);
}

static void an_order_that_skips_may_leave_some_out(void **state)
{
	struct writes writes = writes_of("intel-v2", "ascending");

	writes.count--;
	memmove(&writes.at[4], &writes.at[5], (writes.count - 4) * sizeof(writes.at[0]));
	assert_true(compare(&writes, "ascending", writes.count).is_it);
	assert_false(compare(&writes, "ascending", 1).is_it);
	assert_false(compare(&writes, "listed", writes.count).is_it);
	writes.count = 2;
	assert_false(compare(&writes, "ascending", 2).is_it);
}

static void the_capabilities_are_passed_over(void **state)
{
	struct writes writes = writes_of("intel-v2", "safe");

	assert_int_equal(writes.at[0].index, VPMU_MSR_PERF_CAPABILITIES);
	assert_true(compare(&writes, "safe", 1).is_it);
	writes.count--;
	memmove(&writes.at[0], &writes.at[1], writes.count * sizeof(writes.at[0]));
	assert_true(compare(&writes, "safe", 1).is_it);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_an_order_writes_is_that_order),
		cmocka_unit_test(two_writes_exchanged_are_another_order),
		cmocka_unit_test(what_both_have_in_common_need_not_stand_together),
		cmocka_unit_test(a_write_too_few_or_too_many_is_no_order),
		cmocka_unit_test(an_order_that_skips_may_leave_some_out),
		cmocka_unit_test(the_capabilities_are_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
