/* SPDX-License-Identifier: MIT */
/* What the benchmarks share: repeated figures, and how they are printed. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { MAX_ROUNDS = 15 };

/* The same thing measured once a round. */
struct figures {
	double value[MAX_ROUNDS];
	unsigned count;
};

struct bench {
	const char *build; /* the build directory: the tool and the guests are in it */
	unsigned rounds;
	bool quick; /* just check that everything runs */
};

/* Seconds of processor time of this process (0) or of a child, so that other work on the computer
 * does not count; -1 when unknown. */
double seconds_of(pid_t pid);

/* The wall clock, for how long a person waits. Only differences mean anything. */
double wall_seconds(void);

/* The measurement is not what its line would claim: ends everything with status 1. */
_Noreturn void bench_fails(const char *why, ...) __attribute__((format(printf, 1, 2)));

void figures_add(struct figures *figures, double value);
double figures_median(const struct figures *figures);
/* Half of the distance between the quartiles, in percent of the median. */
double figures_spread(const struct figures *figures);
/* a/b, round by round. */
struct figures figures_ratio(const struct figures *a, const struct figures *b);

/* "  what   12.3 unit  ± 4%", and the goal if there is one. */
void figures_print(const char *what, const struct figures *figures, double scale, const char *unit,
                   const char *goal);

/* The seconds between a guest's lines "begin" and "end"; -1 unless it ran and passed. */
double guest_seconds(const struct bench *bench, const char *name, char *append, bool qemu);

void bench_library(const struct bench *bench);
void bench_state(const struct bench *bench);
void bench_stream(const struct bench *bench);
void bench_kernel(const struct bench *bench);
void bench_loop(const struct bench *bench);
void bench_work(const struct bench *bench);

#endif
