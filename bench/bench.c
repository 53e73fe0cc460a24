/* SPDX-License-Identifier: MIT */
/*
 * `make bench`: how fast the machine and the library are on this computer. Things that are compared
 * are measured in turn, round after round, in one run. Times are processor time unless a row says
 * otherwise. Figures are medians; "+-" is half the distance between the quartiles.
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"

enum { ROUNDS = 9, QUICK_ROUNDS = 1 };

static const struct part {
	const char *name;
	void (*run)(const struct bench *bench);
} parts[] = {
	{"library", bench_library}, {"state", bench_state}, {"stream", bench_stream},
	{"kernel", bench_kernel},   {"loop", bench_loop},   {"work", bench_work},
};
enum { PARTS = sizeof(parts) / sizeof(parts[0]) };

/* NULL: there is no part of that name. */
static const struct part *find_part(const char *name)
{
	for (size_t i = 0; i < PARTS; i++)
		if (!strcmp(parts[i].name, name))
			return &parts[i];
	return NULL;
}

static int usage(const char *argument)
{
	fprintf(stderr, "bench: unknown option or part: %s\n", argument);
	fprintf(stderr, "usage: bench [--quick] [--only PART] [BUILD-DIRECTORY]\nparts:");
	for (size_t i = 0; i < PARTS; i++)
		fprintf(stderr, " %s", parts[i].name);
	fprintf(stderr, "\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct bench bench = {.build = "build", .rounds = ROUNDS};
	const struct part *only = NULL;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--quick")) {
			bench.quick = true;
			bench.rounds = QUICK_ROUNDS;
		} else if (!strcmp(argv[i], "--only") && i + 1 < argc) {
			only = find_part(argv[++i]);
			if (!only)
				return usage(argv[i]);
		} else if (argv[i][0] == '-') {
			return usage(argv[i]);
		} else {
			bench.build = argv[i];
		}
	}
	for (size_t i = 0; i < PARTS; i++)
		if (!only || only == &parts[i])
			parts[i].run(&bench);
	return 0;
}
