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
	struct selector_probe probe;

	selector_probe_init(&probe, &facts->model);
	for (unsigned i = 0; i < VPMU_MAX_FIXED; i++)
		if (facts->model.fixed_mask >> i & 1)
			add_event(facts, selector_fixed_class(&probe, i), true, i);
	for (unsigned event = 0; event < 0x100; event++) {
		enum vpmu_class plain = selector_class(&probe, event);

		add_event(facts, plain, false, event);
		for (unsigned umask = 1; umask < 0x100; umask++) {
			enum vpmu_class class_ = selector_class(&probe, event | umask << 8);

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

const char *model_kind_name(enum vpmu_kind kind)
{
	static const char *const names[VPMU_KINDS] = {
		[VPMU_KIND_COUNTER] = "counter",
		[VPMU_KIND_COUNTER_ALIAS] = "counter-alias",
		[VPMU_KIND_SELECTOR] = "selector",
		[VPMU_KIND_SELECTOR_ALIAS] = "selector-alias",
		[VPMU_KIND_FIXED_COUNTER] = "fixed-counter",
		[VPMU_KIND_FIXED_CTRL] = "fixed-ctrl",
		[VPMU_KIND_GLOBAL_CTRL] = "global-ctrl",
		[VPMU_KIND_GLOBAL_STATUS] = "global-status",
		[VPMU_KIND_STATUS_CLEAR] = "status-clear",
		[VPMU_KIND_STATUS_SET] = "status-set",
		[VPMU_KIND_INUSE] = "inuse",
		[VPMU_KIND_CAPABILITIES] = "capabilities",
		[VPMU_KIND_METRICS] = "metrics",
		[VPMU_KIND_DEBUGCTL] = "debugctl",
		[VPMU_KIND_MISC_ENABLE] = "misc-enable",
	};

	return names[kind];
}

const char *model_access_name(enum vpmu_access access)
{
	static const char *const names[] = {
		[VPMU_ACCESS_NONE] = "none",
		[VPMU_ACCESS_READ] = "read",
		[VPMU_ACCESS_READ_WRITE] = "read-write",
		[VPMU_ACCESS_COMMAND] = "command",
		[VPMU_ACCESS_IGNORED] = "ignored",
	};

	return names[access];
}

const char *model_level_name(enum vpmu_level level)
{
	const char *name = vpmu_level_name(level);

	return name ? name : "never";
}
