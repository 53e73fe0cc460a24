/* SPDX-License-Identifier: MIT */
/* What src/meter shows to the rooms above it: the public meter; the contents of a timing model, for
 * rooms that save it; and what an instruction does to data, for rooms that decode. */
#ifndef METER_ROOM_H
#define METER_ROOM_H

#include <vpmu/meter.h>
#include <vpmu/timing.h>

enum {
	TIMING_WIDTH = 4,
	TIMING_REF_NUMERATOR = 3,
	TIMING_REF_DENOMINATOR = 4,
	TIMING_AHEAD = 2, /* lines */

	/* In slots. */
	TIMING_LLC_HIT = 6 * TIMING_WIDTH,
	TIMING_MEMORY = 80 * TIMING_WIDTH,
	TIMING_TRANSFER = 8 * TIMING_WIDTH,
	TIMING_BRANCH_MISS = 15 * TIMING_WIDTH,

	/* The most that one access to one line costs: it misses everything and starts
	 * prefetches. */
	TIMING_ACCESS_MAX = TIMING_LLC_HIT + TIMING_MEMORY + TIMING_AHEAD * TIMING_TRANSFER,
	TIMING_BRANCH_MAX = TIMING_BRANCH_MISS + TIMING_WIDTH - 1,
};

/* The classes of data TLB and of instruction fetch. */
#define TIMING_DTLB                                                                                \
	(VPMU_CLASS_BIT(VPMU_DTLB_LOAD_MISSES) | VPMU_CLASS_BIT(VPMU_DTLB_STORE_MISSES) |          \
	 VPMU_CLASS_BIT(VPMU_DTLB_MISSES))
#define TIMING_FETCH                                                                               \
	(VPMU_CLASS_BIT(VPMU_ITLB_MISSES) | VPMU_CLASS_BIT(VPMU_L1I_FETCHES) |                     \
	 VPMU_CLASS_BIT(VPMU_L1I_MISSES))

enum {
	TIMING_LINE_BITS = 6,
	TIMING_L1_SETS = 64,
	TIMING_L1_WAYS = 8,
	TIMING_LLC_SETS = 2048,
	TIMING_LLC_WAYS = 16,
	TIMING_STREAMS = 16,
	TIMING_PAGE_BITS = 12,
	TIMING_TLB_SETS = 16,
	TIMING_TLB_WAYS = 4,
	TIMING_HISTORY = 12, /* outcomes */
	TIMING_COUNTERS = 1 << TIMING_HISTORY,
	TIMING_TARGETS = 512,
	TIMING_RETURNS = 16,
};

/* Each set holds its lines, the most recently used first. A line is kept as its number + 1; 0:
 * empty. */
struct timing_caches {
	uint64_t l1[TIMING_L1_SETS][TIMING_L1_WAYS];
	uint64_t llc[TIMING_LLC_SETS][TIMING_LLC_WAYS];
	uint64_t streams[TIMING_STREAMS]; /* the next line that each expects, most recent first */
	/* The following are used only while one of their classes is wanted. */
	uint64_t l1i[TIMING_L1_SETS][TIMING_L1_WAYS];
	uint64_t dtlb[TIMING_TLB_SETS][TIMING_TLB_WAYS];
	uint64_t itlb[TIMING_TLB_SETS][TIMING_TLB_WAYS];
};

struct timing_predictor {
	uint8_t counters[TIMING_COUNTERS]; /* 0-3; taken from 2 on */
	uint64_t targets[TIMING_TARGETS];
	uint64_t returns[TIMING_RETURNS];
	unsigned return_top;
	uint32_t history;
};

struct vpmu_timing {
	struct timing_caches caches;
	struct timing_predictor predictor;
};

/* --- data.c: what an instruction does to data ------------------------------------------------- */

/* An opcode, as given by prefixes, VEX, escapes and ModRM. */
struct opcode {
	uint8_t map;    /* 0: one byte, 1: 0F, 2: 0F 38, 3: 0F 3A */
	uint8_t prefix; /* 66, F2, F3, or 0 */
	bool vex;
	uint8_t code, modrm;
};

/* VPMU_DATA_… */
uint8_t insn_data(const struct opcode *op);

#endif
