/* SPDX-License-Identifier: MIT */
/*
 * Intel's and Zhaoxin's events: the architectural ones, then what each processor's perf of Linux
 * and rr ask for (Linux 6.12 arch/x86/events/intel/core.c, zhaoxin/core.c; libpfm4's tables).
 *
 * Events that look at an MSR of their own (OFFCORE_RESPONSE) count all LLC references: no model
 * has that MSR. Zhaoxin's KVM asks for the architectural codes, too.
 */
#include <arch/room_int.h>

/* Intel SDM vol. 3B table 20-1, architectural events in the order of CPUID.0AH EBX. */
static const struct event_row architectural[] = {
	{EVENT_CYCLES, VPMU_CYCLES, 0},      {EVENT_INSTRUCTIONS, VPMU_INSTRUCTIONS, 1},
	{0x013c, VPMU_REF_CYCLES, 2},        {0x4f2e, VPMU_LLC_REFERENCES, 3},
	{0x412e, VPMU_LLC_MISSES, 4},        {0x00c4, VPMU_BRANCHES, 5},
	{0x00c5, VPMU_BRANCH_MISSES, 6},     {0x01a4, VPMU_SLOTS, 7},
	{0x02a4, VPMU_TOPDOWN_BACKEND, 8},   {0x0073, VPMU_TOPDOWN_SPECULATION, 9},
	{0x019c, VPMU_TOPDOWN_FRONTEND, 10}, {0x02c2, VPMU_TOPDOWN_RETIRING, 11},
};

#define SET(name) static const struct event_set name = {name##_rows, ARRAY_SIZE(name##_rows)}

static const struct event_row core2_rows[] = {
	{0x01c0, VPMU_LOADS, -1},
	{0x02c0, VPMU_STORES, -1},
	{0x0089, VPMU_BRANCH_MISSES, -1},
	{0x0cc4, VPMU_TAKEN_BRANCHES, -1},
	{0x0f40, VPMU_LOADS, -1},
	{0x0140, VPMU_LLC_LOADS, -1},
	{0x0f41, VPMU_STORES, -1},
	{0x0141, VPMU_LLC_STORES, -1},
	{0x104e, VPMU_PREFETCHES, -1},
	{0x0080, VPMU_L1I_FETCHES, -1},
	{0x0081, VPMU_L1I_MISSES, -1},
	{0x4f29, VPMU_LLC_LOADS, -1},
	{0x4129, VPMU_LLC_LOAD_MISSES, -1},
	{0x4f2a, VPMU_LLC_STORES, -1},
	{0x412a, VPMU_LLC_STORE_MISSES, -1},
	{0x0208, VPMU_DTLB_LOAD_MISSES, -1},
	{0x0808, VPMU_DTLB_STORE_MISSES, -1},
	{0x1282, VPMU_ITLB_MISSES, -1},
};
SET(core2);

/* BR_INST_RETIRED and BR_MISP_RETIRED before Ice Lake, from Nehalem on; the first one's NEAR_RETURN
 * and later from Sandy Bridge. Not every processor has every unit mask of the second. */
static const struct event_row branches_rows[] = {
	{0x04c4, VPMU_BRANCHES, -1},
	{0x01c4, VPMU_CONDITIONAL_BRANCHES, -1},
	{0x02c4, VPMU_NEAR_CALLS, -1},
	{0x08c4, VPMU_NEAR_RETURNS, -1},
	{0x10c4, VPMU_CONDITIONAL_NOT_TAKEN, -1},
	{0x20c4, VPMU_TAKEN_BRANCHES, -1},
	{0x40c4, VPMU_FAR_BRANCHES, -1},
	{0x04c5, VPMU_BRANCH_MISSES, -1},
	{0x01c5, VPMU_CONDITIONAL_MISSES, -1},
	{0x02c5, VPMU_CALL_MISSES, -1},
	{0x08c5, VPMU_RETURN_MISSES, -1},
	{0x10c5, VPMU_CONDITIONAL_NOT_TAKEN_MISSES, -1},
	{0x20c5, VPMU_TAKEN_MISSES, -1},
};
SET(branches);

/* BR_MISP_EXEC from Sandy Bridge to Skylake, where only the last one is left. Here every branch
 * that is executed retires. */
static const struct event_row executed_misses_rows[] = {
	{0x4189, VPMU_CONDITIONAL_NOT_TAKEN_MISSES, -1},
	{0x8189, VPMU_CONDITIONAL_TAKEN_MISSES, -1},
	{0xc189, VPMU_CONDITIONAL_MISSES, -1},
	{0x8889, VPMU_RETURN_MISSES, -1},
	{0xa089, VPMU_CALL_MISSES, -1},
	{0xff89, VPMU_BRANCH_MISSES, -1},
};
SET(executed_misses);

/* BR_INST_RETIRED and BR_MISP_RETIRED from Ice Lake on. */
static const struct event_row new_branches_rows[] = {
	{0x11c4, VPMU_CONDITIONAL_BRANCHES, -1},
	{0x01c4, VPMU_CONDITIONAL_TAKEN, -1},
	{0x10c4, VPMU_CONDITIONAL_NOT_TAKEN, -1},
	{0x02c4, VPMU_NEAR_CALLS, -1},
	{0x08c4, VPMU_NEAR_RETURNS, -1},
	{0x20c4, VPMU_TAKEN_BRANCHES, -1},
	{0x40c4, VPMU_FAR_BRANCHES, -1},
	{0x11c5, VPMU_CONDITIONAL_MISSES, -1},
	{0x01c5, VPMU_CONDITIONAL_TAKEN_MISSES, -1},
	{0x10c5, VPMU_CONDITIONAL_NOT_TAKEN_MISSES, -1},
	{0x02c5, VPMU_CALL_MISSES, -1},
	{0x08c5, VPMU_RETURN_MISSES, -1},
	{0x20c5, VPMU_TAKEN_MISSES, -1},
	{0x80c5, VPMU_INDIRECT_MISSES, -1},
};
SET(new_branches);

/* Loads and stores that retire, and L1D's fills, from Sandy Bridge on. */
static const struct event_row memory_rows[] = {
	{0x81d0, VPMU_LOADS, -1},          {0x82d0, VPMU_STORES, -1},
	{0x83d0, VPMU_MEMORY, -1},         {0x0151, VPMU_LLC_REFERENCES, -1},
	{0x01b7, VPMU_LLC_REFERENCES, -1},
};
SET(memory);

static const struct event_row nehalem_rows[] = {
	{0x010b, VPMU_LOADS, -1},
	{0x020b, VPMU_STORES, -1},
	{0x0151, VPMU_LLC_REFERENCES, -1},
	{0x0251, VPMU_LLC_STORES, -1},
	{0x0f40, VPMU_LOADS, -1},
	{0x0f41, VPMU_STORES, -1},
	{0x014e, VPMU_PREFETCHES, -1},
	{0x0380, VPMU_L1I_FETCHES, -1},
	{0x0280, VPMU_L1I_MISSES, -1},
	{0x01b7, VPMU_LLC_REFERENCES, -1},
	{0x0108, VPMU_DTLB_LOAD_MISSES, -1},
	{0x010c, VPMU_DTLB_STORE_MISSES, -1},
	{0x01c0, VPMU_INSTRUCTIONS, -1},
	{0x20c8, VPMU_ITLB_MISSES, -1},
};
SET(nehalem);

static const struct event_row sandy_bridge_rows[] = {
	{0xf1d0, VPMU_LOADS, -1},
	{0xf2d0, VPMU_STORES, -1},
	{0x0851, VPMU_LLC_STORES, -1},
	{0x024e, VPMU_PREFETCHES, -1},
	{0x0280, VPMU_L1I_MISSES, -1},
	{0x0108, VPMU_DTLB_LOAD_MISSES, -1},
	{0x8108, VPMU_DTLB_LOAD_MISSES, -1},
	{0x0149, VPMU_DTLB_STORE_MISSES, -1},
	{0x0185, VPMU_ITLB_MISSES, -1},
	{0x1085, VPMU_ITLB_MISSES, -1},
};
SET(sandy_bridge);

static const struct event_row haswell_rows[] = {
	{0x0280, VPMU_L1I_MISSES, -1},        {0x0108, VPMU_DTLB_LOAD_MISSES, -1},
	{0x0149, VPMU_DTLB_STORE_MISSES, -1}, {0x0185, VPMU_ITLB_MISSES, -1},
	{0x6085, VPMU_ITLB_MISSES, -1},
};
SET(haswell);

static const struct event_row skylake_rows[] = {
	{0x0283, VPMU_L1I_MISSES, -1},        {0x0e08, VPMU_DTLB_LOAD_MISSES, -1},
	{0x0e49, VPMU_DTLB_STORE_MISSES, -1}, {0x0e85, VPMU_ITLB_MISSES, -1},
	{0x2085, VPMU_ITLB_MISSES, -1},
};
SET(skylake);

static const struct event_row golden_cove_rows[] = {
	{0x04c4, VPMU_BRANCHES, -1},         {0x04c5, VPMU_BRANCH_MISSES, -1},
	{0xe124, VPMU_LLC_LOADS, -1},        {0xe424, VPMU_L1I_MISSES, -1},
	{0x012a, VPMU_LLC_REFERENCES, -1},   {0x012b, VPMU_LLC_REFERENCES, -1},
	{0x0e12, VPMU_DTLB_LOAD_MISSES, -1}, {0x0e13, VPMU_DTLB_STORE_MISSES, -1},
	{0x0e11, VPMU_ITLB_MISSES, -1},
};
SET(golden_cove);

/* From Lunar and Arrow Lake on, with UMASK2 in bits 47:40. */
static const struct event_row lion_cove_rows[] = {
	{UINT64_C(0x100000011c4), VPMU_CONDITIONAL_BRANCHES, -1},
};
SET(lion_cove);

/* Silvermont, Goldmont, Tremont. */
static const struct event_row atom_rows[] = {
	{0x7ec4, VPMU_CONDITIONAL_BRANCHES, -1},
	{0xfec4, VPMU_CONDITIONAL_TAKEN, -1},
	{0x80c4, VPMU_TAKEN_BRANCHES, -1},
	{0xf9c4, VPMU_NEAR_CALLS, -1},
	{0xf7c4, VPMU_NEAR_RETURNS, -1},
	{0xbfc4, VPMU_FAR_BRANCHES, -1},
	{0x7ec5, VPMU_CONDITIONAL_MISSES, -1},
	{0xfec5, VPMU_CONDITIONAL_TAKEN_MISSES, -1},
	{0xfbc5, VPMU_CALL_MISSES, -1},
	{0xf7c5, VPMU_RETURN_MISSES, -1},
	{0xebc5, VPMU_INDIRECT_MISSES, -1},
	{0x0104, VPMU_LLC_LOADS, -1},
	{0x0804, VPMU_DTLB_LOAD_MISSES, -1},
	{0x81d0, VPMU_LOADS, -1},
	{0x82d0, VPMU_STORES, -1},
	{0x83d0, VPMU_MEMORY, -1},
	{0x0380, VPMU_L1I_FETCHES, -1},
	{0x0280, VPMU_L1I_MISSES, -1},
	{0x01b7, VPMU_LLC_REFERENCES, -1},
};
SET(atom);

/*
 * Every Zhaoxin, ZX-D, and ZX-E with the KX series. Linux has ZX-E's list for model 0x3b alone, and
 * no PMU on a later one (zhaoxin_pmu_init, -ENODEV); nobody has published a KX-7000's. It is taken
 * to have ZX-E's.
 */
static const struct event_row zhaoxin_rows[] = {
	{0x0082, VPMU_CYCLES, -1},
	{0x0083, VPMU_REF_CYCLES, -1},
	{0x0515, VPMU_LLC_REFERENCES, -1},
	{0x051a, VPMU_LLC_MISSES, -1},
};
SET(zhaoxin);

static const struct event_row zhaoxin_7_rows[] = {
	{0x0562, VPMU_LLC_STORES, -1},
	{0x0300, VPMU_L1I_FETCHES, -1},
	{0x0301, VPMU_L1I_MISSES, -1},
	{0x052c, VPMU_DTLB_LOAD_MISSES, -1},
	{0x0530, VPMU_DTLB_STORE_MISSES, -1},
	{0x0534, VPMU_ITLB_MISSES, -1},
	{0x040f, VPMU_STALLS_BACKEND, -1},
	/* Linux asks for cycles with fewer than one of these (INV, CMASK 1). */
	{0x0101, VPMU_INSTRUCTIONS, -1},
};
SET(zhaoxin_7);

static const struct event_row zx_d_rows[] = {
	{0x0700, VPMU_BRANCHES, -1},  {0x0709, VPMU_BRANCH_MISSES, -1}, {0x0042, VPMU_LOADS, -1},
	{0x0538, VPMU_LLC_LOADS, -1}, {0x0043, VPMU_STORES, -1},
};
SET(zx_d);

static const struct event_row zx_e_rows[] = {
	{0x0028, VPMU_BRANCHES, -1},  {0x0029, VPMU_BRANCH_MISSES, -1}, {0x0568, VPMU_LOADS, -1},
	{0x054b, VPMU_LLC_LOADS, -1}, {0x0669, VPMU_STORES, -1},
};
SET(zx_e);

#define INTEL(from, to, ...)                                                                       \
	{                                                                                          \
		VPMU_VENDOR_INTEL, 6, from, to,                                                    \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}
#define ZHAOXIN(family, from, to, ...)                                                             \
	{                                                                                          \
		VPMU_VENDOR_ZHAOXIN, family, from, to,                                             \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}
#define ATOM(from, to)         INTEL(from, to, &atom)
#define NEHALEM(from, to)      INTEL(from, to, &branches, &nehalem)
#define SANDY_BRIDGE(from, to) INTEL(from, to, &branches, &memory, &sandy_bridge, &executed_misses)
#define HASWELL(from, to)      INTEL(from, to, &branches, &memory, &haswell, &executed_misses)
#define SKYLAKE(from, to)      INTEL(from, to, &branches, &memory, &skylake, &executed_misses)
#define ICE_LAKE(from, to)     INTEL(from, to, &new_branches, &memory, &skylake)
#define GOLDEN_COVE(from, to)  INTEL(from, to, &new_branches, &memory, &golden_cove)
#define LION_COVE(from, to)    INTEL(from, to, &new_branches, &memory, &golden_cove, &lion_cove)

/* Linux 6.12 arch/x86/include/asm/intel-family.h */
static const struct processor processors[] = {
	INTEL(0x0f, 0x0f, &core2),
	INTEL(0x16, 0x17, &core2),
	INTEL(0x1d, 0x1d, &core2),
	NEHALEM(0x1a, 0x1a),
	NEHALEM(0x1e, 0x1f),
	NEHALEM(0x25, 0x25),
	NEHALEM(0x2c, 0x2c),
	NEHALEM(0x2e, 0x2f),
	SANDY_BRIDGE(0x2a, 0x2a),
	SANDY_BRIDGE(0x2d, 0x2d),
	SANDY_BRIDGE(0x3a, 0x3a),
	SANDY_BRIDGE(0x3e, 0x3e),
	HASWELL(0x3c, 0x3d),
	HASWELL(0x3f, 0x3f),
	HASWELL(0x45, 0x47),
	HASWELL(0x4f, 0x4f),
	HASWELL(0x56, 0x56),
	SKYLAKE(0x4e, 0x4e),
	SKYLAKE(0x55, 0x55),
	SKYLAKE(0x5e, 0x5e),
	SKYLAKE(0x66, 0x66),
	SKYLAKE(0x8e, 0x8e),
	SKYLAKE(0x9e, 0x9e),
	SKYLAKE(0xa5, 0xa6),
	ICE_LAKE(0x6a, 0x6a),
	ICE_LAKE(0x6c, 0x6c),
	ICE_LAKE(0x7d, 0x7e),
	ICE_LAKE(0x8c, 0x8d),
	ICE_LAKE(0xa7, 0xa7),
	GOLDEN_COVE(0x8f, 0x8f),
	GOLDEN_COVE(0x97, 0x97),
	GOLDEN_COVE(0x9a, 0x9a),
	GOLDEN_COVE(0xaa, 0xaa),
	GOLDEN_COVE(0xac, 0xae),
	LION_COVE(0xb5, 0xb5),
	GOLDEN_COVE(0xb6, 0xb7),
	GOLDEN_COVE(0xba, 0xba),
	LION_COVE(0xbd, 0xbd),
	GOLDEN_COVE(0xbf, 0xbf),
	LION_COVE(0xc5, 0xc6),
	GOLDEN_COVE(0xcf, 0xcf),
	ATOM(0x37, 0x37),
	ATOM(0x4a, 0x4a),
	ATOM(0x4c, 0x4d),
	ATOM(0x5a, 0x5a),
	ATOM(0x5c, 0x5d),
	ATOM(0x5f, 0x5f),
	ATOM(0x75, 0x75),
	ATOM(0x7a, 0x7a),
	ATOM(0x86, 0x86),
	ATOM(0x96, 0x96),
	ATOM(0x9c, 0x9c),
	ZHAOXIN(6, 0x00, 0xff, &zhaoxin),
	ZHAOXIN(7, 0x00, 0x1b, &zhaoxin, &zhaoxin_7, &zx_d),
	ZHAOXIN(7, 0x1c, 0xff, &zhaoxin, &zhaoxin_7, &zx_e),
};

const struct event_table intel_events = {
	.mask = SEL_EVENT | SEL_UMASK | SEL_UMASK2,
	.rows = architectural,
	.count = ARRAY_SIZE(architectural),
	.processors = processors,
	.processor_count = ARRAY_SIZE(processors),
};
