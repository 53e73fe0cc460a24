/* SPDX-License-Identifier: MIT */
/*
 * The outer loop. At every boundary it settles accounts, stops, or takes an interrupt. Then it lets
 * Unicorn run until a hook asks to leave, or executes one instruction itself.
 */
#include <stdio.h>

#include "guard.h"
#include "room_int.h"
#include "loop.h"

void cpu_give_up(struct cpu *cpu, enum cpu_stop end, const char *what, uint64_t address)
{
	cpu->ended = true;
	cpu->end = end;
	snprintf(cpu->why, sizeof(cpu->why), "%s at rip 0x%llx: 0x%llx", what,
	         (unsigned long long)cpu->state->rip, (unsigned long long)address);
}

/* Execution has stopped at RIP in a block that ends in a REP. The REP has finished if RIP is after
 * it, and has not begun if RIP is before it. */
static void leave_rep(struct cpu *cpu, uint64_t rip)
{
	int index;

	if (cpu->rep == NO_ADDRESS)
		return;
	index = block_index(cpu_block(cpu), rip);
	if (rip == cpu->rep)
		timed_rep(cpu, block_last(cpu_block(cpu)));
	else if (index < 0 || index == cpu_block(cpu)->op_count)
		budget_retire_rep(cpu);
	cpu->rep = NO_ADDRESS;
}

/* Takes an exception that Unicorn has raised: the instruction at RIP has not executed. After INT n
 * and the like, RIP is behind the instruction. */
static void take_exception(struct cpu *cpu)
{
	uint64_t first = cpu->at;

	cpu->state->rip = cpu->at;
	if (cpu->exception.software && cpu_block(cpu))
		first = cpu_block(cpu)->address + block_last(cpu_block(cpu))->offset;
	cpu->software_rip = first;
	leave_rep(cpu, first);
	budget_rewind(cpu, first);
	exception_take(cpu);
}

/* Whether the instruction at RIP must be single-stepped. */
static bool in_step(struct cpu *cpu)
{
	return cpu->shadow ||
	       (cpu->state->rip >= cpu->step_first && cpu->state->rip < cpu->step_before) ||
	       code_changes(cpu, cpu->state->rip);
}

/* Unicorn 2.1 has missed that a block wrote to itself, so it is unknown what was executed: ends the
 * run. */
static bool went_wrong(struct cpu *cpu)
{
	if (!cpu->suspect || !block_ran_stale(cpu, cpu_block(cpu)))
		return false;
	cpu_give_up(cpu, CPU_STOP_UNSUPPORTED, "code that overwrites itself as it runs",
	            cpu_block(cpu)->address);
	return true;
}

/* Has the block translated again, which brings in the code hook for its special instruction. */
static void translate_again(struct cpu *cpu)
{
	struct block *block = block_at(cpu, cpu->at, cpu->at_size);
	const struct op *op = block ? block_special(block) : NULL;

	cpu->state->rip = cpu->at;
	if (!op)
		return;
	if (!hook_special(cpu, block->address + op->offset)) {
		cpu_give_up(cpu, CPU_STOP_NO_MEMORY, "no memory for a hook", cpu->at);
		return;
	}
	block->flags |= BLOCK_HOOKED;
	translation_drop(cpu, block->address, block->address + block->size);
}

/* Unicorn stopped by itself. */
void cpu_go_error(struct cpu *cpu, uc_err error)
{
	if (cpu->broken) {
		cpu_give_up(cpu, CPU_STOP_UNSUPPORTED, "Unicorn fails on an instruction near",
		            cpu->at);
		return;
	}
	switch (error) {
	case UC_ERR_OK:
		leave_rep(cpu, cpu->state->rip);
		if (exceptions_without_end(cpu))
			cpu_give_up(cpu, CPU_STOP_UNSUPPORTED, "Unicorn makes no progress",
			            cpu->state->rip);
		break;
	case UC_ERR_INSN_INVALID:
		cpu->exception = (struct exception){.vector = VECTOR_UD};
		cpu->at = cpu->state->rip;
		take_exception(cpu);
		break;
	case UC_ERR_FETCH_UNMAPPED:
	case UC_ERR_FETCH_PROT:
		timed_branched(cpu, cpu->state->rip);
		cpu_give_up(cpu, CPU_STOP_UNSUPPORTED, "execution where there is no memory",
		            cpu->state->rip);
		break;
	case UC_ERR_READ_UNMAPPED:
	case UC_ERR_WRITE_UNMAPPED:
		cpu_give_up(cpu, CPU_STOP_UNSUPPORTED, "an address that cannot be mapped", 0);
		break;
	default:
		cpu_give_up(cpu, error == UC_ERR_NOMEM ? CPU_STOP_NO_MEMORY : CPU_STOP_UNSUPPORTED,
		            uc_strerror(error), (uint64_t)error);
		break;
	}
}

/* Handles a boundary that a hook wanted the outer loop to see. */
static void take_sync(struct cpu *cpu)
{
	cpu->state->rip = cpu->at;
	if (cpu->after & AFTER_IRET)
		cpu->nmi_blocked = false;
	cpu->shadow = cpu->after & AFTER_SHADOW;
	cpu->after = 0;
	if (cpu->device_touched && cpu_block(cpu))
		block_has_device(cpu_block(cpu));
	cpu->device_touched = false;
	if (cpu->lost != NO_ADDRESS)
		cpu_give_up(cpu, CPU_STOP_UNSUPPORTED, "a virtual address that stands for no RAM",
		            cpu->lost);
}

/* Unicorn has come to instructions that must be single-stepped. The outer loop does that, after
 * what is due at this boundary. */
static void step_from(struct cpu *cpu, uint32_t bytes)
{
	cpu->state->rip = cpu->at;
	leave_rep(cpu, cpu->state->rip);
	cpu->step_first = cpu->at;
	cpu->step_before = cpu->at + bytes;
}

/* One step; a branch back ends the stepping. */
static void step_on(struct cpu *cpu)
{
	cpu->step_first = cpu->state->rip + 1;
	cpu_step(cpu);
}

static void take_spin(struct cpu *cpu)
{
	struct block *block = block_at(cpu, cpu->at, cpu->at_size);

	if (block && block->loop)
		spin(cpu, block);
}

void cpu_go(struct cpu *cpu)
{
	uc_err error;

	cpu->leave = LEAVE_NONE;
	cpu->at_size = 0;
	cpu_has_block(cpu, NULL);
	cpu->suspect = false;
	cpu->step_first = cpu->step_before = 0;
	error = guarded_start(cpu, cpu->state->rip);
	if (cpu->broken) {
		cpu_go_error(cpu, error);
		return;
	}
	if (went_wrong(cpu))
		return;
	switch (cpu->leave) {
	case LEAVE_NONE:
		cpu_go_error(cpu, error);
		break;
	case LEAVE_BUDGET:
		step_from(cpu, cpu->at_size);
		break;
	case LEAVE_SPECIAL:
		/* The code hook stays for good; by now its address may be in the middle of another
		 * block. */
		leave_rep(cpu, cpu->at);
		budget_rewind(cpu, cpu->at);
		step_from(cpu, 1);
		break;
	case LEAVE_AGAIN:
		translate_again(cpu);
		break;
	case LEAVE_EXCEPTION:
		take_exception(cpu);
		break;
	case LEAVE_STALE:
		cpu->state->rip = cpu->at;
		translation_drop(cpu, cpu->at, cpu->at + cpu->at_size);
		break;
	case LEAVE_SPIN:
		cpu->state->rip = cpu->at;
		leave_rep(cpu, cpu->state->rip);
		take_spin(cpu);
		break;
	case LEAVE_SYNC:
		take_sync(cpu);
		leave_rep(cpu, cpu->state->rip);
		break;
	}
}

static bool interrupt(struct cpu *cpu)
{
	uint8_t vector;

	if (cpu->shadow || !cpu->calls->take_interrupt(cpu->board, cpu->state->eflags & FLAG_IF,
	                                               cpu->nmi_blocked, &vector))
		return false;
	cpu->halted = false;
	interrupt_deliver(cpu, vector);
	return true;
}

/* Does everything that is due between two instructions. True: the run ends, as *end says. */
static bool boundary(struct cpu *cpu, enum cpu_stop *end)
{
	budget_settle(cpu);
	state_drop_base(cpu->state);
	if (state_long(cpu->state) && (cpu->state->eflags & FLAG_VM))
		cpu_give_up(cpu, CPU_STOP_UNSUPPORTED, "IRET to virtual-8086 mode in long mode",
		            cpu->state->rip);
	cpu->cpl = cpu->state->hflags & HF_CPL;
	*end = cpu->end;
	if (cpu->ended)
		return true;
	*end = CPU_STOP_REQUESTED;
	if (cpu->stop) {
		cpu->stop = false;
		return true;
	}
	*end = CPU_STOP_DEADLINE;
	if (cpu->retired >= cpu->calls->deadline(cpu->board))
		return true;
	while (interrupt(cpu) && !cpu->ended) {
		/* Interrupts are taken one after another: the next one interrupts the first handler
		 * at its first instruction. */
		cpu->cpl = cpu->state->hflags & HF_CPL;
	}
	*end = cpu->ended ? cpu->end : CPU_STOP_HALTED;
	return cpu->ended || cpu->halted;
}

enum cpu_stop unicorn_run(struct cpu *cpu)
{
	enum cpu_stop end;

	while (!boundary(cpu, &end)) {
		memory_forget_dirty(cpu);
		translation_keep_room(cpu);
		budget_refresh(cpu);
		if (in_step(cpu))
			step_on(cpu);
		else
			cpu_go(cpu);
	}
	return end;
}
