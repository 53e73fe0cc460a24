/* SPDX-License-Identifier: MIT */
/* Tallies: what is counted for each counter, and how much so far. */
#include <core/room_int.h>

void tally_set(struct vpmu_pmu *pmu, unsigned slot, uint64_t value)
{
	struct tally *tally = &pmu->tally[slot];

	account_settle(pmu);
	tally->base = value - tally_running(pmu, tally);
	pmu->epoch++;
}

void tally_write(struct vpmu_pmu *pmu, unsigned slot, uint64_t value)
{
	tally_set(pmu, slot, value & slot_mask(pmu, slot));
}

static void set_bit_to(uint32_t *bits, unsigned bit, bool on)
{
	*bits = (*bits & ~(1u << bit)) | (uint32_t)on << bit;
}

/* Sets in which modes the tally counts something, if it is to count in `modes`. */
static void set_modes(uint32_t bits[MODES], unsigned slot, const struct tally *what, unsigned modes)
{
	for (unsigned mode = 0; mode < MODES; mode++)
		set_bit_to(&bits[mode], slot, modes >> mode & 1 && what->class_ != VPMU_NO_CLASS);
}

/* The place in pmu->total of what the tally counts in these modes. */
static uint8_t place_of(const struct tally *tally, unsigned modes)
{
	static const uint8_t row[1 << MODES] = {0, MODE_KERNEL, MODE_USER, MODES};

	if (!modes || tally->threshold || tally->class_ == VPMU_NO_CLASS)
		return NEVER;
	return (uint8_t)(row[modes] * (VPMU_CLASSES + 1) + tally->class_);
}

void tally_change(struct vpmu_pmu *pmu, unsigned slot, const struct tally *what)
{
	struct tally *tally = &pmu->tally[slot];
	bool goes_on = tally->modes && what->modes;
	/* A tally without a threshold looks at no cycles: it has no last one. */
	bool keeps = goes_on && what->threshold, level = keeps && tally->level;
	uint16_t kept = keeps ? tally->kept : 0;
	uint64_t value;

	account_settle(pmu);
	value = tally_value(pmu, slot);
	*tally = *what;
	set_modes(pmu->running, slot, what, what->modes);
	tally->total = place_of(what, what->modes | what->wanted);
	tally->level = level;
	tally->kept = kept;
	tally->base = value - tally_running(pmu, tally);
	pmu->epoch++;
}

void tally_control(struct vpmu_pmu *pmu, unsigned slot, const struct tally *what, bool on)
{
	struct tally now = *what;

	now.wanted = what->modes;
	if (!on)
		now.modes = 0;
	set_bit_to(&pmu->on, slot, on);
	set_modes(pmu->wanted, slot, what, what->modes);
	tally_change(pmu, slot, &now);
}

void tallies_switch(struct vpmu_pmu *pmu, uint32_t slots, uint32_t on)
{
	uint32_t starting = slots & on & ~pmu->on, stopping = slots & ~on & pmu->on;
	const uint64_t *totals = &pmu->total[0][0];

	if (!slots)
		return;
	account_settle(pmu);
	FOR_SLOTS(slot, starting) {
		struct tally *tally = &pmu->tally[slot];

		tally->base -= totals[tally->total];
		tally->modes = tally->wanted;
	}
	FOR_SLOTS(slot, stopping) {
		struct tally *tally = &pmu->tally[slot];

		tally->base += totals[tally->total];
		tally->modes = 0;
		tally->level = false; /* a tally that has stopped knows of no cycle */
		tally->kept = 0;
	}
	for (unsigned mode = 0; mode < MODES; mode++)
		pmu->running[mode] =
			(pmu->running[mode] & ~stopping) | (pmu->wanted[mode] & starting);
	pmu->on = (pmu->on | starting) & ~stopping;
	pmu->epoch++;
}

bool tallies_wrap(struct vpmu_pmu *pmu, uint32_t slots)
{
	bool pmi = false;

	pmu->epoch++;
	FOR_SLOTS(slot, slots) {
		if (pmu->has_global)
			pmu->single[VPMU_KIND_GLOBAL_STATUS] |= BIT64(slot_global_bit(slot));
		note_overflow(pmu, slot);
		pmi |= pmu->tally[slot].pmi;
	}
	return pmi;
}

bool vpmu_pmu_counting(const struct vpmu_pmu *pmu, uint32_t msr, struct vpmu_counting *out)
{
	const struct reg *reg = pmu ? decode(pmu, msr) : NULL;
	bool kernel, user;

	if (!out || !reg || reg->store != STORE_COUNTER)
		return false;
	kernel = pmu->running[mode_of_cpl(0)] >> reg->slot & 1;
	user = pmu->running[mode_of_cpl(3)] >> reg->slot & 1;
	if (!kernel && !user)
		return false;
	*out = (struct vpmu_counting){pmu->tally[reg->slot].class_, kernel, user};
	return true;
}

uint64_t counter_distance(const struct vpmu_pmu *pmu, unsigned slot)
{
	uint64_t mask = slot_mask(pmu, slot);
	uint64_t below = mask - (tally_value(pmu, slot) & mask);

	return below == UINT64_MAX ? below : below + 1;
}
