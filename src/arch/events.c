/* SPDX-License-Identifier: MIT */
/* Which class of happenings an event counts. */
#include <arch/room_int.h>

/* Intel SDM vol. 3B table 20-1, architectural events in the order of CPUID.0AH EBX. */
static const struct event_row intel_rows[] = {
	{0x003c, VPMU_CYCLES, 0},        {0x00c0, VPMU_INSTRUCTIONS, 1},
	{0x013c, VPMU_REF_CYCLES, 2},    {0x4f2e, VPMU_LLC_REFERENCES, 3},
	{0x412e, VPMU_LLC_MISSES, 4},    {0x00c4, VPMU_BRANCHES, 5},
	{0x00c5, VPMU_BRANCH_MISSES, 6}, {0x01a4, VPMU_SLOTS, 7},
};

const struct event_table intel_events = {
	.mask = SEL_EVENT | SEL_UMASK,
	.rows = intel_rows,
	.count = ARRAY_SIZE(intel_rows),
};

/* AMD APM vol. 2 13.2.1 and the processors' references: events of every family since K7. */
static const struct event_row amd_rows[] = {
	{0x76, VPMU_CYCLES, -1},
	{0xc0, VPMU_INSTRUCTIONS, -1},
	{0xc2, VPMU_BRANCHES, -1},
	{0xc3, VPMU_BRANCH_MISSES, -1},
};

/* Unit masks do not tell these events apart. */
const struct event_table amd_events = {
	.mask = SEL_EVENT | SEL_AMD_EVENT,
	.rows = amd_rows,
	.count = ARRAY_SIZE(amd_rows),
};

/* SDM vol. 2A CPUID.0AH: an event beyond the length does not exist. */
static bool event_exists(const struct vpmu_model *model, const struct event_row *row)
{
	if (row->architectural < 0)
		return true;
	return (unsigned)row->architectural < model->events_length &&
	       !(model->events_missing & BIT64(row->architectural));
}

static const struct event_row *find(enum vpmu_vendor vendor, uint64_t selector)
{
	const struct event_table *events = vendor_of(vendor)->events;

	for (size_t i = 0; i < events->count; i++)
		if (events->rows[i].code == (selector & events->mask))
			return &events->rows[i];
	return NULL;
}

enum vpmu_class event_code_class(enum vpmu_vendor vendor, uint64_t selector)
{
	const struct event_row *row = find(vendor, selector);

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
	const struct event_row *row = find(model->vendor, selector);

	return !row || event_exists(model, row);
}

enum vpmu_class event_class(const struct vpmu_model *model, uint64_t selector)
{
	const struct event_row *row = find(model->vendor, selector);

	return row && event_exists(model, row) ? (enum vpmu_class)row->class_ : VPMU_NO_CLASS;
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
