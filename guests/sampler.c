/* SPDX-License-Identifier: MIT */
/*
 * Samples a loop by overflow: each PMI must come on the very instruction that the period implies
 * (the one after the instruction that overflowed), with the right status, and none may be missing.
 * By NMI and by a fixed vector; in ring 0 and in ring 3; by instructions and by branches; one
 * counter, two at different periods, and two that overflow together.
 */
#include "apic.h"
#include "cpu.h"
#include "guest.h"
#include "measure.h"
#include "print.h"
#include "sample.h"

enum {
	MAX_SAMPLED = 2,
	SAMPLES = 60,          /* of the first counter, in each run */
	SAMPLES_PER_MARK = 10, /* in the histogram */
	/* measure_run(): from the start write to the loop. */
	LEAD_INSTRUCTIONS = 5,
	/* call_user(): the same in ring 3, one CALL. */
	USER_LEAD = 1,
};

/* One counter being sampled. */
struct sampled {
	struct counter counter;
	uint64_t period;
	unsigned samples;
};

/* The run that on_pmi() is part of. */
static struct {
	const struct pmu *pmu;
	struct sampled sampled[MAX_SAMPLED];
	unsigned count, pmis;
	bool user, nmi;
	struct plan plan;
} run;

/* Of the samples in ring 3: there the periods have no factor in common with the loop. */
static uint64_t histogram[EVENTS][SAMPLE_INSTRUCTIONS];

/* The place before which the loop has retired so many instructions, or branches. */
static unsigned place_after(enum event event, uint64_t amount)
{
	unsigned left;

	if (event == EVENT_INSTRUCTIONS)
		return (unsigned)(amount % SAMPLE_INSTRUCTIONS);
	left = (unsigned)(amount % SAMPLE_BRANCHES);
	for (unsigned i = 0; left; i++)
		if (sample_places[i].is_branch && --left == 0)
			return (i + 1) % SAMPLE_INSTRUCTIONS;
	return 0;
}

/* What the loop itself has retired when the counter overflows for the n-th time, from 1, in that
 * PMI of the run. Where what changes the ring counts where it goes, ring 3 also has the IRETQ that
 * it began with and the one of each PMI before. */
static uint64_t loop_amount(const struct sampled *sampled, unsigned n, unsigned pmi)
{
	if (run.user)
		return n * sampled->period - USER_LEAD -
		       (run.pmu->layout.counts_where_it_goes ? pmi : 0);
	return sampled->period - LEAD_INSTRUCTIONS +
	       (n - 1) * (sampled->period - RESUME_INSTRUCTIONS);
}

static void check_place(const struct sampled *sampled, const struct trap_frame *frame)
{
	enum event event = sampled->counter.event;
	unsigned place = place_after(event, loop_amount(sampled, sampled->samples, run.pmis));

	check(frame->rip == sample_places[place].address,
	      "sample %u at 0x%lx, not at 0x%lx (%s, period %lu)", sampled->samples, frame->rip,
	      sample_places[place].address, event_name(event), sampled->period);
	for (unsigned i = 0; run.user && i < SAMPLE_INSTRUCTIONS; i++)
		if (frame->rip == sample_places[i].address)
			histogram[event][i]++;
}

static uint64_t counter_start(const struct sampled *sampled)
{
	return -sampled->period;
}

/* Whether the counter has gone from its start value past 0. */
static bool has_wrapped(const struct sampled *sampled)
{
	unsigned sign = counter_width(run.pmu, &sampled->counter) - 1;

	return !(counter_read(run.pmu, &sampled->counter) >> sign & 1);
}

static uint64_t take_overflows(const struct trap_frame *frame)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < run.count; i++) {
		struct sampled *sampled = &run.sampled[i];

		if (!has_wrapped(sampled))
			continue;
		bits |= counter_bit(&sampled->counter);
		sampled->samples++;
		check_place(sampled, frame);
		counter_set(run.pmu, &sampled->counter, counter_start(sampled));
	}
	return bits;
}

static void take_status(uint64_t overflows)
{
	const struct pmu_layout *layout = &run.pmu->layout;

	if (!run.pmu->has_global)
		return;
	check_equal(rdmsr(layout->status) & pmu_global_mask(run.pmu), overflows, "overflow status");
	wrmsr(layout->status_clear, overflows);
	check_equal(rdmsr(layout->status) & pmu_global_mask(run.pmu), 0, "status after clearing");
}

static uint32_t lvtpc_value(void)
{
	return run.nmi ? LVT_NMI : VECTOR_PMI;
}

static const struct msr_write *on_pmi(struct trap_frame *frame)
{
	const struct plan *plan = &run.plan;
	uint64_t overflows;

	for (unsigned i = 0; i < plan->writes; i++)
		wrmsr(plan->stop[i].msr, plan->stop[i].value);
	run.pmis++;
	overflows = take_overflows(frame);
	check(overflows != 0, "a PMI at 0x%lx without an overflow", frame->rip);
	take_status(overflows);
	check_equal(apic_lvtpc(), lvtpc_value() | (run.pmu->layout.lvtpc_masks ? LVT_MASKED : 0),
	            "LVTPC in the handler");
	apic_set_lvtpc(lvtpc_value());
	if (!run.nmi)
		apic_eoi();
	for (unsigned i = 0; i + 1 < plan->writes; i++)
		wrmsr(plan->start[i].msr, plan->start[i].value);
	return &plan->start[plan->writes - 1];
}

/* Enough iterations for SAMPLES of the first counter, and too few for one more: after the loop come
 * fewer than 10 instructions. */
static uint64_t iterations(void)
{
	const struct sampled *first = &run.sampled[0], *second = &run.sampled[1];
	unsigned others = run.count > 1 && second->period != first->period
	                          ? (unsigned)(SAMPLES * first->period / second->period)
	                          : 0;
	uint64_t amount = loop_amount(first, SAMPLES, SAMPLES + others);
	bool by_branches = first->counter.event == EVENT_BRANCHES;

	return amount / (by_branches ? SAMPLE_BRANCHES : SAMPLE_INSTRUCTIONS) + 1;
}

static void start_run(void)
{
	struct counter counters[MAX_SAMPLED];

	for (unsigned i = 0; i < run.count; i++) {
		run.sampled[i].counter.control = SELECT_INT | (run.user ? SELECT_USR : SELECT_OS);
		counters[i] = run.sampled[i].counter;
	}
	pmu_clear(run.pmu);
	for (unsigned i = 0; i < run.count; i++)
		counter_set(run.pmu, &counters[i], counter_start(&run.sampled[i]));
	plan_counters(run.pmu, counters, run.count, &run.plan);
	apic_set_lvtpc(lvtpc_value());
	trap_handle(run.nmi ? VECTOR_NMI : VECTOR_PMI, on_pmi);
}

static void run_user(uint64_t n)
{
	for (unsigned i = 0; i < run.plan.writes; i++)
		wrmsr(run.plan.start[i].msr, run.plan.start[i].value);
	call_user((void (*)(void *))(void *)sample_loop, (void *)n);
	for (unsigned i = 0; i < run.plan.writes; i++)
		wrmsr(run.plan.stop[i].msr, run.plan.stop[i].value);
}

static void do_run(void)
{
	uint64_t n;

	start_run();
	n = iterations();
	asm volatile("sti");
	if (run.user)
		run_user(n);
	else
		measure_run(run.plan.start, run.plan.stop, run.plan.writes, sample_loop, n);
	asm volatile("cli");
	trap_handle(VECTOR_NMI, NULL);
	trap_handle(VECTOR_PMI, NULL);
	apic_set_lvtpc(LVT_MASKED | VECTOR_PMI);
	pmu_clear(run.pmu);
	check_equal(run.sampled[0].samples, SAMPLES, "samples");
}

static void prepare(const struct pmu *pmu, bool user, bool nmi)
{
	run.pmu = pmu;
	run.user = user;
	run.nmi = nmi;
	run.count = 0;
	run.pmis = 0;
}

static void add(struct counter counter, uint64_t period)
{
	run.sampled[run.count++] = (struct sampled){counter, period, 0};
}

static const uint64_t periods[] = {97, 1009, 10007};

static void sample_alone(const struct pmu *pmu, struct counter counter, bool user, bool nmi)
{
	for (unsigned i = 0; i < sizeof(periods) / sizeof(periods[0]); i++) {
		prepare(pmu, user, nmi);
		add(counter, periods[i]);
		do_run();
		check_equal(run.pmis, SAMPLES, "PMIs");
	}
}

/* Every counter alone, by instructions. */
static void sample_each(const struct pmu *pmu, const char *group, bool user, bool nmi)
{
	check_begin(group);
	for (unsigned i = 0; i < pmu_gp_for(pmu, EVENT_INSTRUCTIONS); i++)
		sample_alone(pmu, (struct counter){false, (uint8_t)i, EVENT_INSTRUCTIONS, 0}, user,
		             nmi);
	if (pmu_has_fixed(pmu, 0))
		sample_alone(pmu, (struct counter){true, 0, EVENT_INSTRUCTIONS, 0}, user, nmi);
	check_end();
}

static void sample_branches(const struct pmu *pmu)
{
	check_begin("by branches, in ring 3, NMI and fixed vector");
	for (unsigned nmi = 0; pmu_event(pmu, EVENT_BRANCHES) && nmi < 2; nmi++)
		sample_alone(pmu, (struct counter){false, 0, EVENT_BRANCHES, 0}, true, nmi);
	check_end();
}

static struct counter second_counter(const struct pmu *pmu)
{
	if (pmu_has_fixed(pmu, 0))
		return (struct counter){true, 0, EVENT_INSTRUCTIONS, 0};
	return (struct counter){false, 1, EVENT_INSTRUCTIONS, 0};
}

static bool has_two(const struct pmu *pmu)
{
	return pmu_event(pmu, EVENT_INSTRUCTIONS) && (pmu_has_fixed(pmu, 0) || pmu->gp_count > 1);
}

static void sample_two(const struct pmu *pmu)
{
	const struct counter first = {false, 0, EVENT_INSTRUCTIONS, 0};
	unsigned second_samples = (unsigned)(SAMPLES * periods[1] / periods[2]);

	check_begin("two counters at periods of their own");
	if (!has_two(pmu)) {
		check_end();
		return;
	}
	prepare(pmu, true, true);
	add(first, periods[1]);
	add(second_counter(pmu), periods[2]);
	do_run();
	check_equal(run.pmis, SAMPLES + second_samples, "PMIs");
	check_equal(run.sampled[1].samples, second_samples, "samples of the second counter");
	check_end();

	check_begin("two counters that overflow together: one PMI");
	prepare(pmu, true, true);
	add(first, periods[0]);
	add(second_counter(pmu), periods[0]);
	do_run();
	check_equal(run.pmis, SAMPLES, "PMIs");
	check_equal(run.sampled[1].samples, SAMPLES, "samples of the second counter");
	check_end();
}

/* What is masked must not come, and must not come later. */
static void sample_masked(const struct pmu *pmu)
{
	check_begin("LVTPC masked: no PMI, then or later");
	if (!pmu_event(pmu, EVENT_INSTRUCTIONS)) {
		check_end();
		return;
	}
	prepare(pmu, true, true);
	add((struct counter){false, 0, EVENT_INSTRUCTIONS, 0}, periods[1]);
	start_run();
	apic_set_lvtpc(LVT_MASKED | LVT_NMI);
	run_user(iterations());
	check(has_wrapped(&run.sampled[0]), "the counter has not overflowed");
	if (pmu->has_global)
		check_equal(rdmsr(pmu->layout.status) & pmu_global_mask(pmu), 1, "overflow status");
	apic_set_lvtpc(LVT_NMI);
	run_user(100);
	check_equal(run.pmis, 0, "PMIs");
	check_end();
	trap_handle(VECTOR_NMI, NULL);
	apic_set_lvtpc(LVT_MASKED | VECTOR_PMI);
	pmu_clear(pmu);
}

/* --- DEBUGCTL's freeze (Intel SDM vol. 3B 20.2.4.1, AMD APM vol. 2 13.2) ---------------------- */

enum { MSR_DEBUGCTL = 0x1d9, FREEZE_ON_PMI = 1 << 12 };
#define STATUS_FROZEN (UINT64_C(1) << 59)

static struct {
	unsigned pmis;
	uint64_t counted, control, status;
} frozen;

static const struct msr_write *on_frozen_pmi(struct trap_frame *frame)
{
	const struct pmu_layout *layout = &run.pmu->layout;

	frozen.pmis++;
	frozen.counted = counter_read(run.pmu, &run.sampled[0].counter);
	frozen.control = rdmsr(layout->global_ctrl);
	frozen.status = rdmsr(layout->status);
	wrmsr(layout->global_ctrl, 0);
	wrmsr(layout->status_clear, frozen.status);
	return NULL;
}

/* Frozen at the overflow, the counter still stands at 0 in the handler. */
static void sample_frozen(const struct pmu *pmu)
{
	bool by_status = pmu->has_status_set;

	/* KVM shows its guests no such bit. */
	if (pmu->has_global && try_wrmsr(MSR_DEBUGCTL, FREEZE_ON_PMI)) {
		print("  --   freeze on PMI: the processor refuses it\n");
		return;
	}
	check_begin("freeze on PMI: the handler itself is not counted");
	for (unsigned i = 0; pmu->has_global && i < pmu_gp_for(pmu, EVENT_INSTRUCTIONS); i++) {
		prepare(pmu, false, true);
		add((struct counter){false, (uint8_t)i, EVENT_INSTRUCTIONS, 0}, periods[0]);
		start_run();
		frozen.pmis = 0;
		trap_handle(VECTOR_NMI, on_frozen_pmi);
		wrmsr(MSR_DEBUGCTL, FREEZE_ON_PMI);
		measure_run(run.plan.start, run.plan.stop, run.plan.writes, sample_loop, 100);
		wrmsr(MSR_DEBUGCTL, 0);
		trap_handle(VECTOR_NMI, NULL);
		check_equal(frozen.pmis, 1, "PMIs");
		check_equal(frozen.counted, 0, "the counter in the handler");
		check_equal(frozen.control, by_status ? UINT64_C(1) << i : 0, "global control");
		check_equal(frozen.status & STATUS_FROZEN, by_status ? STATUS_FROZEN : 0,
		            "the frozen bit");
	}
	check_end();
	apic_set_lvtpc(LVT_MASKED | VECTOR_PMI);
	pmu_clear(pmu);
}

static void print_histogram(void)
{
	print("\n  %-30s%16s%14s\n", "before which PMIs came (ring 3)", "by instructions",
	      "by branches");
	for (unsigned i = 0; i < SAMPLE_INSTRUCTIONS; i++) {
		uint64_t instructions = histogram[EVENT_INSTRUCTIONS][i];
		uint64_t branches = histogram[EVENT_BRANCHES][i];

		print("  %-30s%16lu%14lu  ", sample_places[i].text, instructions, branches);
		for (uint64_t n = SAMPLES_PER_MARK / 2; n < instructions + branches;
		     n += SAMPLES_PER_MARK)
			print("#");
		print("\n");
	}
}

enum guest_exit guest_main(const struct pmu *pmu)
{
	pmu_describe(pmu);
	apic_start();
	sample_each(pmu, "every counter, ring 0, NMI", false, true);
	sample_each(pmu, "every counter, ring 0, fixed vector", false, false);
	sample_each(pmu, "every counter, ring 3, NMI", true, true);
	sample_each(pmu, "every counter, ring 3, fixed vector", true, false);
	sample_branches(pmu);
	sample_two(pmu);
	sample_masked(pmu);
	sample_frozen(pmu);
	print_histogram();
	return check_verdict();
}
