/* SPDX-License-Identifier: MIT */
/*
 * The counting loop of guests/count.c under `vpmu run`, on bare Unicorn, and under QEMU TCG.
 */
#include <stdint.h>
#include <stdio.h>

#include "bench.h"

#if HAVE_UNICORN
#include <unicorn/unicorn.h>

/* guests/lib/loop.S, linked into this program. */
extern const uint8_t body_loop[], body_loop_end[];

enum { CODE = 0x100000 };

/* The loop on bare Unicorn: no hooks, no counting. */
static double bare_seconds(unsigned long iterations)
{
	size_t bytes = (size_t)(body_loop_end - body_loop);
	uint64_t rdi = iterations;
	double took = -1;
	uc_engine *uc;

	if (uc_open(UC_ARCH_X86, UC_MODE_64, &uc) != UC_ERR_OK)
		return -1;
	if (uc_mem_map(uc, CODE, 0x1000, UC_PROT_ALL) == UC_ERR_OK &&
	    uc_mem_write(uc, CODE, body_loop, bytes) == UC_ERR_OK &&
	    uc_reg_write(uc, UC_X86_REG_RDI, &rdi) == UC_ERR_OK) {
		double start = seconds_of(0);

		if (uc_emu_start(uc, CODE, CODE + bytes, 0, 0) == UC_ERR_OK)
			took = seconds_of(0) - start;
		uc_reg_read(uc, UC_X86_REG_RDI, &rdi);
	}
	uc_close(uc);
	return rdi ? -1 : took;
}
#else
static double bare_seconds(unsigned long iterations)
{
	return -1;
}
#endif

/* One way to run the guest. */
struct way {
	const char *what;
	const char *append; /* after iterations=N */
	bool qemu;
	bool timed; /* counts cycles, so the timing model runs */
	struct figures seconds;
};

/* The seconds of the loop alone, or -1. */
static double loop_seconds(const struct bench *bench, const struct way *way,
                           unsigned long iterations)
{
	char append[128];

	snprintf(append, sizeof(append), "iterations=%lu table marks %s", iterations, way->append);
	return guest_seconds(bench, "count", append, way->qemu);
}

/* The goals apply to exact counts; classes of the timing model have none. */
static void report(const struct figures *base, const char *base_name, const struct way *ways,
                   size_t count, const char *goal)
{
	char what[80];

	if (!base->count)
		return;
	for (size_t i = 0; i < count; i++) {
		struct figures ratio = figures_ratio(&ways[i].seconds, base);

		if (!ratio.count)
			continue;
		snprintf(what, sizeof(what), "%s, against %s", ways[i].what, base_name);
		figures_print(what, &ratio, 1, "times", ways[i].timed ? NULL : goal);
	}
}

static void measure_round(const struct bench *bench, struct way *ways, size_t count,
                          struct figures *bare, unsigned long iterations)
{
	double took = bare_seconds(iterations);

	if (took > 0)
		figures_add(bare, took);
	for (size_t i = 0; i < count; i++) {
		took = loop_seconds(bench, &ways[i], iterations);
		if (took > 0)
			figures_add(&ways[i].seconds, took);
	}
}

void bench_loop(const struct bench *bench)
{
	enum { RUNS = 3, QEMU = RUNS, WAYS };
	struct way ways[WAYS] = {
		{"instructions and branches on", "exact", false, false, {.count = 0}},
		{"cycles and branch misses on, too", "", false, true, {.count = 0}},
		{"no counter on", "no-counters", false, false, {.count = 0}},
		{"QEMU TCG", "no-counters", true, false, {.count = 0}},
	};
	unsigned long iterations = bench->quick ? 100000 : 100000000;
	struct figures bare = {.count = 0};

	for (unsigned i = 0; i < bench->rounds; i++)
		measure_round(bench, ways, WAYS, &bare, iterations);

	printf("\nThe counting loop, %lu million instructions of 10 an iteration\n",
	       iterations * 10 / 1000000);
	figures_print("bare Unicorn, counting nothing", &bare, 1, "s", NULL);
	for (size_t i = 0; i < WAYS; i++) {
		char what[80];

		snprintf(what, sizeof(what), i == QEMU ? "%s, counting nothing" : "vpmu run, %s",
		         ways[i].what);
		if (ways[i].seconds.count)
			figures_print(what, &ways[i].seconds, 1, "s", NULL);
		else
			printf("  %-54s not measured: it did not run here\n", what);
	}
	report(&bare, "bare Unicorn", ways, RUNS, "<= 1.2");
	report(&ways[QEMU].seconds, "QEMU TCG", ways, RUNS, "<= 2.5");
}
