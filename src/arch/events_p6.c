/* SPDX-License-Identifier: MIT */
/*
 * The events of Intel's P6 family (Intel SDM vol. 3B, performance-monitoring events of P6 family
 * processors; libpfm4's tables; Linux 6.12 arch/x86/events/intel/p6.c). None is architectural: all
 * of these processors have them. Their last cache is the L2.
 */
#include <arch/room_int.h>

static const struct event_row rows[] = {
	{EVENT_P6_CYCLES, VPMU_CYCLES, -1},  {EVENT_INSTRUCTIONS, VPMU_INSTRUCTIONS, -1},
	{0x00c4, VPMU_BRANCHES, -1},         {0x00c5, VPMU_BRANCH_MISSES, -1},
	{0x0f2e, VPMU_LLC_REFERENCES, -1},   {0x0045, VPMU_LLC_REFERENCES, -1},
	{0x012e, VPMU_LLC_MISSES, -1},       {0x0024, VPMU_LLC_MISSES, -1},
	{0x00c9, VPMU_TAKEN_BRANCHES, -1},   {0x0043, VPMU_MEMORY, -1},
	{0x0f29, VPMU_LLC_LOADS, -1},        {0x0129, VPMU_LLC_LOAD_MISSES, -1},
	{0x0f2a, VPMU_LLC_STORES, -1},       {0x012a, VPMU_LLC_STORE_MISSES, -1},
	{0x0025, VPMU_LLC_STORE_MISSES, -1}, {0x0080, VPMU_L1I_FETCHES, -1},
	{0x0081, VPMU_L1I_MISSES, -1},       {0x0f28, VPMU_L1I_MISSES, -1},
	{0x0085, VPMU_ITLB_MISSES, -1},      {0x00a2, VPMU_STALLS_BACKEND, -1},
};

const struct event_table p6_events = {
	.mask = SEL_EVENT | SEL_UMASK,
	.rows = rows,
	.count = ARRAY_SIZE(rows),
};
