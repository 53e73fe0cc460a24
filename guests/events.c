/* SPDX-License-Identifier: MIT */
/*
 * Counts and samples whatever events it is told of, in both rings, and prints what comes of it: for
 * comparing two machines. There is nothing to be right or wrong, but that the same work gives the
 * same counts again.
 *
 * event0=N, event1=N, … event9=N, eventa=N, …: event | umask << 8, in decimal; instructions without
 */
#include "apic.h"
#include "cpu.h"
#include "cross.h"
#include "guest.h"
#include "measure.h"
#include "print.h"
#include "work.h"

enum { MAX_EVENTS = 36, CROSSINGS = 300, PERIOD = 7919, ROUNDS = 1 };

static uint64_t told(const struct pmu *pmu, unsigned i)
{
	char name[] = "event0";

	name[5] = (char)(i < 10 ? '0' + i : 'a' + i - 10);
	return argument_number(name, i ? 0 : pmu_event(pmu, EVENT_INSTRUCTIONS));
}

/* A PMU whose instruction event is another one. */
static struct pmu stand_in(const struct pmu *pmu, uint16_t selectors[EVENTS], uint64_t event)
{
	struct pmu other = *pmu;

	for (unsigned i = 0; i < EVENTS; i++)
		selectors[i] = (uint16_t)event;
	other.layout.selectors = selectors;
	other.missing = 0;
	return other;
}

static void do_work(uint64_t rounds)
{
	work_run(rounds);
}

/* --- Counting --------------------------------------------------------------------------------- */

/* Counter 0 is on every PMU. */
static uint64_t count_one(const struct pmu *pmu, bool crossing, uint64_t control)
{
	struct counter counter = {false, 0, EVENT_INSTRUCTIONS, control};
	struct plan plan;
	uint64_t value;

	pmu_clear(pmu);
	plan_counters(pmu, &counter, 1, &plan);
	if (crossing)
		cross_run(plan.start, plan.stop, plan.writes, CROSSINGS);
	else
		measure_run(plan.start, plan.stop, plan.writes, do_work, ROUNDS);
	value = counter_read(pmu, &counter);
	pmu_clear(pmu);
	return value;
}

static void count(const struct pmu *pmu, uint64_t event)
{
	uint64_t work = count_one(pmu, false, SELECT_OS);

	check_equal(count_one(pmu, false, SELECT_OS), work, "the same work again");
	print("  0x%04lx  work %'10lu  ring 3 %'8lu  ring 0 %'8lu", event, work,
	      count_one(pmu, true, SELECT_USR), count_one(pmu, true, SELECT_OS));
}

/* --- Sampling --------------------------------------------------------------------------------- */

static struct {
	const struct pmu *pmu;
	struct counter counter;
	struct plan plan;
	uint64_t pmis, places;
} run;

static const struct msr_write *on_pmi(struct trap_frame *frame)
{
	const struct plan *plan = &run.plan;

	for (unsigned i = 0; i < plan->writes; i++)
		wrmsr(plan->stop[i].msr, plan->stop[i].value);
	run.pmis++;
	/* Where, in a way that does not depend on where the guest is loaded. */
	run.places = run.places * 31 + (frame->rip - (uint64_t)work_run);
	counter_set(run.pmu, &run.counter, -(uint64_t)PERIOD);
	if (run.pmu->has_global)
		wrmsr(run.pmu->layout.status_clear, pmu_global_mask(run.pmu));
	apic_set_lvtpc(LVT_NMI);
	for (unsigned i = 0; i + 1 < plan->writes; i++)
		wrmsr(plan->start[i].msr, plan->start[i].value);
	return &plan->start[plan->writes - 1];
}

static void sample(const struct pmu *pmu)
{
	run.pmu = pmu;
	run.counter = (struct counter){false, 0, EVENT_INSTRUCTIONS, SELECT_OS | SELECT_INT};
	run.pmis = run.places = 0;
	pmu_clear(pmu);
	counter_set(pmu, &run.counter, -(uint64_t)PERIOD);
	plan_counters(pmu, &run.counter, 1, &run.plan);
	apic_set_lvtpc(LVT_NMI);
	trap_handle(VECTOR_NMI, on_pmi);
	measure_run(run.plan.start, run.plan.stop, run.plan.writes,
	            (void (*)(uint64_t))(void *)work_run, ROUNDS);
	trap_handle(VECTOR_NMI, NULL);
	apic_set_lvtpc(LVT_MASKED | LVT_NMI);
	pmu_clear(pmu);
	print("  PMIs %'6lu at 0x%lx\n", run.pmis, run.places);
}

enum guest_exit guest_main(const struct pmu *pmu)
{
	uint16_t selectors[EVENTS];

	apic_start();
	trap_user_gate(VECTOR_PING, cross_ping);
	trap_user_gate(VECTOR_CROSS_EXIT, cross_exit);
	check_begin("the same work gives the same counts");
	for (unsigned i = 0; pmu->gp_count && i < MAX_EVENTS && told(pmu, i); i++) {
		uint64_t event = told(pmu, i);
		struct pmu other = stand_in(pmu, selectors, event);

		count(&other, event);
		sample(&other);
	}
	check_end();
	return check_verdict();
}
