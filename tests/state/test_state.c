/* SPDX-License-Identifier: MIT */
/* Layouts and states: which registers, reset values, setting, checking, comparing. */
#include "fixture.h"

static void a_layout_has_what_is_stored_and_nothing_else(void **state)
{
	static const uint32_t stored_kinds =
		1u << VPMU_KIND_COUNTER | 1u << VPMU_KIND_SELECTOR | 1u << VPMU_KIND_FIXED_COUNTER |
		1u << VPMU_KIND_FIXED_CTRL | 1u << VPMU_KIND_GLOBAL_CTRL |
		1u << VPMU_KIND_GLOBAL_STATUS | 1u << VPMU_KIND_CAPABILITIES |
		1u << VPMU_KIND_METRICS;

	for (size_t m = 0; test_model(m); m++) {
		struct vpmu_layout layout = layout_of(test_model(m));
		unsigned count = 0;

		for (unsigned i = 0; i < layout.register_count; i++)
			if (stored_kinds >> layout.registers[i].kind & 1) {
				assert_int_equal(layout.stored[count], i);
				assert_int_equal(layout.value_of[i], count);
				count++;
			}
		assert_int_equal(layout.value_count, count);
	}
}

static void the_largest_models_fit(void **state)
{
	assert_int_equal(layout_of("intel-v5,gp=10,fixed=8").value_count, 10 + 10 + 8 + 3 + 1);
	assert_int_equal(layout_of("amd-perfmon-v2,gp=15").value_count, 15 + 15 + 2);
}

static void a_model_that_cannot_exist_has_no_layout(void **state)
{
	struct vpmu_model model = layout_of("intel-v2").model;
	struct vpmu_layout layout;

	model.gp_count = 200;
	assert_int_equal(vpmu_layout_init(&layout, &model), VPMU_INCOMPATIBLE);
	assert_int_equal(layout.register_count, 0);
	assert_int_equal(layout.value_count, 0);
}

static void registers_are_found_by_name_and_number(void **state)
{
	for (size_t m = 0; test_model(m); m++) {
		struct vpmu_layout layout = layout_of(test_model(m));

		for (int i = 0; i < layout.register_count; i++) {
			assert_int_equal(vpmu_layout_find(&layout, layout.registers[i].name), i);
			assert_int_equal(vpmu_layout_find_msr(&layout, layout.registers[i].msr), i);
		}
		assert_int_equal(vpmu_layout_find(&layout, "IA32_PMC"), -1);
		assert_int_equal(vpmu_layout_find(&layout, ""), -1);
		assert_int_equal(vpmu_layout_find_msr(&layout, 0x10), -1);
		assert_int_equal(vpmu_layout_find_msr(&layout, UINT32_MAX), -1);
	}
}

/* What lies behind its registers and values is nobody's. */
static void what_lies_behind_a_layouts_ends_is_not_looked_at(void **state)
{
	struct vpmu_layout layout = layout_of("intel-v2");
	struct vpmu_state made;

	layout.registers[layout.register_count].msr = UINT32_MAX;
	assert_int_equal(vpmu_layout_find_msr(&layout, UINT32_MAX), -1);
	layout.stored[layout.value_count] =
		(uint8_t)vpmu_layout_find_msr(&layout, 0x38f); /* its reset value is no 0 */
	vpmu_state_reset(&made, &layout);
	assert_true(made.values[layout.value_count] == 0);
}

static void no_model_has_an_empty_layout(void **state)
{
	static const struct vpmu_layout empty;
	struct vpmu_layout layout;

	memset(&layout, 0xff, sizeof(layout));
	assert_int_equal(vpmu_layout_init(&layout, NULL), VPMU_BAD_ARGUMENT);
	assert_memory_equal(&layout.model, &empty.model, sizeof(layout.model));
	assert_int_equal(layout.register_count, 0);
	assert_int_equal(layout.value_count, 0);
}

static void a_reset_state_is_what_a_new_machine_has(void **state)
{
	for (size_t m = 0; test_model(m); m++) {
		struct vpmu_layout layout = layout_of(test_model(m));
		struct vpmu_state reset, fresh;

		vpmu_state_reset(&reset, &layout);
		fresh = state_of(machine_of(&layout.model), &layout);
		assert_same_state(&reset, &fresh, &layout);
		assert_int_equal(vpmu_state_check(&reset, &layout, NULL, 0), VPMU_OK);
	}
}

static void an_alias_shows_and_sets_its_originals_value(void **state)
{
	struct vpmu_layout layout = layout_of("amd-perfcore");
	struct vpmu_state s;
	uint64_t value = 0;

	vpmu_state_reset(&s, &layout);
	assert_int_equal(
		vpmu_state_set(&s, &layout, (unsigned)vpmu_layout_find_msr(&layout, 0xc0010007), 7),
		VPMU_OK);
	assert_int_equal(vpmu_state_value(&s, &layout,
	                                  (unsigned)vpmu_layout_find_msr(&layout, 0xc0010207),
	                                  &value),
	                 VPMU_OK);
	assert_int_equal(value, 7);
}

static void what_keeps_no_value_can_not_be_set(void **state)
{
	struct vpmu_layout layout = layout_of("intel-v4");
	static const uint32_t msrs[] = {0x390, 0x391, 0x392, 0x1a0, 0x1d9};
	struct vpmu_state s;
	uint64_t value = 5;

	vpmu_state_reset(&s, &layout);
	for (unsigned i = 0; i < ARRAY_SIZE(msrs); i++) {
		unsigned place = (unsigned)vpmu_layout_find_msr(&layout, msrs[i]);

		assert_int_equal(vpmu_state_set(&s, &layout, place, 0), VPMU_NO_REGISTER);
		assert_int_equal(vpmu_state_value(&s, &layout, place, &value), VPMU_NO_REGISTER);
	}
	assert_int_equal(vpmu_state_set(&s, &layout, 200, 0), VPMU_NO_REGISTER);
	assert_int_equal(vpmu_state_set(&s, &layout, (unsigned)-1, 0), VPMU_NO_REGISTER);
	assert_int_equal(value, 5);
}

static void bits_that_a_register_lacks_are_not_set_and_found_by_check(void **state)
{
	for (size_t m = 0; test_model(m); m++) {
		struct vpmu_layout layout = layout_of(test_model(m));

		for (unsigned i = 0; i < layout.value_count; i++)
			for (unsigned bit = 0; bit < 64; bit++) {
				const struct vpmu_register *reg = layout_stored(&layout, i);
				bool fixed = reg->kind == VPMU_KIND_CAPABILITIES;
				bool good = !fixed && reg->writable >> bit & 1;
				struct vpmu_state s;
				char why[256];

				vpmu_state_reset(&s, &layout);
				assert_int_equal(vpmu_state_set(&s, &layout, layout.stored[i],
				                                reg->reset ^ BIT64(bit)),
				                 good ? VPMU_OK : VPMU_BAD_ARGUMENT);
				s.values[i] = reg->reset ^ BIT64(bit);
				assert_int_equal(vpmu_state_check(&s, &layout, why, sizeof(why)),
				                 good ? VPMU_OK : VPMU_BAD_DATA);
				if (!good)
					assert_non_null(strstr(why, reg->name));
			}
	}
}

static void comparing_lists_each_difference_in_table_order(void **state)
{
	struct random random = random_seeded("compare");
	struct vpmu_layout layout = layout_of("intel-v5");
	struct vpmu_difference out[VPMU_MAX_STATE];
	struct vpmu_state a = random_state(&random, &layout), b = other_state(&a, &layout);
	size_t count;

	assert_int_equal(vpmu_state_compare(&a, &a, &layout, out, &count), VPMU_OK);
	assert_int_equal(count, 0);
	assert_int_equal(vpmu_state_compare(&a, &b, &layout, out, &count), VPMU_OK);
	assert_int_equal(count, layout.value_count - 1); /* but for IA32_PERF_CAPABILITIES */
	for (size_t i = 0; i < count; i++) {
		uint8_t value = layout.value_of[out[i].place];

		assert_true(!i || out[i - 1].place < out[i].place);
		assert_true(out[i].a == a.values[value] && out[i].b == b.values[value]);
	}
}

static void a_state_of_another_model_is_the_callers_mistake(void **state)
{
	struct vpmu_layout layout = layout_of("intel-v2"), other = layout_of("intel-v3");
	struct vpmu_difference out[VPMU_MAX_STATE];
	struct vpmu_plan plan;
	struct vpmu_state s;
	uint64_t value;
	size_t count = 9;

	vpmu_state_reset(&s, &other);
	assert_int_equal(vpmu_state_value(&s, &layout, 0, &value), VPMU_BAD_ARGUMENT);
	assert_int_equal(vpmu_state_set(&s, &layout, 0, 0), VPMU_BAD_ARGUMENT);
	assert_int_equal(vpmu_state_check(&s, &layout, NULL, 0), VPMU_BAD_ARGUMENT);
	assert_int_equal(vpmu_state_compare(&s, &s, &layout, out, &count), VPMU_BAD_ARGUMENT);
	assert_int_equal(count, 0);
	assert_int_equal(vpmu_plan_make(&plan, &s, &layout, VPMU_LEVEL_FULL, vpmu_order_at(0)),
	                 VPMU_BAD_ARGUMENT);
	assert_int_equal(plan.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_layout_has_what_is_stored_and_nothing_else),
		cmocka_unit_test(the_largest_models_fit),
		cmocka_unit_test(a_model_that_cannot_exist_has_no_layout),
		cmocka_unit_test(registers_are_found_by_name_and_number),
		cmocka_unit_test(what_lies_behind_a_layouts_ends_is_not_looked_at),
		cmocka_unit_test(no_model_has_an_empty_layout),
		cmocka_unit_test(a_reset_state_is_what_a_new_machine_has),
		cmocka_unit_test(an_alias_shows_and_sets_its_originals_value),
		cmocka_unit_test(what_keeps_no_value_can_not_be_set),
		cmocka_unit_test(bits_that_a_register_lacks_are_not_set_and_found_by_check),
		cmocka_unit_test(comparing_lists_each_difference_in_table_order),
		cmocka_unit_test(a_state_of_another_model_is_the_callers_mistake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
