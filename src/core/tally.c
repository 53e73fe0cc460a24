/* SPDX-License-Identifier: MIT */
/* What is counted for each counter, and how far it is. */
#include <core/room_int.h>

void tally_set(struct vpmu_pmu *pmu, unsigned slot, uint64_t value)
{
	struct tally *tally = &pmu->tally[slot];

	account_settle(pmu);
	tally->base = value - tally_running(pmu, tally);
	pmu->epoch++;
}

static void set_bit_to(uint32_t *bits, unsigned bit, bool on)
{
	*bits = (*bits & ~(1u << bit)) | (uint32_t)on << bit;
}

void tally_change(struct vpmu_pmu *pmu, unsigned slot, const struct tally *what)
{
	struct tally *tally = &pmu->tally[slot];
	bool goes_on = tally->modes && what->modes;
	bool level = goes_on && tally->level;
	uint64_t value;

	account_settle(pmu);
	value = tally_value(pmu, slot);
	*tally = *what;
	for (unsigned mode = 0; mode < MODES; mode++)
		set_bit_to(&pmu->running[mode], slot,
		           what->modes & BIT64(mode) && what->class_ != VPMU_NO_CLASS);
	tally->level = level;
	tally->base = value - tally_running(pmu, tally);
	pmu->epoch++;
}

bool tallies_wrap(struct vpmu_pmu *pmu, uint32_t slots)
{
	bool pmi = false;

	pmu->epoch++;
	FOR_SLOTS(slot, slots)
	{
		if (pmu->has_global)
			pmu->single[VPMU_KIND_GLOBAL_STATUS] |= BIT64(slot_global_bit(slot));
		pmi |= pmu->tally[slot].pmi;
	}
	return pmi;
}

uint64_t counter_distance(const struct vpmu_pmu *pmu, unsigned slot)
{
	uint64_t mask = slot_mask(pmu, slot);
	uint64_t below = mask - (tally_value(pmu, slot) & mask);

	return below == UINT64_MAX ? below : below + 1;
}
