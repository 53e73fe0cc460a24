/* SPDX-License-Identifier: MIT */
/*
 * Where check says that an order holds, random lives and states far beyond its scope lose nothing
 * either. What it says an order loses, its own counterexamples show.
 */
#include <stdlib.h>

#include "../profiles.h"
#include "explore_one.h"
#include "witness.h"

enum { TRIES = 60, CELLS_SHARE = 4 };

static const enum check_life life_of[ORDEALS] = {
	[ORDEAL_NONE] = CHECK_FRESH,
	[ORDEAL_RAN] = CHECK_RUNNING,
	[ORDEAL_OVERFLOW] = CHECK_OVERFLOW_PENDING,
	[ORDEAL_PMI] = CHECK_PMI_PENDING,
	[ORDEAL_EMULATED] = CHECK_EMULATED,
	[ORDEAL_PAUSED] = CHECK_PAUSED,
	[ORDEAL_STARVED] = CHECK_NO_EVENT,
};

static const char *const models[] = {"intel-v1", "intel-v2",     "intel-v5",
                                     "amd-k7",   "amd-perfcore", "amd-perfmon-v2"};

/* As often as VPMU_TEST_TRIES says. */
static unsigned tries(void)
{
	const char *given = getenv("VPMU_TEST_TRIES");

	return given ? (unsigned)strtoul(given, NULL, 0) : TRIES;
}

/* Whether check says so; the random puts have no repetition, no refusal and no shortage. */
static bool check_says_holds(const struct cell *cell, unsigned incidents)
{
	struct check_scope scope = small_scope();
	struct check_subject subject;
	struct check_result result;
	uint32_t violated;

	scope.twice = scope.refused = false;
	scope.between = incidents ? scope.between : 0;
	scope.incidents = BIT32(CHECK_ENTER) | BIT32(CHECK_SCHEDULE);
	explore_cell(cell, &scope, &subject, &result);
	assert_false(result.incomplete);
	violated = result.violated & CHECK_OF_ORDERS;
	check_result_clear(&result);
	return !violated;
}

/* Tries the put, and fails the test with the seed that shows the loss. */
static void assert_nothing_lost(const struct cell *cell, const struct case_ *tried,
                                struct random *random)
{
	char what[200];

	for (unsigned i = 0; i < tries(); i++) {
		uint64_t seed = random_next(random);

		if (!witness_agrees(tried, seed, what, sizeof(what)))
			fail_msg("check says that %s holds: %s on %s, life %s, level %s, %u "
			         "incidents; random life and state 0x%llx: %s",
			         cell->order, cell->model, cell->profile,
			         check_lives[cell->life].name, vpmu_level_name(cell->level),
			         tried->incidents, (unsigned long long)seed, what);
	}
}

static void compare(const struct cell *cell, enum ordeal ordeal, unsigned incidents,
                    struct random *random, unsigned *held)
{
	struct case_ tried = {
		.profile = vpmu_profile_find(cell->profile),
		.order = vpmu_order_find(cell->order),
		.level = cell->level,
		.ordeal = ordeal,
		.incidents = incidents,
	};

	if (!ordeal_exists(tried.profile, ordeal) || !check_says_holds(cell, incidents))
		return;
	assert_int_equal(vpmu_model_parse(&tried.model, cell->model, NULL, 0), VPMU_OK);
	assert_nothing_lost(cell, &tried, random);
	++*held;
}

/* Every order, profile and life, with a model of each kind: a share of them each time. */
static void compare_all(enum vpmu_level level, unsigned incidents, const char *name)
{
	struct random random = random_seeded(name);
	unsigned share = test_share(CELLS_SHARE);
	const struct vpmu_order *order;
	const char *profile;
	unsigned held = 0;

	for (size_t o = 0; (order = vpmu_order_at(o)); o++)
		for (size_t m = 0; m < ARRAY_SIZE(models); m++)
			for (size_t p = 0; (profile = vpmu_profile_name(p)); p++)
				for (unsigned i = 0; i < ORDEALS; i++) {
					const struct cell cell = {
						.model = models[m],
						.profile = profile,
						.order = order->name,
						.level = level,
						.life = life_of[i],
						.first_only = true,
					};

					if (is_drawn(&random, share))
						compare(&cell, (enum ordeal)i, incidents, &random,
						        &held);
				}
	printf("%u cells hold, %u tries each\n", held, tries());
	assert_true(held > 0);
}

static void random_puts_lose_nothing_where_check_says_so(void **state)
{
	compare_all(VPMU_LEVEL_FULL, 0, "witness");
}

static void random_puts_with_incidents_lose_nothing_where_check_says_so(void **state)
{
	compare_all(VPMU_LEVEL_FULL, 1, "witness-incidents");
}

static void random_resets_lose_nothing_where_check_says_so(void **state)
{
	compare_all(VPMU_LEVEL_RESET, 1, "witness-reset");
}

/* A kernel gives a P6 none, and a PMU without counters may have no register. */
static bool has_registers(const struct case_ *tried)
{
	struct vpmu_model given = tried->model;
	struct vpmu_layout layout;

	return !vpmu_profile_adapt(tried->profile, &given) && !vpmu_layout_init(&layout, &given) &&
	       layout.value_count;
}

/* Models that nobody names, and more incidents than check tries. */
static void in_order_safe_random_models_lose_nothing(void **state)
{
	struct random random = random_seeded("witness-models");
	struct case_ tried = {.order = vpmu_order_find("safe"), .incidents = 4};
	const char *profile;
	char what[200];

	for (unsigned i = 0; i < 20 * tries(); i++) {
		uint64_t seed = random_next(&random);

		tried.model = random_model(&random);
		profile = profile_in_turn(i);
		tried.profile = vpmu_profile_find(profile);
		tried.level = i / 4 % 4 ? VPMU_LEVEL_FULL : VPMU_LEVEL_RESET;
		tried.ordeal = (enum ordeal)random_between(&random, 0, ORDEALS - 1);
		if (!has_registers(&tried) || !ordeal_exists(tried.profile, tried.ordeal))
			continue;
		if (!witness_agrees(&tried, seed, what, sizeof(what)))
			fail_msg("trial %u on %s, ordeal %s, 0x%llx: %s", i, profile,
			         ordeal_names[tried.ordeal], (unsigned long long)seed, what);
	}
}

/* The witness can see a loss: this one was once called safe. */
static void a_counter_that_another_ones_overflow_does_not_touch_loses_its_pmi(void **state)
{
	struct random random = random_seeded("witness-sees");
	struct case_ tried = {
		.profile = vpmu_profile_find("linux-6.1"),
		.order = vpmu_order_find("stop-first"),
		.level = VPMU_LEVEL_FULL,
		.ordeal = ORDEAL_PMI,
	};
	unsigned lost = 0;
	char what[200];

	assert_int_equal(vpmu_model_parse(&tried.model, "amd-k7", NULL, 0), VPMU_OK);
	for (unsigned i = 0; i < 3000; i++)
		lost += !witness_agrees(&tried, random_next(&random), what, sizeof(what));
	assert_true(lost > 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_counter_that_another_ones_overflow_does_not_touch_loses_its_pmi),
		cmocka_unit_test(random_puts_lose_nothing_where_check_says_so),
		cmocka_unit_test(random_puts_with_incidents_lose_nothing_where_check_says_so),
		cmocka_unit_test(random_resets_lose_nothing_where_check_says_so),
		cmocka_unit_test(in_order_safe_random_models_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
