/* SPDX-License-Identifier: MIT */
/* A state's values: reset, looked up, set, checked, compared. */
#include <state/room_int.h>

void vpmu_state_reset(struct vpmu_state *state, const struct vpmu_layout *layout)
{
	if (!state)
		return;
	*state = (struct vpmu_state){0};
	if (!layout)
		return;
	state->model = layout->model;
	for (unsigned i = 0; i < layout->value_count; i++)
		state->values[i] = layout_stored(layout, i)->reset;
}

/* Which value the register at that place shows, in *value. */
static enum vpmu_status find_value(const struct vpmu_state *state, const struct vpmu_layout *layout,
                                   unsigned place, unsigned *value)
{
	if (!layout_fits(layout, state))
		return VPMU_BAD_ARGUMENT;
	if (place >= layout->register_count || layout->value_of[place] == VPMU_NO_VALUE)
		return VPMU_NO_REGISTER;
	*value = layout->value_of[place];
	return VPMU_OK;
}

enum vpmu_status vpmu_state_value(const struct vpmu_state *state, const struct vpmu_layout *layout,
                                  unsigned place, uint64_t *value)
{
	unsigned at = 0;
	enum vpmu_status status = find_value(state, layout, place, &at);

	if (!value)
		return VPMU_BAD_ARGUMENT;
	if (!status)
		*value = state->values[at];
	return status;
}

enum vpmu_status vpmu_state_set(struct vpmu_state *state, const struct vpmu_layout *layout,
                                unsigned place, uint64_t value)
{
	unsigned at = 0;
	enum vpmu_status status = find_value(state, layout, place, &at);

	if (status)
		return status;
	if (vpmu_layout_excess(layout, place, value))
		return VPMU_BAD_ARGUMENT;
	state->values[at] = value;
	return VPMU_OK;
}

static void explain_excess(struct text *text, const struct vpmu_register *reg, uint64_t value,
                           uint64_t excess)
{
	text_add(text, reg->name);
	text_add(text, " (");
	text_add_hex(text, reg->msr);
	text_add(text, "): the value ");
	text_add_hex(text, value);
	text_add(text, " has bits that it cannot hold: ");
	text_add_hex(text, excess);
}

enum vpmu_status vpmu_state_check(const struct vpmu_state *state, const struct vpmu_layout *layout,
                                  char *why, size_t why_bytes)
{
	struct text text = text_in(why, why_bytes);

	if (!state || !layout)
		return argument_missing(why, why_bytes);
	if (!layout_fits(layout, state)) {
		text_add(&text, "the state is of another model");
		return VPMU_BAD_ARGUMENT;
	}
	for (unsigned i = 0; i < layout->value_count; i++) {
		uint64_t value = state->values[i];
		uint64_t excess = register_excess(layout_stored(layout, i), value);

		if (excess) {
			explain_excess(&text, layout_stored(layout, i), value, excess);
			return VPMU_BAD_DATA;
		}
	}
	return VPMU_OK;
}

enum vpmu_status vpmu_state_compare(const struct vpmu_state *a, const struct vpmu_state *b,
                                    const struct vpmu_layout *layout, struct vpmu_difference *out,
                                    size_t *count)
{
	if (!count)
		return VPMU_BAD_ARGUMENT;
	*count = 0;
	if (!out || !layout_fits(layout, a) || !layout_fits(layout, b))
		return VPMU_BAD_ARGUMENT;
	for (unsigned i = 0; i < layout->value_count; i++) {
		if (a->values[i] == b->values[i])
			continue;
		out[(*count)++] = (struct vpmu_difference){
			.place = layout->stored[i],
			.a = a->values[i],
			.b = b->values[i],
		};
	}
	return VPMU_OK;
}
