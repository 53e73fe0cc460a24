/* SPDX-License-Identifier: MIT */
/*
 * PEBS records: when one is due, what is in it, and where in the guest's memory it goes. Intel SDM
 * vol. 3B, "Processor Event Based Sampling": a counter that overflows arms PEBS, and the next event
 * causes the record. Until then the counter's status bit is set, so that nothing else need be known
 * of it: armed are the counters whose bits are set in both IA32_PERF_GLOBAL_STATUS and
 * IA32_PEBS_ENABLE.
 */
#include <core/room_int.h>

/* The DS area's part about PEBS, by offset, in its format of 64 bits. */
enum {
	DS_PEBS = 0x20,  /* base, index, absolute maximum, threshold */
	DS_INDEX = 0x28, /* where the next record goes */
	DS_GP_RESET = 0x40,
	DS_FIXED_RESET = 0x80,
	DS_GP_RESETS = (DS_FIXED_RESET - DS_GP_RESET) / 8,
};

/* The words of a record. Those that are not named stay 0: data address, source and latency of a
 * load, and what aborted a transaction. */
enum {
	WORD_FLAGS,
	WORD_RIP,
	WORD_REGISTERS,
	WORD_STATUS = 18, /* from format 1 on */
	WORD_EVENT_RIP = 22,
	WORD_TSC = 24,
	WORDS /* of the longest record: vpmu_model_pebs_bytes() */
};

/* The first format whose records say for which counters they are. */
enum { FORMAT_APPLICABLE = 3 };

struct ds {
	uint64_t base, index, maximum, threshold;
};

void vpmu_pmu_take_pebs(struct vpmu_pmu *pmu, bool take)
{
	if (!pmu)
		return;
	pebs_changes(pmu);
	pmu->takes_pebs = take && vpmu_model_pebs_bytes(&pmu->model);
	pmu->pebs_due = 0;
}

/* --- When ------------------------------------------------------------------------------------ */

/* Whether the counter's event is a precise one: what instructions and branches alone decide, and no
 * selector with CMASK, INV or EDGE ("must be zero"). */
static bool is_precise(const struct vpmu_pmu *pmu, unsigned slot)
{
	const uint64_t precise =
		VPMU_CLASS_BIT(VPMU_INSTRUCTIONS) | VPMU_CLASS_BIT(VPMU_BRANCHES) |
		VPMU_CLASS_BIT(VPMU_CONDITIONAL_BRANCHES) | VPMU_CLASS_BIT(VPMU_NEAR_CALLS) |
		VPMU_CLASS_BIT(VPMU_NEAR_RETURNS) | VPMU_CLASS_BIT(VPMU_FAR_BRANCHES) |
		VPMU_CLASS_BIT(VPMU_TAKEN_BRANCHES) | VPMU_CLASS_BIT(VPMU_CONDITIONAL_TAKEN) |
		VPMU_CLASS_BIT(VPMU_CONDITIONAL_NOT_TAKEN);
	const struct tally *tally = &pmu->tally[slot];

	if (slot >= DS_GP_RESETS && slot < SLOT_FIXED)
		return false; /* the DS area has no place for its reset value */
	return tally->class_ != VPMU_NO_CLASS && precise >> tally->class_ & 1 && !tally->threshold;
}

uint32_t pebs_armed(const struct vpmu_pmu *pmu)
{
	uint32_t armed = 0;

	if (!pmu->takes_pebs)
		return 0;
	FOR_SLOTS(slot, slots_of_global_bits(pmu->single[VPMU_KIND_GLOBAL_STATUS] &
	                                     pmu->single[VPMU_KIND_PEBS_ENABLE]))
		if (is_precise(pmu, slot))
			armed |= 1u << slot;
	return armed;
}

bool pmu_is_armed(const struct vpmu_pmu *pmu, unsigned cpl)
{
	return pmu && pebs_armed(pmu) & pmu->running[mode_of_cpl(cpl)];
}

uint32_t pebs_see(struct vpmu_pmu *pmu, uint32_t slots)
{
	uint32_t armed = slots & pebs_armed(pmu), wrapped = slots & ~armed;

	pmu->pebs_due |= armed;
	FOR_SLOTS(slot, armed)
		if (!(tally_value(pmu, slot) & slot_mask(pmu, slot)))
			wrapped |= 1u << slot;
	return wrapped;
}

enum vpmu_status set_pebs_enable(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value)
{
	pebs_changes(pmu);
	return set_plain(pmu, reg, value);
}

bool vpmu_pmu_pebs_is_due(const struct vpmu_pmu *pmu)
{
	return pmu && pmu->pebs_due;
}

/* --- What ------------------------------------------------------------------------------------ */

static uint64_t global_bits(uint32_t slots)
{
	uint64_t bits = 0;

	FOR_SLOTS(slot, slots)
		bits |= BIT64(slot_global_bit(slot));
	return bits;
}

/* RAX, RBX, RCX, RDX, RSI, RDI, RBP, RSP, R8 …: not the order of their encoding. */
static void fill_registers(uint64_t *words, const uint64_t gpr[16])
{
	static const uint8_t order[16] = {0, 3, 1, 2, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15};

	for (unsigned i = 0; i < 16; i++)
		words[i] = gpr[order[i]];
}

/* From format 3 on the record says for which counters it is; before, it has the status register. */
static void fill(const struct vpmu_pmu *pmu, uint32_t slots, const struct vpmu_pebs *at,
                 uint64_t words[WORDS])
{
	words[WORD_FLAGS] = at->rflags;
	words[WORD_RIP] = at->rip;
	fill_registers(words + WORD_REGISTERS, at->gpr);
	words[WORD_STATUS] = model_pebs_format(&pmu->model) < FORMAT_APPLICABLE
	                             ? pmu->single[VPMU_KIND_GLOBAL_STATUS]
	                             : global_bits(slots);
	words[WORD_EVENT_RIP] = at->event_rip;
	words[WORD_TSC] = at->tsc;
}

/* --- Where ----------------------------------------------------------------------------------- */

static bool read_words(const struct vpmu_pebs *at, uint64_t address, uint64_t *words,
                       unsigned count)
{
	uint8_t bytes[8];

	for (unsigned i = 0; i < count; i++) {
		if (!at->read(at->context, address + 8 * i, bytes, sizeof(bytes)))
			return false;
		words[i] = 0;
		for (unsigned byte = 0; byte < 8; byte++)
			words[i] |= (uint64_t)bytes[byte] << 8 * byte;
	}
	return true;
}

static bool write_words(const struct vpmu_pebs *at, uint64_t address, const uint64_t *words,
                        unsigned count)
{
	uint8_t bytes[8 * WORDS];

	for (unsigned i = 0; i < 8 * count; i++)
		bytes[i] = (uint8_t)(words[i / 8] >> 8 * (i % 8));
	return at->write(at->context, address, bytes, 8 * count);
}

static uint64_t reset_at(uint64_t area, unsigned slot)
{
	return area + (slot < SLOT_FIXED ? DS_GP_RESET + 8 * slot
	                                 : DS_FIXED_RESET + 8 * (slot - SLOT_FIXED));
}

/* Reads what the processor must know before it writes: the buffer, and the counters' reset values,
 * by slot. */
static bool read_area(const struct vpmu_pebs *at, uint64_t area, uint32_t slots, struct ds *ds,
                      uint64_t resets[SLOTS])
{
	uint64_t words[4];

	if (!read_words(at, area + DS_PEBS, words, 4))
		return false;
	*ds = (struct ds){words[0], words[1], words[2], words[3]};
	FOR_SLOTS(slot, slots)
		if (!read_words(at, reset_at(area, slot), &resets[slot], 1))
			return false;
	return true;
}

static bool has_room(const struct ds *ds, unsigned bytes)
{
	return ds->index >= ds->base && ds->index <= ds->maximum &&
	       ds->maximum - ds->index >= bytes;
}

/* Writes the record and the new index. False: nothing that counts has been written. */
static bool write_record(const struct vpmu_pmu *pmu, uint32_t slots, const struct vpmu_pebs *at,
                         struct ds *ds)
{
	uint64_t words[WORDS] = {0}, index = ds->index;
	unsigned bytes = vpmu_model_pebs_bytes(&pmu->model);

	if (!has_room(ds, bytes))
		return false;
	fill(pmu, slots, at, words);
	ds->index += bytes;
	return write_words(at, index, words, bytes / 8) &&
	       write_words(at, pmu->single[VPMU_KIND_DS_AREA] + DS_INDEX, &ds->index, 1);
}

/* The status bits go, and the counters begin anew. */
static void reload(struct vpmu_pmu *pmu, uint32_t slots, const uint64_t resets[SLOTS])
{
	pmu->single[VPMU_KIND_GLOBAL_STATUS] &= ~global_bits(slots);
	FOR_SLOTS(slot, slots)
		tally_write(pmu, slot, resets[slot]);
}

struct vpmu_outcome vpmu_pmu_write_pebs(struct vpmu_pmu *pmu, const struct vpmu_pebs *at)
{
	struct vpmu_outcome outcome = {0};
	uint64_t resets[SLOTS];
	uint32_t armed, slots;
	struct ds ds;

	if (!pmu || !at || !at->read || !at->write)
		return outcome;
	armed = pebs_armed(pmu);
	slots = pmu->pebs_due & armed;
	pebs_changes(pmu);
	pmu->pebs_due = 0;
	if (!slots)
		return outcome;
	/* "Each counter that overflowed and was enabled for PEBS" is reloaded; from the format on
	 * that tells them apart, each has its own record. */
	if (model_pebs_format(&pmu->model) < FORMAT_APPLICABLE)
		slots = armed;
	if (!read_area(at, pmu->single[VPMU_KIND_DS_AREA], slots, &ds, resets) ||
	    !write_record(pmu, slots, at, &ds))
		return outcome;
	reload(pmu, slots, resets);
	if (ds.index >= ds.threshold) {
		pmu->single[VPMU_KIND_GLOBAL_STATUS] |= STATUS_DS;
		hardware_pmi(pmu, &outcome);
	}
	return outcome;
}
