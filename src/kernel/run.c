/* SPDX-License-Identifier: MIT */
/*
 * A run of the guest. The k-th of N events of a class happens at k/N of the run, so each overflow
 * has a moment, a fraction of the run. The run goes from one such moment to the next, and the
 * requests that an overflow raises are handled before the run goes on. At each moment the events of
 * all classes up to and including it are counted first, so that overflows of one moment make one
 * PMI.
 */
#include "mediated.h"

typedef unsigned __int128 u128;

/* num/den of the run. */
struct moment {
	u64 num, den;
};

struct run {
	struct perf_context *perf;
	struct silicon *silicon; /* NULL: perf events count */
	const struct amounts *amounts;
	struct amounts done;
	/* For a hardware counter that looks at cycles: how many it counts in the run. */
	struct {
		u64 total, done;
	} looking[SILICON_COUNTERS];
	unsigned int cpl;
};

static bool earlier(struct moment a, struct moment b)
{
	return (u128)a.num * b.den < (u128)b.num * a.den;
}

/* How many counters may count: perf events, or the hardware's. */
static unsigned int counting(const struct run *run)
{
	return run->silicon ? SILICON_COUNTERS : run->perf->live;
}

/* What the i-th counter counts now, and how many of these until it wraps; PERF_CLASSES: nothing. */
static unsigned int class_of(const struct run *run, unsigned int i, u64 *left)
{
	if (run->silicon) {
		*left = silicon_left(run->silicon, i);
		return silicon_class(run->silicon, i, run->cpl);
	}
	*left = (u64)run->perf->events[i]->hw.left;
	return perf_event_counts(run->perf->events[i], run->cpl) ? run->perf->events[i]->class
	                                                         : PERF_CLASSES;
}

static bool looks_at_cycles(const struct run *run, unsigned int i)
{
	return run->silicon && silicon_looks_at_cycles(run->silicon, i);
}

static u64 total_of(const struct run *run, unsigned int i, unsigned int class)
{
	return looks_at_cycles(run, i) ? run->looking[i].total : run->amounts->of[class];
}

static u64 done_of(const struct run *run, unsigned int i, unsigned int class)
{
	return looks_at_cycles(run, i) ? run->looking[i].done : run->done.of[class];
}

/* Works out what each counter that looks at cycles counts in the run. */
static void look_ahead(struct run *run)
{
	for (unsigned int i = 0; i < SILICON_COUNTERS; i++) {
		unsigned int class = silicon_class(run->silicon, i, run->cpl);

		if (class != PERF_CLASSES && looks_at_cycles(run, i))
			run->looking[i].total =
				silicon_cycles(run->silicon, i, run->amounts->of[class],
			                       run->amounts->of[VPMU_CYCLES]);
	}
}

/* The first overflow of the rest of the run; *at is its end when there is none. */
static bool next_overflow(const struct run *run, struct moment *at)
{
	bool found = false;

	*at = (struct moment){1, 1};
	for (unsigned int i = 0; i < counting(run); i++) {
		u64 total, done, left;
		unsigned int class = class_of(run, i, &left);

		if (class == PERF_CLASSES)
			continue;
		total = total_of(run, i, class);
		done = done_of(run, i, class);
		if (left > total - done)
			continue;
		found = true;
		if (earlier((struct moment){done + left, total}, *at))
			*at = (struct moment){done + left, total};
	}
	return found;
}

static u64 reached_by(struct moment to, u64 total)
{
	return (u64)((u128)total * to.num / to.den);
}

/* Counts up to that moment. True: a hardware counter asks for a PMI. */
static bool advance(struct run *run, struct moment to)
{
	struct amounts reached;
	bool pmi = false;

	for (int class = 0; class < PERF_CLASSES; class ++)
		reached.of[class] = reached_by(to, run->amounts->of[class]);
	for (unsigned int i = 0; i < counting(run); i++) {
		u64 left, count;
		unsigned int class = class_of(run, i, &left);

		if (class == PERF_CLASSES)
			continue;
		count = reached_by(to, total_of(run, i, class)) - done_of(run, i, class);
		if (looks_at_cycles(run, i))
			run->looking[i].done += count;
		if (run->silicon)
			pmi |= silicon_advance(run->silicon, i, count);
		else
			perf_event_advance(run->perf->events[i], count);
	}
	run->done = reached;
	return pmi;
}

/* Goes to the next overflow, or to the end; false at the end. */
static bool step(struct run *run)
{
	struct moment at;
	bool overflow = next_overflow(run, &at);

	advance(run, at);
	for (unsigned int i = 0; i < run->perf->live; i++)
		perf_event_interrupt(run->perf->events[i]);
	return overflow;
}

/* Runs on the hardware, with an exit and an entry at each PMI. An overflow that asks for no PMI
 * makes no exit. */
static void run_mediated(struct guest *guest, struct run *run)
{
	struct moment at;
	bool overflow;

	run->silicon = &guest->task.silicon;
	mediated_enter(guest);
	look_ahead(run);
	do {
		overflow = next_overflow(run, &at);
		if (advance(run, at))
			mediated_interrupt(guest);
	} while (overflow);
	mediated_leave(guest);
}

struct pmis guest_run(struct guest *guest, const struct amounts *amounts, unsigned int cpl)
{
	struct run run = {.perf = &guest->task.perf, .amounts = amounts, .cpl = cpl};
	bool overflow;

	guest_handle_requests(guest);
	guest_run_vcpu(guest);
	if (mediated_is(guest)) {
		run_mediated(guest, &run);
		return guest_take_pmis(guest);
	}
	do {
		overflow = step(&run);
		guest_handle_requests(guest);
	} while (overflow);
	return guest_take_pmis(guest);
}

void guest_host_run(struct guest *guest, const struct amounts *amounts)
{
	struct run run = {.perf = &guest->task.perf, .amounts = amounts};

	while (run.perf->counts_host && step(&run))
		;
}
