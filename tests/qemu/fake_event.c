/* SPDX-License-Identifier: MIT */
/* What comes between the fake's instructions: frames of exceptions and interrupts, and what QEMU
 * calls for them. */
#include "fake_inside.h"

#include <string.h>

static void push(uint64_t value)
{
	fake.reg[FAKE_RSP] -= sizeof(value);
	memcpy(fake.memory + fake.reg[FAKE_RSP], &value, sizeof(value));
}

/* The frame of an event, and what QEMU calls for it. */
void fake_deliver_frame(uint64_t handler, uint64_t pc, uint64_t frame_pc, bool is_exception,
                        bool has_error)
{
	uint64_t sp = fake.reg[FAKE_RSP];

	inside.running = QEMU_CB_RW_REGS_PC;
	if (is_exception)
		inside.on.discon(0, QEMU_DISCON_EXCEPTION, pc, pc, NULL);
	fake.reg[FAKE_RSP] &= ~UINT64_C(15);
	push(fake.reg[FAKE_SS]);
	push(sp);
	push(fake.reg[FAKE_EFLAGS]);
	push(fake.reg[FAKE_CS]);
	push(frame_pc);
	if (has_error)
		push(0);
	fake.reg[FAKE_CS] = 8;
	inside.on.discon(0, QEMU_DISCON_INTERRUPT, pc, handler, NULL);
	fake.reg[FAKE_RIP] = handler;
}

void fake_deliver(uint64_t handler, uint64_t pc, bool is_exception, bool has_error)
{
	fake_deliver_frame(handler, pc, pc, is_exception, has_error);
}

/* Takes a frame; where it leads to. */
uint64_t fake_pop_frame(void)
{
	uint64_t frame[4];

	memcpy(frame, fake.memory + fake.reg[FAKE_RSP], sizeof(frame));
	fake.reg[FAKE_CS] = frame[1];
	fake.reg[FAKE_RSP] = frame[3];
	return frame[0];
}

/* An interrupt's handler is nothing but an IRET that is not counted. */
void fake_interrupt(uint64_t pc)
{
	fake.interrupts = false;
	if (fake.taken < FAKE_INTERRUPTS)
		fake.taken_at[fake.taken++] = pc;
	fake_deliver(0, pc, false, false);
	fake.reg[FAKE_RIP] = fake_pop_frame();
}

/* This one's handler is executed. */
void fake_interrupt_by_timer(uint64_t pc)
{
	fake.timer = false;
	fake_deliver(FAKE_HANDLER_TIMER, pc, false, false);
}

/* A guest's interrupts are its host's, which takes them at once. */
void fake_exit_by_interrupt(uint64_t pc)
{
	if (fake.taken < FAKE_INTERRUPTS)
		fake.taken_at[fake.taken++] = pc;
	fake.interrupts = fake.timer = false;
	fake_exit(0x60, pc);
}
