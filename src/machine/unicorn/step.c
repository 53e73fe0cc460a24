/* SPDX-License-Identifier: MIT */
/*
 * Executes one instruction at a time: RFLAGS.TF makes Unicorn raise #DB after it. Used where a
 * whole block would go beyond an overflow or a deadline, in the shadow of STI and MOV SS, and for
 * blocks that touch devices. The guest must not see our TF.
 */
#include "guard.h"
#include "room_int.h"

#define DR6_BS UINT64_C(0x4000)

/* Whether RIP still is on a REP instruction that has iterations left. */
static bool rep_unfinished(const struct cpu *cpu, const struct op *op, uint64_t rip)
{
	return (op->insn.flags & VPMU_INSN_APART) && cpu->state->rip == rip;
}

/* PUSHF has pushed our TF: clears it on the stack. */
static void hide_trap_flag(struct cpu *cpu, const struct op *op)
{
	struct exception fault;
	uint8_t second;
	uint64_t at = cpu->state->regs[GPR_RSP] + 1;

	if (!(op->flags & OP_PUSHF))
		return;
	if (!state_code64(cpu->state))
		at = (uint32_t)(at + cpu->state->segs[SEG_SS].base);
	if (memory_load(cpu, at, &second, 1, &fault)) {
		second = (uint8_t)(second & ~(FLAG_TF >> 8));
		memory_store(cpu, at, &second, 1, &fault);
	}
}

/* Handles an exception or a failure of Unicorn. False: the instruction has not retired. */
static bool see_end(struct cpu *cpu, uint64_t dr6, uc_err error)
{
	if (cpu->leave != LEAVE_NONE && !cpu->broken) {
		cpu->state->rip = cpu->at;
		if (cpu->leave == LEAVE_SYNC)
			return true;
		if (cpu->exception.vector != VECTOR_DB)
			return false;
		cpu->places.last->dr[6] = dr6;
		return true;
	}
	cpu->exception = (struct exception){.vector = VECTOR_UD};
	if (error && error != UC_ERR_INSN_INVALID)
		cpu_go_error(cpu, error);
	return !error;
}

/* Runs Unicorn over one instruction. TF does not trap after one that loads SS; but those with a
 * shadow end a block anyway. */
static bool run_one(struct cpu *cpu, const struct op *op)
{
	bool trap = !(op->after & AFTER_SHADOW);
	uint64_t dr6 = cpu->places.last->dr[6];
	uc_err error;

	cpu->leave = LEAVE_NONE;
	cpu->stepping = trap ? STEP_TRAP : STEP_BLOCK;
	cpu->step_begun = false;
	if (trap)
		cpu->state->eflags |= FLAG_TF;
	error = guarded_start(cpu, cpu->state->rip);
	cpu->stepping = STEP_NONE;
	return see_end(cpu, dr6, error);
}

static void set_trap_flag(struct cpu *cpu, bool on)
{
	cpu->state->eflags = (cpu->state->eflags & ~(uint64_t)FLAG_TF) | (on ? FLAG_TF : 0);
}

/* The guest's own TF is set: raises a #DB trap after the instruction. */
static void trap_guest(struct cpu *cpu)
{
	cpu->places.last->dr[6] |= DR6_BS;
	cpu->exception = (struct exception){.vector = VECTOR_DB};
	exception_take(cpu);
}

/* The block that was abandoned for this instruction is single-stepped from now on. */
static void see_device(struct cpu *cpu, uint64_t rip)
{
	struct block *block = cpu_block(cpu);

	if (cpu->device_touched && block && rip - block->address < block->size)
		block_has_device(block);
	cpu->device_touched = false;
}

/* Intel SDM vol. 1 10.2.3.3: loading MXCSR with a reserved bit is #GP, and loads nothing. */
static bool undo_mxcsr(struct cpu *cpu, const struct op *op, uint64_t rip)
{
	uint32_t mxcsr = 0;

	if (op->special != SPECIAL_MXCSR)
		return false;
	uc_reg_read(cpu->uc, UC_X86_REG_MXCSR, &mxcsr);
	if (!(mxcsr & ~MXCSR_BITS))
		return false;
	fpu_set(cpu, &cpu->fpu_copy);
	cpu->state->rip = rip;
	cpu->exception = (struct exception){.vector = VECTOR_GP, .has_error = true};
	return true;
}

/* Watches the page, so that the translation is dropped when the instruction's bytes are
 * overwritten. */
static void watch_step(struct cpu *cpu, const struct op *op)
{
	uint64_t rip = cpu->state->rip;

	if (memory_watch(cpu, rip, op->length))
		translation_made(cpu, op->length);
	else
		translation_drop(cpu, rip, rip + op->length);
}

void cpu_step_native(struct cpu *cpu, const struct op *op)
{
	uint64_t rip = cpu->state->rip, flags = cpu->state->eflags;
	bool guest_tf = cpu->state->eflags & FLAG_TF;
	bool had_if = cpu->state->eflags & FLAG_IF, retired;

	cpu->software_rip = rip;
	timed_rep_begin(cpu);
	watch_step(cpu, op);
	retired = run_one(cpu, op) && !undo_mxcsr(cpu, op, rip);
	if (op->insn.flags & VPMU_INSN_APART)
		timed_rep(cpu, op);
	if (!retired || !(op->after & AFTER_FLAGS))
		set_trap_flag(cpu, guest_tf);
	if (!retired) {
		if (op->special == SPECIAL_FLAGS)
			state_set_flags(cpu->state, flags);
		if (!cpu->ended)
			exception_take(cpu);
		return;
	}
	if (!guest_tf)
		hide_trap_flag(cpu, op);
	see_device(cpu, rip);
	if (rep_unfinished(cpu, op, rip))
		return;
	budget_retire(cpu, op, rip);
	if (had_if && (op->after & AFTER_LOOK))
		cpu->shadow = false; /* STI with interrupts enabled has no shadow */
	if (guest_tf)
		trap_guest(cpu);
}

void cpu_step(struct cpu *cpu)
{
	uint8_t code[16] = {0};
	unsigned mode = cpu_mode(cpu), bytes = 15;
	struct op op = {.length = 1};

	/* Fetches up to the end of what is mapped. If nothing is, Unicorn raises the page fault. */
	code_note(cpu, cpu->state->rip);
	if (cpu->ended)
		return;
	while (bytes && !memory_fetch(cpu, cpu->state->rip, code, bytes))
		bytes--;
	if (bytes && !decode_op(mode, code, bytes, &op) && bytes == 15)
		op.special = SPECIAL_INVALID;
	if (op.special)
		special_execute(cpu, &op);
	else
		cpu_step_native(cpu, &op);
}
