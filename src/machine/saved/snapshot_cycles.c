/* SPDX-License-Identifier: MIT */
/*
 * What counters with CMASK, INV or EDGE know of the last cycle. It is in no register of the PMU, so
 * no get reads it and no put sets it, but their counts depend on it. Each such counter is saved as
 * two 16-bit numbers: its bit in the global control register, and the value that vpmu/simulate.h
 * describes.
 */
#include "snapshot.h"

enum { FIXED_BIT = 32, COUNTERS = VPMU_MAX_GP + VPMU_MAX_FIXED };

static unsigned bit_of(unsigned counter)
{
	return counter < VPMU_MAX_GP ? counter : FIXED_BIT + counter - VPMU_MAX_GP;
}

bool save_cycles(const struct machine *machine, struct pack *pack)
{
	struct vpmu_last_cycles last;
	size_t begun = 0;
	bool any = false;

	vpmu_pmu_last_cycles(machine->pmu, &last);
	for (unsigned i = 0; i < COUNTERS; i++) {
		if (!last.of[i])
			continue;
		if (!any)
			begun = record_begin(pack, RECORD_CYCLES);
		any = true;
		pack_number(pack, bit_of(i), 2);
		pack_number(pack, last.of[i], 2);
	}
	if (any)
		record_end(pack, begun);
	return any;
}

static unsigned counter_of(uint64_t bit)
{
	unsigned i = 0;

	while (i < COUNTERS && bit_of(i) != bit)
		i++;
	return i;
}

bool cycles_unpack(struct unpack *unpack, struct vpmu_last_cycles *last)
{
	*last = (struct vpmu_last_cycles){{0}};
	while (!unpack->wrong && unpack->at < unpack->count) {
		unsigned counter = counter_of(unpack_number(unpack, 2, "a counter"));
		uint64_t value = unpack_number(unpack, 2, "its last cycle");

		if (counter == COUNTERS)
			unpack->wrong = "a counter";
		else if ((value & ~(uint64_t)VPMU_LAST_CYCLE_HELD) > VPMU_LAST_CYCLE_MOST)
			unpack->wrong = "its last cycle";
		else
			last->of[counter] = (uint16_t)value;
	}
	return !unpack->wrong;
}
