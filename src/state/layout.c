/* SPDX-License-Identifier: MIT */
/* Which registers a model's state has: the rows of the register table that keep a value of their
 * own and have a level at which a put writes them. */
#include <state/room_int.h>

enum vpmu_kind kind_behind(enum vpmu_kind kind)
{
	switch (kind) {
	case VPMU_KIND_COUNTER_ALIAS:
		return VPMU_KIND_COUNTER;
	case VPMU_KIND_SELECTOR_ALIAS:
		return VPMU_KIND_SELECTOR;
	case VPMU_KIND_FIXED_ALIAS:
		return VPMU_KIND_FIXED_COUNTER;
	default:
		return kind;
	}
}

static bool is_stored(const struct vpmu_register *reg)
{
	return reg->level != VPMU_LEVEL_NEVER;
}

/* The value that a register without one of its own shows: that of its original. */
static uint8_t value_behind(const struct vpmu_layout *layout, const struct vpmu_register *reg)
{
	enum vpmu_kind kind = kind_behind(reg->kind);

	for (uint8_t i = 0; kind != reg->kind && i < layout->value_count; i++) {
		const struct vpmu_register *stored = layout_stored(layout, i);

		if (stored->kind == kind && stored->index == reg->index)
			return i;
	}
	return VPMU_NO_VALUE;
}

enum vpmu_status vpmu_layout_init(struct vpmu_layout *layout, const struct vpmu_model *model)
{
	enum vpmu_status status = vpmu_model_check(model, NULL, 0);

	if (!layout)
		return VPMU_BAD_ARGUMENT;
	*layout = (struct vpmu_layout){0};
	if (!model)
		return status;
	layout->model = *model;
	if (status)
		return status;
	layout->has_global = model_has_global(model);
	layout->register_count = (uint8_t)vpmu_model_registers(model, layout->registers);
	for (uint8_t i = 0; i < layout->register_count; i++) {
		if (!is_stored(&layout->registers[i]))
			continue;
		if (layout->value_count == VPMU_MAX_STATE)
			return VPMU_INTERNAL;
		layout->value_of[i] = layout->value_count;
		layout->stored[layout->value_count++] = i;
	}
	for (uint8_t i = 0; i < layout->register_count; i++)
		if (!is_stored(&layout->registers[i]))
			layout->value_of[i] = value_behind(layout, &layout->registers[i]);
	return VPMU_OK;
}

int vpmu_layout_find(const struct vpmu_layout *layout, const char *name)
{
	size_t length = 0;

	if (!layout || !name)
		return -1;
	while (length < VPMU_NAME_BYTES && name[length])
		length++;
	for (int i = 0; i < layout->register_count; i++)
		if (text_is(name, length, layout->registers[i].name))
			return i;
	return -1;
}

int vpmu_layout_find_msr(const struct vpmu_layout *layout, uint32_t msr)
{
	int low = 0, high = layout ? layout->register_count - 1 : -1;

	while (low <= high) {
		int middle = (low + high) / 2;

		if (layout->registers[middle].msr == msr)
			return middle;
		if (layout->registers[middle].msr < msr)
			low = middle + 1;
		else
			high = middle - 1;
	}
	return -1;
}

uint64_t vpmu_layout_excess(const struct vpmu_layout *layout, unsigned place, uint64_t value)
{
	if (!layout || place >= layout->register_count)
		return value;
	return register_excess(&layout->registers[place], value);
}

bool layout_fits(const struct vpmu_layout *layout, const struct vpmu_state *state)
{
	return layout && state && vpmu_model_equal(&layout->model, &state->model);
}
