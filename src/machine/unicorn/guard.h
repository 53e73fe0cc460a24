/* SPDX-License-Identifier: MIT */
/* Unicorn's own failures: guard.c. */
#ifndef MACHINE_CPU_GUARD_H
#define MACHINE_CPU_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include <unicorn/unicorn.h>

struct cpu;

bool guard_begin(void);

/* A SIGSEGV that is none of the expected ones; does not come back if it is Unicorn's. */
void guard_fault(const void *context);

/* uc_emu_start(). When Unicorn fails for good, cpu->broken is set: the engine is not to be used. */
uc_err guarded_start(struct cpu *cpu, uint64_t rip);

/* uc_close(). What a failed engine cannot free is lost. */
void guarded_close(struct cpu *cpu);

#endif
