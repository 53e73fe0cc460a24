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
	bool pure;               /* nothing else happens but these: */
	uint8_t add_count;
	struct loop_add adds[LOOP_ADDS];
};

struct cpu;
struct block;

/* What a decoded block is as a loop, or NULL when it is none. */
struct loop *loop_make(const struct block *block, const uint8_t *code);

/* Iterations left on entry, 0: cannot be said. */
uint64_t loop_left(const struct cpu *cpu, const struct loop *loop);

/* What an iteration costs that ends in a taken branch, once the predictor has settled. */
uint64_t loop_slots(const struct block *block);

/* Whether iterations cost just that: always, while nobody wants to know. */
bool loop_is_steady(const struct cpu *cpu, const struct block *block);

/* How many iterations may be counted with no overflow before their end. */
uint64_t loop_room(const struct cpu *cpu, const struct block *block);

/* Pays whole iterations that end in a taken branch. */
void loop_pay(struct cpu *cpu, const struct block *block, uint64_t times);

/* Takes as many iterations as may be at once; the block is still to be run. */
void loop_fold(struct cpu *cpu, const struct block *block);

/* Whether the block's loop is long enough to be run without the hook, and may be run to its end. */
bool spin_pays(const struct cpu *cpu, const struct block *block);

/* Runs it, from the block's start. */
void spin(struct cpu *cpu, struct block *block);

#endif
