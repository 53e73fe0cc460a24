/* SPDX-License-Identifier: MIT */
/*
 * Saved machines, as they come and with every record's checksum made right, and machines that are
 * saved here and then changed at some places, whatever the format's version: restored, or refused
 * with a reason. What is restored can be saved again.
 */
#include <string.h>

#include <machine/saved/snapshot.h>
#include <state/state.h>

#include "../tests/machine/fake_cpu.h"
#include "../tests/machine/guest_image.h"
#include "fuzz.h"
#include "saved.h"

struct bytes {
	const uint8_t *data;
	size_t size, at;
};

static long give(void *context, void *into, size_t count)
{
	struct bytes *from = context;

	if (count > from->size - from->at)
		count = from->size - from->at;
	memcpy(into, from->data + from->at, count);
	from->at += count;
	return (long)count;
}

static bool drop(void *context, const void *bytes, size_t count)
{
	return true;
}

/* Where `vpmu state` looks for the PMU's state is within what there is, and a restored machine has
 * it. */
static void find_state(const uint8_t *data, size_t size, bool restored)
{
	size_t at, length;
	bool found =
		state_is_saved_machine(data, size) && state_find_saved(data, size, &at, &length);

	MUST(!found || (at <= size && length <= size - at));
	MUST(found || !restored);
}

static void try(const uint8_t *data, size_t size)
{
	const struct machine_restore wanted = {
		.config = {.cpu = &fake_cpu_ops, .memory_bytes = 4 * MIB},
		.order = vpmu_order_find("safe")};
	struct bytes bytes = {.data = data, .size = size};
	const struct machine_origin origin = {.read = give, .context = &bytes};
	const struct machine_sink sink = {.write = drop};
	struct machine_notes notes;
	enum vpmu_status status;
	char why[400] = "";
	struct machine *machine =
		machine_load_saved(&wanted, &origin, &notes, &status, why, sizeof(why));

	find_state(data, size, machine);
	if (machine) {
		MUST(machine_save(machine, &notes, &sink, why, sizeof(why)) == VPMU_OK);
		machine_destroy(machine);
		return;
	}
	MUST(status == VPMU_BAD_DATA || status == VPMU_INCOMPATIBLE || status == VPMU_REFUSED);
	MUST(strlen(why) > 8);
}

/* A machine with a guest that has not begun, saved. */
static void make(struct saved *saved, const char *model)
{
	const struct made_elf elf = made_elf_default(64);
	struct machine_config config = {.cpu = &fake_cpu_ops, .memory_bytes = 2 * MIB};
	struct made_image image;
	struct machine *machine;
	char why[400];

	MUST(!vpmu_model_parse(&config.model, model, NULL, 0));
	machine = machine_create(&config, why, sizeof(why));
	MUST(machine);
	made_elf(&image, &elf);
	MUST(!machine_load(machine, image.data, image.bytes, why, sizeof(why)));
	saved_make(saved, machine);
	machine_destroy(machine);
}

/* The input is the model, then changes: a place in 16 bits, and what it is XORed with. */
static void try_changed(const uint8_t *data, size_t size)
{
	static const char *const models[] = {"intel-v2", "icelake,lbr=32", "amd-k7",
	                                     "amd-perfmon-v2", "skylake,pebs=3"};
	static struct saved saved;

	if (!size)
		return;
	make(&saved, models[data[0] % ARRAY_SIZE(models)]);
	for (size_t i = 1; i + 3 <= size && i < 100; i += 3)
		saved.bytes[load_le(data + i, 2) % saved.used] ^= data[i + 2];
	saved_seal(saved.bytes, saved.used);
	try(saved.bytes, saved.used);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *sealed = malloc(size + 1);

	MUST(sealed);
	try(data, size);
	memcpy(sealed, data, size);
	saved_seal(sealed, size);
	try(sealed, size);
	free(sealed);
	try_changed(data, size);
	return 0;
}
