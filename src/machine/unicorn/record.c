/* SPDX-License-Identifier: MIT */
/*
 * Records last branches as they are taken. By then RIP, and CPL, are those of the target. While
 * nothing records, this is called only for exceptions.
 */
#include "loop.h"
#include "room_int.h"

enum { CYCLES_MOST = UINT16_MAX };

/* Records a branch that ends when so many slots have been paid; its cycles are known only while the
 * meter counts what takes time. False: it is not recorded. */
static bool record(struct cpu *cpu, struct vpmu_branch branch, uint64_t slots, uint64_t times)
{
	uint64_t cycles = slots / TIMING_WIDTH - cpu->recorded_at / TIMING_WIDTH;

	branch.cpl = cpu->state->hflags & HF_CPL;
	branch.timed = cpu->recorded_timed;
	branch.cycles = (uint16_t)(cycles < CYCLES_MOST ? cycles : CYCLES_MOST);
	if (!vpmu_pmu_branch(cpu->config.pmu, &branch, times))
		return false;
	cpu->recorded_at = slots;
	cpu->recorded_timed = cpu_meter(cpu)->timed;
	return true;
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
		record(cpu, branch, cpu_meter(cpu)->costs.slots, 1);
}

void record_loop(struct cpu *cpu, const struct block *block, uint64_t times)
{
	struct vpmu_branch branch = {
		.from = block->address + block_last(block)->offset,
		.to = block->address,
		.kind = VPMU_BRANCH_CONDITIONAL,
	};
	uint64_t now = cpu_meter(cpu)->costs.slots,
		 each = cpu_meter(cpu)->timed ? loop_slots(block) : 0;

	if (!cpu_meter(cpu)->records || !times)
		return;
	if (!record(cpu, branch, now - (times - 1) * each, 1) || times == 1)
		return;
	cpu->recorded_at = now - each; /* all others take as long */
	record(cpu, branch, now, times - 1);
}

void record_exception(struct cpu *cpu, uint8_t vector, uint64_t from)
{
	struct vpmu_branch branch = {
		.from = from,
		.to = cpu->state->rip,
		.kind = vector == VECTOR_DB ? VPMU_BRANCH_DEBUG : VPMU_BRANCH_FAR,
	};

	record(cpu, branch, cpu_meter(cpu)->costs.slots, 1);
}
