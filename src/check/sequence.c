/* SPDX-License-Identifier: MIT */
/*
 * A user's plan lists the writes of one put. Seen as a sequence (this register gets the state's
 * value, that one first 0), it can be judged with every state, not only with the one whose values
 * it has.
 */
#include "room_int.h"

/* The value of a state that a register shows, or that a bit-setting command changes. */
static uint8_t slot_of(const struct vpmu_layout *layout, uint32_t msr)
{
	int place = vpmu_layout_find_msr(layout, msr), status;

	if (place < 0)
		return VPMU_NO_VALUE;
	if (layout->registers[place].kind != VPMU_KIND_STATUS_SET)
		return layout->value_of[place];
	status = value_of_kind(layout, VPMU_KIND_GLOBAL_STATUS, 0);
	return status < 0 ? VPMU_NO_VALUE : (uint8_t)status;
}

/* Whether the same value is written again later. */
static bool is_last(const struct check_plan *plan, const struct vpmu_layout *layout, size_t i)
{
	uint8_t slot = slot_of(layout, plan->writes[i].msr);

	for (size_t j = i + 1; j < plan->count; j++)
		if (slot_of(layout, plan->writes[j].msr) == slot)
			return false;
	return true;
}

/*
 * Translates a write for another state. It may write the register's final value, or all but some
 * bits of it, such as a selector's enable bit, that a later write sets. A 0 that is followed by
 * another write is a stop. Any other value stays as it is.
 */
uint64_t sequence_value(const struct check_plan *plan, const struct vpmu_layout *layout, size_t i,
                        const struct vpmu_state *state)
{
	uint64_t value = plan->writes[i].value, end, cut;
	uint8_t slot = slot_of(layout, plan->writes[i].msr);

	if (slot == VPMU_NO_VALUE || (!value && !is_last(plan, layout, i)))
		return value;
	end = plan->state.values[slot];
	cut = value & stored(layout, slot)->writable;
	return cut == (end & cut) && (cut == end || !is_last(plan, layout, i))
	               ? state->values[slot] & ~(end & ~cut)
	               : value;
}

void sequence_state(const struct check_plan *plan, const struct vpmu_layout *layout,
                    struct vpmu_state *state)
{
	struct vpmu_state own = plan->state;

	for (size_t i = 0; i < plan->count; i++) {
		uint8_t slot = slot_of(layout, plan->writes[i].msr);

		if (slot != VPMU_NO_VALUE)
			own.values[slot] = state->values[slot];
	}
	memcpy(state->values, own.values, sizeof(state->values));
}

bool sequence_is_whole(const struct check_plan *plan, const struct vpmu_layout *layout)
{
	struct set written = {{0}};

	for (size_t i = 0; i < plan->count; i++) {
		uint8_t slot = slot_of(layout, plan->writes[i].msr);

		if (slot != VPMU_NO_VALUE)
			set_add(&written, slot);
	}
	for (unsigned i = 0; i < layout->value_count; i++)
		if (!set_has(&written, i) && stored(layout, i)->kind != VPMU_KIND_CAPABILITIES)
			return false;
	return true;
}
