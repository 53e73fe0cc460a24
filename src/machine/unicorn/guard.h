/* SPDX-License-Identifier: MIT */
/* Unicorn's own failures: guard.c. */
#ifndef MACHINE_CPU_GUARD_H
#define MACHINE_CPU_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include <unicorn/unicorn.h>

struct cpu;

bool guard_begin(void);

/* Handles a SIGSEGV that is not an expected one; does not return if it is Unicorn's. */
void guard_fault(const void *context);

/* uc_emu_start(). If Unicorn fails for good, cpu->broken is set, and the engine must not be used
 * again. */
uc_err guarded_start(struct cpu *cpu, uint64_t rip);

/* uc_close(). What a failed engine cannot free leaks. */
void guarded_close(struct cpu *cpu);

#endif
