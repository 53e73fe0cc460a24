/* SPDX-License-Identifier: MIT */
/*
 * Feeds the timing model, and the stack of last branches. While no wanted class needs the model and
 * nothing records, neither is fed. Otherwise the block hook takes the slow way for every block. The
 * model also needs memory hooks. They stay for a while after the last use, since Unicorn translates
 * everything anew when hooks change.
 */
#include "room_int.h"

enum { KEEP_HOOKS = 1 << 22 }; /* instructions */

static void on_memory(uc_engine *uc, uc_mem_type type, uint64_t address, int size, int64_t value,
                      void *user)
{
	struct cpu *cpu = user;
	struct vpmu_meter *meter = cpu_meter(cpu);

	if (!meter->timed)
		return;
	/* Unicorn keeps RIP up to date while there are memory hooks. */
	if (cpu->rep == cpu->state->rip && !cpu->rep_begun)
		timed_rep_begin(cpu);
	vpmu_timing_data(cpu->timing, meter, address, (unsigned)size, type == UC_MEM_WRITE);
}

static void hook_memory(struct cpu *cpu, bool on)
{
	if (on == cpu->memory_hooked)
		return;
	if (!on)
		uc_hook_del(cpu->uc, cpu->memory_hook);
	else if (uc_hook_add(cpu->uc, &cpu->memory_hook, UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE,
	                     (void *)on_memory, cpu, 1, 0))
		return;
	cpu->memory_hooked = on;
	code_translate_anew(cpu);
}

void timed_refresh(struct cpu *cpu)
{
	cpu->recorded_timed &= cpu_meter(cpu)->timed;
	if (cpu_meter(cpu)->timed) {
		cpu->timed_until = cpu->retired + KEEP_HOOKS;
		hook_memory(cpu, true);
	} else if (cpu->retired >= cpu->timed_until) {
		hook_memory(cpu, false);
	}
}

bool timed_fits_again(const struct cpu *cpu, const struct op *op)
{
	return !cpu_meter(cpu)->timed || vpmu_meter_fits_insn(cpu_meter(cpu), &op->insn);
}

void timed_begin(struct cpu *cpu, const struct block *block)
{
	if (follows_branches(cpu) && (block_last(block)->insn.flags & VPMU_INSN_BRANCH))
		cpu->open_branch = block;
}

/* Recorded branches are mispredicted by the same predictor, whether its misses count or not. */
static void branch(struct cpu *cpu, const struct op *op, uint64_t address, uint64_t target)
{
	struct vpmu_meter *meter = cpu_meter(cpu);
	uint64_t next = address + op->length, misses = meter->costs.branch_misses;
	struct vpmu_costs costs = meter->costs;

	if (meter->timed) {
		vpmu_timing_jump(cpu->timing, meter, address, next, target, op->insn.flags);
		costs = meter->costs;
	} else {
		vpmu_timing_branch(cpu->timing, &costs, address, next, target, op->insn.flags);
	}
	if (meter->records)
		record_branch(cpu, op, address, target, costs.branch_misses != misses);
}

void timed_branched(struct cpu *cpu, uint64_t target)
{
	const struct block *block = cpu->open_branch;
	const struct op *op;

	if (!block)
		return;
	cpu->open_branch = NULL;
	op = block_last(block);
	branch(cpu, op, block->address + op->offset, target);
}

void timed_rep_begin(struct cpu *cpu)
{
	cpu->rep_rcx = cpu->state->regs[GPR_RCX];
	cpu->rep_begun = true;
}

/* Pays a slot for each access. RCX tells the number of iterations, wherever and however often they
 * are interrupted. */
void timed_rep(struct cpu *cpu, const struct op *op)
{
	uint64_t now = cpu->state->regs[GPR_RCX];
	uint64_t mask = UINT64_MAX >> (64 - 8 * op->operand);
	uint64_t slots = ((cpu->rep_rcx - now) & mask) * (uint64_t)op->immediate;
	struct vpmu_meter *meter = cpu_meter(cpu);

	cpu->rep_rcx = now;
	if (!meter->timed || !cpu->rep_begun)
		return;
	meter->costs.slots += slots;
	if (meter->detailed)
		meter->details.of[VPMU_TOPDOWN_BACKEND] += slots;
}

void timed_retire(struct cpu *cpu, const struct op *op, uint64_t address)
{
	if (follows_branches(cpu) && (op->insn.flags & VPMU_INSN_BRANCH))
		branch(cpu, op, address, cpu->state->rip);
}
