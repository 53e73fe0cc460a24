/* SPDX-License-Identifier: MIT */
/*
 * Sorts, hashes, multiplies, reads text and chases pointers, and counts it: what real programs do,
 * where count.c has one loop. Every counter of an event must agree with the others, and a second
 * run with the first.
 *
 * rounds=N       of all the work
 * exact          only events whose counts follow from the code
 * switches       load CR3 after each round, as a switch between processes does. Some emulators
 *                choose the size of their TLB then, and the work takes three times as long while
 *                theirs is too small.
 * no-counters    do the work and touch no PMU
 * marks          say "begin" and "end" around one run, and have no other, for whoever holds the
 * clock
 */
#include "guest.h"
#include "measure.h"
#include "print.h"
#include "work.h"

static uint64_t wrong;
static bool switches; /* asked for before the work, whose count depends on nothing else */

static void load_cr3(void)
{
	uint64_t cr3;

	__asm__ volatile("mov %%cr3, %0\n\tmov %0, %%cr3" : "=r"(cr3) : : "memory");
}

static void do_work(uint64_t rounds)
{
	for (uint64_t round = 0; round < rounds; round++) {
		wrong += work_round(round);
		if (switches)
			load_cr3();
	}
}

static const struct workload all = {.about = "all of it", .body = do_work};

static void mark(const char *name)
{
	if (argument_given("marks"))
		print("%s\n", name);
}

static unsigned choose(const struct pmu *pmu, struct counter *counters)
{
	unsigned count = 0;

	for (unsigned i = 0; count < pmu->gp_count && i < 2 * EVENTS; i++) {
		enum event event = (enum event)(i % EVENTS);

		if (!pmu_event(pmu, event) || (argument_given("exact") && !event_is_exact(event)))
			continue;
		counters[count] = (struct counter){false, (uint8_t)count, event, SELECT_OS};
		count++;
	}
	return count;
}

static void compare(const struct counter *counters, unsigned count, const uint64_t *first,
                    const uint64_t *second)
{
	check_begin("counts agree");
	for (unsigned i = 0; i < count; i++) {
		check(!event_is_exact(counters[i].event) || first[i] != 0, "%s: none",
		      event_name(counters[i].event));
		if (event_is_exact(counters[i].event))
			check_equal(second[i], first[i], event_name(counters[i].event));
	}
	check_end();
}

static void count_work(const struct pmu *pmu, uint64_t rounds)
{
	struct counter counters[MAX_COUNTERS] = {0};
	uint64_t first[MAX_COUNTERS], second[MAX_COUNTERS];
	unsigned count = choose(pmu, counters);

	mark("begin");
	measure(pmu, &all, rounds, counters, count, first);
	mark("end");
	for (unsigned i = 0; i < count; i++)
		print("  %-16s %'18lu\n", event_name(counters[i].event), first[i]);
	if (argument_given("marks"))
		return;
	measure(pmu, &all, rounds, counters, count, second);
	compare(counters, count, first, second);
}

static void check_results(void)
{
	check_begin("the work");
	for (unsigned i = 0; i < WORKS; i++)
		check(works[i].run(i + 1), "%s: wrong", works[i].about);
	check_equal(wrong, 0, "pieces that went wrong");
	check_end();
}

enum guest_exit guest_without_pmu(void)
{
	if (!argument_given("no-counters")) {
		print("This machine has no PMU: nothing to count.\n");
		return GUEST_NO_PMU;
	}
	switches = argument_given("switches");
	mark("begin");
	do_work(argument_number("rounds", 1));
	mark("end");
	return wrong ? GUEST_FAILED : GUEST_PASSED;
}

enum guest_exit guest_main(const struct pmu *pmu)
{
	if (argument_given("no-counters"))
		return guest_without_pmu();
	switches = argument_given("switches");
	count_work(pmu, argument_number("rounds", 1));
	check_results();
	return check_verdict();
}
