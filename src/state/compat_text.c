/* SPDX-License-Identifier: MIT */
/* A verdict in words: what is different, and what the guest would notice. */
#include <state/room_int.h>

const char *vpmu_take_text(enum vpmu_take take)
{
	switch (take) {
	case VPMU_TAKES:
		return "takes";
	case VPMU_TAKES_CHANGED:
		return "takes changed";
	case VPMU_CANNOT_TAKE:
		return "cannot take";
	}
	return "unknown";
}

const char *vpmu_compat_why_text(enum vpmu_compat_why why)
{
	switch (why) {
	case VPMU_COMPAT_SAME:
		return "same";
	case VPMU_COMPAT_MISSING:
		return "missing";
	case VPMU_COMPAT_REFUSED:
		return "refused";
	case VPMU_COMPAT_CHANGED:
		return "changed";
	case VPMU_COMPAT_IGNORED:
		return "ignored";
	}
	return "unknown";
}

/* --- Differences ------------------------------------------------------------------------------ */

void vpmu_compat_describe_difference(const struct vpmu_compat *compat, unsigned i, char *line,
                                     size_t bytes)
{
	struct text text = text_in(line, bytes);
	const struct vpmu_compat_difference *difference;
	const struct field_row *row;

	if (!compat || i >= compat->difference_count)
		return;
	difference = &compat->differences[i];
	row = &field_rows[difference->field];
	text_add(&text, row->text);
	if (row->form == VPMU_FORM_BITS || row->form == VPMU_FORM_FEATURES) {
		text_add(&text, ": there without ");
		field_describe(row, difference->from & ~difference->to, &text);
	} else {
		text_add(&text, ": ");
		field_describe(row, difference->from, &text);
		text_add(&text, ", there ");
		field_describe(row, difference->to, &text);
	}
	text_add(&text, ": ");
	text_add(&text, row->lost);
}

/* --- Registers -------------------------------------------------------------------------------- */

/* Adds how many events a counter is from its overflow. */
static void add_distance(struct text *text, uint64_t value, uint64_t mask)
{
	if (!value && mask == UINT64_MAX)
		text_add(text, "2^64");
	else
		text_add_unsigned(text, mask - value + 1);
}

static bool is_counter(enum vpmu_kind kind)
{
	kind = kind_behind(kind);
	return kind == VPMU_KIND_COUNTER || kind == VPMU_KIND_FIXED_COUNTER;
}

/* Says when the counter overflows next, if that differs from the state. */
static void add_counter_notice(struct text *text, const struct vpmu_compat *compat,
                               const struct vpmu_compat_register *verdict,
                               const struct vpmu_register *reg)
{
	unsigned width = reg->kind == VPMU_KIND_FIXED_COUNTER ? compat->vcpu.fixed_width
	                                                      : compat->vcpu.gp_width;
	uint64_t mask = width_mask(width), value = verdict->value & reg->writable;

	/* A distance of 2^64 is computed as 0. */
	if (mask - verdict->becomes == reg->writable - value)
		return;
	text_add(text, "; the next overflow comes after ");
	add_distance(text, verdict->becomes, mask);
	text_add(text, " events, not ");
	add_distance(text, value, reg->writable);
}

static void add_bits(struct text *text, const char *before, uint64_t bits, const char *after)
{
	text_add(text, before);
	text_add_hex(text, bits);
	text_add(text, after);
}

static void add_missing(struct text *text, const struct vpmu_compat_register *verdict,
                        const struct vpmu_register *reg)
{
	text_add(text, "there is no such register: the guest gets #GP");
	if (reg->level == VPMU_LEVEL_NEVER)
		return;
	text_add(text, verdict->take == VPMU_CANNOT_TAKE ? ", the write is refused"
	                                                 : ", the write does nothing");
	text_add(text, verdict->value == reg->reset
	                       ? "; nothing is lost yet, it has its reset value"
	                       : ", and its value is lost");
}

static void add_changed(struct text *text, const struct vpmu_compat *compat,
                        const struct vpmu_compat_register *verdict, const struct vpmu_register *reg)
{
	uint64_t cut = verdict->value & ~verdict->becomes;
	uint64_t set = verdict->becomes & ~verdict->value;

	add_bits(text, "it becomes ", verdict->becomes, "");
	if (cut)
		add_bits(text, ", bits ", cut, " are cut");
	if (set)
		add_bits(text, ", bits ", set, " are set");
	if (is_counter(reg->kind))
		add_counter_notice(text, compat, verdict, reg);
}

static void add_reason(struct text *text, const struct vpmu_compat *compat,
                       const struct vpmu_compat_register *verdict, const struct vpmu_register *reg)
{
	switch ((enum vpmu_compat_why)verdict->why) {
	case VPMU_COMPAT_SAME:
		if (is_counter(reg->kind))
			add_counter_notice(text, compat, verdict, reg);
		break;
	case VPMU_COMPAT_MISSING:
		add_missing(text, verdict, reg);
		break;
	case VPMU_COMPAT_REFUSED:
		add_bits(text, "bits ", verdict->bits, " are reserved there, the write is refused");
		break;
	case VPMU_COMPAT_CHANGED:
		add_changed(text, compat, verdict, reg);
		break;
	case VPMU_COMPAT_IGNORED:
		add_bits(text, "there is no such register: the write is dropped, the guest reads ",
		         verdict->becomes, "");
		break;
	}
}

void vpmu_compat_describe_register(const struct vpmu_compat *compat, unsigned i, char *line,
                                   size_t bytes)
{
	struct text text = text_in(line, bytes);
	const struct vpmu_compat_register *verdict;
	const struct vpmu_register *reg;

	if (!compat || i >= compat->register_count)
		return;
	verdict = &compat->registers[i];
	reg = &compat->layout->registers[verdict->place];
	text_add(&text, reg->name);
	text_add(&text, " (");
	text_add_hex(&text, reg->msr);
	text_add(&text, ")");
	if (compat->layout->value_of[verdict->place] != VPMU_NO_VALUE) {
		text_add(&text, " = ");
		text_add_hex(&text, verdict->value);
	}
	text_add(&text, ": ");
	text_add(&text, vpmu_take_text((enum vpmu_take)verdict->take));
	if (verdict->why != VPMU_COMPAT_SAME)
		text_add(&text, ": ");
	add_reason(&text, compat, verdict, reg);
}

void vpmu_compat_describe_put(const struct vpmu_compat *compat, char *line, size_t bytes)
{
	struct text text = text_in(line, bytes);

	if (!compat || !compat->refused_count)
		return;
	text_add(&text, "a put in order ");
	text_add(&text, compat->order->name);
	text_add(&text, ": ");
	text_add_unsigned(&text, compat->refused_count);
	text_add(&text, " of ");
	text_add_unsigned(&text, compat->planned);
	text_add(&text, compat->refused_count == 1 ? " writes is refused" : " writes are refused");
	text_add(&text, "; one that ends there ends at ");
	text_add(&text, compat->layout->registers[compat->stops_place].name);
	text_add(&text, ", after ");
	text_add_unsigned(&text, compat->stops_at);
	text_add(&text, " of them");
}
