/* SPDX-License-Identifier: MIT */
/*
 * Delivers exceptions and interrupts through the guest's IDT, which Unicorn does not do for us:
 * gates, stack switches through the TSS, frames. A fault during delivery makes a double fault, and
 * a fault during that ends the run. Intel SDM vol. 3A chapter 6.
 */
#include <stdio.h>

#include "room_int.h"

enum {
	EXCEPTIONS_MAX = 1000, /* in a row */
	GATE_INTERRUPT = 0xe,
	GATE_TRAP = 0xf,
	CODE_CONFORMING = 1 << 10,
	CODE_SEGMENT = 1 << 11,
	CODE_DATA_SEGMENT = 1 << 12,
	DESC_L = 1 << 21,
};

struct gate {
	uint64_t offset;
	uint16_t selector;
	uint8_t type, dpl, ist;
};

/* A frame on its way to the guest's stack. */
struct frame {
	uint64_t rsp;
	unsigned slot; /* bytes of one value */
	bool flat;     /* 64-bit: no base */
	uint64_t base;
};

static bool fail(struct exception *fault, uint8_t vector, uint32_t error)
{
	*fault = (struct exception){.vector = vector, .has_error = true, .error = error};
	return false;
}

static bool read_gate(struct cpu *cpu, const struct exception *e, struct gate *gate,
                      struct exception *fault)
{
	unsigned bytes = state_long(cpu->state) ? 16 : 8;
	uint32_t word[4] = {0}, error = e->vector * 8u + 2 + !e->software;

	if (e->vector * bytes + bytes - 1 > cpu->state->idt.limit)
		return fail(fault, VECTOR_GP, error);
	if (!memory_load(cpu, cpu->state->idt.base + e->vector * bytes, word, bytes, fault))
		return false;
	*gate = (struct gate){
		.offset = (word[0] & 0xffff) | (word[1] & 0xffff0000) | (uint64_t)word[2] << 32,
		.selector = (uint16_t)(word[0] >> 16),
		.type = word[1] >> 8 & 0x1f,
		.dpl = word[1] >> 13 & 3,
		.ist = bytes == 16 ? word[1] & 7 : 0,
	};
	if ((gate->type != GATE_INTERRUPT && gate->type != GATE_TRAP) ||
	    (e->software && gate->dpl < cpu->cpl))
		return fail(fault, VECTOR_GP, error);
	return word[1] & 0x8000 ? true : fail(fault, VECTOR_NP, error);
}

/* Reads the handler's code segment, and from it the privilege level to go to. */
static bool read_code(struct cpu *cpu, const struct gate *gate, struct segment_cache *code,
                      unsigned *cpl, struct exception *fault)
{
	unsigned dpl;

	if (!segment_fetch(cpu, gate->selector, code, fault))
		return false;
	dpl = code->flags >> 13 & 3;
	if ((code->flags & (CODE_SEGMENT | CODE_DATA_SEGMENT)) !=
	            (CODE_SEGMENT | CODE_DATA_SEGMENT) ||
	    dpl > cpu->cpl || (state_long(cpu->state) && !(code->flags & DESC_L)))
		return fail(fault, VECTOR_GP, gate->selector & 0xfffcu);
	*cpl = code->flags & CODE_CONFORMING ? cpu->cpl : dpl;
	code->selector = (code->selector & ~3u) | *cpl;
	return true;
}

static bool tss_load(struct cpu *cpu, unsigned offset, void *to, unsigned bytes,
                     struct exception *fault)
{
	if (offset + bytes - 1 > cpu->state->tr.limit)
		return fail(fault, VECTOR_TS, cpu->state->tr.selector & 0xfffcu);
	return memory_load(cpu, cpu->state->tr.base + offset, to, bytes, fault);
}

/* The stack in 64-bit mode: IST, or RSPn on a change of privilege, or the current one. */
static bool stack_of_64(struct cpu *cpu, const struct gate *gate, unsigned cpl,
                        struct segment_cache *stack, struct frame *frame, struct exception *fault)
{
	*stack = cpu->state->segs[SEG_SS];
	*frame = (struct frame){.rsp = cpu->state->regs[GPR_RSP], .slot = 8, .flat = true};
	if (gate->ist) {
		if (!tss_load(cpu, 28 + 8u * gate->ist, &frame->rsp, 8, fault))
			return false;
	} else if (cpl < cpu->cpl) {
		if (!tss_load(cpu, 4 + 8 * cpl, &frame->rsp, 8, fault))
			return false;
	}
	if (cpl < cpu->cpl)
		*stack = (struct segment_cache){.selector = cpl, .flags = cpl << 13};
	frame->rsp &= ~UINT64_C(15);
	return true;
}

static bool stack_of_32(struct cpu *cpu, unsigned cpl, struct segment_cache *stack,
                        struct frame *frame, struct exception *fault)
{
	uint32_t word[2] = {0};

	*stack = cpu->state->segs[SEG_SS];
	*frame = (struct frame){.rsp = (uint32_t)cpu->state->regs[GPR_RSP], .slot = 4};
	if (cpl < cpu->cpl) {
		if (!tss_load(cpu, 4 + 8 * cpl, word, sizeof(word), fault) ||
		    !segment_fetch(cpu, (uint16_t)word[1], stack, fault))
			return false;
		frame->rsp = word[0];
	}
	frame->base = stack->base;
	return true;
}

static bool push(struct cpu *cpu, struct frame *frame, uint64_t value, struct exception *fault)
{
	uint64_t rsp = frame->rsp - frame->slot;

	if (!frame->flat)
		rsp = (uint32_t)rsp;
	frame->rsp = rsp;
	return memory_store(cpu, frame->flat ? rsp : (uint32_t)(rsp + frame->base), &value,
	                    frame->slot, fault);
}

static bool push_frame(struct cpu *cpu, const struct exception *e, bool with_stack,
                       struct frame *frame, struct exception *fault)
{
	const struct state *state = cpu->state;

	if (with_stack && !(push(cpu, frame, state->segs[SEG_SS].selector, fault) &&
	                    push(cpu, frame, state->regs[GPR_RSP], fault)))
		return false;
	return push(cpu, frame, state_flags(cpu->uc), fault) &&
	       push(cpu, frame, state->segs[SEG_CS].selector, fault) &&
	       push(cpu, frame, state->rip, fault) &&
	       (!e->has_error || push(cpu, frame, e->error, fault));
}

/* Delivers one exception. False: *fault happened instead, and only the stack's memory has
 * changed. */
static bool deliver(struct cpu *cpu, const struct exception *e, struct exception *fault)
{
	struct state *state = cpu->state;
	struct segment_cache code, stack;
	struct frame frame;
	struct gate gate;
	unsigned cpl;
	uint64_t flags;

	if (!(state->cr[0] & CR0_PE))
		return fail(fault, VECTOR_GP, 0);
	if (!read_gate(cpu, e, &gate, fault) || !read_code(cpu, &gate, &code, &cpl, fault))
		return false;
	if (!(state_long(state) ? stack_of_64(cpu, &gate, cpl, &stack, &frame, fault)
	                        : stack_of_32(cpu, cpl, &stack, &frame, fault)) ||
	    !push_frame(cpu, e, state_long(state) || cpl < cpu->cpl, &frame, fault))
		return false;
	flags = state_flags(cpu->uc) & ~(uint64_t)(FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM);
	if (gate.type == GATE_INTERRUPT)
		flags &= ~(uint64_t)FLAG_IF;
	state_load_segment(state, SEG_CS, &code);
	if (cpl < cpu->cpl)
		state_load_segment(state, SEG_SS, &stack);
	state->regs[GPR_RSP] = frame.rsp;
	state->rip = gate.offset;
	state_set_flags(state, flags);
	cpu->shadow = false;
	return true;
}

/* Intel SDM vol. 3A table 6-5: which exceptions during another's delivery make a double fault. */
static bool makes_double(uint8_t first, uint8_t second)
{
	static const uint32_t contributory =
		1u << 0 | 1u << VECTOR_TS | 1u << VECTOR_NP | 1u << VECTOR_SS | 1u << VECTOR_GP;

	if (first >= 32 || second >= 32)
		return false;
	if (first == VECTOR_PF)
		return second == VECTOR_PF || (contributory >> second & 1);
	return (contributory >> first & 1) && (contributory >> second & 1);
}

static void triple_fault(struct cpu *cpu, const struct exception *first,
                         const struct exception *last)
{
	cpu->ended = true;
	cpu->end = CPU_STOP_TRIPLE_FAULT;
	snprintf(cpu->why, sizeof(cpu->why),
	         "triple fault: exception %u (error 0x%x, cr2 0x%llx) at rip 0x%llx, "
	         "then %u (error 0x%x) while delivering it",
	         first->vector, first->error, (unsigned long long)first->cr2,
	         (unsigned long long)cpu->state->rip, last->vector, last->error);
}

/* Detects a handler that faults on its first instruction, for ever. No instruction retires, so no
 * limit on instructions would end it. */
bool exceptions_without_end(struct cpu *cpu)
{
	uint64_t retired = unicorn_retired(cpu);

	if (cpu->exception_at != retired)
		cpu->exceptions = 0;
	cpu->exception_at = retired;
	return ++cpu->exceptions > EXCEPTIONS_MAX;
}

void exception_deliver(struct cpu *cpu, const struct exception *exception)
{
	struct exception now = *exception, fault;
	uint64_t from = cpu->state->rip;

	if (exceptions_without_end(cpu)) {
		cpu_give_up(cpu, CPU_STOP_UNSUPPORTED, "exceptions without end", now.vector);
		return;
	}

	while (!deliver(cpu, &now, &fault)) {
		if (fault.vector == VECTOR_PF)
			cpu->state->cr[2] = fault.cr2;
		if (now.vector == VECTOR_DF) {
			triple_fault(cpu, exception, &fault);
			return;
		}
		if (makes_double(now.vector, fault.vector))
			fault = (struct exception){.vector = VECTOR_DF, .has_error = true};
		now = fault;
	}
	record_exception(cpu, now.vector, from);
}

void interrupt_deliver(struct cpu *cpu, uint8_t vector)
{
	struct exception interrupt = {.vector = vector};

	cpu->nmi_blocked |= vector == VECTOR_NMI;
	exception_deliver(cpu, &interrupt);
}

/* After INT n and the like RIP points behind the instruction, which retires when a gate takes
 * it. */
static void take_software(struct cpu *cpu)
{
	static const struct op op = {.insn = {.slots = 40 * TIMING_WIDTH,
	                                      .flags = VPMU_INSN_BRANCH | VPMU_INSN_FAR,
	                                      .data = VPMU_DATA_STORE}};
	struct exception fault;

	if (deliver(cpu, &cpu->exception, &fault)) {
		budget_retire(cpu, &op, cpu->software_rip);
		return;
	}
	cpu->state->rip = cpu->software_rip;
	if (fault.vector == VECTOR_PF)
		cpu->state->cr[2] = fault.cr2;
	exception_deliver(cpu, &fault);
}

void exception_take(struct cpu *cpu)
{
	budget_settle(cpu);
	if (cpu->exception.software)
		take_software(cpu);
	else
		exception_deliver(cpu, &cpu->exception);
}

void exception_gp(struct cpu *cpu)
{
	cpu->exception = (struct exception){.vector = VECTOR_GP, .has_error = true};
	exception_take(cpu);
}

void exception_ud(struct cpu *cpu)
{
	cpu->exception = (struct exception){.vector = VECTOR_UD};
	exception_take(cpu);
}
