/* SPDX-License-Identifier: MIT */
#include "pebs.h"

#include <string.h>

struct memory memory;

static bool copy(uint64_t address, uint64_t end, size_t bytes)
{
	return address >= AREA && address + bytes <= end;
}

static bool read_memory(void *context, uint64_t address, void *to, size_t bytes)
{
	struct memory *from = context;

	if (!copy(address, from->read_end, bytes))
		return false;
	memcpy(to, from->bytes + (address - AREA), bytes);
	from->read += bytes;
	return true;
}

static bool write_memory(void *context, uint64_t address, const void *from, size_t bytes)
{
	struct memory *to = context;

	if (!copy(address, to->write_end, bytes))
		return false;
	memcpy(to->bytes + (address - AREA), from, bytes);
	return true;
}

uint64_t word(uint64_t address)
{
	uint64_t value;

	memcpy(&value, memory.bytes + (address - AREA), sizeof(value));
	return value;
}

void set_word(uint64_t address, uint64_t value)
{
	memcpy(memory.bytes + (address - AREA), &value, sizeof(value));
}

const struct vpmu_pebs at = {
	.rip = 0x1008,
	.event_rip = 0x1000,
	.rflags = 0x246,
	.tsc = 0x7777,
	.gpr = {100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115},
	.read = read_memory,
	.write = write_memory,
	.context = &memory,
};

void make_area(unsigned record, unsigned records, unsigned threshold)
{
	memset(&memory, 0, sizeof(memory));
	memory.read_end = memory.write_end = AREA + MEMORY;
	set_word(AREA + 0x20, BUFFER);
	set_word(AREA + INDEX, BUFFER);
	set_word(AREA + MAXIMUM, BUFFER + (uint64_t)record * records);
	set_word(AREA + THRESHOLD, BUFFER + (uint64_t)record * threshold);
	for (unsigned i = 0; i < 8; i++)
		set_word(AREA + RESET + 8 * i, -(uint64_t)(10 + i));
}

struct vpmu_pmu *sampler(const char *name)
{
	struct vpmu_pmu *pmu = machine_on("hardware", name);

	vpmu_pmu_take_pebs(pmu, true);
	make_area(vpmu_model_pebs_bytes(vpmu_pmu_model(pmu)), 4, FOREVER);
	wr(pmu, DS_AREA, AREA);
	wr(pmu, PEBS_ENABLE, 3);
	wr(pmu, SEL0, SEL_ON | INSTRUCTIONS);
	wr(pmu, SEL0 + 1, SEL_ON | BRANCHES);
	wr(pmu, A_PMC0, -UINT64_C(3) & WIDTH_MASK);
	wr(pmu, GLOBAL_CTRL, 3);
	return pmu;
}

uint64_t written(void)
{
	return word(AREA + INDEX) - BUFFER;
}

void run(struct vpmu_pmu *pmu, uint64_t instructions, uint64_t branches)
{
	struct vpmu_amounts amounts =
		RUN([VPMU_INSTRUCTIONS] = instructions, [VPMU_BRANCHES] = branches);

	vpmu_pmu_account(pmu, &amounts, 0);
}
