/* SPDX-License-Identifier: MIT */
/* Filters, CPUID and KVM_PMU_CAP_DISABLE. A profile that lacks the feature refuses them. */
#include <stdio.h>
#include <string.h>

#include "room_int.h"

/* The machine uses a filter as long as it is set, so the next one is made in other memory. */
bool replay_filter(struct replay *replay, const struct replay_command *command,
                   struct replay_reply *reply, struct replay_answer *answer)
{
	static const uint32_t actions[] = {VPMU_FILTER_ALLOW, VPMU_FILTER_DENY};
	const union replay_value *argument = command->action.argument;
	struct vpmu_filter *filter = &replay->filters[!replay->filter];
	uint64_t count = argument[FILTER_EVENTS].number;

	if (argument[FILTER_ACTION].number == FILTER_NONE) {
		if (command->action.given != 1u << FILTER_ACTION || count)
			return answer_problem(answer, "filter: none takes no more arguments");
		reply->status = vpmu_pmu_set_filter(replay->pmu, NULL);
		return true;
	}
	filter->action = actions[argument[FILTER_ACTION].number];
	filter->fixed_bitmap = (uint32_t)argument[FILTER_FIXED].number;
	filter->flags = argument[FILTER_MASKED].number ? VPMU_FILTER_MASKED : 0;
	filter->count = (uint32_t)count;
	if (count <= VPMU_FILTER_EVENTS)
		memcpy(filter->events, command->events, count * sizeof(filter->events[0]));
	reply->status = vpmu_pmu_set_filter(replay->pmu, filter);
	if (!reply->status)
		replay->filter = !replay->filter;
	return true;
}

/* The script's model with the command's overrides appended to its own. */
static bool changed_model(const struct replay *replay, const struct replay_command *command,
                          struct replay_answer *answer, struct vpmu_model *model)
{
	char text[REPLAY_MODEL_BYTES * 2], why[512] = "";
	size_t length = (size_t)snprintf(text, sizeof(text), "%s", replay->model_text);

	for (uint64_t i = 0; i < command->action.argument[0].number && length < sizeof(text); i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length, ",%s",
		                           command->words[i]);
	if (length >= sizeof(text))
		return answer_problem(answer, "cpuid: too long with the model's own options");
	if (vpmu_model_parse_in_turn(model, text, why, sizeof(why)))
		return answer_problem(answer, "cpuid: %s", why);
	return true;
}

/* Whether perf events of counters that no longer exist go on. */
static bool has_lost(const struct replay *replay, const struct vpmu_model *before,
                     const struct vpmu_model *now)
{
	if (!(vpmu_profile_facts(replay->profile) & VPMU_FACT_LOST_EVENTS))
		return false;
	return now->gp_count < before->gp_count || before->fixed_mask & ~now->fixed_mask;
}

bool replay_cpuid(struct replay *replay, const struct replay_command *command,
                  struct replay_reply *reply, struct replay_answer *answer)
{
	struct vpmu_model before = *vpmu_pmu_model(replay->pmu), model;

	if (!changed_model(replay, command, answer, &model))
		return false;
	reply->status = vpmu_pmu_set_model(replay->pmu, &model);
	if (!reply->status) {
		replay_load_model(replay, &model);
		replay->lost_counters |= has_lost(replay, &before, vpmu_pmu_model(replay->pmu));
	}
	return true;
}

bool replay_cap_pmu_disable(struct replay *replay, const struct replay_command *command,
                            struct replay_reply *reply, struct replay_answer *answer)
{
	reply->status = replay->vcpu_exists ? VPMU_REFUSED : vpmu_pmu_disable(replay->pmu);
	return true;
}
