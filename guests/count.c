/* SPDX-License-Identifier: MIT */
/*
 * Counts code whose instructions and branches are known, on every counter, and prints the counts
 * beside what the code must give.
 *
 * iterations=N   of the loop in the table
 * table          the table only
 * exact          in the table, only events whose counts follow from the code
 * no-counters    run the loop and touch no PMU
 * off-by-one     expect one iteration more than there is, so that the guest must fail
 * marks          say "begin" and "end" around the loop, for whoever holds the clock
 */
#include "guest.h"
#include "measure.h"
#include "print.h"

enum { DEFAULT_ITERATIONS = 10000000 };

/* What GP counters count in the table, in this order, as far as there are counters and events. */
static const enum event table_events[] = {
	EVENT_INSTRUCTIONS, EVENT_BRANCHES, EVENT_CYCLES, EVENT_BRANCH_MISSES, EVENT_REF_CYCLES,
	EVENT_INSTRUCTIONS, EVENT_BRANCHES, EVENT_CYCLES, EVENT_BRANCH_MISSES, EVENT_REF_CYCLES};
enum { TABLE_EVENTS = sizeof(table_events) / sizeof(table_events[0]) };

static void mark(const char *name)
{
	if (argument_given("marks"))
		print("%s\n", name);
}

static unsigned add_gp(const struct pmu *pmu, struct counter *counters, bool exact)
{
	unsigned count = 0;

	for (unsigned i = 0; count < pmu->gp_count && i < 2 * TABLE_EVENTS; i++) {
		enum event event = table_events[i % TABLE_EVENTS];

		if (!pmu_event(pmu, event) || (exact && !event_is_exact(event)))
			continue;
		counters[count] =
			(struct counter){false, (uint8_t)count, event, SELECT_OS | SELECT_USR};
		count++;
	}
	return count;
}

static unsigned add_fixed(const struct pmu *pmu, struct counter *counters, bool exact)
{
	unsigned count = 0;

	for (unsigned i = 0; i < MAX_FIXED; i++) {
		enum event event = pmu_fixed_event(i);

		if (!pmu_has_fixed(pmu, i) || event == NO_EVENT ||
		    (exact && !event_is_exact(event)))
			continue;
		counters[count++] =
			(struct counter){true, (uint8_t)i, event, SELECT_OS | SELECT_USR};
	}
	return count;
}

static void print_row(const struct pmu *pmu, const struct counter *counter, uint64_t value,
                      uint64_t exact, uint64_t instructions)
{
	uint64_t hundredths = value * 100 / (instructions ? instructions : 1);

	print("  ");
	counter_print_name(pmu, counter, 16);
	print("%-15s %'18lu", event_name(counter->event), value);
	if (!event_is_exact(counter->event))
		print("  ~  %lu.%02lu an instruction\n", hundredths / 100, hundredths % 100);
	else
		print("  %s %'18lu\n", value == exact ? "= " : "!=", exact);
}

static void table(const struct pmu *pmu, uint64_t iterations)
{
	const struct workload *loop = &workloads[WORKLOAD_LOOP];
	struct counter counters[MAX_COUNTERS] = {0};
	uint64_t values[MAX_COUNTERS];
	bool only_exact = argument_given("exact");
	uint64_t expected = iterations + argument_given("off-by-one");
	unsigned count = add_gp(pmu, counters, only_exact);

	count += add_fixed(pmu, counters + count, only_exact);
	mark("begin");
	measure(pmu, loop, iterations, counters, count, values);
	mark("end");

	print("%'lu iterations of a loop of %u instructions\n\n", iterations, loop->instructions);
	print("  %-16s%-15s %18s     %18s\n", "counter", "event", "counted", "the code gives");
	for (unsigned i = 0; i < count; i++)
		print_row(pmu, &counters[i], values[i],
		          measure_exact(pmu, loop, expected, count, counters[i].event),
		          measure_exact(pmu, loop, expected, count, EVENT_INSTRUCTIONS));
	print("\n  =  follows from the code, must be equal    ~  the timing model's estimate\n\n");

	check_begin("the table");
	for (unsigned i = 0; i < count; i++)
		if (event_is_time(counters[i].event))
			check(values[i] != 0, "%s: none", event_name(counters[i].event));
		else if (event_is_exact(counters[i].event))
			check_equal(values[i],
			            measure_exact(pmu, loop, expected, count, counters[i].event),
			            event_name(counters[i].event));
	check_end();
}

/* One event of a workload on GP counter 0; false when the model cannot count it. */
static bool rate(const struct pmu *pmu, const struct workload *workload, enum event event,
                 uint64_t *value)
{
	struct counter counter = {false, 0, event, SELECT_OS | SELECT_USR};

	if (!pmu_event(pmu, event))
		return false;
	measure(pmu, workload, workload->iterations, &counter, 1, value);
	return true;
}

static void print_rate(const struct pmu *pmu, const struct workload *workload, enum event event,
                       uint64_t instructions)
{
	uint64_t value;

	if (!rate(pmu, workload, event, &value)) {
		print(" %14s", "-");
		return;
	}
	value = value * 100000 / instructions;
	print(" %11lu.%02lu", value / 100, value % 100);
}

static void rates(const struct pmu *pmu)
{
	static const enum event columns[] = {EVENT_CYCLES, EVENT_BRANCH_MISSES,
	                                     EVENT_LLC_REFERENCES, EVENT_LLC_MISSES};

	print("\n  %-29s", "in 1000 instructions");
	for (unsigned i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		print(" %14s", event_name(columns[i]));
	print("\n");
	for (unsigned w = 0; w < WORKLOADS; w++) {
		const struct workload *workload = &workloads[w];
		uint64_t instructions =
			measure_exact(pmu, workload, workload->iterations, 1, EVENT_INSTRUCTIONS);

		print("  %-29s", workload->about);
		for (unsigned i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
			print_rate(pmu, workload, columns[i], instructions);
		print("\n");
	}
	print("\n");
}

/* All counters on one event at once: each must give the same exact number. */
static void all_on(const struct pmu *pmu, const struct workload *workload, enum event event)
{
	struct counter counters[MAX_COUNTERS] = {0};
	uint64_t values[MAX_COUNTERS];
	unsigned count = 0;

	for (unsigned i = 0; i < pmu_gp_for(pmu, event); i++)
		counters[count++] = (struct counter){false, (uint8_t)i, event, SELECT_OS};
	if (event == EVENT_INSTRUCTIONS && pmu_has_fixed(pmu, 0))
		counters[count++] = (struct counter){true, 0, event, SELECT_OS};
	measure(pmu, workload, workload->iterations, counters, count, values);
	for (unsigned i = 0; i < count; i++)
		check_equal(values[i],
		            measure_exact(pmu, workload, workload->iterations, count, event),
		            event_name(event));
}

static void every_counter(const struct pmu *pmu)
{
	for (unsigned w = 0; w < WORKLOADS; w++) {
		check_begin(workloads[w].group);
		if (workload_runs(pmu, &workloads[w])) {
			all_on(pmu, &workloads[w], EVENT_INSTRUCTIONS);
			all_on(pmu, &workloads[w], EVENT_BRANCHES);
		}
		check_end();
	}
}

/* One counter alone counts, and the others stay where they are. */
static void one_at_a_time(const struct pmu *pmu)
{
	const struct workload *loop = &workloads[WORKLOAD_LOOP];

	check_begin("each counter alone");
	for (unsigned i = 0; i < pmu_gp_for(pmu, EVENT_INSTRUCTIONS); i++) {
		struct counter counter = {false, (uint8_t)i, EVENT_INSTRUCTIONS, SELECT_OS};
		uint64_t value;

		measure(pmu, loop, 1000 + i, &counter, 1, &value);
		check_equal(value, measure_exact(pmu, loop, 1000 + i, 1, EVENT_INSTRUCTIONS),
		            "instructions");
		for (unsigned j = 0; j < pmu->gp_count; j++) {
			struct counter other = {false, (uint8_t)j, NO_EVENT, 0};

			if (j != i)
				check_equal(counter_read(pmu, &other), 0, "another counter");
		}
	}
	check_end();
}

enum guest_exit guest_without_pmu(void)
{
	if (!argument_given("no-counters")) {
		print("This machine has no PMU: nothing to count.\n");
		return GUEST_NO_PMU;
	}
	mark("begin");
	workloads[WORKLOAD_LOOP].body(argument_number("iterations", DEFAULT_ITERATIONS));
	mark("end");
	return GUEST_PASSED;
}

enum guest_exit guest_main(const struct pmu *pmu)
{
	if (argument_given("no-counters"))
		return guest_without_pmu();
	pmu_describe(pmu);
	table(pmu, argument_number("iterations", DEFAULT_ITERATIONS));
	if (!argument_given("table")) {
		rates(pmu);
		every_counter(pmu);
		one_at_a_time(pmu);
	}
	return check_verdict();
}
