/* SPDX-License-Identifier: MIT */
/* The timing model's caches, predictor and sums: see timing.h for what is modelled. */
#include "timing.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_LINES_MASK UINT64_C(0x3f) /* a page is 64 lines */

bool timing_make(struct timing *timing)
{
	timing->caches = calloc(1, sizeof(*timing->caches));
	return timing->caches != NULL;
}

void timing_unmake(struct timing *timing)
{
	free(timing->caches);
	timing->caches = NULL;
}

void timing_reset(struct timing *timing)
{
	timing_flush_caches(timing);
	timing_flush_predictor(timing);
}

/* --- Caches ---------------------------------------------------------------------------------- */

/* Moves the i-th way to the front. */
static void to_front(uint64_t *set, unsigned i)
{
	uint64_t tag = set[i];

	memmove(set + 1, set, i * sizeof(*set));
	set[0] = tag;
}

/* Whether the line is in the set; it is afterwards, as the most recently used. */
static bool touch(uint64_t *set, unsigned ways, uint64_t line)
{
	for (unsigned i = 0; i < ways; i++) {
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

static uint64_t *l1_set(struct timing *timing, uint64_t line)
{
	return timing->caches->l1[line % TIMING_L1_SETS];
}

static uint64_t *llc_set(struct timing *timing, uint64_t line)
{
	return timing->caches->llc[line % TIMING_LLC_SETS];
}

/* An L1 miss: goes on with the stream that expected it, or begins one. */
static void follow_streams(struct timing *timing, uint64_t line)
{
	uint64_t *streams = timing->caches->streams;
	unsigned i = 0;

	while (i < TIMING_STREAMS && streams[i] != line)
		i++;
	if (i < TIMING_STREAMS) {
		uint64_t next = line + 1;

		for (unsigned n = 0; n < TIMING_AHEAD && (next & PAGE_LINES_MASK); n++, next++) {
			if (!touch(llc_set(timing, next), TIMING_LLC_WAYS, next))
				timing->counts.slots += TIMING_TRANSFER;
		}
	} else {
		i = TIMING_STREAMS - 1;
	}
	streams[i] = line + 1;
	to_front(streams, i);
}

static void access_line(struct timing *timing, uint64_t line)
{
	if (touch(l1_set(timing, line), TIMING_L1_WAYS, line))
		return;
	timing->counts.llc_references++;
	timing->counts.slots += TIMING_LLC_HIT;
	if (!touch(llc_set(timing, line), TIMING_LLC_WAYS, line)) {
		timing->counts.llc_misses++;
		timing->counts.slots += TIMING_MEMORY;
	}
	follow_streams(timing, line);
}

void timing_access(struct timing *timing, uint64_t address, unsigned bytes)
{
	uint64_t first = address >> TIMING_LINE_BITS;
	uint64_t last = (address + bytes - 1) >> TIMING_LINE_BITS;

	access_line(timing, first);
	if (last != first)
		access_line(timing, last);
}

void timing_flush_line(struct timing *timing, uint64_t address)
{
	uint64_t line = address >> TIMING_LINE_BITS;

	evict(l1_set(timing, line), TIMING_L1_WAYS, line);
	evict(llc_set(timing, line), TIMING_LLC_WAYS, line);
}

void timing_flush_caches(struct timing *timing)
{
	memset(timing->caches, 0, sizeof(*timing->caches));
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

void timing_branch(struct timing *timing, const struct timing_branch *branch)
{
	struct timing_predictor *p = &timing->predictor;
	bool taken = branch->target != branch->next, right = true;

	if (branch->conditional)
		right = predict_direction(p, branch->address, taken);
	else if (branch->returns)
		right = predict_return(p, branch->target);
	else if (branch->indirect)
		right = predict_target(p, branch->address, branch->target);
	if (branch->call) {
		p->returns[p->return_top] = branch->next;
		p->return_top = (p->return_top + 1) % TIMING_RETURNS;
	}
	if (taken)
		timing->counts.slots =
			(timing->counts.slots + TIMING_WIDTH - 1) & ~(uint64_t)(TIMING_WIDTH - 1);
	if (!right) {
		timing->counts.branch_misses++;
		timing->counts.slots += TIMING_BRANCH_MISS;
	}
}

bool timing_settled(const struct timing *timing, uint64_t address)
{
	const struct timing_predictor *p = &timing->predictor;

	return p->history == TIMING_COUNTERS - 1 &&
	       p->counters[index_of(p, address, TIMING_COUNTERS)] == 3;
}

void timing_flush_predictor(struct timing *timing)
{
	struct timing_predictor *p = &timing->predictor;

	memset(p, 0, sizeof(*p));
	memset(p->counters, 1, sizeof(p->counters)); /* not taken, weakly */
}

/* --- Sums ------------------------------------------------------------------------------------ */

enum {
	/* Reference cycles are slots times the first by the second. */
	REF_PER_SLOT = TIMING_REF_NUMERATOR,
	REF_DIVIDER = TIMING_REF_DENOMINATOR * TIMING_WIDTH,
};

/* slots * REF_PER_SLOT / REF_DIVIDER, with no overflow on the way. */
static uint64_t ref_cycles(uint64_t slots)
{
	return slots / REF_DIVIDER * REF_PER_SLOT +
	       slots % REF_DIVIDER * REF_PER_SLOT / REF_DIVIDER;
}

struct vpmu_amounts timing_take(struct timing *timing)
{
	const struct timing_counts *c = &timing->counts;
	struct vpmu_amounts now = {{0}}, since;

	now.of[VPMU_SLOTS] = c->slots;
	now.of[VPMU_CYCLES] = c->slots / TIMING_WIDTH;
	now.of[VPMU_REF_CYCLES] = ref_cycles(c->slots);
	now.of[VPMU_BRANCH_MISSES] = c->branch_misses;
	now.of[VPMU_LLC_REFERENCES] = c->llc_references;
	now.of[VPMU_LLC_MISSES] = c->llc_misses;
	for (unsigned i = 0; i < VPMU_CLASSES; i++)
		since.of[i] = now.of[i] - timing->reported.of[i];
	timing->reported = now;
	return since;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
	return a + b < a ? UINT64_MAX : a + b;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The slots at which `count` units of `divider / per` slots each are complete. */
static uint64_t slots_for(uint64_t count, unsigned divider, unsigned per)
{
	if (count >= UINT64_MAX / divider)
		return UINT64_MAX;
	return (count * divider + per - 1) / per;
}

void timing_limit(struct timing *timing, const struct vpmu_amounts *headroom)
{
	const uint64_t *reported = timing->reported.of, *room = headroom->of;
	uint64_t cycles = sum(reported[VPMU_CYCLES], room[VPMU_CYCLES]);
	uint64_t ref = sum(reported[VPMU_REF_CYCLES], room[VPMU_REF_CYCLES]);
	uint64_t slots = sum(reported[VPMU_SLOTS], room[VPMU_SLOTS]);

	slots = least(slots, slots_for(cycles, TIMING_WIDTH, 1));
	timing->room = (struct timing_counts){
		.slots = least(slots, slots_for(ref, REF_DIVIDER, REF_PER_SLOT)),
		.branch_misses = sum(reported[VPMU_BRANCH_MISSES], room[VPMU_BRANCH_MISSES]),
		.llc_references = sum(reported[VPMU_LLC_REFERENCES], room[VPMU_LLC_REFERENCES]),
		.llc_misses = sum(reported[VPMU_LLC_MISSES], room[VPMU_LLC_MISSES]),
	};
}

/* To reach the room is to overflow. With the last slot or branch it is reached at the end, which is
 * as good as one by one; a cache line may be touched before. */
bool timing_fits(const struct timing *timing, const struct timing_counts *most)
{
	const struct timing_counts *c = &timing->counts, *room = &timing->room;

	return sum(c->slots, most->slots) <= room->slots &&
	       sum(c->branch_misses, most->branch_misses) <= room->branch_misses &&
	       sum(c->llc_references, most->llc_references) < room->llc_references &&
	       sum(c->llc_misses, most->llc_misses) < room->llc_misses;
}
