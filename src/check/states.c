/* SPDX-License-Identifier: MIT */
/*
 * The states that are put: a table of rows. Counters are near an overflow or have small counts,
 * with and without PMIs, alone and together, enabled, disabled by themselves or globally; and two
 * counters with any two of these.
 */
#include "room_int.h"

/* A counter of the state: not used, or with a value (negative: the distance to its overflow). */
struct part {
	bool on;
	bool pmi;
	bool cycles; /* else instructions */
	int value;
};

struct row {
	const char *name;
	struct part first, second, last; /* general-purpose counters */
	struct part fixed_first, fixed_last;
	bool disabled;     /* by their own controls */
	bool globally_off; /* with global control; without, disabled */
	bool status;       /* the first counter's status bit is set */
};

#define ON(v)                                                                                      \
	{                                                                                          \
		.on = true, .value = (v)                                                           \
	}
#define ON_PMI(v)                                                                                  \
	{                                                                                          \
		.on = true, .pmi = true, .value = (v)                                              \
	}

static const struct row rows[] = {
	{.name = "near", .first = ON_PMI(-3)},
	{.name = "pair",
         .first = ON_PMI(-3),
         .second = {.on = true, .pmi = true, .cycles = true, .value = -5},
         .fixed_first = ON_PMI(-4)},
	{.name = "small", .first = ON_PMI(5)},
	{.name = "status", .first = ON_PMI(7), .status = true},
	{.name = "quiet", .first = ON(-2)},
	{.name = "off", .first = ON_PMI(-3), .disabled = true},
	{.name = "globally-off", .first = ON_PMI(-3), .globally_off = true},
	{.name = "brink", .first = ON_PMI(-1)},
	{.name = "at-once", .first = ON_PMI(-4), .fixed_first = ON_PMI(-4)},
	{.name = "last", .last = ON_PMI(-3), .fixed_last = ON_PMI(-5)},
};

const char *state_name(unsigned i)
{
	return i < ARRAY_SIZE(rows) ? rows[i].name : NULL;
}

unsigned state_count(void)
{
	return ARRAY_SIZE(rows);
}

int value_of_kind(const struct vpmu_layout *layout, enum vpmu_kind kind, unsigned index)
{
	for (unsigned i = 0; i < layout->value_count; i++)
		if (stored(layout, i)->kind == kind && stored(layout, i)->index == index)
			return (int)i;
	return -1;
}

static void set(struct vpmu_state *state, const struct vpmu_layout *layout, enum vpmu_kind kind,
                unsigned index, uint64_t value)
{
	int at = value_of_kind(layout, kind, index);

	if (at >= 0)
		state->values[at] = value & stored(layout, (unsigned)at)->writable;
}

static void add(struct vpmu_state *state, const struct vpmu_layout *layout, enum vpmu_kind kind,
                uint64_t bits)
{
	int at = value_of_kind(layout, kind, 0);

	if (at >= 0)
		state->values[at] |= bits & stored(layout, (unsigned)at)->writable;
}

uint64_t event_of(const struct vpmu_layout *layout, bool cycles)
{
	return cycles ? event_of_cycles((enum vpmu_vendor)layout->model.vendor)
	              : EVENT_INSTRUCTIONS;
}

static void add_gp(struct vpmu_state *state, const struct vpmu_layout *layout, unsigned index,
                   const struct part *part, bool enabled)
{
	if (!part->on)
		return;
	set(state, layout, VPMU_KIND_COUNTER, index, (uint64_t)(int64_t)part->value);
	set(state, layout, VPMU_KIND_SELECTOR, index,
	    event_of(layout, part->cycles) | SEL_EVERYWHERE | (part->pmi ? SEL_INT : 0) |
	            (enabled ? SEL_EN : 0));
}

static void add_fixed(struct vpmu_state *state, const struct vpmu_layout *layout, unsigned index,
                      const struct part *part, bool enabled)
{
	uint64_t field = (part->pmi ? FIXED_PMI : 0) | (enabled ? FIXED_EVERYWHERE : 0);

	if (!part->on || value_of_kind(layout, VPMU_KIND_FIXED_COUNTER, index) < 0)
		return;
	set(state, layout, VPMU_KIND_FIXED_COUNTER, index, (uint64_t)(int64_t)part->value);
	add(state, layout, VPMU_KIND_FIXED_CTRL, field << (FIXED_BITS * index));
}

static unsigned last_fixed(const struct vpmu_layout *layout)
{
	uint32_t mask = layout->model.fixed_mask;

	return mask ? 31 - (unsigned)__builtin_clz(mask) : 0;
}

void state_make(struct vpmu_state *state, const struct vpmu_layout *layout, unsigned i)
{
	const struct row *row = &rows[i];
	bool enabled = !row->disabled && (layout->has_global || !row->globally_off);
	unsigned last_gp = layout->model.gp_count ? layout->model.gp_count - 1u : 0;

	vpmu_state_reset(state, layout);
	add_gp(state, layout, 0, &row->first, enabled);
	add_gp(state, layout, 1, &row->second, enabled);
	add_gp(state, layout, last_gp, &row->last, enabled);
	add_fixed(state, layout, 0, &row->fixed_first, enabled);
	add_fixed(state, layout, last_fixed(layout), &row->fixed_last, enabled);
	set(state, layout, VPMU_KIND_GLOBAL_CTRL, 0, row->globally_off ? 0 : UINT64_MAX);
	set(state, layout, VPMU_KIND_GLOBAL_STATUS, 0, row->status);
}

/* --- Two counters that differ --- */

/* What each of the two may be. The second one has different counts, so that they do not overflow
 * together. */
static const struct {
	struct part part;
	bool disabled;
	int second;
} parts[] = {
	{{.on = false}, false, 0}, {ON_PMI(-3), false, -5}, {ON_PMI(5), false, 9},
	{ON(-2), false, -6},       {ON_PMI(-3), true, -5},
};

#define WITH(a) a "+off", a "+near", a "+small", a "+quiet", a "+disabled"
static const char *const mixed_names[] = {
	WITH("off"), WITH("near"), WITH("small"), WITH("quiet"), WITH("disabled"),
};
_Static_assert(ARRAY_SIZE(mixed_names) == ARRAY_SIZE(parts) * ARRAY_SIZE(parts), "a name each");

const char state_read_name[] = "read";

const char *state_mixed_name(unsigned i)
{
	return mixed_names[i];
}

unsigned state_mixed_count(void)
{
	return ARRAY_SIZE(mixed_names);
}

static void add_slot(struct vpmu_state *state, const struct vpmu_layout *layout, unsigned slot,
                     unsigned i, bool second)
{
	struct part part = parts[i].part;

	part.cycles = second;
	part.value = second ? parts[i].second : part.value;
	if (slot < VPMU_MAX_GP)
		add_gp(state, layout, slot, &part, !parts[i].disabled);
	else
		add_fixed(state, layout, slot - VPMU_MAX_GP, &part, !parts[i].disabled);
}

void state_mixed_make(struct vpmu_state *state, const struct vpmu_layout *layout,
                      const uint8_t pair[2], unsigned i)
{
	vpmu_state_reset(state, layout);
	add_slot(state, layout, pair[0], i / ARRAY_SIZE(parts), false);
	add_slot(state, layout, pair[1], i % ARRAY_SIZE(parts), true);
	set(state, layout, VPMU_KIND_GLOBAL_CTRL, 0, UINT64_MAX);
}

uint64_t control_of_state(const struct vpmu_state *state, const struct vpmu_layout *layout,
                          unsigned slot)
{
	bool gp = slot < VPMU_MAX_GP;
	int at = gp ? value_of_kind(layout, VPMU_KIND_SELECTOR, slot)
	            : value_of_kind(layout, VPMU_KIND_FIXED_CTRL, 0);

	if (at < 0)
		return 0;
	return gp ? state->values[at]
	          : state->values[at] >> (FIXED_BITS * (slot - VPMU_MAX_GP)) & 0xf;
}

unsigned state_counters_on(const struct vpmu_state *state, const struct vpmu_layout *layout)
{
	unsigned count = 0;

	for (unsigned i = 0; i < layout->value_count; i++) {
		enum vpmu_kind kind = stored(layout, i)->kind;
		uint64_t value = state->values[i];

		if (kind == VPMU_KIND_SELECTOR)
			count += !!(value & SEL_EN);
		for (; kind == VPMU_KIND_FIXED_CTRL && value; value >>= FIXED_BITS)
			count += !!(value & FIXED_EVERYWHERE);
	}
	return count;
}
