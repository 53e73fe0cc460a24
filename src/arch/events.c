/* SPDX-License-Identifier: MIT */
/* Which class an event counts. */
#include <arch/room_int.h>

/* SDM vol. 2A CPUID.0AH: an event beyond the length does not exist. */
static bool event_exists(const struct vpmu_model *model, const struct event_row *row)
{
	if (row->architectural < 0)
		return true;
	return (unsigned)row->architectural < model->events_length &&
	       !(model->events_missing & BIT64(row->architectural));
}

static const struct processor *processor_of(const struct event_table *events,
                                            const struct vpmu_model *model)
{
	unsigned family = signature_family(model->signature);
	unsigned number = signature_model(model->signature);

	for (size_t i = 0; i < events->processor_count; i++) {
		const struct processor *p = &events->processors[i];

		if (p->vendor == model->vendor && p->family == family && p->first <= number &&
		    number <= p->last)
			return p;
	}
	return NULL;
}

static const struct event_row *find_in(const struct event_row *rows, size_t count, uint64_t code)
{
	for (size_t i = 0; i < count; i++)
		if (rows[i].code == code)
			return &rows[i];
	return NULL;
}

static const struct event_row *find_processors(const struct event_table *events,
                                               const struct vpmu_model *model, uint64_t selector)
{
	const struct processor *processor = processor_of(events, model);
	const struct event_row *row = NULL;

	for (unsigned i = 0; !row && processor && i < PROCESSOR_SETS && processor->sets[i]; i++)
		row = find_in(processor->sets[i]->rows, processor->sets[i]->count,
		              selector & event_bits((enum vpmu_vendor)model->vendor));
	return row;
}

static const struct event_row *find(const struct vpmu_model *model, uint64_t selector)
{
	const struct event_table *events = vendor_of(model->vendor)->events;
	const struct event_row *row;

	if (!(model->features & VPMU_FEATURE_UMASK2))
		selector &= ~SEL_UMASK2;
	row = find_in(events->rows, events->count, selector & events->mask);

	return row ? row : find_processors(events, model, selector);
}

enum vpmu_class event_code_class(const struct vpmu_model *model, uint64_t selector)
{
	const struct event_row *row = find(model, selector);

	return row ? (enum vpmu_class)row->class_ : VPMU_NO_CLASS;
}

uint64_t event_code(enum vpmu_vendor vendor, enum vpmu_class class_)
{
	const struct event_table *events = vendor_of(vendor)->events;

	for (size_t i = 0; i < events->count; i++)
		if (events->rows[i].class_ == class_)
			return events->rows[i].code;
	return 0;
}

bool event_is_available(const struct vpmu_model *model, uint64_t selector)
{
	const struct event_row *row = find(model, selector);

	return !row || event_exists(model, row);
}

enum vpmu_class event_class(const struct vpmu_model *model, uint64_t selector)
{
	const struct event_row *row = find(model, selector);

	return row && event_exists(model, row) ? (enum vpmu_class)row->class_ : VPMU_NO_CLASS;
}

/* The i-th of all rows that the model may have; NULL past the last. */
static const struct event_row *row_at(const struct vpmu_model *model, size_t i)
{
	const struct event_table *events = vendor_of(model->vendor)->events;
	const struct processor *processor = processor_of(events, model);

	if (i < events->count)
		return &events->rows[i];
	i -= events->count;
	for (unsigned s = 0; processor && s < PROCESSOR_SETS && processor->sets[s]; s++) {
		if (i < processor->sets[s]->count)
			return &processor->sets[s]->rows[i];
		i -= processor->sets[s]->count;
	}
	return NULL;
}

bool vpmu_model_event(const struct vpmu_model *model, size_t i, uint64_t *event,
                      enum vpmu_class *class_)
{
	const struct event_row *row;

	if (!event || !class_ || vpmu_model_check(model, NULL, 0) || !model->version)
		return false;
	for (size_t at = 0; (row = row_at(model, at)); at++) {
		/* Skip rows of the processor that the vendor's table already has. */
		if (!event_exists(model, row) || find(model, row->code) != row || i--)
			continue;
		*event = row->code;
		*class_ = (enum vpmu_class)row->class_;
		return true;
	}
	return false;
}

enum vpmu_class fixed_class(const struct vpmu_model *model, unsigned index)
{
	/* SDM vol. 3B table 20-2. */
	static const enum vpmu_class classes[] = {
		VPMU_INSTRUCTIONS,
		VPMU_CYCLES,
		VPMU_REF_CYCLES,
		VPMU_SLOTS,
	};

	if (index >= ARRAY_SIZE(classes) || !(model->fixed_mask & BIT64(index)))
		return VPMU_NO_CLASS;
	return classes[index];
}

enum vpmu_class vpmu_model_event_class(const struct vpmu_model *model, uint64_t selector)
{
	return vpmu_model_check(model, NULL, 0) ? VPMU_NO_CLASS : event_class(model, selector);
}

enum vpmu_class vpmu_model_fixed_class(const struct vpmu_model *model, unsigned index)
{
	return vpmu_model_check(model, NULL, 0) ? VPMU_NO_CLASS : fixed_class(model, index);
}
