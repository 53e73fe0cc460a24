/* SPDX-License-Identifier: MIT */
/* A subject's scenarios, one after the other; their plans as writes, and where in them a failing
 * creation can still be made good. */
#include "room_int.h"

#include "scenario.h"

static bool is_control(enum vpmu_kind kind)
{
	return kind == VPMU_KIND_SELECTOR || kind == VPMU_KIND_FIXED_CTRL ||
	       kind == VPMU_KIND_GLOBAL_CTRL;
}

/* Whether a later write can start again what write i starts. */
static bool is_followed(const struct scenario *scenario, size_t i, size_t from)
{
	for (size_t j = from; j < scenario->count; j++) {
		const struct write *later = &scenario->writes[j];

		if (later->kind == VPMU_KIND_GLOBAL_CTRL ||
		    (later->value_of == scenario->writes[i].value_of &&
		     later->value_of != VPMU_NO_VALUE))
			return true;
	}
	return false;
}

/*
 * A creation that fails in the last write that could start a counter, or after it, is the host's
 * failure and no order's. Before that, an order that writes a control once more has its chance.
 */
static void find_recoveries(struct scenario *scenario)
{
	scenario->entry_recovers = 0;
	for (size_t i = 0; i < scenario->count; i++) {
		bool all = true;

		scenario->writes[i].recovers = is_followed(scenario, i, i + 1);
		for (size_t j = 0; j < i; j++)
			all &= !is_control((enum vpmu_kind)scenario->writes[j].kind) ||
			       is_followed(scenario, j, i);
		if (all)
			scenario->entry_recovers |= BIT64(i);
	}
}

static void add_write(struct scenario *scenario, uint32_t msr, uint64_t value)
{
	const struct vpmu_layout *layout = scenario->layout;
	int place = vpmu_layout_find_msr(layout, msr);

	scenario->writes[scenario->count++] = (struct write){
		.msr = msr,
		.value = value,
		.value_of = place < 0 ? VPMU_NO_VALUE : layout->value_of[place],
		.kind = (uint8_t)(place < 0 ? VPMU_KINDS : layout->registers[place].kind),
	};
}

/* What vpmu_plan_apply() needs; empty when a write is to no register of the model. */
static void copy_plan(struct scenario *scenario, const struct check_plan *plan)
{
	static const struct vpmu_order as_typed = {.name = "plan"};
	const struct vpmu_layout *layout = scenario->layout;

	scenario->plan.order = &as_typed;
	scenario->plan.level = scenario->level;
	scenario->plan.count = 0;
	for (size_t i = 0; i < plan->count; i++)
		if (vpmu_layout_find_msr(layout, plan->writes[i].msr) < 0)
			return;
	for (size_t i = 0; i < plan->count; i++)
		scenario->plan.writes[i] = (struct vpmu_write){
			.msr = plan->writes[i].msr,
			.place = (uint8_t)vpmu_layout_find_msr(layout, plan->writes[i].msr),
			.value = plan->writes[i].value,
		};
	scenario->plan.count = plan->count;
}

enum vpmu_status scenario_plan(struct scenario *scenario)
{
	const struct check_subject *subject = scenario->subject;
	enum vpmu_status status = VPMU_OK;

	scenario->count = 0;
	if (subject->order) {
		status = vpmu_plan_make(&scenario->plan, &scenario->state, scenario->layout,
		                        scenario->level, subject->order);
		scenario->skips_equal = subject->order->skips_equal;
		for (size_t i = 0; i < scenario->plan.count; i++)
			add_write(scenario, scenario->plan.writes[i].msr,
			          scenario->plan.writes[i].value);
	} else {
		for (size_t i = 0; i < subject->plan->count; i++)
			add_write(scenario, subject->plan->writes[i].msr,
			          subject->plan->writes[i].value);
		copy_plan(scenario, subject->plan);
	}
	find_recoveries(scenario);
	return status;
}

/* The i-th state that is put at a level; false past the last. */
static bool choose_state(struct scenario *scenario, unsigned i)
{
	scenario->is_read = false;
	if (!scenario->subject->order) {
		scenario->program = scenario->state = scenario->subject->plan->state;
		scenario->state_name = "plan";
		return i == 0;
	}
	state_make(&scenario->program, scenario->layout, STATE_PAIR);
	vpmu_state_reset(&scenario->state, scenario->layout);
	if (scenario->level == VPMU_LEVEL_RESET) {
		scenario->state_name = "reset";
		return i == 0;
	}
	scenario->is_read = i == scenario->scope->states || i == state_count();
	if (scenario->is_read) {
		scenario->state_name = state_read_name;
		return true;
	}
	if (i > scenario->scope->states || i > state_count())
		return false;
	state_make(&scenario->state, scenario->layout, i);
	scenario->program = scenario->state;
	scenario->state_name = state_name(i);
	return true;
}

/* The same with the counters of the pair. */
static bool choose_mixed(struct scenario *scenario, unsigned i)
{
	const struct vpmu_layout *layout = scenario->layout;
	bool listed = scenario->subject->order && scenario->level != VPMU_LEVEL_RESET;

	if (!listed) {
		bool exists = choose_state(scenario, i);

		if (scenario->subject->order)
			state_mixed_make(&scenario->program, layout, scenario->pair,
			                 STATE_MIXED_NEAR);
		return exists;
	}
	scenario->is_read = i == state_mixed_count();
	if (i > state_mixed_count())
		return false;
	state_mixed_make(&scenario->program, layout, scenario->pair,
	                 scenario->is_read ? STATE_MIXED_NEAR : i);
	scenario->state = scenario->program;
	scenario->state_name = scenario->is_read ? state_read_name : state_mixed_name(i);
	return true;
}

enum vpmu_status scenario_prepare(struct scenario *scenario, struct vcpu *vcpu)
{
	enum vpmu_status status = scenario_plan(scenario);

	if (!status && !reference_make(scenario, vcpu))
		return VPMU_INCOMPATIBLE;
	return status;
}

struct visiting {
	struct scenario *scenario;
	struct vcpu *vcpu;
	enum vpmu_status (*visit)(void *context);
	void *context;
};

/* A state, after all lives of a list. */
static enum vpmu_status visit_lives(const struct visiting *visiting,
                                    bool (*choose)(struct scenario *scenario, unsigned i),
                                    unsigned count)
{
	struct scenario *scenario = visiting->scenario;
	enum vpmu_status status = scenario_prepare(scenario, visiting->vcpu);

	for (unsigned i = 0; !status && i < count; i++)
		if (choose(scenario, i))
			status = visiting->visit(visiting->context);
	return status;
}

static enum vpmu_status visit_level(const struct visiting *visiting)
{
	struct scenario *scenario = visiting->scenario;
	const struct check_scope *scope = scenario->scope;
	enum vpmu_status status = VPMU_OK;

	scenario->between = scope->between;
	scenario->is_mixed = false;
	for (unsigned i = 0; !status && choose_state(scenario, i); i++)
		status = visit_lives(visiting, life_alike, LIVES_ALIKE);
	scenario->is_mixed = true;
	for (unsigned place = 0; place < scope->mixed && place < place_count(); place++) {
		if (!place_choose(scenario, place))
			continue;
		scenario->between = place ? 0 : scope->between > 0;
		for (unsigned i = 0; !status && choose_mixed(scenario, i); i++)
			status = visit_lives(visiting, life_mixed, LIVES_MIXED);
	}
	return status;
}

enum vpmu_status scenario_each(const struct check_subject *subject, const struct check_scope *scope,
                               const struct vpmu_layout *layout, struct scenario *scenario,
                               struct vcpu *vcpu, enum vpmu_status (*visit)(void *context),
                               void *context)
{
	static const enum vpmu_level levels[] = {VPMU_LEVEL_RESET, VPMU_LEVEL_FULL};
	const struct visiting visiting = {scenario, vcpu, visit, context};
	enum vpmu_status status = VPMU_OK;

	*scenario = (struct scenario){.subject = subject, .scope = scope, .layout = layout};
	for (unsigned l = 0; l < ARRAY_SIZE(levels) && !status; l++) {
		scenario->level = levels[l];
		if (subject->levels >> levels[l] & 1)
			status = visit_level(&visiting);
	}
	return status;
}
