/* SPDX-License-Identifier: MIT */
/*
 * Records last branches as they are taken. By then RIP, and CPL, are those of the target. While
 * nothing records, this is called only for exceptions.
 */
#include "room_int.h"

static void record(struct cpu *cpu, struct vpmu_branch branch, uint64_t times)
{
	branch.cpl = cpu->state->hflags & HF_CPL;
	vpmu_pmu_branch(cpu->config.pmu, &branch, times);
}

/* A conditional branch to the next instruction counts as not taken, as in the timing model: nothing
 * tells whether it was. */
void record_branch(struct cpu *cpu, const struct op *op, uint64_t address, uint64_t target,
                   bool mispredicted)
{
	struct vpmu_branch branch = {
		.from = address,
		.to = target,
		.kind = vpmu_insn_branch_kind(op->insn.flags),
		.mispredicted = mispredicted,
	};

	if (branch.kind != VPMU_BRANCH_CONDITIONAL || target != address + op->length)
		record(cpu, branch, 1);
}

void record_loop(struct cpu *cpu, const struct block *block, uint64_t times)
{
	struct vpmu_branch branch = {
		.from = block->address + block_last(block)->offset,
		.to = block->address,
		.kind = VPMU_BRANCH_CONDITIONAL,
	};

	if (cpu_meter(cpu)->records)
		record(cpu, branch, times);
}

void record_exception(struct cpu *cpu, uint8_t vector, uint64_t from)
{
	struct vpmu_branch branch = {
		.from = from,
		.to = cpu->state->rip,
		.kind = vector == VECTOR_DB ? VPMU_BRANCH_DEBUG : VPMU_BRANCH_FAR,
	};

	record(cpu, branch, 1);
}
