/* SPDX-License-Identifier: MIT */
/* Keeps the IDT, the handlers' table and the list of instructions that are allowed to fault. */
#include "cpu.h"
#include "guest.h"
#include "print.h"
#include "trap.h"

struct gate {
	uint16_t offset_low, selector;
	uint8_t ist, type;
	uint16_t offset_middle;
	uint32_t offset_high, reserved;
};

struct fixup {
	uint64_t from, to;
};

struct __attribute__((packed)) table_pointer {
	uint16_t limit;
	uint64_t base;
};

extern uint64_t gdt[], task_state[];
extern uint8_t trap_stack_top[];
void trap_user_exit(void);
extern const struct fixup fixups_start[], fixups_end[];
const struct msr_write *trap_dispatch(struct trap_frame *frame);

volatile int trap_caught;
static trap_handler *handlers[256];
static struct gate idt[256];

enum { GATE_RING0 = 0x8e, GATE_RING3 = 0xee };

static void set_gate(unsigned vector, const void *entry, uint8_t type)
{
	uint64_t address = (uint64_t)entry;

	idt[vector] = (struct gate){
		.offset_low = (uint16_t)address,
		.selector = KERNEL_CODE,
		.type = type,
		.offset_middle = (uint16_t)(address >> 16),
		.offset_high = (uint32_t)(address >> 32),
	};
}

static void load_task(void)
{
	uint64_t base = (uint64_t)task_state;
	uint64_t stack = (uint64_t)trap_stack_top;
	uint8_t *rsp0 = (uint8_t *)task_state + 4;

	for (unsigned i = 0; i < 8; i++)
		rsp0[i] = (uint8_t)(stack >> (8 * i));
	gdt[TASK / 8] =
		103 | (base & 0xffffff) << 16 | UINT64_C(0x89) << 40 | (base >> 24 & 0xff) << 56;
	gdt[TASK / 8 + 1] = base >> 32;
	asm volatile("ltr %w0" : : "r"(TASK));
}

void trap_user_gate(uint8_t vector, void (*entry)(void))
{
	set_gate(vector, (const void *)entry, GATE_RING3);
}

void trap_start(void)
{
	struct table_pointer pointer = {sizeof(idt) - 1, (uint64_t)idt};

	for (unsigned i = 0; i < 256; i++)
		set_gate(i, trap_stubs[i], GATE_RING0);
	trap_user_gate(VECTOR_USER_EXIT, trap_user_exit);
	asm volatile("lidt %0" : : "m"(pointer));
	load_task();
}

void trap_handle(uint8_t vector, trap_handler *handler)
{
	handlers[vector] = handler;
}

static bool fix_up(struct trap_frame *frame)
{
	for (const struct fixup *f = fixups_start; f < fixups_end; f++) {
		if (f->from == frame->rip) {
			trap_caught = (int)frame->vector;
			frame->rip = f->to;
			return true;
		}
	}
	return false;
}

const struct msr_write *trap_dispatch(struct trap_frame *frame)
{
	if (handlers[frame->vector])
		return handlers[frame->vector](frame);
	if (frame->vector < 32 && frame->vector != VECTOR_NMI && fix_up(frame))
		return NULL;
	print("unexpected vector %lu, error code 0x%lx, at 0x%lx in ring %lu\n", frame->vector,
	      frame->error, frame->rip, frame->cs & 3);
	guest_exit(GUEST_CRASHED);
}
