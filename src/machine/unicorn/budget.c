/* SPDX-License-Identifier: MIT */
/*
 * How far the CPU may run, and what has been counted. src/meter does most of it. Here is what it
 * does not know of: the board's deadline and PMIs, and what the end of an instruction means to the
 * CPU. The block hook pays blocks; everything else happens at boundaries that the outer loop sees.
 */
#include <stdlib.h>

#include "room_int.h"

bool meter_make(struct cpu *cpu)
{
	struct vpmu_rates rates;

	vpmu_timing_rates(&rates);
	cpu->timing = malloc(vpmu_timing_size());
	return vpmu_timing_init(cpu->timing, vpmu_timing_size()) &&
	       !vpmu_meter_init(cpu_meter(cpu), cpu->config.pmu, &rates);
}

uint32_t budget_account(struct cpu *cpu)
{
	cpu->retired += vpmu_meter_spent(cpu_meter(cpu));
	return vpmu_meter_settle(cpu_meter(cpu), cpu->cpl).pmi;
}

void budget_deliver(struct cpu *cpu, uint32_t pmis)
{
	for (uint32_t i = 0; i < pmis; i++)
		cpu->calls->pmi(cpu->board);
}

void budget_settle(struct cpu *cpu)
{
	budget_deliver(cpu, budget_account(cpu));
	pebs_settle(cpu);
}

void budget_refresh(struct cpu *cpu)
{
	uint64_t deadline = cpu->calls->deadline(cpu->board);

	vpmu_meter_refresh(cpu_meter(cpu), cpu->cpl,
	                   deadline > cpu->retired ? deadline - cpu->retired : 0);
	timed_refresh(cpu);
}

/* The instruction that retires has changed CPL: accounts what ran before it at the old CPL. */
static void account_ring(struct cpu *cpu)
{
	unsigned cpl = cpu->state->hflags & HF_CPL;

	if (!cpu->counts_where_it_goes || cpl == cpu->cpl)
		return;
	budget_settle(cpu);
	cpu->cpl = cpl;
	budget_refresh(cpu);
}

void budget_retire(struct cpu *cpu, const struct op *op, uint64_t address)
{
	account_ring(cpu);
	cpu->last = address;
	vpmu_meter_retire(cpu_meter(cpu), &op->insn);
	timed_retire(cpu, op, address);
	if (op->after & AFTER_IRET)
		cpu->nmi_blocked = false;
	cpu->shadow = op->after & AFTER_SHADOW;
}

void budget_retire_rep(struct cpu *cpu)
{
	const struct op *op = block_last(cpu_block(cpu));

	timed_rep(cpu, op);
	vpmu_meter_retire(cpu_meter(cpu), &op->insn);
	cpu->rep = NO_ADDRESS;
}

void budget_rewind(struct cpu *cpu, uint64_t rip)
{
	struct block *block = cpu_block(cpu);
	int index;

	cpu->after = 0;
	if (!block)
		return;
	index = block_index(block, rip);
	if (index < 0 || index == block->op_count) {
		timed_branched(cpu, rip);
		return;
	}
	cpu->open_branch = NULL;
	vpmu_meter_rewind(cpu_meter(cpu), &block->pay, (uint32_t)index, block->pay.count);
}
