/* SPDX-License-Identifier: MIT */
/* The local APIC's entry for the PMI. */
#include <core/room_int.h>

uint32_t vpmu_pmu_lvtpc(const struct vpmu_pmu *pmu)
{
	return pmu ? pmu->lvtpc : 0;
}

void vpmu_pmu_set_lvtpc(struct vpmu_pmu *pmu, uint32_t value)
{
	if (pmu)
		pmu->lvtpc = value & VPMU_LVTPC_BITS;
}

void deliver_pmi(struct vpmu_pmu *pmu, struct vpmu_outcome *outcome)
{
	if (pmu->lvtpc & VPMU_LVTPC_MASKED) {
		outcome->masked++;
		return;
	}
	outcome->pmi++;
	pmu->lvtpc |= pmu->profile->rules[pmu->asked.vendor]->lvtpc_after_pmi;
}
