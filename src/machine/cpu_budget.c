/* SPDX-License-Identifier: MIT */
/*
 * How far the CPU may run, and what has been counted. The block hook only takes from budget.left;
 * everything else about counting happens here, at boundaries that the outer loop sees.
 *
 * Two limits hold since the last account: `room` instructions (the deadline, or an overflow of a
 * counter of instructions) and `branch_room` branches. Every branch is an instruction, so a grant
 * of as many instructions as branches are left is always safe.
 */
#include "cpu_int.h"

enum { SLICE = 1 << 16 }; /* instructions between two looks at cpu->stop, and for long loops */

uint64_t budget_spent(const struct cpu *cpu)
{
	const struct budget *b = &cpu->budget;

	return (uint64_t)(b->granted - b->left - b->held);
}

uint32_t budget_account(struct cpu *cpu)
{
	struct vpmu_amounts amounts = timing_take(&cpu->timing);
	struct vpmu_outcome outcome;
	uint64_t any = 0;

	amounts.of[VPMU_INSTRUCTIONS] = budget_spent(cpu);
	amounts.of[VPMU_BRANCHES] = cpu->budget.branches;
	for (unsigned i = 0; i < VPMU_CLASSES; i++) {
		if (!(TIMING_CLASSES >> i & 1) || cpu->wanted >> i & 1)
			cpu->totals.of[i] += amounts.of[i];
		any |= amounts.of[i];
	}
	cpu->retired += amounts.of[VPMU_INSTRUCTIONS];
	cpu->budget = (struct budget){0};
	if (!any)
		return 0;
	outcome = vpmu_pmu_account(cpu->config.pmu, &amounts, cpu->cpl);
	return outcome.pmi;
}

void budget_deliver(struct cpu *cpu, uint32_t pmis)
{
	for (uint32_t i = 0; i < pmis; i++)
		cpu->calls->pmi(cpu->board);
}

void budget_settle(struct cpu *cpu)
{
	budget_deliver(cpu, budget_account(cpu));
}

void budget_refresh(struct cpu *cpu)
{
	uint64_t deadline = cpu->calls->deadline(cpu->board);
	struct vpmu_amounts room;

	vpmu_pmu_headroom(cpu->config.pmu, cpu->cpl, &room);
	cpu->deadline = deadline;
	cpu->budget.room = deadline > cpu->retired ? deadline - cpu->retired : 0;
	if (cpu->budget.room > room.of[VPMU_INSTRUCTIONS])
		cpu->budget.room = room.of[VPMU_INSTRUCTIONS];
	cpu->budget.branch_room = room.of[VPMU_BRANCHES];
	timed_refresh(cpu, &room);
}

bool budget_grant(struct cpu *cpu, uint64_t insns, uint64_t branches)
{
	struct budget *b = &cpu->budget;
	uint64_t spent = budget_spent(cpu), grant = b->branch_room - b->branches;

	if (b->branch_room < b->branches + branches || b->room < spent + insns)
		return false;
	if (grant < insns)
		grant = insns;
	if (grant > b->room - spent)
		grant = b->room - spent;
	if (grant > SLICE)
		grant = SLICE;
	b->left += b->held;
	b->held = 0;
	b->granted += (int64_t)grant - b->left;
	b->left = (int64_t)grant;
	return true;
}

void budget_hold(struct cpu *cpu)
{
	cpu->budget.held += cpu->budget.left;
	cpu->budget.left = 0;
}

void budget_retire(struct cpu *cpu, const struct op *op, uint64_t address)
{
	timed_retire(cpu, op, address);
	cpu->budget.granted++;
	cpu->budget.branches += op->flags & OP_BRANCH;
	if (op->after & AFTER_IRET)
		cpu->nmi_blocked = false;
	cpu->shadow = op->after & AFTER_SHADOW;
}

void budget_retire_rep(struct cpu *cpu)
{
	const struct op *op = block_last(cpu->block);

	timed_rep(cpu, op);
	timed_retire(cpu, op, cpu->rep);
	cpu->budget.granted++;
	cpu->rep = NO_ADDRESS;
}

void budget_rewind(struct cpu *cpu, uint64_t rip)
{
	struct block *block = cpu->block;
	uint64_t insns, branches;
	int index;

	if (!block)
		return;
	index = block_index(block, rip);
	if (index < 0) {
		timed_branched(cpu, rip);
		return;
	}
	timed_rewind(cpu, block, index);
	block_before(block, index, &insns, &branches);
	cpu->budget.left += (int64_t)(block->insns - insns);
	cpu->budget.branches -= block->branches - branches;
}
