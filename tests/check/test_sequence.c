/* SPDX-License-Identifier: MIT */
/* A plan is a sequence that any state can be put with: that of an order is the order. */
#include "explore_one.h"

static const char *const models[] = {"intel-v1",     "intel-v2", "intel-v4",      "zhaoxin-v2",
                                     "amd-perfcore", "amd-k7",   "amd-perfmon-v2"};

static uint64_t seed = 1;

static uint64_t draw(void)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return seed ^ seed >> 31;
}

/* Values in which no register has what another has, and none is 0. */
static struct vpmu_state random_values(const struct vpmu_layout *layout)
{
	struct vpmu_state state;

	vpmu_state_reset(&state, layout);
	for (unsigned i = 0; i < layout->value_count; i++) {
		const struct vpmu_register *reg = stored(layout, i);

		if (reg->kind == VPMU_KIND_CAPABILITIES)
			continue;
		do
			state.values[i] = draw() & reg->writable;
		while (!state.values[i]);
	}
	return state;
}

static struct vpmu_plan plan_of(const struct vpmu_order *order, const struct vpmu_layout *layout,
                                const struct vpmu_state *state)
{
	struct vpmu_plan plan;

	assert_int_equal(vpmu_plan_make(&plan, state, layout, VPMU_LEVEL_FULL, order), VPMU_OK);
	return plan;
}

static void typed(struct check_plan *typed, const struct vpmu_plan *plan,
                  const struct vpmu_state *state)
{
	typed->count = plan->count;
	typed->state = *state;
	for (size_t i = 0; i < plan->count; i++)
		typed->writes[i] =
			(struct check_plan_write){plan->writes[i].msr, plan->writes[i].value};
}

static void an_order_s_plan_is_the_order_with_any_state(void **unused)
{
	const struct vpmu_order *order;
	unsigned compared = 0;

	for (size_t m = 0; m < ARRAY_SIZE(models); m++)
		for (size_t o = 0; (order = vpmu_order_at(o)); o++) {
			struct vpmu_layout layout;
			struct vpmu_state one, other;
			struct vpmu_plan first, second;
			static struct check_plan plan;

			layout_on(&layout, models[m], "linux-6.12");
			one = random_values(&layout);
			other = random_values(&layout);
			first = plan_of(order, &layout, &one);
			second = plan_of(order, &layout, &other);
			assert_int_equal(first.count, second.count);
			typed(&plan, &first, &one);
			for (size_t i = 0; i < first.count; i++, compared++)
				if (sequence_value(&plan, &layout, i, &other) !=
				    second.writes[i].value)
					fail_msg("%s, %s: write %zu, of 0x%x", models[m],
					         order->name, i, first.writes[i].msr);
		}
	assert_true(compared > 500);
}

/* What is not written stays as in the plan's own state. */
static void registers_that_are_not_written_keep_their_values(void **unused)
{
	struct vpmu_layout layout;
	struct check_plan plan = {.count = 1, .writes = {{0xc1, 5}}};
	struct vpmu_state state;

	layout_on(&layout, "intel-v2", "hardware");
	vpmu_state_reset(&plan.state, &layout);
	plan.state.values[layout.value_of[vpmu_layout_find_msr(&layout, 0xc1)]] = 5;
	state = random_values(&layout);
	assert_int_equal(sequence_value(&plan, &layout, 0, &state),
	                 state.values[layout.value_of[vpmu_layout_find_msr(&layout, 0xc1)]]);
	sequence_state(&plan, &layout, &state);
	assert_int_equal(state.values[layout.value_of[vpmu_layout_find_msr(&layout, 0xc2)]], 0);
	assert_false(sequence_is_whole(&plan, &layout));
}

static void a_value_of_its_own_stands(void **unused)
{
	struct vpmu_layout layout;
	struct check_plan plan = {.count = 2, .writes = {{0x186, 0x5300c0}, {0x186, 0x1300c1}}};
	struct vpmu_state state;

	layout_on(&layout, "intel-v2", "hardware");
	vpmu_state_reset(&plan.state, &layout);
	plan.state.values[layout.value_of[vpmu_layout_find_msr(&layout, 0x186)]] = 0x1300c1;
	state = random_values(&layout);
	assert_int_equal(sequence_value(&plan, &layout, 0, &state), 0x5300c0);
}

static void append_plan(char *text, size_t bytes, const struct vpmu_plan *plan)
{
	size_t used = 0;

	for (size_t i = 0; i < plan->count; i++)
		used += (size_t)snprintf(text + used, bytes - used, "0x%x 0x%llx\n",
		                         plan->writes[i].msr,
		                         (unsigned long long)plan->writes[i].value);
}

static uint32_t violated(const struct cell *cell)
{
	struct check_scope scope = small_scope();
	struct check_subject subject;
	struct check_result result;
	uint32_t bits;

	explore_cell(cell, &scope, &subject, &result);
	bits = result.violated & CHECK_OF_ORDERS;
	check_result_clear(&result);
	return bits;
}

/* Its own state is harmless: what is lost, is lost with the states of the list. */
static void an_order_s_plan_is_judged_as_the_order(void **unused)
{
	static const char *const orders[] = {"no-stop", "stop-first", "safe"};
	static char text[1 << 14];

	for (size_t m = 0; m < ARRAY_SIZE(models); m++)
		for (size_t o = 0; o < ARRAY_SIZE(orders); o++) {
			struct cell cell = {.model = models[m],
			                    .profile = "linux-6.12",
			                    .order = orders[o],
			                    .level = VPMU_LEVEL_FULL,
			                    .life = CHECK_RUNNING};
			struct vpmu_layout layout;
			struct vpmu_state state;
			struct vpmu_plan plan;
			uint32_t as_order = violated(&cell);

			layout_on(&layout, cell.model, cell.profile);
			state_make(&state, &layout, STATE_PAIR);
			plan = plan_of(vpmu_order_find(orders[o]), &layout, &state);
			append_plan(text, sizeof(text), &plan);
			cell.plan = text;
			if (violated(&cell) != as_order)
				fail_msg("%s, %s: 0x%x as the order", models[m], orders[o],
				         as_order);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_order_s_plan_is_the_order_with_any_state),
		cmocka_unit_test(registers_that_are_not_written_keep_their_values),
		cmocka_unit_test(a_value_of_its_own_stands),
		cmocka_unit_test(an_order_s_plan_is_judged_as_the_order),
	};

	return cmocka_run_group_tests_name("check-sequence", tests, NULL, NULL);
}
