/* SPDX-License-Identifier: MIT */
/* The timing model's caches and predictor: see vpmu/timing.h for what is modelled. */
#include <string.h>

#include <meter/room_int.h>

#define PAGE_LINES_MASK UINT64_C(0x3f) /* a page is 64 lines */

size_t vpmu_timing_size(void)
{
	return sizeof(struct vpmu_timing);
}

struct vpmu_timing *vpmu_timing_init(void *memory, size_t size)
{
	struct vpmu_timing *timing = memory;

	if (!memory || size < sizeof(*timing) || (uintptr_t)memory % _Alignof(struct vpmu_timing))
		return NULL;
	vpmu_timing_flush_caches(timing);
	vpmu_timing_flush_predictor(timing);
	return timing;
}

void vpmu_timing_rates(struct vpmu_rates *rates)
{
	if (!rates)
		return;
	*rates = (struct vpmu_rates){
		.width = TIMING_WIDTH,
		.ref_numerator = TIMING_REF_NUMERATOR,
		.ref_denominator = TIMING_REF_DENOMINATOR,
		.line = {.slots = TIMING_ACCESS_MAX, .llc_references = 1, .llc_misses = 1},
		.branch = {.slots = TIMING_BRANCH_MAX, .branch_misses = 1},
		.line_more =
			{
				[VPMU_TOPDOWN_BACKEND] = TIMING_ACCESS_MAX,
				[VPMU_LLC_LOADS] = 1,
				[VPMU_LLC_STORES] = 1,
				[VPMU_LLC_LOAD_MISSES] = 1,
				[VPMU_LLC_STORE_MISSES] = 1,
				[VPMU_PREFETCHES] = TIMING_AHEAD,
				[VPMU_DTLB_LOAD_MISSES] = 1,
				[VPMU_DTLB_STORE_MISSES] = 1,
				[VPMU_DTLB_MISSES] = 1,
				[VPMU_STALLS_BACKEND] = TIMING_ACCESS_MAX / TIMING_WIDTH,
			},
		.branch_more =
			{
				[VPMU_ITLB_MISSES] = 1,
				[VPMU_L1I_FETCHES] = 1,
				[VPMU_L1I_MISSES] = 1,
				[VPMU_STALLS_FRONTEND] = TIMING_BRANCH_MISS / TIMING_WIDTH,
				[VPMU_TOPDOWN_SPECULATION] = TIMING_BRANCH_MISS,
				[VPMU_TOPDOWN_FRONTEND] = TIMING_WIDTH - 1,
				[VPMU_CONDITIONAL_MISSES] = 1,
				[VPMU_CONDITIONAL_TAKEN_MISSES] = 1,
				[VPMU_CONDITIONAL_NOT_TAKEN_MISSES] = 1,
				[VPMU_TAKEN_MISSES] = 1,
				[VPMU_CALL_MISSES] = 1,
				[VPMU_RETURN_MISSES] = 1,
				[VPMU_INDIRECT_MISSES] = 1,
			},
	};
}

/* --- Caches ---------------------------------------------------------------------------------- */

/* Moves the i-th way to the front. */
static void to_front(uint64_t *set, unsigned i)
{
	uint64_t tag = set[i];

	memmove(set + 1, set, i * sizeof(*set));
	set[0] = tag;
}

/* Whether the line was in the set. Afterwards it is, as the most recently used. */
static bool touch(uint64_t *set, unsigned ways, uint64_t line)
{
	if (set[0] == line + 1)
		return true; /* most of the time */
	for (unsigned i = 1; i < ways; i++) {
		if (set[i] == line + 1) {
			to_front(set, i);
			return true;
		}
	}
	set[ways - 1] = line + 1;
	to_front(set, ways - 1);
	return false;
}

static void evict(uint64_t *set, unsigned ways, uint64_t line)
{
	for (unsigned i = 0; i < ways; i++) {
		if (set[i] == line + 1)
			set[i] = 0;
	}
}

static uint64_t *l1_set(struct vpmu_timing *timing, uint64_t line)
{
	return timing->caches.l1[line % TIMING_L1_SETS];
}

static uint64_t *llc_set(struct vpmu_timing *timing, uint64_t line)
{
	return timing->caches.llc[line % TIMING_LLC_SETS];
}

/* What an access caused, besides costs. */
struct access {
	unsigned references, misses, prefetches;
};

/* An L1 miss: goes on with the stream that expected it, or begins one. */
static void follow_streams(struct vpmu_timing *timing, struct vpmu_costs *costs,
                           struct access *access, uint64_t line)
{
	uint64_t *streams = timing->caches.streams;
	unsigned i = 0;

	while (i < TIMING_STREAMS && streams[i] != line)
		i++;
	if (i < TIMING_STREAMS) {
		uint64_t next = line + 1;

		for (unsigned n = 0; n < TIMING_AHEAD && (next & PAGE_LINES_MASK); n++, next++) {
			access->prefetches++;
			if (!touch(llc_set(timing, next), TIMING_LLC_WAYS, next))
				costs->slots += TIMING_TRANSFER;
		}
	} else {
		i = TIMING_STREAMS - 1;
	}
	streams[i] = line + 1;
	to_front(streams, i);
}

static void access_line(struct vpmu_timing *timing, struct vpmu_costs *costs, struct access *access,
                        uint64_t line)
{
	if (touch(l1_set(timing, line), TIMING_L1_WAYS, line))
		return;
	costs->llc_references++;
	access->references++;
	costs->slots += TIMING_LLC_HIT;
	if (!touch(llc_set(timing, line), TIMING_LLC_WAYS, line)) {
		costs->llc_misses++;
		access->misses++;
		costs->slots += TIMING_MEMORY;
	}
	follow_streams(timing, costs, access, line);
}

static struct access access_data(struct vpmu_timing *timing, struct vpmu_costs *costs,
                                 uint64_t address, unsigned bytes)
{
	uint64_t first = address >> TIMING_LINE_BITS;
	uint64_t last = (address + bytes - 1) >> TIMING_LINE_BITS;
	struct access access = {0};

	access_line(timing, costs, &access, first);
	if (last != first)
		access_line(timing, costs, &access, last);
	return access;
}

void vpmu_timing_access(struct vpmu_timing *timing, struct vpmu_costs *costs, uint64_t address,
                        unsigned bytes)
{
	if (timing && costs && bytes)
		access_data(timing, costs, address, bytes);
}

static bool touch_page(uint64_t tlb[TIMING_TLB_SETS][TIMING_TLB_WAYS], uint64_t page)
{
	return touch(tlb[page % TIMING_TLB_SETS], TIMING_TLB_WAYS, page);
}

/* The number of pages of the access that missed the data TLB. */
static unsigned miss_pages(struct vpmu_timing *timing, uint64_t address, unsigned bytes)
{
	uint64_t first = address >> TIMING_PAGE_BITS;
	uint64_t last = (address + bytes - 1) >> TIMING_PAGE_BITS;
	unsigned missed = !touch_page(timing->caches.dtlb, first);

	if (last != first)
		missed += !touch_page(timing->caches.dtlb, last);
	return missed;
}

void vpmu_timing_data(struct vpmu_timing *timing, struct vpmu_meter *meter, uint64_t address,
                      unsigned bytes, bool is_store)
{
	struct access access;
	uint64_t slots, *of;
	unsigned pages;

	if (!timing || !meter || !bytes)
		return;
	slots = meter->costs.slots;
	access = access_data(timing, &meter->costs, address, bytes);
	if (!meter->detailed)
		return;
	of = meter->details.of;
	of[is_store ? VPMU_LLC_STORES : VPMU_LLC_LOADS] += access.references;
	of[is_store ? VPMU_LLC_STORE_MISSES : VPMU_LLC_LOAD_MISSES] += access.misses;
	of[VPMU_PREFETCHES] += access.prefetches;
	of[VPMU_STALLS_BACKEND] += (meter->costs.slots - slots) / TIMING_WIDTH;
	of[VPMU_TOPDOWN_BACKEND] += meter->costs.slots - slots;
	if (!(meter->wanted & TIMING_DTLB))
		return;
	pages = miss_pages(timing, address, bytes);
	of[is_store ? VPMU_DTLB_STORE_MISSES : VPMU_DTLB_LOAD_MISSES] += pages;
	of[VPMU_DTLB_MISSES] += pages;
}

void vpmu_timing_flush_line(struct vpmu_timing *timing, uint64_t address)
{
	uint64_t line = address >> TIMING_LINE_BITS;

	if (!timing)
		return;
	evict(l1_set(timing, line), TIMING_L1_WAYS, line);
	evict(llc_set(timing, line), TIMING_LLC_WAYS, line);
}

void vpmu_timing_flush_caches(struct vpmu_timing *timing)
{
	if (timing)
		memset(&timing->caches, 0, sizeof(timing->caches));
}

/* --- Branches -------------------------------------------------------------------------------- */

static unsigned index_of(const struct timing_predictor *p, uint64_t address, unsigned size)
{
	return (unsigned)(address ^ address >> TIMING_HISTORY ^ p->history) & (size - 1);
}

static bool predict_direction(struct timing_predictor *p, uint64_t address, bool taken)
{
	uint8_t *counter = &p->counters[index_of(p, address, TIMING_COUNTERS)];
	bool right = (*counter >= 2) == taken;

	if (taken && *counter < 3)
		++*counter;
	if (!taken && *counter > 0)
		--*counter;
	p->history = (p->history << 1 | taken) & (TIMING_COUNTERS - 1);
	return right;
}

static bool predict_target(struct timing_predictor *p, uint64_t address, uint64_t target)
{
	uint64_t *entry = &p->targets[index_of(p, address, TIMING_TARGETS)];
	bool right = *entry == target;

	*entry = target;
	return right;
}

static bool predict_return(struct timing_predictor *p, uint64_t target)
{
	uint64_t *entry;

	p->return_top = (p->return_top + TIMING_RETURNS - 1) % TIMING_RETURNS;
	entry = &p->returns[p->return_top];
	if (*entry != target)
		return false;
	*entry = 0;
	return true;
}

static bool is_taken(unsigned flags, uint64_t next, uint64_t target)
{
	return !(flags & VPMU_INSN_CONDITIONAL) || target != next;
}

void vpmu_timing_branch(struct vpmu_timing *timing, struct vpmu_costs *costs, uint64_t address,
                        uint64_t next, uint64_t target, unsigned flags)
{
	struct timing_predictor *p;
	bool taken = is_taken(flags, next, target), right = true;

	if (!timing || !costs)
		return;
	p = &timing->predictor;
	if (flags & VPMU_INSN_CONDITIONAL)
		right = predict_direction(p, address, taken);
	else if (flags & VPMU_INSN_RETURN)
		right = predict_return(p, target);
	else if (flags & VPMU_INSN_INDIRECT)
		right = predict_target(p, address, target);
	if (flags & VPMU_INSN_CALL) {
		p->returns[p->return_top] = next;
		p->return_top = (p->return_top + 1) % TIMING_RETURNS;
	}
	if (taken)
		costs->slots = (costs->slots + TIMING_WIDTH - 1) & ~(uint64_t)(TIMING_WIDTH - 1);
	if (!right) {
		costs->branch_misses++;
		costs->slots += TIMING_BRANCH_MISS;
	}
}

/* A taken near branch to another line fetches that line. */
static void fetch(struct vpmu_timing *timing, uint64_t *of, uint64_t from, uint64_t target)
{
	uint64_t line = target >> TIMING_LINE_BITS, page = target >> TIMING_PAGE_BITS;

	if (line == from >> TIMING_LINE_BITS)
		return;
	of[VPMU_L1I_FETCHES]++;
	of[VPMU_L1I_MISSES] +=
		!touch(timing->caches.l1i[line % TIMING_L1_SETS], TIMING_L1_WAYS, line);
	of[VPMU_ITLB_MISSES] += !touch_page(timing->caches.itlb, page);
}

/* A mispredicted branch, by its kinds. */
static void miss(uint64_t *of, unsigned flags, bool taken)
{
	enum vpmu_branch_kind kind = vpmu_insn_branch_kind(flags);
	bool conditional = kind == VPMU_BRANCH_CONDITIONAL;
	bool call = kind == VPMU_BRANCH_CALL_INDIRECT;

	of[VPMU_CONDITIONAL_MISSES] += conditional;
	of[VPMU_CONDITIONAL_TAKEN_MISSES] += conditional && taken;
	of[VPMU_CONDITIONAL_NOT_TAKEN_MISSES] += conditional && !taken;
	of[VPMU_TAKEN_MISSES] += taken && kind != VPMU_BRANCH_FAR;
	of[VPMU_CALL_MISSES] += call;
	of[VPMU_RETURN_MISSES] += kind == VPMU_BRANCH_RETURN;
	of[VPMU_INDIRECT_MISSES] += call || kind == VPMU_BRANCH_JUMP_INDIRECT;
}

void vpmu_timing_jump(struct vpmu_timing *timing, struct vpmu_meter *meter, uint64_t address,
                      uint64_t next, uint64_t target, unsigned flags)
{
	bool taken = is_taken(flags, next, target);
	uint64_t missed, slots, *of;

	if (!timing || !meter)
		return;
	of = meter->details.of;
	missed = meter->costs.branch_misses;
	slots = meter->costs.slots;
	vpmu_timing_branch(timing, &meter->costs, address, next, target, flags);
	vpmu_meter_branched(meter, flags, taken);
	if (!meter->detailed)
		return;
	missed = meter->costs.branch_misses - missed;
	if (missed)
		miss(of, flags, taken);
	of[VPMU_STALLS_FRONTEND] += missed * (TIMING_BRANCH_MISS / TIMING_WIDTH);
	of[VPMU_TOPDOWN_SPECULATION] += missed * TIMING_BRANCH_MISS;
	of[VPMU_TOPDOWN_FRONTEND] += meter->costs.slots - slots - missed * TIMING_BRANCH_MISS;
	if (taken && meter->wanted & TIMING_FETCH && !(flags & VPMU_INSN_FAR))
		fetch(timing, of, address, target);
}

bool vpmu_timing_settled(const struct vpmu_timing *timing, uint64_t address)
{
	const struct timing_predictor *p = timing ? &timing->predictor : NULL;

	return p && p->history == TIMING_COUNTERS - 1 &&
	       p->counters[index_of(p, address, TIMING_COUNTERS)] == 3;
}

void vpmu_timing_flush_predictor(struct vpmu_timing *timing)
{
	struct timing_predictor *p;

	if (!timing)
		return;
	p = &timing->predictor;
	memset(p, 0, sizeof(*p));
	memset(p->counters, 1, sizeof(p->counters)); /* not taken, weakly */
}
