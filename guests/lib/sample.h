/* SPDX-License-Identifier: MIT */
/* Code to be sampled: a loop whose every instruction's address is known. Needs no C to go with it,
 * so this is also the assembly's header. */
#ifndef GUEST_SAMPLE_H
#define GUEST_SAMPLE_H

#define SAMPLE_INSTRUCTIONS 12 /* an iteration, in the order of execution */
#define SAMPLE_BRANCHES     5

#ifndef __ASSEMBLER__
#include <stdint.h>

struct sample_place {
	uint64_t address;
	const char *text;
	uint64_t is_branch;
};

/* The instructions of one iteration; after the last one the first one follows. */
extern const struct sample_place sample_places[SAMPLE_INSTRUCTIONS];

void sample_loop(uint64_t iterations);
#endif
#endif
