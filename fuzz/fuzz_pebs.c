/* SPDX-License-Identifier: MIT */
/*
 * PEBS records with any DS area: what the guest has put there never leads a write out of the buffer
 * that it describes, and what is skipped changes nothing. The bytes are the model's format, the
 * counters, then the area's words, and which access to memory fails.
 */
#include <string.h>

#include <core/room.h>

#include "fuzz.h"
#include "input.h"

enum { PMC0 = 0xc1, SEL0 = 0x186, STATUS = 0x38e, ENABLE = 0x3f1, DS = 0x600, GLOBAL = 0x38f };
enum { AREA = 0x10000, WORDS = 24, BASE = 4, INDEX, MAXIMUM, INDEX_BYTE = 8 * INDEX };

struct guest {
	uint64_t words[WORDS]; /* of the area */
	unsigned accesses, fails_at;
	unsigned writes, bytes; /* how many, and of a record */
	uint64_t index;         /* that was written */
};

static bool fails(struct guest *guest)
{
	return guest->accesses++ == guest->fails_at;
}

static bool read_area(void *context, uint64_t address, void *to, size_t bytes)
{
	struct guest *guest = context;

	MUST(address >= AREA && address - AREA <= sizeof(guest->words) - bytes);
	memcpy(to, (const char *)guest->words + (address - AREA), bytes);
	return !fails(guest);
}

/* The record, then the index. */
static bool write_area(void *context, uint64_t address, const void *from, size_t bytes)
{
	struct guest *guest = context;

	if (!guest->writes++) {
		MUST(bytes == guest->bytes && address == guest->words[INDEX]);
		MUST(address >= guest->words[BASE] && guest->words[MAXIMUM] >= address);
		MUST(guest->words[MAXIMUM] - address >= bytes);
	} else {
		MUST(bytes == 8 && address == AREA + INDEX_BYTE);
		memcpy(&guest->index, from, bytes);
		MUST(guest->index == guest->words[INDEX] + guest->bytes);
	}
	return !fails(guest);
}

static void set_up(struct vpmu_pmu *pmu, struct input *input)
{
	vpmu_pmu_take_pebs(pmu, true);
	vpmu_pmu_guest_write(pmu, DS, AREA);
	vpmu_pmu_guest_write(pmu, ENABLE, take_byte(input) & 0xf);
	for (unsigned i = 0; i < 4; i++) {
		uint64_t events[] = {0x4300c0, 0x5300c4, 0x4101c4, 0x43003c};

		vpmu_pmu_guest_write(pmu, SEL0 + i, events[take_byte(input) % 4]);
		vpmu_pmu_guest_write(pmu, PMC0 + i, -(uint64_t)(take_byte(input) % 5));
	}
	vpmu_pmu_guest_write(pmu, GLOBAL, 0xf);
}

static void take_area(struct guest *guest, struct input *input)
{
	for (unsigned i = 0; i < WORDS; i++)
		guest->words[i] =
			take_byte(input) & 1 ? take_value(input) : AREA + take_number(input, 2);
	guest->fails_at = take_byte(input);
}

static void write_one(struct vpmu_pmu *pmu, struct guest *guest)
{
	struct vpmu_pebs at = {.read = read_area, .write = write_area, .context = guest};
	uint64_t before, after;

	guest->accesses = guest->writes = 0;
	MUST(!vpmu_pmu_host_read(pmu, STATUS, &before));
	vpmu_pmu_write_pebs(pmu, &at);
	MUST(!vpmu_pmu_host_read(pmu, STATUS, &after));
	MUST(!vpmu_pmu_pebs_is_due(pmu));
	if (guest->writes < 2 || guest->accesses > guest->fails_at)
		MUST(before == after);
	else
		guest->words[INDEX] = guest->index;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static _Alignas(VPMU_PMU_ALIGN) unsigned char memory[VPMU_PMU_BYTES];
	static const char *const models[] = {"skylake,pebs=1", "skylake,pebs=2", "intel-v5,pebs=3"};
	struct input input = {data, size};
	struct vpmu_amounts one = {.of = {[VPMU_INSTRUCTIONS] = 1}};
	struct vpmu_model model;
	struct vpmu_pmu *pmu;
	struct guest guest;

	MUST(!vpmu_model_parse(&model, models[take_byte(&input) % 3], NULL, 0));
	pmu = vpmu_pmu_init(memory, sizeof(memory), &model, vpmu_profile_find("hardware"));
	memset(&guest, 0, sizeof(guest));
	guest.bytes = vpmu_model_pebs_bytes(&model);
	set_up(pmu, &input);
	take_area(&guest, &input);
	for (unsigned i = 0; i < 40; i++) {
		one.of[VPMU_BRANCHES] = one.of[VPMU_CONDITIONAL_BRANCHES] = i & 1;
		vpmu_pmu_account(pmu, &one, take_byte(&input) & 3);
		if (vpmu_pmu_pebs_is_due(pmu))
			write_one(pmu, &guest);
	}
	return 0;
}
