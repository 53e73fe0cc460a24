/* SPDX-License-Identifier: MIT */
/*
 * CMASK, INV and EDGE: counters that look at how many events happen in each cycle.
 *
 * The machine is given the totals of a stretch (a run, a block, an instruction), e events in c
 * cycles, and spreads them evenly: after cycle i of c, floor(i * e / c) of e events have happened.
 * So each cycle has either floor(e / c) or one more, and the cycles with one more are isolated as
 * far as they can be; the first cycle has the smaller number, the last the larger. Events of a
 * stretch in which no cycle is completed are kept for the next completed cycle, so a cycle counts
 * the same whether it is accounted in one piece or in several. This is an estimate: totals do not
 * say in which cycle a real processor's events happen.
 *
 * A cycle meets the condition when it has at least `threshold` events, with EQ exactly that many;
 * INV inverts that. Without EDGE each cycle that meets it counts 1; with EDGE, each cycle that
 * meets it after one that does not.
 *
 * So the result depends on the pieces: if each is one instruction (src/meter), on the guest alone.
 */
#include <core/room_int.h>

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The number of cycles with at least `threshold` events. */
static uint64_t cycles_reaching(uint64_t threshold, uint64_t events, uint64_t cycles)
{
	uint64_t each = events / cycles;

	if (threshold <= each)
		return cycles;
	return threshold == each + 1 ? events % cycles : 0;
}

/* The number of rising edges if `high` of the cycles meet the condition: unless all do, the first
 * cycle does not; unless none does, the last one does. */
static uint64_t rises(uint64_t high, uint64_t cycles, bool before)
{
	if (high == cycles)
		return !before;
	return lesser(high, cycles - high);
}

/* The same for the inverted condition, which is met in the first cycle and not in the last. */
static uint64_t inverted_rises(uint64_t high, uint64_t cycles, bool before)
{
	if (high == cycles)
		return 0;
	if (high == 0)
		return !before;
	return lesser(high, cycles - high) - before;
}

/* EQ: a cycle has `each` events or one more, so equality can be expressed as reaching one of these
 * thresholds, or not reaching it. */
static void make_equal(uint64_t *threshold, bool *invert, uint64_t each)
{
	if (*threshold == each) {
		*threshold += 1;
		*invert = !*invert;
	} else if (*threshold < each) {
		*threshold = UINT64_MAX;
	}
}

/* Counts a stretch without events kept from before. Sets *level to whether the last cycle met the
 * condition. */
static uint64_t count_evenly(const struct tally *tally, uint64_t events, uint64_t cycles,
                             bool *level)
{
	uint64_t threshold = tally->threshold, high;
	bool before = *level, invert = tally->invert;

	if (tally->equal)
		make_equal(&threshold, &invert, events / cycles);
	high = cycles_reaching(threshold, events, cycles);
	*level = invert ? high == 0 : high > 0;
	if (!tally->edge)
		return invert ? cycles - high : high;
	return invert ? inverted_rises(high, cycles, before) : rises(high, cycles, before);
}

/* Whether a cycle with this number of events meets the condition. */
static bool holds(const struct tally *tally, uint64_t events)
{
	bool reached = tally->equal ? events == tally->threshold : events >= tally->threshold;

	return reached != tally->invert;
}

/* What the first cycle counts and, with EDGE, the second one, which depends on the first. */
static uint64_t count_ends(const struct tally *tally, bool before, bool first, bool second)
{
	return tally->edge ? (first && !before) + (second && !first) : first;
}

/* How much more is counted if the first cycle has `more` additional events; updates the level if it
 * is also the last cycle. */
static uint64_t count_more(const struct tally *tally, uint64_t events, uint64_t cycles,
                           uint64_t more, bool before, bool *level)
{
	uint64_t each = events / cycles, rest = events % cycles;
	bool first = holds(tally, each), now = holds(tally, each + more), second = false;

	if (cycles == 1)
		*level = now;
	else
		second = holds(tally, each + (rest >= cycles - rest));
	return count_ends(tally, before, now, second) - count_ends(tally, before, first, second);
}

uint64_t threshold_events(const struct tally *tally, uint64_t events, uint64_t cycles,
                          struct last_cycle *last)
{
	uint64_t kept = last->kept, count;
	bool before = last->level;

	if (!cycles) {
		kept = lesser(events, VPMU_LAST_CYCLE_MOST - kept) + kept;
		last->kept = (uint16_t)kept;
		return 0;
	}
	last->kept = 0;
	count = count_evenly(tally, events, cycles, &last->level);
	if (kept)
		count += count_more(tally, events, cycles, kept, before, &last->level);
	return count;
}

/* --- For the rooms above --------------------------------------------------------------------- */

bool pmu_sees_cycles(const struct vpmu_pmu *pmu, unsigned cpl)
{
	FOR_SLOTS(slot, pmu->running[mode_of_cpl(cpl)])
		if (pmu->tally[slot].threshold)
			return true;
	return false;
}

_Static_assert(ARRAY_SIZE(((struct vpmu_last_cycles *)0)->of) == SLOT_METRICS,
               "a place for each counter, and none for IA32_PERF_METRICS");

void vpmu_pmu_last_cycles(const struct vpmu_pmu *pmu, struct vpmu_last_cycles *out)
{
	if (!out)
		return;
	*out = (struct vpmu_last_cycles){{0}};
	for (unsigned slot = 0; pmu && slot < SLOT_METRICS; slot++) {
		const struct tally *tally = &pmu->tally[slot];

		out->of[slot] = (uint16_t)(tally->kept | (tally->level ? VPMU_LAST_CYCLE_HELD : 0));
	}
}

enum vpmu_status vpmu_pmu_set_last_cycles(struct vpmu_pmu *pmu, const struct vpmu_last_cycles *last)
{
	if (!pmu || !last)
		return VPMU_BAD_ARGUMENT;
	for (unsigned slot = 0; slot < SLOT_METRICS; slot++)
		if ((last->of[slot] & (VPMU_LAST_CYCLE_HELD - 1)) > VPMU_LAST_CYCLE_MOST)
			return VPMU_BAD_ARGUMENT;
	FOR_SLOTS(slot, pmu->slots) {
		struct tally *tally = &pmu->tally[slot];

		if (!tally->threshold || !tally->modes)
			continue;
		tally->level = last->of[slot] & VPMU_LAST_CYCLE_HELD;
		tally->kept = last->of[slot] & (VPMU_LAST_CYCLE_HELD - 1);
	}
	return VPMU_OK;
}
