/* SPDX-License-Identifier: MIT */
/*
 * A run of the guest. The k-th of N events of a class happens at k/N of the run, so an overflow
 * happens at a fraction of it; the run goes from one overflow to the next, and the requests that
 * an overflow raises are handled before the rest of the run. Events of all classes up to and at
 * that moment have then been counted, so that overflows of one moment make one PMI.
 */
#include "guest.h"

typedef unsigned __int128 u128;

/* num/den of the run. */
struct moment {
	u64 num, den;
};

struct run {
	struct perf_context *perf;
	const struct amounts *amounts;
	struct amounts done;
	unsigned int cpl;
};

static bool earlier(struct moment a, struct moment b)
{
	return (u128)a.num * b.den < (u128)b.num * a.den;
}

/* The first overflow of the rest of the run; *at is its end when there is none. */
static bool next_overflow(const struct run *run, struct moment *at)
{
	bool found = false;

	*at = (struct moment){1, 1};
	for (unsigned int i = 0; i < run->perf->live; i++) {
		const struct perf_event *event = run->perf->events[i];
		u64 total, done;

		if (!perf_event_counts(event, run->cpl))
			continue;
		total = run->amounts->of[event->class];
		done = run->done.of[event->class];
		if ((u64)event->hw.left > total - done)
			continue;
		found = true;
		if (earlier((struct moment){done + event->hw.left, total}, *at))
			*at = (struct moment){done + event->hw.left, total};
	}
	return found;
}

static void advance(struct run *run, struct moment to)
{
	struct amounts reached;

	for (int class = 0; class < PERF_CLASSES; class ++)
		reached.of[class] = (u64)((u128)run->amounts->of[class] * to.num / to.den);
	for (unsigned int i = 0; i < run->perf->live; i++) {
		struct perf_event *event = run->perf->events[i];

		if (perf_event_counts(event, run->cpl))
			perf_event_advance(event,
			                   reached.of[event->class] - run->done.of[event->class]);
	}
	run->done = reached;
}

/* To the next overflow, or to the end; false when that was the last. */
static bool step(struct run *run)
{
	struct moment at;
	bool overflow = next_overflow(run, &at);

	advance(run, at);
	for (unsigned int i = 0; i < run->perf->live; i++)
		perf_event_interrupt(run->perf->events[i]);
	return overflow;
}

struct pmis guest_run(struct guest *guest, const struct amounts *amounts, unsigned int cpl)
{
	struct run run = {.perf = &guest->task.perf, .amounts = amounts, .cpl = cpl};
	bool overflow;

	guest_handle_requests(guest);
	guest->vcpu.arch.last_vmentry_cpu = 0;
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
