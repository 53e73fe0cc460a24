/* SPDX-License-Identifier: MIT */
/*
 * The timing model: what cycles, cache and branch-miss events come to. Small and deterministic;
 * every figure follows from the guest's own instructions, addresses and branches.
 *
 * Issue: a cycle has TIMING_WIDTH slots. An instruction takes the slots of its class (one, for
 * most; timing_slots() has the table). A taken branch ends its cycle.
 *
 * Data caches: L1 of 32 KiB, 8 ways; last-level cache (LLC) of 2 MiB, 16 ways; lines of 64 bytes,
 * least recently used out, a write allocates. An L1 hit costs nothing. What misses L1 is an LLC
 * reference and costs TIMING_LLC_HIT; what misses the LLC too is an LLC miss and costs
 * TIMING_MEMORY on top. These are what is left of the latency when a core overlaps it with other
 * work.
 *
 * Prefetcher: 16 streams. A second L1 miss to the line after another one's makes a stream; from
 * then on each L1 miss in it brings the next TIMING_AHEAD lines into the LLC, within the 4 KiB
 * page. A line costs TIMING_TRANSFER of the memory's bandwidth. A prefetch is neither reference nor
 * miss.
 *
 * Branches: a direction predictor of 4096 two-bit counters, indexed by address and the last 12
 * outcomes (gshare); a table of 512 targets for indirect branches, indexed likewise; a stack of 16
 * return addresses. A miss costs TIMING_BRANCH_MISS.
 *
 * Reference cycles pass TIMING_REF_NUMERATOR to TIMING_REF_DENOMINATOR cycles: a part whose core
 * runs at 4/3 of its reference clock. Not modelled: instruction fetch, TLBs, store forwarding,
 * dependencies between instructions.
 */
#ifndef MACHINE_TIMING_H
#define MACHINE_TIMING_H

#include <stdbool.h>
#include <stdint.h>

#include <vpmu/pmu.h>

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

	/* At most, one access to one line: it misses everything and starts prefetches. */
	TIMING_ACCESS_MAX = TIMING_LLC_HIT + TIMING_MEMORY + TIMING_AHEAD * TIMING_TRANSFER,
	TIMING_BRANCH_MAX = TIMING_BRANCH_MISS + TIMING_WIDTH - 1,
};

enum {
	TIMING_LINE_BITS = 6,
	TIMING_L1_SETS = 64,
	TIMING_L1_WAYS = 8,
	TIMING_LLC_SETS = 2048,
	TIMING_LLC_WAYS = 16,
	TIMING_STREAMS = 16,
	TIMING_HISTORY = 12, /* outcomes */
	TIMING_COUNTERS = 1 << TIMING_HISTORY,
	TIMING_TARGETS = 512,
	TIMING_RETURNS = 16,
};

/* A set's lines, the most recently used first; 0: empty (a line is kept as its number + 1). */
struct timing_caches {
	uint64_t l1[TIMING_L1_SETS][TIMING_L1_WAYS];
	uint64_t llc[TIMING_LLC_SETS][TIMING_LLC_WAYS];
	uint64_t streams[TIMING_STREAMS]; /* the line that each expects next, recent first */
};

struct timing_predictor {
	uint8_t counters[TIMING_COUNTERS]; /* 0-3; taken from 2 on */
	uint64_t targets[TIMING_TARGETS];
	uint64_t returns[TIMING_RETURNS];
	unsigned return_top;
	uint32_t history;
};

/* What has been counted since timing_make(); the classes of enum vpmu_class follow from it. */
struct timing_counts {
	uint64_t slots, branch_misses, llc_references, llc_misses;
};

struct timing {
	bool active; /* some class that needs the model is wanted */
	struct timing_counts counts;
	struct timing_counts room;    /* how far each may go before a counter overflows */
	struct vpmu_amounts reported; /* by timing_take() */
	struct timing_caches *caches;
	struct timing_predictor predictor;
};

/* A branch that has retired. */
struct timing_branch {
	uint64_t address, next; /* its own, and the instruction behind it */
	uint64_t target;        /* where execution went on */
	bool conditional, indirect, call, returns;
};

/* False: no memory. */
bool timing_make(struct timing *timing);
void timing_unmake(struct timing *timing);

/* As after power-up: caches and predictor are empty; the counts go on. */
void timing_reset(struct timing *timing);

/* Data at an address (a virtual one: the model's caches are virtually tagged). */
void timing_access(struct timing *timing, uint64_t address, unsigned bytes);

/* CLFLUSH, WBINVD. */
void timing_flush_line(struct timing *timing, uint64_t address);
void timing_flush_caches(struct timing *timing);

void timing_branch(struct timing *timing, const struct timing_branch *branch);

/* IBPB: directions, targets and returns. */
void timing_flush_predictor(struct timing *timing);

/* Whether a conditional branch that was taken over and over has nothing more to teach: being taken
 * again changes nothing in the predictor. */
bool timing_settled(const struct timing *timing, uint64_t address);

/* The amounts since the last call, of the classes that the model counts; the others are 0. */
struct vpmu_amounts timing_take(struct timing *timing);

/* Sets the room from what the PMU says of each class, counted from the last timing_take(). */
void timing_limit(struct timing *timing, const struct vpmu_amounts *headroom);

/* Whether so much at most can happen with no counter overflowing before the end of it. */
bool timing_fits(const struct timing *timing, const struct timing_counts *most);

/* The classes that need the model. */
#define TIMING_CLASSES                                                                             \
	(1u << VPMU_CYCLES | 1u << VPMU_REF_CYCLES | 1u << VPMU_BRANCH_MISSES |                    \
	 1u << VPMU_LLC_REFERENCES | 1u << VPMU_LLC_MISSES | 1u << VPMU_SLOTS)

#endif
