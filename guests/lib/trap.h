/* SPDX-License-Identifier: MIT */
/* Exceptions and interrupts: who handles a vector, and the way to ring 3. */
#ifndef GUEST_TRAP_H
#define GUEST_TRAP_H

#include <stdint.h>

#include "layout.h"

struct trap_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
	uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

/* A register write. Read by trap.S and measure.S as well. */
struct msr_write {
	uint32_t msr, unused;
	uint64_t value;
};

/* Returns a register write for trap_common to do as late as it can (then RESUME_INSTRUCTIONS up to
 * the interrupted instruction), or NULL. */
typedef const struct msr_write *trap_handler(struct trap_frame *frame);

/* The IDT's entry points, one after the other. */
extern uint8_t trap_stubs[][TRAP_STUB_BYTES];

/* Loads IDT and TSS. Every vector that nobody handles ends the guest with a report. */
void trap_start(void);

void trap_handle(uint8_t vector, trap_handler *handler);

/* Lets ring 3 reach an entry point in assembly by INT. */
void trap_user_gate(uint8_t vector, void (*entry)(void));

/* Runs function(argument) in ring 3, interrupts as they are now, and returns. */
void call_user(void (*function)(void *), void *argument);

#endif
