/* SPDX-License-Identifier: MIT */
/*
 * Prints two documents of `vpmu stat --json`, of counts of every kind, without a guest: of a
 * program that ended, and of one that was killed.
 */
#include <errno.h>
#include <stdio.h>

#include "stat/stat.h"

int main(void)
{
	static char *words[] = {(char *)"/bin/true", (char *)"a\xff", NULL};
	const struct stat_about about = {words, "skylake", "6.12.1"};
	const struct stat_events events = {
		.count = 5,
		.of = {{.name = "instructions:u", .trust = STAT_EXACT, .limit = 1000},
	               {.name = "cycles", .trust = STAT_ESTIMATE, .limit = UINT64_MAX},
	               {.name = "cache-misses", .trust = STAT_NOT_COUNTED, .limit = UINT64_MAX},
	               {.name = "r1ff", .trust = STAT_NOT_COUNTED, .limit = UINT64_MAX},
	               {.name = "page-faults", .trust = STAT_KERNEL, .limit = UINT64_MAX}},
	};
	struct stat_result result = {
		.ended = true,
		.status = 7,
		.counts = {{.read = true, .value = 999, .enabled = 10, .running = 10},
	                   {.read = true, .value = UINT64_C(1) << 60, .enabled = 30, .running = 20},
	                   {.read = true, .value = 0, .enabled = 10, .running = 10},
	                   {.refused = true, .error = ENOENT},
	                   {.read = true, .value = 3, .enabled = 10, .running = 10}},
	};
	bool good = stat_print_json(stdout, &about, &events, &result);

	result.signalled = true;
	return good && stat_print_json(stdout, &about, &events, &result) ? 0 : 1;
}
