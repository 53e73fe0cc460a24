/* SPDX-License-Identifier: MIT */
/* Which events a guest asked for in vain: their counters read 0, as if nothing had happened. */
#include "run.h"

#include <arch/room.h>

static bool is_selector(const struct run *run, uint32_t msr)
{
	struct vpmu_register registers[VPMU_MAX_REGISTERS];
	size_t count = vpmu_model_registers(&run->model, registers);

	for (size_t i = 0; i < count; i++)
		if (registers[i].msr == msr)
			return registers[i].kind == VPMU_KIND_SELECTOR ||
			       registers[i].kind == VPMU_KIND_SELECTOR_ALIAS;
	return false;
}

static bool is_known(const struct run *run, uint64_t selector)
{
	const struct run_uncounted *known = &run->uncounted;

	for (size_t i = 0; i < known->count && i < RUN_UNCOUNTED; i++)
		if (selector_event(&run->model, known->selectors[i]) ==
		    selector_event(&run->model, selector))
			return true;
	return false;
}

void run_note_uncounted(struct run *run, uint32_t msr, uint64_t value)
{
	struct run_uncounted *known = &run->uncounted;

	if (!selector_asks((enum vpmu_vendor)run->model.vendor, value) || !is_selector(run, msr) ||
	    vpmu_pmu_event_class(machine_pmu(run->machine), value) != VPMU_NO_CLASS ||
	    is_known(run, value) || known->count == RUN_UNCOUNTED)
		return;
	known->selectors[known->count++] = value;
}
