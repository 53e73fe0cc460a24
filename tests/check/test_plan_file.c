/* SPDX-License-Identifier: MIT */
/* A user's plan is read, or the line that is wrong is named. */
#include "explore_one.h"

static struct check_plan plan;
static struct vpmu_layout layout;
static char why[200];

static bool parse(const char *text)
{
	layout_on(&layout, "intel-v2", "linux-6.12");
	why[0] = '\0';
	return check_plan_parse(&plan, &layout, text, strlen(text), why, sizeof(why));
}

static void names_and_numbers_are_registers(void **state)
{
	assert_true(parse("# a comment\n\nIA32_PMC0 0x10 # the first\r\n0x186\t5439680\n"));
	assert_int_equal(plan.count, 2);
	assert_int_equal(plan.writes[0].msr, 0xc1);
	assert_int_equal(plan.writes[0].value, 0x10);
	assert_int_equal(plan.writes[1].msr, 0x186);
	assert_int_equal(plan.writes[1].value, 0x5300c0);
}

static uint64_t expected_of(uint32_t msr)
{
	return plan.state.values[layout.value_of[vpmu_layout_find_msr(&layout, msr)]];
}

static void the_last_write_is_expected_and_else_the_reset_value(void **state)
{
	assert_true(parse("0xc1 1\n0xc1 2\n0x186 3\nexpect 0x186 4\n0x187 5"));
	assert_int_equal(expected_of(0xc1), 2);
	assert_int_equal(expected_of(0x186), 4);
	assert_int_equal(expected_of(0x187), 5);
	assert_int_equal(expected_of(0x309), 0);
}

static void assert_refused(const char *text, const char *reason)
{
	assert_false(parse(text));
	if (!strstr(why, reason))
		fail_msg("'%s' is not in '%s'", reason, why);
}

static void a_malformed_line_is_named(void **state)
{
	assert_refused("0xc1 1\n0xc2\n", "line 2: not 'REGISTER VALUE'");
	assert_refused("0xc1 1 2\n", "line 1");
	assert_refused("\n\nIA32_NOTHING 1",
	               "line 3: the model has no such register: 'IA32_NOTHING'");
	assert_refused("0xc1 0x1ffffffffffffffff", "line 1: not a number");
	assert_refused("0xc1 -1", "line 1: not a number");
	assert_refused("0x100000000 1", "line 1: no MSR number");
	assert_refused("expect 0xc1", "line 1");
	assert_refused("186 0", "line 1: 0xba, or 0x186? Write the number with 0x: '186'");
	assert_refused("0xc1 0\nexpect 390 0", "line 2: 0x186, or 0x390? Write");
	assert_refused("\x01\x02 1", "line 1: the model has no such register: '?"
	                             "?'");
	assert_refused("", "no write in the plan");
	assert_refused("expect 0xc1 1\n", "no write in the plan");
}

static void a_plan_has_so_many_writes(void **state)
{
	char text[20 * (VPMU_MAX_PLAN + 1)] = "", expected[64];

	for (unsigned i = 0; i < VPMU_MAX_PLAN; i++)
		strcat(text, "0xc1 1\n");
	assert_true(parse(text));
	strcat(text, "0xc1 1\n");
	snprintf(expected, sizeof(expected), "line %d: more writes than a plan can have",
	         VPMU_MAX_PLAN + 1);
	assert_refused(text, expected);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_numbers_are_registers),
		cmocka_unit_test(the_last_write_is_expected_and_else_the_reset_value),
		cmocka_unit_test(a_malformed_line_is_named),
		cmocka_unit_test(a_plan_has_so_many_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
