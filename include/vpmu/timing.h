/* SPDX-License-Identifier: MIT */
/*
 * The timing model: it estimates cycles and cache, TLB and branch misses for emulators that have no
 * model of their own. Small and deterministic: every figure follows from the guest's own
 * instructions, addresses and branches. It adds what it counts to the costs of a meter (meter.h).
 *
 * Issue: a cycle has 4 slots. An instruction takes insn.slots of them, usually one. A taken branch
 * ends its cycle.
 *
 * Data caches: L1 of 32 KiB, 8 ways; last-level cache (LLC) of 2 MiB, 16 ways; lines of 64 bytes,
 * LRU replacement, a write allocates. An L1 hit costs nothing. What misses L1 is an LLC reference
 * and costs 6 cycles; what misses the LLC too is an LLC miss and costs 80 on top. These costs are
 * what remains of the latency when a core overlaps it with other work.
 *
 * Prefetcher: 16 streams. Two L1 misses to consecutive lines start a stream; from then on each L1
 * miss in it brings the next 2 lines into the LLC, within the 4 KiB page. A line costs 8 cycles of
 * the memory's bandwidth. A prefetch is neither reference nor miss.
 *
 * Branches: a direction predictor of 4096 two-bit counters, indexed by address and the last 12
 * outcomes (gshare); a table of 512 targets for indirect branches, indexed likewise; a stack of 16
 * return addresses. A miss costs 15 cycles.
 *
 * 3 reference cycles pass in 4 cycles, as on a part whose core runs at 4/3 of its reference clock.
 *
 * Counted at no cost in cycles: an L1 instruction cache of 32 KiB, 8 ways, whose only fetches are
 * taken near branches to another line, since a prefetcher is assumed to bring sequential lines;
 * data and instruction TLBs of 64 pages of 4 KiB, 4 ways, that nothing flushes. Cycles without
 * progress are front-end stalls after a branch miss, and back-end stalls after an L1 miss. Not
 * modelled: store forwarding, dependencies between instructions.
 *
 * Ownership, threads: as for meters. Errors: only vpmu_timing_init() can fail; the others do
 * nothing with a NULL.
 */
#ifndef VPMU_TIMING_H
#define VPMU_TIMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpmu/meter.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vpmu_timing;

/* The bytes that vpmu_timing_init() needs: some 280 KiB. */
VPMU_API size_t vpmu_timing_size(void);

/*
 * Makes a model in `memory`, as after power-up: caches and predictor are empty.
 * memory: at least vpmu_timing_size() bytes, aligned to 8. Returns the model (the same address), or
 * NULL when the memory is too small or not aligned.
 */
VPMU_API struct vpmu_timing *vpmu_timing_init(void *memory, size_t size);

/* The rates to give to vpmu_meter_init() for a meter that this model adds its costs to. */
VPMU_API void vpmu_timing_rates(struct vpmu_rates *rates);

/* The guest reads or writes 1 to 64 bytes at a virtual address (the model's caches are virtually
 * tagged). */
VPMU_API void vpmu_timing_access(struct vpmu_timing *timing, struct vpmu_costs *costs,
                                 uint64_t address, unsigned bytes);

/*
 * vpmu_timing_data() and vpmu_timing_jump() are vpmu_timing_access() and vpmu_timing_branch() for
 * callers that also count the classes from VPMU_TAKEN_BRANCHES on. They pay the meter: costs and,
 * for a branch, vpmu_meter_branched().
 */
VPMU_API void vpmu_timing_data(struct vpmu_timing *timing, struct vpmu_meter *meter,
                               uint64_t address, unsigned bytes, bool is_store);
VPMU_API void vpmu_timing_jump(struct vpmu_timing *timing, struct vpmu_meter *meter,
                               uint64_t address, uint64_t next, uint64_t target, unsigned flags);

/* CLFLUSH of one line; WBINVD. */
VPMU_API void vpmu_timing_flush_line(struct vpmu_timing *timing, uint64_t address);
VPMU_API void vpmu_timing_flush_caches(struct vpmu_timing *timing);

/* A branch has retired. address: its own; next: of the instruction behind it; target: where
 * execution went on; flags: VPMU_INSN_*. An unconditional branch counts as taken even if target is
 * `next`; a conditional one with target `next` counts as not taken. */
VPMU_API void vpmu_timing_branch(struct vpmu_timing *timing, struct vpmu_costs *costs,
                                 uint64_t address, uint64_t next, uint64_t target, unsigned flags);

/* IBPB: clears predicted directions, targets and returns. */
VPMU_API void vpmu_timing_flush_predictor(struct vpmu_timing *timing);

/* Whether the predictor has settled on a conditional branch that was taken many times in a row, so
 * that taking it again would change nothing in the predictor. */
VPMU_API bool vpmu_timing_settled(const struct vpmu_timing *timing, uint64_t address);

#ifdef __cplusplus
}
#endif

#endif
