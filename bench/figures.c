/* SPDX-License-Identifier: MIT */
/* Medians and spreads of a handful of measurements. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"

double seconds_of(pid_t pid)
{
	struct timespec now;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &now))
		return -1;
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double wall_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void bench_fails(const char *why, ...)
{
	va_list rest;

	fflush(stdout);
	fputs("bench: ", stderr);
	va_start(rest, why);
	vfprintf(stderr, why, rest);
	va_end(rest);
	fputs(": a figure would mean nothing\n", stderr);
	exit(1);
}

void figures_add(struct figures *figures, double value)
{
	if (figures->count < MAX_ROUNDS)
		figures->value[figures->count++] = value;
}

static int ascending(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/* The value below which this part (0 to 1) of the figures lies, interpolated linearly. */
static double quantile(const struct figures *figures, double part)
{
	double sorted[MAX_ROUNDS], at;
	unsigned low;

	if (!figures->count)
		return 0;
	memcpy(sorted, figures->value, sizeof(sorted));
	qsort(sorted, figures->count, sizeof(sorted[0]), ascending);
	at = part * (figures->count - 1);
	low = (unsigned)at;
	if (low + 1 >= figures->count)
		return sorted[low];
	return sorted[low] + (at - low) * (sorted[low + 1] - sorted[low]);
}

double figures_median(const struct figures *figures)
{
	return quantile(figures, 0.5);
}

double figures_spread(const struct figures *figures)
{
	double median = figures_median(figures);

	return median == 0 ? 0
	                   : (quantile(figures, 0.75) - quantile(figures, 0.25)) / 2 / median * 100;
}

struct figures figures_ratio(const struct figures *a, const struct figures *b)
{
	struct figures ratio = {.count = a->count < b->count ? a->count : b->count};

	for (unsigned i = 0; i < ratio.count; i++)
		ratio.value[i] = a->value[i] / b->value[i];
	return ratio;
}

void figures_print(const char *what, const struct figures *figures, double scale, const char *unit,
                   const char *goal)
{
	printf("  %-54s %9.2f %-10s +- %4.1f%%  %s%s\n", what, figures_median(figures) / scale,
	       unit, figures_spread(figures), goal ? "goal " : "", goal ? goal : "");
	fflush(stdout);
}
