/* SPDX-License-Identifier: MIT */
/*
 * Goes between ring 3 and ring 0 thousands of times with a known number of instructions in each,
 * and checks that counters filtered by ring (USR, OS, both, neither) count exactly theirs. The way
 * itself (INT, IRETQ, faults in ring 3) is checked first, also on a machine without a PMU.
 */
#include "apic.h"
#include "cpu.h"
#include "cross.h"
#include "guest.h"
#include "measure.h"
#include "print.h"

enum { ITERATIONS = 5000, FAULTS = 500 };

/* Selector bits, and whether they count in ring 3 and in ring 0. */
static const struct filter {
	const char *name;
	uint64_t control;
	bool user, kernel;
} filters[] = {
	{"USR", SELECT_USR, true, false},
	{"OS", SELECT_OS, false, true},
	{"USR and OS", SELECT_USR | SELECT_OS, true, true},
	{"neither USR nor OS", 0, false, false},
};
enum { FILTERS = sizeof(filters) / sizeof(filters[0]) };

/* --- The way to ring 3 and back --------------------------------------------------------------- */

struct faults {
	int load, read_msr, write_msr;
	uint16_t cs;
};

static void provoke(void *argument)
{
	struct faults *faults = argument;
	uint64_t value;

	asm volatile("mov %%cs, %0" : "=r"(faults->cs));
	faults->load = try_load((const volatile uint8_t *)CROSS_UNMAPPED);
	faults->read_msr = try_rdmsr(MSR_APIC_BASE, &value);
	faults->write_msr = try_wrmsr(MSR_APIC_BASE, 0);
}

static void check_way(void)
{
	const struct msr_write nothing = {MSR_APIC_BASE, 0, rdmsr(MSR_APIC_BASE)};
	struct faults faults;

	check_begin("ring 3 and back");
	call_user(provoke, &faults);
	check_equal(faults.cs, USER_CODE, "CS in ring 3");
	check_equal((uint64_t)faults.load, VECTOR_PF, "the vector of a load from nowhere");
	check_equal((uint64_t)faults.read_msr, VECTOR_GP, "the vector of RDMSR in ring 3");
	check_equal((uint64_t)faults.write_msr, VECTOR_GP, "the vector of WRMSR in ring 3");
	cross_run(&nothing, &nothing, 1, ITERATIONS);
	call_user(cross_faults, (void *)(uint64_t)FAULTS);
	check_end();
}

/* --- Counting --------------------------------------------------------------------------------- */

static uint64_t user_instructions(void)
{
	return CROSS_USER_EACH * ITERATIONS + CROSS_USER_EXIT;
}

static uint64_t kernel_instructions(const struct plan *plan)
{
	return CROSS_AROUND + CROSS_STEP * (plan->writes - 1) + CROSS_DOWN + ITERATIONS + CROSS_UP;
}

/* Every counter, each with another filter; `turn` moves the filters on. */
static unsigned choose(const struct pmu *pmu, struct counter *counters, enum event event,
                       unsigned turn)
{
	unsigned count = 0;

	for (unsigned i = 0; i < pmu_gp_for(pmu, event); i++, count++)
		counters[count] = (struct counter){false, (uint8_t)i, event,
		                                   filters[(count + turn) % FILTERS].control};
	if (event == EVENT_INSTRUCTIONS && pmu_has_fixed(pmu, 0)) {
		counters[count] =
			(struct counter){true, 0, event, filters[(count + turn) % FILTERS].control};
		count++;
	}
	return count;
}

static void count_crossing(const struct pmu *pmu, enum event event, unsigned turn,
                           struct counter *counters, unsigned *count, struct plan *plan)
{
	pmu_clear(pmu);
	*count = choose(pmu, counters, event, turn);
	if (!*count)
		return;
	plan_counters(pmu, counters, *count, plan);
	cross_run(plan->start, plan->stop, plan->writes, ITERATIONS);
}

static void check_instructions(const struct pmu *pmu, unsigned turn)
{
	struct counter counters[MAX_COUNTERS] = {0};
	struct plan plan;
	unsigned count;

	count_crossing(pmu, EVENT_INSTRUCTIONS, turn, counters, &count, &plan);
	for (unsigned i = 0; i < count; i++) {
		const struct filter *filter = &filters[(i + turn) % FILTERS];
		uint64_t exact = (filter->user ? user_instructions() : 0) +
		                 (filter->kernel ? kernel_instructions(&plan) : 0);

		check_equal(counter_read(pmu, &counters[i]), exact, filter->name);
	}
}

/* Far transfers are branches on some processors and not on others, so only the sum is exact. */
static void check_branches(const struct pmu *pmu)
{
	uint64_t value[FILTERS];

	check_begin("branches of ring 3 and ring 0 add up");
	if (!pmu_event(pmu, EVENT_BRANCHES)) {
		check_end();
		return;
	}
	for (unsigned turn = 0; turn < FILTERS; turn++) {
		struct counter counters[MAX_COUNTERS] = {0};
		struct plan plan;
		unsigned count;

		count_crossing(pmu, EVENT_BRANCHES, turn, counters, &count, &plan);
		value[turn] = counter_read(pmu, &counters[0]);
	}
	check(value[0] >= ITERATIONS && value[0] <= 2 * ITERATIONS + 1,
	      "%lu branches in ring 3, of %u near ones", value[0], ITERATIONS);
	check_equal(value[2], value[0] + value[1], "USR and OS");
	check_equal(value[3], 0, "neither USR nor OS");
	check_end();
}

/* Going down and coming up cancel out, but for the way back from a fault. */
static void check_faults(const struct pmu *pmu)
{
	uint64_t each =
		CROSS_FAULTS_EACH + (pmu->layout.counts_where_it_goes ? CROSS_FAULTS_BACK : 0);

	check_begin("faulting instructions do not count");
	for (unsigned i = 0; i < pmu_gp_for(pmu, EVENT_INSTRUCTIONS); i++) {
		struct counter counter = {false, (uint8_t)i, EVENT_INSTRUCTIONS, SELECT_USR};
		struct plan plan;

		pmu_clear(pmu);
		plan_counters(pmu, &counter, 1, &plan);
		wrmsr(plan.start[0].msr, plan.start[0].value);
		call_user(cross_faults, (void *)(uint64_t)FAULTS);
		wrmsr(plan.stop[0].msr, plan.stop[0].value);
		check_equal(counter_read(pmu, &counter), each * FAULTS + CROSS_FAULTS_AROUND,
		            "USR instructions");
	}
	check_end();
}

static void print_split(const struct pmu *pmu)
{
	struct counter counters[MAX_COUNTERS] = {0};
	struct plan plan;
	unsigned count;

	count_crossing(pmu, EVENT_INSTRUCTIONS, 0, counters, &count, &plan);
	print("\n  %'u times from ring 3 to ring 0 and back\n\n", ITERATIONS);
	print("  %-16s%-20s %14s\n", "counter", "counts in", "instructions");
	for (unsigned i = 0; i < count; i++) {
		print("  ");
		counter_print_name(pmu, &counters[i], 16);
		print("%-20s %'14lu\n", filters[i % FILTERS].name, counter_read(pmu, &counters[i]));
	}
	pmu_clear(pmu);
}

static void start(void)
{
	trap_user_gate(VECTOR_PING, cross_ping);
	trap_user_gate(VECTOR_CROSS_EXIT, cross_exit);
	check_way();
}

enum guest_exit guest_without_pmu(void)
{
	print("This machine has no PMU: only the way to ring 3 is checked.\n");
	start();
	return check_verdict() == GUEST_PASSED ? GUEST_NO_PMU : GUEST_FAILED;
}

enum guest_exit guest_main(const struct pmu *pmu)
{
	pmu_describe(pmu);
	start();
	check_begin("instructions of ring 3 and ring 0, every counter");
	for (unsigned turn = 0; turn < FILTERS; turn++)
		check_instructions(pmu, turn);
	check_end();
	check_branches(pmu);
	check_faults(pmu);
	print_split(pmu);
	return check_verdict();
}
