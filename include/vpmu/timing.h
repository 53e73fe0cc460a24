/* SPDX-License-Identifier: MIT */
/*
 * The timing model: what cycles, cache and branch-miss events come to, for emulators that have no
 * model of their own. Small and deterministic; every figure follows from the guest's own
 * instructions, addresses and branches. What it counts goes into the costs of a meter (meter.h).
 *
 * Issue: a cycle has 4 slots. An instruction takes the slots of its class (insn.slots), most of
 * them one. A taken branch ends its cycle.
 *
 * Data caches: L1 of 32 KiB, 8 ways; last-level cache (LLC) of 2 MiB, 16 ways; lines of 64 bytes,
 * least recently used out, a write allocates. An L1 hit costs nothing. What misses L1 is an LLC
 * reference and costs 6 cycles; what misses the LLC too is an LLC miss and costs 80 on top. These
 * are what is left of the latency when a core overlaps it with other work.
 *
 * Prefetcher: 16 streams. A second L1 miss to the line after another one's makes a stream; from
 * then on each L1 miss in it brings the next 2 lines into the LLC, within the 4 KiB page. A line
 * costs 8 cycles of the memory's bandwidth. A prefetch is neither reference nor miss.
 *
 * Branches: a direction predictor of 4096 two-bit counters, indexed by address and the last 12
 * outcomes (gshare); a table of 512 targets for indirect branches, indexed likewise; a stack of 16
 * return addresses. A miss costs 15 cycles.
 *
 * Reference cycles pass 3 to 4 cycles: a part whose core runs at 4/3 of its reference clock.
 *
 * Only counted, at no cost in cycles: an L1 instruction cache of 32 KiB, 8 ways, of which taken
 * near branches to another line are the fetches, since a prefetcher brings the lines behind one
 * another; data and instruction TLBs of 64 pages of 4 KiB, 4 ways, that nothing flushes. Cycles
 * without progress are stalls of the front end behind a branch miss, and of the back end behind an
 * L1 miss. Not modelled: store forwarding, dependencies between instructions.
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

/* The rates of a meter that is to pay what the model counts. */
VPMU_API void vpmu_timing_rates(struct vpmu_rates *rates);

/* Data of 1 to 64 bytes at an address (a virtual one: the model's caches are virtually tagged). */
VPMU_API void vpmu_timing_access(struct vpmu_timing *timing, struct vpmu_costs *costs,
                                 uint64_t address, unsigned bytes);

/*
 * The same for callers that count the classes from VPMU_TAKEN_BRANCHES on: pays the meter, costs
 * and all. Data: a load or a store; a branch: as vpmu_timing_branch(), with vpmu_meter_branched().
 */
VPMU_API void vpmu_timing_data(struct vpmu_timing *timing, struct vpmu_meter *meter,
                               uint64_t address, unsigned bytes, bool is_store);
VPMU_API void vpmu_timing_jump(struct vpmu_timing *timing, struct vpmu_meter *meter,
                               uint64_t address, uint64_t next, uint64_t target, unsigned flags);

/* CLFLUSH, WBINVD. */
VPMU_API void vpmu_timing_flush_line(struct vpmu_timing *timing, uint64_t address);
VPMU_API void vpmu_timing_flush_caches(struct vpmu_timing *timing);

/* A branch has retired. address, next: its own, and of the instruction behind it; target: where
 * execution went on; flags: VPMU_INSN_*. One that is not conditional is taken, be it to `next`;
 * where a conditional one to `next` went cannot be told, and is taken for not taken. */
VPMU_API void vpmu_timing_branch(struct vpmu_timing *timing, struct vpmu_costs *costs,
                                 uint64_t address, uint64_t next, uint64_t target, unsigned flags);

/* IBPB: directions, targets and returns. */
VPMU_API void vpmu_timing_flush_predictor(struct vpmu_timing *timing);

/* Whether a conditional branch that was taken over and over has nothing more to teach: being taken
 * again changes nothing in the predictor. */
VPMU_API bool vpmu_timing_settled(const struct vpmu_timing *timing, uint64_t address);

#ifdef __cplusplus
}
#endif

#endif
