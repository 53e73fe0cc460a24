/* SPDX-License-Identifier: MIT */
/* The workloads' table, and what measure.S retires around a body. */
#include "measure.h"

void body_loop(uint64_t iterations);
void body_stream(uint64_t iterations);
void body_branchy(uint64_t iterations);
void body_intercepted(uint64_t iterations);

const struct workload workloads[WORKLOADS] = {
	[WORKLOAD_LOOP] =
		{
			.about = "arithmetic",
			.group = "every counter: arithmetic",
			.body = body_loop,
			.instructions = 10,
			.branches = 1,
			.extra_instructions = 1,
			.iterations = 200000,
		},
	[WORKLOAD_STREAM] =
		{
			.about = "4 MiB read in a row",
			.group = "every counter: memory read in a row",
			.body = body_stream,
			.instructions = 4,
			.branches = 1,
			.extra_instructions = 2,
			.iterations = MEASURE_BUFFER_BYTES / 8,
		},
	[WORKLOAD_BRANCHY] =
		{
			.about = "branches on random bits",
			.group = "every counter: branches on random bits",
			.body = body_branchy,
			.instructions = 15,
			.branches = 3,
			.extra_instructions = 2,
			.iterations = 100000,
		},
	[WORKLOAD_INTERCEPTED] =
		{
			.about = "what a hypervisor intercepts",
			.group = "every counter: what a hypervisor intercepts",
			.body = body_intercepted,
			.instructions = 17,
			.branches = 1,
			.extra_instructions = 4,
			.iterations = 1000,
			.reads_first = true,
		},
};

bool workload_runs(const struct pmu *pmu, const struct workload *workload)
{
	return pmu->gp_count || !workload->reads_first;
}

/* measure_run(): each further write of the walks costs one step in either of them. */
enum {
	STEP_INSTRUCTIONS = 7,
	STEP_BRANCHES = 1,
	AROUND_INSTRUCTIONS =
		3 + 2 + 4,       /* after the start write; MOV, CALL; up to the stop write */
	AROUND_BRANCHES = 1 + 1, /* JNZ; CALL */
};

bool event_is_exact(enum event event)
{
	return event == EVENT_INSTRUCTIONS || event == EVENT_BRANCHES;
}

bool event_is_time(enum event event)
{
	return event == EVENT_CYCLES || event == EVENT_REF_CYCLES || event == EVENT_SLOTS;
}

void measure(const struct pmu *pmu, const struct workload *workload, uint64_t iterations,
             const struct counter *counters, unsigned count, uint64_t *values)
{
	struct plan plan;

	pmu_clear(pmu);
	if (!count) { /* no counter can count it */
		workload->body(iterations);
		return;
	}
	plan_counters(pmu, counters, count, &plan);
	measure_run(plan.start, plan.stop, plan.writes, workload->body, iterations);
	for (unsigned i = 0; i < count; i++)
		values[i] = counter_read(pmu, &counters[i]);
}

uint64_t measure_exact(const struct pmu *pmu, const struct workload *workload, uint64_t iterations,
                       unsigned count, enum event event)
{
	uint64_t further_writes = pmu_starts_at_once(pmu) ? 0 : count - 1;

	if (event == EVENT_BRANCHES)
		return workload->branches * iterations + 1 /* RET */ + AROUND_BRANCHES +
		       STEP_BRANCHES * further_writes;
	return workload->instructions * iterations + workload->extra_instructions +
	       AROUND_INSTRUCTIONS + STEP_INSTRUCTIONS * further_writes;
}
