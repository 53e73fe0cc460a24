/* SPDX-License-Identifier: MIT */
/*
 * Pairs of WRMSR and RDMSR for `make bench`: the same pairs, on an intel-v2 guest, for the kernel's
 * code (pairs.c, in libkernel-VERSION.so) and for vpmu's profile (bench/kernel.c).
 */
#ifndef PAIRS_H
#define PAIRS_H

#include <stdbool.h>
#include <stdint.h>

enum pairs_kind {
	PAIRS_IDLE,     /* counters and selectors, nothing counts */
	PAIRS_COUNTING, /* counters, each with a live perf event */
	PAIRS_CONTROL,  /* FIXED_CTR_CTRL and GLOBAL_CTRL, nothing counts */
	PAIRS_KINDS
};

struct pair {
	uint32_t msr;
	uint64_t value;
};

/* The i-th pair; each writes another value than the one before. */
static inline struct pair pair_at(enum pairs_kind kind, unsigned long i)
{
	switch (kind) {
	case PAIRS_IDLE:
		return (struct pair){(i & 4 ? 0x186 : 0xc1) + (i & 3), i & 0xffff};
	case PAIRS_COUNTING:
		return (struct pair){0xc1 + (i & 3), i & 0xffff};
	default:
		return i & 1 ? (struct pair){0x38f, i >> 1 & 0xf}
		             : (struct pair){0x38d, i >> 1 & 0x3};
	}
}

/* Written, with an entry after it, before PAIRS_COUNTING, so that its counters count. */
#define PAIRS_SELECTOR    UINT64_C(0x4300c0)
#define PAIRS_GLOBAL_CTRL UINT64_C(0xf)

/* Exported by libkernel-VERSION.so. pairs_start makes a guest; pairs_run does that many pairs on
 * it, and returns the sum of what was read. */
typedef void pairs_start_fn(enum pairs_kind kind);
typedef uint64_t pairs_run_fn(enum pairs_kind kind, unsigned long pairs);

#endif
