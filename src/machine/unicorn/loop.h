/* SPDX-License-Identifier: MIT */
/* Blocks that jump back to themselves a known number of times: loop.c, spin.c. */
#ifndef MACHINE_CPU_LOOP_H
#define MACHINE_CPU_LOOP_H

#include <stdbool.h>
#include <stdint.h>

enum { LOOP_ADDS = 8 };

/* A constant that is added to a register. */
struct loop_add {
	uint8_t reg;
	bool narrow; /* 32 bits */
	int64_t by;
};

struct loop {
	struct loop_add counter; /* the loop ends when it is 0 */
	uint16_t counter_op;     /* the instruction that changes it */
	bool prepared;           /* Unicorn has it without the hook */
	bool pure;               /* its only other effect is these additions: */
	uint8_t add_count;
	struct loop_add adds[LOOP_ADDS];
};

struct cpu;
struct block;

/* The decoded block as a loop; NULL: it is not a loop, or there is no memory. */
struct loop *loop_make(const struct block *block, const uint8_t *code);

/* The iterations left on entry; 0: unknown. */
uint64_t loop_left(const struct cpu *cpu, const struct loop *loop);

/* The cost of an iteration that ends in a taken branch, once the predictor has settled. */
uint64_t loop_slots(const struct block *block);

/* Whether each iteration costs exactly that. Always true while nothing counts costs. */
bool loop_is_steady(const struct cpu *cpu, const struct block *block);

/* How many iterations may be counted with no overflow before their end. */
uint64_t loop_room(const struct cpu *cpu, const struct block *block);

/* Pays whole iterations that end in a taken branch. */
void loop_pay(struct cpu *cpu, const struct block *block, uint64_t times);

/* Folds as many iterations as allowed; the block must then still be run once. */
void loop_fold(struct cpu *cpu, const struct block *block);

/* Whether the block's loop is long enough to run it without the hook, and may be run to its end. */
bool spin_pays(const struct cpu *cpu, const struct block *block);

/* Runs the loop, from the block's start. */
void spin(struct cpu *cpu, struct block *block);

#endif
