/* SPDX-License-Identifier: MIT */
/* Rows of vpmu/compat.h. */
#include "rows.h"

static struct vpmu_compat compat;

static void compat_model(void)
{
	struct vpmu_model none = vpmu_compat_model(NULL, &good()->model);

	assert_int_equal(none.version, 0);
	none = vpmu_compat_model(&good()->model, NULL);
	assert_int_equal(none.version, 0);
}

static void compat_judge(void)
{
	struct good *it = good();
	struct vpmu_model broken = it->model;

#define JUDGE(state, layout, to, profile, order)                                                   \
	vpmu_compat_judge(&compat, state, layout, to, profile, order)
	REJECTS(vpmu_compat_judge(NULL, &it->state, &it->layout, &it->model, it->hardware,
	                          it->safe));
	REJECTS(JUDGE(NULL, &it->layout, &it->model, it->hardware, it->safe));
	REJECTS(JUDGE(&it->state, NULL, &it->model, it->hardware, it->safe));
	REJECTS(JUDGE(&it->state, &it->layout, NULL, it->hardware, it->safe));
	REJECTS(JUDGE(&it->state, &it->layout, &it->model, vpmu_profile_find("typo"), it->safe));
	REJECTS(JUDGE(&it->state, &it->layout, &it->model, it->hardware, vpmu_order_find("typo")));
	broken.gp_count = 200;
	REJECTS(JUDGE(&it->state, &it->layout, &broken, it->hardware, it->safe));
	assert_int_equal(compat.register_count, 0);
	assert_int_equal(JUDGE(&it->state, &it->layout, &it->model, it->hardware, it->safe),
	                 VPMU_OK);
#undef JUDGE
}

static void compat_try(void)
{
	struct good *it = good();
	struct vpmu_target deaf = {.read = it->target.read};

#define TRY(state, layout, to, vcpu, order, target)                                                \
	vpmu_compat_try(&compat, state, layout, to, vcpu, order, target)
	REJECTS(vpmu_compat_try(NULL, &it->state, &it->layout, &it->model, &it->model, it->safe,
	                        &it->target));
	REJECTS(TRY(NULL, &it->layout, &it->model, &it->model, it->safe, &it->target));
	REJECTS(TRY(&it->state, NULL, &it->model, &it->model, it->safe, &it->target));
	REJECTS(TRY(&it->state, &it->layout, NULL, &it->model, it->safe, &it->target));
	REJECTS(TRY(&it->state, &it->layout, &it->model, NULL, it->safe, &it->target));
	REJECTS(TRY(&it->state, &it->layout, &it->model, &it->model, NULL, &it->target));
	REJECTS(TRY(&it->state, &it->layout, &it->model, &it->model, it->safe, NULL));
	REJECTS(TRY(&it->state, &it->layout, &it->model, &it->model, it->safe, &deaf));
#undef TRY
}

static void texts(void)
{
	assert_string_equal(vpmu_take_text((enum vpmu_take)9), "unknown");
	assert_string_equal(vpmu_compat_why_text((enum vpmu_compat_why)99), "unknown");
}

static void descriptions(void)
{
	char line[8] = "before";

	memset(&compat, 0, sizeof(compat));
	vpmu_compat_describe_difference(NULL, 0, line, sizeof(line));
	assert_string_equal(line, "");
	vpmu_compat_describe_difference(&compat, 99, NULL, 0);
	strcpy(line, "before");
	vpmu_compat_describe_register(NULL, 0, line, sizeof(line));
	assert_string_equal(line, "");
	vpmu_compat_describe_register(&compat, 99, NULL, 0);
	strcpy(line, "before");
	vpmu_compat_describe_put(NULL, line, sizeof(line));
	assert_string_equal(line, "");
	vpmu_compat_describe_put(&compat, NULL, 0);
}

static void baseline_add(void)
{
	static struct vpmu_baseline baseline, before;
	struct vpmu_model broken = good()->model;
	char why[8];

	REJECTS(vpmu_baseline_add(NULL, &good()->model, 0, NULL, 0));
	REJECTS(vpmu_baseline_add(&baseline, NULL, 0, why, sizeof(why)));
	broken.gp_count = 200;
	REJECTS(vpmu_baseline_add(&baseline, &broken, 0, why, sizeof(why)));
	assert_memory_equal(&baseline, &before, sizeof(before));
}

static void baseline_look(void)
{
	static struct vpmu_baseline baseline;
	struct vpmu_model model;
	struct vpmu_cost cost;

	memset(&baseline, 0, sizeof(baseline));
	REJECTS(vpmu_baseline_model(&baseline, &model)); /* no hosts */
	assert_false(vpmu_baseline_cost(&baseline, 0, &cost));
	assert_int_equal(vpmu_baseline_add(&baseline, &good()->model, 0, NULL, 0), VPMU_OK);
	REJECTS(vpmu_baseline_model(NULL, &model));
	REJECTS(vpmu_baseline_model(&baseline, NULL));
	assert_false(vpmu_baseline_cost(NULL, 0, &cost));
	assert_false(vpmu_baseline_cost(&baseline, 0, NULL));
	assert_false(vpmu_baseline_cost(&baseline, 9999, &cost));
}

static const struct row rows[] = {
	{"vpmu_compat_model", compat_model},
	{"vpmu_compat_judge", compat_judge},
	{"vpmu_compat_try", compat_try},
	{"vpmu_take_text", texts},
	{"vpmu_compat_why_text", texts},
	{"vpmu_compat_describe_difference", descriptions},
	{"vpmu_compat_describe_register", descriptions},
	{"vpmu_compat_describe_put", descriptions},
	{"vpmu_baseline_add", baseline_add},
	{"vpmu_baseline_model", baseline_look},
	{"vpmu_baseline_cost", baseline_look},
};

ROWS(judge_rows, rows);
