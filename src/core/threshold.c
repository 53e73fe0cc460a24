/* SPDX-License-Identifier: MIT */
/*
 * CMASK, INV and EDGE: what a counter counts that looks at how many events happen in each cycle.
 *
 * The machine is told totals of a stretch (a run, a block, an instruction), so many events in so
 * many cycles, and spreads them evenly: after cycle i of c, floor(i * e / c) of e events have
 * happened. So each cycle has either floor(e / c) or one more, and the cycles with one more are
 * isolated as far as they can be; the first cycle has the smaller number, the last the larger.
 * A cycle holds the condition when it has at least `threshold` events, with EQ just so many; INV
 * turns that round. Without
 * EDGE each cycle that holds counts 1; with EDGE each cycle that holds after one that does not.
 * A stretch of no cycles counts nothing.
 */
#include <core/room_int.h>

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* In how many of the cycles at least `threshold` events happen. */
static uint64_t cycles_reaching(uint64_t threshold, uint64_t events, uint64_t cycles)
{
	uint64_t each = events / cycles;

	if (threshold <= each)
		return cycles;
	return threshold == each + 1 ? events % cycles : 0;
}

/* Rising edges when `high` of the cycles hold the condition, the first cycle not among them (but
 * for all of them), the last among them (but for none). */
static uint64_t rises(uint64_t high, uint64_t cycles, bool before)
{
	if (high == cycles)
		return !before;
	return lesser(high, cycles - high);
}

/* The same for the inverted condition: it holds in the first cycle, and not in the last. */
static uint64_t inverted_rises(uint64_t high, uint64_t cycles, bool before)
{
	if (high == cycles)
		return 0;
	if (high == 0)
		return !before;
	return lesser(high, cycles - high) - before;
}

/* EQ: a cycle has `each` events or one more, so equality is reaching one of the two, or not. */
static void make_equal(uint64_t *threshold, bool *invert, uint64_t each)
{
	if (*threshold == each) {
		*threshold += 1;
		*invert = !*invert;
	} else if (*threshold < each) {
		*threshold = UINT64_MAX;
	}
}

uint64_t threshold_events(const struct tally *tally, uint64_t events, uint64_t cycles, bool *level)
{
	uint64_t threshold = tally->threshold, high;
	bool before = *level, invert = tally->invert;

	if (!cycles)
		return 0;
	if (tally->equal)
		make_equal(&threshold, &invert, events / cycles);
	high = cycles_reaching(threshold, events, cycles);
	*level = invert ? high == 0 : high > 0;
	if (!tally->edge)
		return invert ? cycles - high : high;
	return invert ? inverted_rises(high, cycles, before) : rises(high, cycles, before);
}
