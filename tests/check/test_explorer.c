/* SPDX-License-Identifier: MIT */
/* What an exploration remembers: two scenarios that differ are two, however little. One that is
 * taken for another is never explored, and nothing is found in it. */
#include "explore_one.h"

#include <check/explorer.h>

enum { VALUES = 256 };

/* Of both levels, from a get or not, with counters that differ or not. */
static bool is_new(struct check_explorer *explorer, unsigned flags, uint64_t value)
{
	struct scenario *scenario = &explorer->scenario;

	scenario->level = flags & 1 ? VPMU_LEVEL_FULL : VPMU_LEVEL_RESET;
	scenario->is_read = flags & 2;
	scenario->is_mixed = flags & 4;
	scenario->state.values[0] = value;
	return !seen_before(explorer);
}

static void a_flag_does_not_make_up_for_a_bit_of_a_value(void **state)
{
	struct check_scope scope = small_scope();
	struct check_explorer *explorer = check_explorer_create(&scope, NULL, NULL);
	unsigned taken = 0;

	assert_non_null(explorer);
	layout_on(&explorer->layout, "intel-v2", "linux-6.12");
	explorer->scenario.layout = &explorer->layout;
	seen_clear(explorer);
	for (unsigned flags = 0; flags < 8; flags++)
		for (uint64_t value = 0; value < VALUES; value++)
			taken += !is_new(explorer, flags, value);
	assert_int_equal(taken, 0);
	assert_false(is_new(explorer, 1, 2));
	check_explorer_destroy(explorer);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flag_does_not_make_up_for_a_bit_of_a_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
