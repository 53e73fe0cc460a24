/* SPDX-License-Identifier: MIT */
/*
 * `make bench`: how fast the machine and the library are, here and now. Everything that is compared
 * is measured in turn, round after round, in this one run. Times are processor time; figures are
 * medians, "+-" is half of the distance between the quartiles.
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"

enum { ROUNDS = 9, QUICK_ROUNDS = 1 };

int main(int argc, char **argv)
{
	struct bench bench = {.build = "build", .rounds = ROUNDS};

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--quick")) {
			bench.quick = true;
			bench.rounds = QUICK_ROUNDS;
		} else if (argv[i][0] == '-') {
			fprintf(stderr,
			        "bench: unknown option: %s\nusage: bench [--quick] "
			        "[BUILD-DIRECTORY]\n",
			        argv[i]);
			return 2;
		} else {
			bench.build = argv[i];
		}
	}
	bench_library(&bench);
	bench_kernel(&bench);
	bench_loop(&bench);
	return 0;
}
