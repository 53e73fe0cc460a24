/* SPDX-License-Identifier: MIT */
/*
 * A CPU that implements src/machine/cpu.h with a function of the test in place of guest code. It
 * lets the board be tested without Unicorn.
 */
#ifndef FAKE_CPU_H
#define FAKE_CPU_H

#include <machine/cpu.h>

struct cpu {
	struct cpu_config config;
	struct cpu_entry entry;
	const struct cpu_board *calls;
	void *board;
	uint64_t retired;
	uint64_t rip;
	bool stop;
	unsigned runs;
};

extern const struct cpu_ops fake_cpu_ops;

/* What its run() does; called with the CPU. */
extern enum cpu_stop (*fake_program)(struct cpu *cpu);

/* The next create() fails with this reason, if not NULL. */
extern const char *fake_refusal;

/* The CPU made last. */
extern struct cpu *fake_cpu;

/* Retires instructions as far as the deadline lets: true when all of them have. */
bool fake_retire(struct cpu *cpu, uint64_t instructions);

#endif
