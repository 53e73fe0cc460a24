/* SPDX-License-Identifier: MIT */
/* Order safe violates nothing, on any profile, with any model; and no shorter order does. The scope
 * is small: `vpmu check` has the whole. */
#include <limits.h>

#include "explore_one.h"

static void assert_cell_is_safe(const struct cell *cell, unsigned mixed)
{
	struct check_scope scope = small_scope();
	struct check_subject subject;
	struct check_result result;

	scope.mixed = mixed;
	explore_cell(cell, &scope, &subject, &result);
	if (result.violated & CHECK_OF_ORDERS || result.incomplete)
		fail_msg("%s on %s, life %s: properties 0x%x%s", cell->model, cell->profile,
		         check_lives[cell->life].name, result.violated,
		         result.incomplete ? ", not all explored" : "");
	check_result_clear(&result);
}

/* On every profile, at both levels, after every life: all of it, or the share that is drawn. */
static void assert_safe(const char *model, struct random *random, unsigned mixed)
{
	static const enum vpmu_level levels[] = {VPMU_LEVEL_RESET, VPMU_LEVEL_FULL};
	unsigned share = test_share(1);
	const char *profile;

	for (size_t p = 0; (profile = vpmu_profile_name(p)); p++)
		for (unsigned i = 0; i < 2 * CHECK_LIVES; i++) {
			struct cell cell = {
				.model = model,
				.profile = profile,
				.order = "safe",
				.level = levels[i / CHECK_LIVES],
				.life = (enum check_life)(i % CHECK_LIVES),
			};

			if (is_drawn(random, share))
				assert_cell_is_safe(&cell, mixed);
		}
}

static void safe_is_safe_with_every_preset_on_every_profile(void **state)
{
	struct random random = random_seeded("presets");
	const char *model;

	for (size_t m = 0; (model = vpmu_preset_name(m)); m++)
		assert_safe(model, &random, 0);
}

static void safe_is_safe_with_odd_counts_and_widths(void **state)
{
	static const char *const models[] = {"intel-v2,gp=1", "intel-v2,width=40",
	                                     "intel-v2,full-width=off", "intel-v5,gp=8",
	                                     "amd-perfmon-v2,gp=4"};
	struct random random = random_seeded("odd");

	for (size_t m = 0; m < ARRAY_SIZE(models); m++)
		assert_safe(models[m], &random, 0);
}

static void safe_is_safe_where_counters_differ(void **state)
{
	static const char *const models[] = {"intel-v2", "amd-k7", "amd-perfmon-v2,gp=4"};
	struct random random = random_seeded("differ");

	for (size_t m = 0; m < ARRAY_SIZE(models); m++)
		assert_safe(models[m], &random, UINT_MAX);
}

/* The subjects of one model on every profile and after every life. */
static size_t subjects_of(const char *model, struct check_subject *subjects)
{
	const char *profile;
	size_t count = 0;

	for (size_t p = 0; (profile = vpmu_profile_name(p)); p++)
		for (unsigned life = 0; life < CHECK_LIVES; life++) {
			struct check_subject *subject = &subjects[count++];

			*subject = (struct check_subject){
				.model_name = model,
				.profile_name = profile,
				.profile = vpmu_profile_find(profile),
				.levels = BIT32(VPMU_LEVEL_FULL) | BIT32(VPMU_LEVEL_RESET),
				.life = (enum check_life)life,
			};
			assert_int_equal(vpmu_model_parse(&subject->model, model, NULL, 0),
			                 VPMU_OK);
		}
	return count;
}

/* An order without a second write of some control is not among those that hold. */
static void nothing_shorter_holds(const char *model, bool global, unsigned extra)
{
	static struct check_subject subjects[CHECK_LIVES * 8];
	static struct check_search search;
	struct check_scope scope = small_scope();
	struct check_explorer *explorer;

	scope.twice = scope.refused = false;
	scope.mixed = 0;
	explorer = check_explorer_create(&scope, NULL, NULL);
	assert_non_null(explorer);
	assert_int_equal(check_search(explorer, subjects, subjects_of(model, subjects), global,
	                              &search, NULL),
	                 VPMU_OK);
	assert_int_equal(search.extra, extra);
	check_explorer_destroy(explorer);
}

static void the_shortest_order_has_one_step_more_than_one_of_each(void **state)
{
	if (test_share(1) == 1)
		nothing_shorter_holds("intel-v2,gp=1", true, 1);
	nothing_shorter_holds("amd-k7", false, 1);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(safe_is_safe_with_every_preset_on_every_profile),
		cmocka_unit_test(safe_is_safe_with_odd_counts_and_widths),
		cmocka_unit_test(safe_is_safe_where_counters_differ),
		cmocka_unit_test(the_shortest_order_has_one_step_more_than_one_of_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
