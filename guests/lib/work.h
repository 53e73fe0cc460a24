/* SPDX-License-Identifier: MIT */
/* Work as real programs have it, each piece with a result that tells whether it was done right. */
#ifndef GUEST_WORK_H
#define GUEST_WORK_H

#include <stdbool.h>
#include <stdint.h>

struct work {
	const char *about;
	bool (*run)(uint64_t seed); /* a round; false: the result is wrong */
};

enum { WORKS = 5 };
extern const struct work works[WORKS];

/* All of it once, and so many rounds; they return how many pieces went wrong. They need a stack and
 * nothing else of a machine: `make bench` runs them on a bare CPU. */
uint64_t work_round(uint64_t round);
uint64_t work_run(uint64_t rounds);

#endif
