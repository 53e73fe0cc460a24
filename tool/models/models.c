/* SPDX-License-Identifier: MIT */
/* Gathers a model's facts, and names them. */
#include "models.h"

#include <stdlib.h>

static void add_event(struct model_facts *facts, enum vpmu_class class_, bool fixed, uint64_t which)
{
	if (class_ != VPMU_NO_CLASS && facts->event_count < MODEL_EVENTS)
		facts->events[facts->event_count++] = (struct model_event){class_, fixed, which};
}

static int by_event(const void *a, const void *b)
{
	const struct model_event *one = a, *other = b;

	if (one->fixed != other->fixed)
		return one->fixed ? -1 : 1;
	return one->which < other->which ? -1 : one->which > other->which;
}

static void gather_events(struct model_facts *facts)
{
	enum vpmu_class class_;
	uint64_t event;

	for (unsigned i = 0; i < VPMU_MAX_FIXED; i++)
		if (facts->model.fixed_mask >> i & 1)
			add_event(facts, vpmu_model_fixed_class(&facts->model, i), true, i);
	for (size_t i = 0; vpmu_model_event(&facts->model, i, &event, &class_); i++)
		add_event(facts, class_, false, event);
	qsort(facts->events, facts->event_count, sizeof(facts->events[0]), by_event);
}

void model_facts_gather(struct model_facts *facts, const struct vpmu_model *model)
{
	facts->model = *model;
	facts->register_count = vpmu_model_registers(model, facts->registers);
	facts->leaf_count = vpmu_model_to_cpuid(model, facts->leaves);
	facts->event_count = 0;
	facts->has_host = false;
	gather_events(facts);
}

bool model_facts_of_profile(struct model_facts *facts, const struct vpmu_model *model,
                            const struct vpmu_profile *profile, const struct vpmu_host *host)
{
	struct vpmu_model made = *model;

	if (vpmu_profile_adapt_on(profile, host, &made))
		return false;
	model_facts_gather(facts, &made);
	facts->register_count = vpmu_profile_registers_on(profile, host, model, facts->registers);
	facts->has_host = vpmu_profile_facts(profile) & VPMU_FACT_KVM;
	facts->host = *host;
	return true;
}

const char *model_level_name(enum vpmu_level level)
{
	const char *name = vpmu_level_name(level);

	return name ? name : "never";
}
