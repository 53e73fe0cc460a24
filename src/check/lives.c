/* SPDX-License-Identifier: MIT */
/*
 * The list of prior lives. Each counter has a condition. Either all counters have the same one, or
 * two of them have any two conditions and the others are off.
 *
 * Two are enough. What a kernel keeps for a counter (its event, its count, whether it is paused)
 * does not depend on other counters. Counters share one request to handle them, the global control,
 * one control register for the fixed counters, and the sequence of the writes. So the fate of a
 * counter depends on itself and on what one other has requested. Counters of one kind are
 * interchangeable except for the sequence in which they are written and AMD's aliases of the first
 * four: the places below have both sequences, and the last counters.
 */
#include "room_int.h"

static const uint8_t life_of[CONDITIONS] = {
	[COUNTER_OFF] = CHECK_FRESH,
	[COUNTER_FAR] = CHECK_RUNNING,
	[COUNTER_NEAR] = CHECK_RUNNING,
	[COUNTER_OTHER] = CHECK_RUNNING,
	[COUNTER_OWES] = CHECK_RUNNING,
	[COUNTER_EDGE] = CHECK_RUNNING,
	[COUNTER_QUIET] = CHECK_OVERFLOW_PENDING,
	[COUNTER_PMI] = CHECK_PMI_PENDING,
	[COUNTER_EMULATED] = CHECK_EMULATED,
	[COUNTER_STOPPED] = CHECK_PAUSED,
	[COUNTER_SWITCHED] = CHECK_PAUSED,
	[COUNTER_STARVED] = CHECK_NO_EVENT,
};

/* Which counters of a model two conditions are given to: GP or fixed, the first or the last. */
struct spot {
	bool fixed;
	uint8_t index; /* LAST: of the model */
};
enum { LAST = UINT8_MAX };

static const struct {
	struct spot a, b;
} places[] = {
	{{false, 0}, {false, 1}}, {{false, 1}, {false, 0}},    {{true, 0}, {false, 0}},
	{{false, 0}, {true, 1}},  {{false, LAST}, {false, 0}}, {{true, 0}, {true, 1}},
};

unsigned place_count(void)
{
	return ARRAY_SIZE(places);
}

static bool has_gp(const struct vpmu_model *model, unsigned index)
{
	return index < model->gp_count && !(model->gp_missing >> index & 1);
}

static int slot_of(const struct vpmu_layout *layout, struct spot spot)
{
	const struct vpmu_model *model = &layout->model;

	if (spot.fixed)
		return model->fixed_mask >> spot.index & 1 ? VPMU_MAX_GP + spot.index : -1;
	if (spot.index == LAST)
		return model->gp_count > 2 ? model->gp_count - 1 : -1;
	return has_gp(model, spot.index) ? spot.index : -1;
}

bool place_choose(struct scenario *scenario, unsigned place)
{
	int a = slot_of(scenario->layout, places[place].a);
	int b = slot_of(scenario->layout, places[place].b);

	if (a < 0 || b < 0)
		return false;
	scenario->pair[0] = (uint8_t)a;
	scenario->pair[1] = (uint8_t)b;
	return true;
}

static void everywhere(struct scenario *scenario, enum condition condition, bool all)
{
	const struct vpmu_layout *layout = scenario->layout;

	for (unsigned slot = 0; slot < SLOTS; slot++) {
		bool exists = slot < VPMU_MAX_GP
		                      ? has_gp(&layout->model, slot)
		                      : layout->model.fixed_mask >> (slot - VPMU_MAX_GP) & 1;
		bool chosen = exists && (all || control_of_state(&scenario->program, layout, slot));

		scenario->condition[slot] = chosen ? (uint8_t)condition : COUNTER_OFF;
	}
}

/* Without global control no counter can be stopped by it. */
static bool can_be(const struct scenario *scenario, enum condition condition)
{
	return condition != COUNTER_SWITCHED || scenario->layout->has_global;
}

bool life_alike(struct scenario *scenario, unsigned i)
{
	enum condition condition = (enum condition)(i / 2);
	bool all = i % 2;

	if (life_of[condition] != scenario->subject->life || condition == COUNTER_EDGE)
		return false;
	if ((condition == COUNTER_OFF && all) || !can_be(scenario, condition))
		return false;
	everywhere(scenario, condition, all);
	return true;
}

static bool is_emulated(enum condition condition)
{
	return condition == COUNTER_QUIET || condition == COUNTER_PMI ||
	       condition == COUNTER_EMULATED;
}

/* In life `running` all counters run or are off; in any other life one counter has the condition
 * that the life is named for, and the other any condition. */
static bool is_of_life(enum check_life life, enum condition a, enum condition b)
{
	if (life == CHECK_FRESH || life == CHECK_RUNNING)
		return (life_of[a] == CHECK_FRESH || life_of[a] == life) &&
		       (life_of[b] == CHECK_FRESH || life_of[b] == life) &&
		       (life_of[a] == life || life_of[b] == life);
	return life_of[a] == life || life_of[b] == life;
}

/* Excludes impossible pairs: an emulated instruction makes linux-6.1 create the event that had
 * failed, and fixed counter 1 counts cycles, which are never emulated. The edge detector is tried
 * only alone, and only with a state that a get reads. */
static bool can_be_together(const struct scenario *scenario, enum condition a, enum condition b)
{
	if (!can_be(scenario, a) || !can_be(scenario, b) || b == COUNTER_EDGE)
		return false;
	if (a == COUNTER_EDGE)
		return b == COUNTER_OFF && scenario->is_read && scenario->pair[0] < VPMU_MAX_GP;
	if (scenario->pair[1] >= VPMU_MAX_GP && is_emulated(b))
		return false;
	return !(a == COUNTER_STARVED && is_emulated(b));
}

bool life_mixed(struct scenario *scenario, unsigned i)
{
	enum condition a = (enum condition)(i / CONDITIONS), b = (enum condition)(i % CONDITIONS);

	if (!is_of_life(scenario->subject->life, a, b) || !can_be_together(scenario, a, b))
		return false;
	memset(scenario->condition, COUNTER_OFF, sizeof(scenario->condition));
	scenario->condition[scenario->pair[0]] = (uint8_t)a;
	scenario->condition[scenario->pair[1]] = (uint8_t)b;
	return true;
}
