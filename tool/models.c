/* SPDX-License-Identifier: MIT */
/* Gathers a model's facts, and names them. */
#include "models.h"

static void add_event(struct model_facts *facts, enum vpmu_class class_, bool fixed, uint64_t which)
{
	if (class_ != VPMU_NO_CLASS && facts->event_count < MODEL_EVENTS)
		facts->events[facts->event_count++] = (struct model_event){class_, fixed, which};
}

/* Unit masks are listed only where they make a difference. */
static void gather_events(struct model_facts *facts)
{

	for (unsigned i = 0; i < VPMU_MAX_FIXED; i++)
		if (facts->model.fixed_mask >> i & 1)
			add_event(facts, vpmu_model_fixed_class(&facts->model, i), true, i);
	for (unsigned event = 0; event < 0x100; event++) {
		enum vpmu_class plain = vpmu_model_event_class(&facts->model, event);

		add_event(facts, plain, false, event);
		for (unsigned umask = 1; umask < 0x100; umask++) {
			enum vpmu_class class_ =
				vpmu_model_event_class(&facts->model, event | umask << 8);

			if (class_ != plain)
				add_event(facts, class_, false, event | umask << 8);
		}
	}
}

void model_facts_gather(struct model_facts *facts, const struct vpmu_model *model)
{
	facts->model = *model;
	facts->register_count = vpmu_model_registers(model, facts->registers);
	facts->leaf_count = vpmu_model_to_cpuid(model, facts->leaves);
	facts->event_count = 0;
	gather_events(facts);
}

void model_facts_of_profile(struct model_facts *facts, const struct vpmu_model *model,
                            const struct vpmu_profile *profile)
{
	struct vpmu_model made = *model;

	vpmu_profile_adapt(profile, &made);
	model_facts_gather(facts, &made);
	facts->register_count = vpmu_profile_registers(profile, model, facts->registers);
}

const char *model_level_name(enum vpmu_level level)
{
	const char *name = vpmu_level_name(level);

	return name ? name : "never";
}
