/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "explore_one.h"

unsigned test_share(unsigned usual)
{
	const char *given = getenv("VPMU_TEST_SHARE");
	unsigned share = given ? (unsigned)strtoul(given, NULL, 0) : usual;

	return share ? share : 1;
}

bool is_drawn(struct random *random, unsigned share)
{
	return random_between(random, 1, share) == 1;
}

struct check_scope small_scope(void)
{
	struct check_scope scope = check_scope_default();

	scope.between = 1;
	scope.mixed = 1;
	scope.nodes = 1 << 14;
	return scope;
}

static void model_called(struct vpmu_model *model, const char *name)
{
	char why[200] = "";

	if (vpmu_model_parse(model, name, why, sizeof(why)))
		fail_msg("%s: %s", name, why);
}

void layout_on(struct vpmu_layout *layout, const char *model, const char *profile)
{
	struct vpmu_model adapted;

	model_called(&adapted, model);
	assert_int_equal(vpmu_profile_adapt(vpmu_profile_find(profile), &adapted), VPMU_OK);
	assert_int_equal(vpmu_layout_init(layout, &adapted), VPMU_OK);
}

static void read_plan(struct check_plan *plan, const struct cell *cell)
{
	struct vpmu_layout layout;
	char why[200] = "";

	layout_on(&layout, cell->model, cell->profile);
	if (!check_plan_parse(plan, &layout, cell->plan, strlen(cell->plan), why, sizeof(why)))
		fail_msg("%s", why);
}

void explore_cell(const struct cell *cell, const struct check_scope *scope,
                  struct check_subject *subject, struct check_result *result)
{
	static struct check_plan plan;
	struct check_explorer *explorer = check_explorer_create(scope, NULL, NULL);

	assert_non_null(explorer);
	*subject = (struct check_subject){
		.model_name = cell->model,
		.profile_name = cell->profile,
		.profile = vpmu_profile_find(cell->profile),
		.order = cell->plan ? NULL : vpmu_order_find(cell->order),
		.plan = &plan,
		.levels = (uint8_t)BIT32(cell->level),
		.life = cell->life,
		.first_only = cell->first_only,
	};
	assert_non_null(subject->profile);
	model_called(&subject->model, cell->model);
	if (cell->plan)
		read_plan(&plan, cell);
	assert_int_equal(check_explore(explorer, subject, result), VPMU_OK);
	check_explorer_destroy(explorer);
}

void assert_violates(const struct cell *cell, enum check_property property, const char *text)
{
	static char story[1 << 16];
	struct check_scope scope = small_scope();
	struct check_subject subject;
	struct check_result result;

	explore_cell(cell, &scope, &subject, &result);
	assert_false(result.incomplete);
	if (!result.shortest[property])
		fail_msg("%s holds: %s on %s", check_properties[property].name, cell->model,
		         cell->profile);
	check_trace_story(result.shortest[property], &subject, story, sizeof(story));
	if (text && !strstr(story, text))
		fail_msg("no '%s' in:\n%s", text, story);
	check_result_clear(&result);
}
