/* SPDX-License-Identifier: MIT */
/* What vpmu check says of a put: of its order, when it is one that has a name, or else of its
 * writes as a plan. */
#include "diff.h"

#include <inttypes.h>
#include <stdlib.h>

#include <check/room.h>

#include "lib/memory.h"

static const char scope_text[] = "between=1,mixed=0,states=3";

enum { LINE_BYTES = 64, WHY_BYTES = 200 };

/* False: the plan cannot be read, as the model lacks a register. */
static bool make_plan(struct check_plan *plan, const struct judgement *judgement,
                      const struct watch_log *log, const struct log_move *move)
{
	struct vpmu_model model = *judgement->model;
	struct vpmu_layout layout;
	char *text = memory_get(move->count * LINE_BYTES + 1), why[WHY_BYTES];
	size_t used = 0;
	bool good = text && !vpmu_profile_adapt(judgement->profile, &model) &&
	            !vpmu_layout_init(&layout, &model);

	for (size_t i = 0; good && i < move->count; i++) {
		const struct log_access *access = &log->accesses[move->first + i];

		/* Which registers exist is no put's matter (vpmu watch: level configuration). */
		if (access->msr != VPMU_MSR_PERF_CAPABILITIES)
			used += (size_t)snprintf(text + used, LINE_BYTES,
			                         "0x%" PRIx32 " 0x%" PRIx64 "\n", access->msr,
			                         access->value);
	}
	good = good && check_plan_parse(plan, &layout, text, used, why, sizeof(why));
	free(text);
	return good;
}

static bool judge(struct check_explorer *explorer, const struct judgement *judgement,
                  const struct watch_log *log, const struct log_move *move, uint32_t *violated)
{
	static struct check_plan plan;
	struct check_subject subject = {
		.model_name = judgement->model_name,
		.profile_name = judgement->profile_name,
		.model = *judgement->model,
		.profile = judgement->profile,
		.order = *move->order ? vpmu_order_find(move->order) : NULL,
		.plan = &plan,
		.levels =
			move->kind == WATCH_RESET ? 1u << VPMU_LEVEL_RESET : 1u << VPMU_LEVEL_FULL,
	};

	if (!subject.order && !make_plan(&plan, judgement, log, move))
		return false;
	*violated = 0;
	for (unsigned life = 0; life < CHECK_LIVES; life++) {
		struct check_result result;
		enum vpmu_status status;

		subject.life = (enum check_life)life;
		status = check_explore(explorer, &subject, &result);
		*violated |= result.violated & CHECK_OF_ORDERS;
		check_result_clear(&result);
		if (status)
			return false;
	}
	return true;
}

bool changes_judge(struct changes *changes, struct judgement *judgement)
{
	struct check_scope scope = check_scope_default();
	struct check_explorer *explorer;
	char why[WHY_BYTES];

	judgement->scope = scope_text;
	if (!check_scope_parse(&scope, scope_text, why, sizeof(why)))
		return false;
	explorer = check_explorer_create(&scope, NULL, NULL);
	if (!explorer)
		return false;
	for (size_t i = 0; i < changes->count; i++) {
		struct change *change = &changes->at[i];

		if (change->what != CHANGE_WRITES ||
		    (change->kind != WATCH_RESET && change->kind != WATCH_FULL))
			continue;
		for (unsigned side = 0; side < 2; side++)
			change->is_judged[side] =
				judge(explorer, judgement, changes->log[side], change->move[side],
			              &change->violated[side]);
	}
	check_explorer_destroy(explorer);
	return true;
}
