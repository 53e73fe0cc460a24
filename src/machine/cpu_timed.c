/* SPDX-License-Identifier: MIT */
/*
 * Feeding the timing model. It is asked for nothing while no class that needs it is wanted. While
 * one is, the block hook goes the slow way for every block, and memory hooks are in place; they
 * stay for a while when nobody wants them any more, since Unicorn translates everything anew for a
 * change.
 */
#include "cpu_int.h"

enum { KEEP_HOOKS = 1 << 22 }; /* instructions */

static void on_memory(uc_engine *uc, uc_mem_type type, uint64_t address, int size, int64_t value,
                      void *user)
{
	struct cpu *cpu = user;

	if (!cpu->timing.active)
		return;
	/* RIP is right here, since there are memory hooks. */
	if (cpu->rep == cpu->state->rip && !cpu->rep_begun)
		timed_rep_begin(cpu);
	timing_access(&cpu->timing, address, (unsigned)size);
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

void timed_refresh(struct cpu *cpu, const struct vpmu_amounts *headroom)
{
	cpu->wanted = vpmu_pmu_wanted(cpu->config.pmu) & TIMING_CLASSES;
	cpu->timing.active = cpu->wanted;
	if (cpu->wanted) {
		cpu->timed_until = cpu->retired + KEEP_HOOKS;
		hook_memory(cpu, true);
		timing_limit(&cpu->timing, headroom);
	} else if (cpu->retired >= cpu->timed_until) {
		hook_memory(cpu, false);
	}
}

bool timed_fits(const struct cpu *cpu, const struct block *block)
{
	const struct op *last = block_last(block);
	struct timing_counts most = {
		.slots = block->slots + block->lines * (uint64_t)TIMING_ACCESS_MAX,
		.llc_references = block->lines,
		.llc_misses = block->lines,
	};

	if (!cpu->timing.active)
		return true;
	if (last->flags & OP_BRANCH) {
		most.slots += TIMING_BRANCH_MAX;
		most.branch_misses = 1;
	}
	if (last->flags & OP_REP)
		most.slots += last->slots + (uint64_t)last->immediate;
	return timing_fits(&cpu->timing, &most);
}

void timed_begin(struct cpu *cpu, const struct block *block)
{
	if (!cpu->timing.active)
		return;
	cpu->timing.counts.slots += block->slots;
	if (block_last(block)->flags & OP_BRANCH)
		cpu->open_branch = block;
	budget_hold(cpu);
}

void timed_rewind(struct cpu *cpu, const struct block *block, int index)
{
	if (!cpu->timing.active)
		return;
	if (index == block->op_count) {
		timed_branched(cpu, block->address + block->size);
		return;
	}
	cpu->open_branch = NULL;
	for (unsigned i = (unsigned)index; i < block->op_count; i++) {
		if (!block->ops[i].special && !(block->ops[i].flags & OP_REP))
			cpu->timing.counts.slots -= block->ops[i].slots;
	}
}

static void branch(struct cpu *cpu, const struct op *op, uint64_t address, uint64_t target)
{
	const struct timing_branch taken = {
		.address = address,
		.next = address + op->length,
		.target = target,
		.conditional = op->flags & OP_CONDITIONAL,
		.indirect = op->flags & OP_INDIRECT,
		.call = op->flags & OP_CALL,
		.returns = op->flags & OP_RETURN,
	};

	timing_branch(&cpu->timing, &taken);
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

/* A slot for each access; RCX tells the iterations, wherever and however often they are left. */
void timed_rep(struct cpu *cpu, const struct op *op)
{
	uint64_t now = cpu->state->regs[GPR_RCX];
	uint64_t mask = UINT64_MAX >> (64 - 8 * op->operand);

	if (cpu->timing.active && cpu->rep_begun)
		cpu->timing.counts.slots += ((cpu->rep_rcx - now) & mask) * (uint64_t)op->immediate;
	cpu->rep_rcx = now;
}

void timed_retire(struct cpu *cpu, const struct op *op, uint64_t address)
{
	if (!cpu->timing.active)
		return;
	cpu->timing.counts.slots += op->slots;
	if (op->flags & OP_BRANCH)
		branch(cpu, op, address, cpu->state->rip);
}
