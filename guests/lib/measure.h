/* SPDX-License-Identifier: MIT */
/* Measured code: what runs between starting and stopping counters, and what exactly it retires. */
#ifndef GUEST_MEASURE_H
#define GUEST_MEASURE_H

#define MEASURE_BUFFER_BYTES (4 << 20)

#ifndef __ASSEMBLER__
#include "pmu.h"

struct workload {
	const char *about, *group; /* in a table; as a group of checks */
	void (*body)(uint64_t iterations);
	unsigned instructions, branches; /* of each iteration */
	unsigned extra_instructions;     /* before and after the iterations, RET included */
	uint64_t iterations;             /* as many as it takes to see something */
	bool reads_first;                /* RDPMC of general-purpose counter 0 is in it */
};

enum { WORKLOAD_LOOP, WORKLOAD_STREAM, WORKLOAD_BRANCHY, WORKLOAD_INTERCEPTED, WORKLOADS };
extern const struct workload workloads[WORKLOADS];

/* Whether the PMU has what the workload reads. */
bool workload_runs(const struct pmu *pmu, const struct workload *workload);

/* Whether an event's count follows from the code alone. */
bool event_is_exact(enum event event);

/* Whether it passes as long as code runs. */
bool event_is_time(enum event event);

/*
 * Runs the workload under the counters, all from 0, and gives their values. Leaves them stopped.
 * Without global control count is at most the number of GP counters.
 */
void measure(const struct pmu *pmu, const struct workload *workload, uint64_t iterations,
             const struct counter *counters, unsigned count, uint64_t *values);

/* What measure() must give for an exact event that is counted in ring 0. */
uint64_t measure_exact(const struct pmu *pmu, const struct workload *workload, uint64_t iterations,
                       unsigned count, enum event event);

void measure_run(const struct msr_write *start, const struct msr_write *stop, unsigned writes,
                 void (*body)(uint64_t iterations), uint64_t iterations);
#endif
#endif
