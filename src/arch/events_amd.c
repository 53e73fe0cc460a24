/* SPDX-License-Identifier: MIT */
/*
 * AMD's events: those of every family since K7, then what each family's perf of Linux and rr ask
 * for (Linux 6.12 arch/x86/events/amd/core.c; libpfm4's tables).
 */
#include <arch/room_int.h>

/* AMD APM vol. 2 13.2.1 and the processors' references. Unit masks do not tell these apart. */
static const struct event_row always[] = {
	{EVENT_AMD_CYCLES, VPMU_CYCLES, -1},
	{EVENT_INSTRUCTIONS, VPMU_INSTRUCTIONS, -1},
	{0xc2, VPMU_BRANCHES, -1},
	{0xc3, VPMU_BRANCH_MISSES, -1},
};

#define SET(name) static const struct event_set name = {name##_rows, ARRAY_SIZE(name##_rows)}

static const struct event_row retired_rows[] = {
	{0x00c4, VPMU_TAKEN_BRANCHES, -1},  {0x00c6, VPMU_FAR_BRANCHES, -1},
	{0x00c8, VPMU_NEAR_RETURNS, -1},    {0x0040, VPMU_MEMORY, -1},
	{0x0080, VPMU_L1I_FETCHES, -1},     {0x0081, VPMU_L1I_MISSES, -1},
	{0x00c5, VPMU_TAKEN_MISSES, -1},    {0x00c9, VPMU_RETURN_MISSES, -1},
	{0x00ca, VPMU_INDIRECT_MISSES, -1},
};
SET(retired);

/* K7 to family 16h. */
static const struct event_row before_zen_rows[] = {
	{0x0141, VPMU_LLC_REFERENCES, -1},  {0x0041, VPMU_LLC_REFERENCES, -1},
	{0x077d, VPMU_LLC_REFERENCES, -1},  {0x037d, VPMU_LLC_REFERENCES, -1},
	{0x077e, VPMU_LLC_MISSES, -1},      {0x037e, VPMU_LLC_MISSES, -1},
	{0x017f, VPMU_LLC_STORES, -1},      {0x0267, VPMU_PREFETCHES, -1},
	{0x0746, VPMU_DTLB_MISSES, -1},     {0x0385, VPMU_ITLB_MISSES, -1},
	{0x00d0, VPMU_STALLS_FRONTEND, -1}, {0x00d1, VPMU_STALLS_BACKEND, -1},
};
SET(before_zen);

static const struct event_row zen_rows[] = {
	{0x00d1, VPMU_CONDITIONAL_BRANCHES, -1},
	{0x00d2, VPMU_CONDITIONAL_MISSES, -1},                /* Zen 1 */
	{UINT64_C(0x1000000c7), VPMU_CONDITIONAL_MISSES, -1}, /* from Zen 2 on */
	{0x0129, VPMU_LOADS, -1},
	{0x0229, VPMU_STORES, -1},
	{0x0429, VPMU_LOAD_STORES, -1},
	{0xff60, VPMU_LLC_REFERENCES, -1},
	{0xc860, VPMU_LLC_REFERENCES, -1},
	{0x0964, VPMU_LLC_MISSES, -1},
	{0xff5a, VPMU_PREFETCHES, -1},
	{0xff45, VPMU_DTLB_MISSES, -1},
	{0xf045, VPMU_DTLB_MISSES, -1},
	{0x0084, VPMU_ITLB_MISSES, -1},
	{0xff85, VPMU_ITLB_MISSES, -1},
	{0x00a9, VPMU_STALLS_FRONTEND, -1},
	{0x0287, VPMU_STALLS_FRONTEND, -1},
	{0x0187, VPMU_STALLS_BACKEND, -1},
};
SET(zen);

static const struct event_row zen_4_rows[] = {
	{UINT64_C(0x100000120), VPMU_REF_CYCLES, -1},
	{UINT64_C(0x1000000c8), VPMU_INDIRECT_MISSES, -1},
};
SET(zen_4);

#define FAMILY(family, from, to, ...)                                                              \
	{                                                                                          \
		VPMU_VENDOR_AMD, family, from, to,                                                 \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}
#define OLD(family) FAMILY(family, 0x00, 0xff, &retired, &before_zen)

static const struct processor processors[] = {
	OLD(0x06),
	OLD(0x0f),
	OLD(0x10),
	OLD(0x11),
	OLD(0x12),
	OLD(0x14),
	OLD(0x15),
	OLD(0x16),
	FAMILY(0x17, 0x00, 0xff, &retired, &zen),
	FAMILY(0x18, 0x00, 0xff, &retired, &zen),
	FAMILY(0x19, 0x10, 0x1f, &retired, &zen, &zen_4),
	FAMILY(0x19, 0x60, 0xaf, &retired, &zen, &zen_4),
	FAMILY(0x19, 0x00, 0xff, &retired, &zen),
	FAMILY(0x1a, 0x00, 0xff, &retired, &zen, &zen_4),
};

const struct event_table amd_events = {
	.mask = SEL_EVENT | SEL_AMD_EVENT,
	.rows = always,
	.count = ARRAY_SIZE(always),
	.processors = processors,
	.processor_count = ARRAY_SIZE(processors),
};
