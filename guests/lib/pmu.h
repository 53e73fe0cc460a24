/* SPDX-License-Identifier: MIT */
/* The PMU as a guest sees it: what CPUID says, which MSRs that means, and how to start and stop
 * counters. */
#ifndef GUEST_PMU_H
#define GUEST_PMU_H

#include <stdbool.h>
#include <stdint.h>

#include "trap.h"

enum { MAX_GP = 16, MAX_FIXED = 8, MAX_COUNTERS = MAX_GP + MAX_FIXED };

/* Bits of an event selector. */
#define SELECT_USR  UINT64_C(0x010000)
#define SELECT_OS   UINT64_C(0x020000)
#define SELECT_EDGE UINT64_C(0x040000)
#define SELECT_INT  UINT64_C(0x100000)
#define SELECT_ANY  UINT64_C(0x200000)
#define SELECT_EN   UINT64_C(0x400000)

/* MSR numbers that do not follow from a layout. */
#define MSR_FIXED_CTR0        UINT32_C(0x309)
#define MSR_PERF_CAPABILITIES UINT32_C(0x345)
#define MSR_FIXED_CTR_CTRL    UINT32_C(0x38d)
#define MSR_PMC0_FULL         UINT32_C(0x4c1)

#define GLOBAL_FIXED_BIT 32

/* What can be counted. */
enum event {
	EVENT_INSTRUCTIONS,
	EVENT_BRANCHES,
	EVENT_CYCLES,
	EVENT_REF_CYCLES,
	EVENT_BRANCH_MISSES,
	EVENT_LLC_REFERENCES,
	EVENT_LLC_MISSES,
	EVENT_SLOTS,
	EVENTS,
	NO_EVENT = EVENTS
};

const char *event_name(enum event event);

/* Where a vendor puts the registers, and how it numbers events. */
struct pmu_layout {
	const char *counter_name; /* the index follows */
	uint32_t counter, selector, stride;
	uint32_t global_ctrl, status, status_clear, status_set; /* 0: none at all */
	const uint16_t *selectors; /* event | umask << 8 of each enum event, 0: none */
	bool lvtpc_masks;          /* a PMI masks LVTPC */
	bool is_intel;             /* registers as Intel has them */
	bool counts_where_it_goes; /* what changes the ring counts in the one that it goes to */
	bool shares_enable;        /* EN of selector 0 enables all counters */
	bool reserved_faults;      /* writing a reserved bit raises #GP; else it is dropped */
};

struct pmu {
	char vendor[13];
	unsigned version;
	unsigned gp_count, gp_width, fixed_width;
	uint32_t fixed_mask;
	uint32_t missing; /* bit 1 << event: CPUID says that it is not there */
	uint64_t capabilities;
	uint32_t gp_others; /* counters behind a hole, which CPUID.23H has and nobody here uses */
	bool sign_extends;  /* a counter takes 32 bits of a write, sign-extended */
	bool has_capabilities, full_width, has_global, has_status_set, has_anythread;
	struct pmu_layout layout;
};

/* Finds the PMU; false without one. */
bool pmu_find(struct pmu *pmu);

/* Whether one write starts all counters: global control, or an enable bit that they share. */
static inline bool pmu_starts_at_once(const struct pmu *pmu)
{
	return pmu->has_global || pmu->layout.shares_enable;
}

/* One line about it. */
void pmu_describe(const struct pmu *pmu);

uint32_t pmu_counter(const struct pmu *pmu, unsigned i);
uint32_t pmu_selector(const struct pmu *pmu, unsigned i);
bool pmu_has_fixed(const struct pmu *pmu, unsigned i);
uint64_t pmu_global_mask(const struct pmu *pmu);
uint64_t pmu_gp_bits(const struct pmu *pmu);

/* How many general-purpose counters can count the event: all or none. */
unsigned pmu_gp_for(const struct pmu *pmu, enum event event);

/* So many bits. */
static inline uint64_t bits_below(unsigned width)
{
	return width < 64 ? (UINT64_C(1) << width) - 1 : UINT64_MAX;
}

/* The selector value for an event without USR, OS, INT and EN; 0 when it cannot be counted. */
uint64_t pmu_event(const struct pmu *pmu, enum event event);

/* What a fixed counter counts. */
enum event pmu_fixed_event(unsigned i);

/* Stops everything and zeroes counters, selectors and status. */
void pmu_clear(const struct pmu *pmu);

/* Writes a counter a value of its full width, by the full-width alias or by sign extension: the
 * value must be below 2^31 or among the top 2^31. */
void pmu_set_counter(const struct pmu *pmu, unsigned i, uint64_t value);

/* A counter in use: a GP counter or (fixed) a fixed one. */
struct counter {
	bool fixed;
	uint8_t index;
	enum event event;
	uint64_t control; /* SELECT_ bits to go with the event: USR, OS, INT */
};

uint64_t counter_read(const struct pmu *pmu, const struct counter *counter);
void counter_set(const struct pmu *pmu, const struct counter *counter, uint64_t value);
uint64_t counter_bit(const struct counter *counter);
unsigned counter_width(const struct pmu *pmu, const struct counter *counter);
void counter_print_name(const struct pmu *pmu, const struct counter *counter, int width);

/*
 * The register writes that start and stop a set of counters: with global control one each, else
 * one a counter, in the order of the set.
 */
struct plan {
	struct msr_write start[MAX_GP], stop[MAX_GP];
	unsigned writes;
};

/* Writes everything but the starting writes, and fills in the plan. Counters must be clear. */
void plan_counters(const struct pmu *pmu, const struct counter *counters, unsigned count,
                   struct plan *plan);

#endif
