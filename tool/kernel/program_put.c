/* SPDX-License-Identifier: MIT */
/*
 * A VMM's put of a random state, as the writes that an order makes of it, one after the other; now
 * and then something happens in between.
 */
#include <vpmu/vpmu.h>

#include "program.h"

/* A state of the registers that the guest has: random values, without bits that there are not. */
static void draw_state(struct maker *maker, const struct vpmu_layout *layout,
                       struct vpmu_state *state)
{
	vpmu_state_reset(state, layout);
	for (unsigned i = 0; i < layout->register_count; i++) {
		enum vpmu_kind kind = (enum vpmu_kind)layout->registers[i].kind;
		uint64_t value = drawn_value(maker, kind);

		/* Registers that show no value of their own take none. */
		if (percent(maker, 80))
			vpmu_state_set(state, layout, i,
			               value & ~vpmu_layout_excess(layout, i, value));
	}
}

static const struct vpmu_order *draw_order(struct maker *maker)
{
	size_t orders = 0;

	while (vpmu_order_at(orders))
		orders++;
	return vpmu_order_at(below(maker, orders));
}

/* What the VMM knows of the guest's model is what KVM has made of it. */
static bool draw_plan(struct maker *maker, struct vpmu_plan *plan)
{
	const struct vpmu_profile *profile = vpmu_profile_find(maker->profile);
	enum vpmu_level level = percent(maker, 75) ? VPMU_LEVEL_FULL : VPMU_LEVEL_RESET;
	struct vpmu_model model = maker->model;
	struct vpmu_layout layout;
	struct vpmu_state state;

	if (profile)
		vpmu_profile_adapt(profile, &model);
	if (vpmu_layout_init(&layout, &model))
		return false;
	draw_state(maker, &layout, &state);
	return vpmu_plan_make(plan, &state, &layout, level, draw_order(maker)) == VPMU_OK;
}

void put(struct maker *maker)
{
	struct vpmu_plan plan;
	unsigned often = percent(maker, 50) ? 0 : 8;

	if (!draw_plan(maker, &plan))
		return;
	for (size_t i = 0; i < plan.count; i++) {
		ADD(maker, "host-wrmsr %#x %#llx", plan.writes[i].msr,
		    (unsigned long long)plan.writes[i].value);
		if (percent(maker, often))
			incident(maker);
	}
}
