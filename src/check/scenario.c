/* SPDX-License-Identifier: MIT */
/* A subject's scenarios, one after the other: their plans as writes, and where in them a failed
 * creation can still be repaired. */
#include "room_int.h"

#include "scenario.h"

static bool is_control(enum vpmu_kind kind)
{
	return kind == VPMU_KIND_SELECTOR || kind == VPMU_KIND_FIXED_CTRL ||
	       kind == VPMU_KIND_GLOBAL_CTRL;
}

/* Whether a later write can start the counters that write i starts. */
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
 * fault, not the order's. If it fails earlier, an order can repair it by writing a control once
 * more.
 */
static void find_recoveries(struct scenario *scenario)
{
	scenario->entry_recovers = (struct set){{0}};
	for (size_t i = 0; i < scenario->count; i++) {
		bool all = true;

		scenario->writes[i].recovers = is_followed(scenario, i, i + 1);
		for (size_t j = 0; j < i; j++)
			all &= !is_control((enum vpmu_kind)scenario->writes[j].kind) ||
			       is_followed(scenario, j, i);
		if (all)
			set_add(&scenario->entry_recovers, (unsigned)i);
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
			.value = scenario->writes[i].value,
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
			          sequence_value(subject->plan, scenario->layout, i,
			                         &scenario->state));
		copy_plan(scenario, subject->plan);
	}
	find_recoveries(scenario);
	return status;
}

/* Reduces a state of the list to what a plan can put. False: a plan cannot put a state that was
 * read. */
static bool as_planned(struct scenario *scenario)
{
	const struct check_plan *plan = scenario->subject->plan;

	if (scenario->subject->order)
		return true;
	if (scenario->is_read)
		return sequence_is_whole(plan, scenario->layout);
	sequence_state(plan, scenario->layout, &scenario->state);
	scenario->program = scenario->state;
	return true;
}

static bool choose_listed(struct scenario *scenario, unsigned i)
{
	state_make(&scenario->program, scenario->layout, STATE_PAIR);
	vpmu_state_reset(&scenario->state, scenario->layout);
	scenario->is_read = i == scenario->scope->states || i == state_count();
	if (i > scenario->scope->states || i > state_count())
		return false;
	if (!scenario->is_read) {
		state_make(&scenario->state, scenario->layout, i);
		scenario->program = scenario->state;
	}
	scenario->state_name = scenario->is_read ? state_read_name : state_name(i);
	return as_planned(scenario);
}

static bool choose_listed_mixed(struct scenario *scenario, unsigned i)
{
	scenario->is_read = i == state_mixed_count();
	if (i > state_mixed_count())
		return false;
	state_mixed_make(&scenario->program, scenario->layout, scenario->pair,
	                 scenario->is_read ? STATE_MIXED_NEAR : i);
	scenario->state = scenario->program;
	scenario->state_name = scenario->is_read ? state_read_name : state_mixed_name(i);
	return as_planned(scenario);
}

static void choose_own(struct scenario *scenario)
{
	scenario->program = scenario->state = scenario->subject->plan->state;
	scenario->state_name = "plan";
}

/* Chooses what the guest of the prior life has programmed, which does not depend on the put. */
static void choose_program(struct scenario *scenario)
{
	if (scenario->is_mixed)
		state_mixed_make(&scenario->program, scenario->layout, scenario->pair,
		                 STATE_MIXED_NEAR);
	else
		state_make(&scenario->program, scenario->layout, STATE_PAIR);
}

/* The i-th state that is put at a level, a plan's own first; false past the last. */
static bool choose_state(struct scenario *scenario, unsigned i)
{
	bool has_own = !scenario->subject->order, resets = scenario->level == VPMU_LEVEL_RESET;

	if (i >= has_own && !resets)
		return scenario->is_mixed ? choose_listed_mixed(scenario, i - has_own)
		                          : choose_listed(scenario, i - has_own);
	if (i)
		return false;
	scenario->is_read = false;
	vpmu_state_reset(&scenario->state, scenario->layout);
	scenario->state_name = "reset";
	if (has_own)
		choose_own(scenario);
	if (resets)
		choose_program(scenario);
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

/* Visits a state after all lives of a list. */
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
		for (unsigned i = 0; !status && choose_state(scenario, i); i++)
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
