/* SPDX-License-Identifier: MIT */
/*
 * Writes a PEBS record when one is due. Then the last instruction has run alone (src/meter), RIP is
 * behind it, and everything up to it is accounted.
 */
#include <string.h>

#include "room_int.h"

static bool pebs_read(void *context, uint64_t address, void *to, size_t bytes)
{
	struct exception fault;

	return memory_load(context, address, to, (unsigned)bytes, &fault);
}

static bool pebs_write(void *context, uint64_t address, const void *from, size_t bytes)
{
	struct exception fault;

	return memory_store(context, address, from, (unsigned)bytes, &fault);
}

void pebs_settle(struct cpu *cpu)
{
	struct vpmu_pebs at;

	if (!vpmu_pmu_pebs_is_due(cpu->config.pmu))
		return;
	at = (struct vpmu_pebs){
		.rip = cpu->state->rip,
		.event_rip = cpu->last,
		.rflags = state_flags(cpu->uc),
		.read = pebs_read,
		.write = pebs_write,
		.context = cpu,
	};
	memcpy(at.gpr, cpu->state->regs, sizeof(at.gpr));
	cpu->calls->read_msr(cpu->board, MSR_TSC, &at.tsc);
	budget_deliver(cpu, vpmu_pmu_write_pebs(cpu->config.pmu, &at).pmi);
}
