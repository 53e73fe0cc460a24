/* SPDX-License-Identifier: MIT */
/* Makes plans: turns the steps of an order into writes of a state's values. */
#include <state/room_int.h>

/* A plan being made. */
struct making {
	struct vpmu_plan *plan;
	const struct vpmu_state *state;
	const struct vpmu_layout *layout;
	bool full; /* a write did not fit */
};

/* The level at which a register is written: its own; for an alias its original's; for a command
 * `reset`. */
static enum vpmu_level level_of(const struct vpmu_layout *layout, unsigned place)
{
	uint8_t value = layout->value_of[place];

	return value == VPMU_NO_VALUE ? VPMU_LEVEL_RESET : layout_stored(layout, value)->level;
}

static uint64_t value_for(const struct making *making, const struct vpmu_step *step, unsigned place)
{
	uint8_t value = making->layout->value_of[place];

	if (step->value == VPMU_STEP_CLEAR || value == VPMU_NO_VALUE)
		return 0;
	return making->state->values[value];
}

static void emit(struct making *making, const struct vpmu_step *step, unsigned place)
{
	struct vpmu_plan *plan = making->plan;

	if (level_of(making->layout, place) > plan->level)
		return;
	if (plan->count == VPMU_MAX_PLAN) {
		making->full = true;
		return;
	}
	plan->writes[plan->count++] = (struct vpmu_write){
		.msr = making->layout->registers[place].msr,
		.place = (uint8_t)place,
		.clear = step->value == VPMU_STEP_CLEAR,
		.value = value_for(making, step, place),
	};
}

static bool is_listed(const struct vpmu_msr_run *list, uint32_t msr)
{
	for (; list->count; list++) {
		uint32_t offset = msr - list->base;

		if (offset % list->stride == 0 && offset / list->stride < list->count)
			return true;
	}
	return false;
}

static void emit_ascending(struct making *making, const struct vpmu_step *step)
{
	const struct vpmu_layout *layout = making->layout;

	for (unsigned i = 0; i < layout->register_count; i++) {
		const struct vpmu_register *reg = &layout->registers[i];
		bool chosen =
			step->list ? is_listed(step->list, reg->msr) : step->kinds >> reg->kind & 1;

		if (chosen)
			emit(making, step, i);
	}
}

static void emit_one(struct making *making, const struct vpmu_step *step, enum vpmu_kind kind,
                     unsigned index)
{
	const struct vpmu_layout *layout = making->layout;

	for (unsigned i = 0; i < layout->register_count; i++)
		if (layout->registers[i].kind == kind && layout->registers[i].index == index)
			emit(making, step, i);
}

static void emit_pairs(struct making *making, const struct vpmu_step *step)
{
	for (unsigned i = 0; i < making->layout->model.gp_count; i++) {
		emit_one(making, step, VPMU_KIND_COUNTER, i);
		emit_one(making, step, VPMU_KIND_SELECTOR, i);
	}
}

static void emit_listed(struct making *making, const struct vpmu_step *step)
{
	for (const struct vpmu_msr_run *run = step->list; run && run->count; run++)
		for (unsigned i = 0; i < run->count; i++) {
			uint32_t msr = run->base + i * run->stride;
			int place = vpmu_layout_find_msr(making->layout, msr);

			if (place >= 0)
				emit(making, step, (unsigned)place);
		}
}

static void emit_step(struct making *making, const struct vpmu_step *step)
{
	switch ((enum vpmu_arrangement)step->arrangement) {
	case VPMU_ARRANGE_ASCENDING:
		emit_ascending(making, step);
		break;
	case VPMU_ARRANGE_PAIRS:
		emit_pairs(making, step);
		break;
	case VPMU_ARRANGE_LISTED:
		emit_listed(making, step);
		break;
	}
}

static bool applies(const struct vpmu_step *step, const struct vpmu_layout *layout)
{
	return step->when == VPMU_WHEN_ALWAYS ||
	       (step->when == VPMU_WHEN_GLOBAL) == layout->has_global;
}

enum vpmu_status vpmu_plan_make(struct vpmu_plan *plan, const struct vpmu_state *state,
                                const struct vpmu_layout *layout, enum vpmu_level level,
                                const struct vpmu_order *order)
{
	struct making making = {.plan = plan, .state = state, .layout = layout};

	if (!plan)
		return VPMU_BAD_ARGUMENT;
	plan->order = order;
	plan->level = level;
	plan->count = 0;
	if (!order || (unsigned)level >= VPMU_LEVEL_NEVER || !layout_fits(layout, state))
		return VPMU_BAD_ARGUMENT;
	for (size_t i = 0; i < order->step_count; i++)
		if (applies(&order->steps[i], layout))
			emit_step(&making, &order->steps[i]);
	if (!making.full)
		return VPMU_OK;
	plan->count = 0;
	return VPMU_INTERNAL;
}
