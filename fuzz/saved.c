/* SPDX-License-Identifier: MIT */
/* Saved machines in memory, and damage that their checksums do not show. */
#include <string.h>

#include <machine/saved/snapshot.h>
#include <stream/room.h>

#include "fuzz.h"
#include "saved.h"

static bool to_memory(void *context, const void *bytes, size_t count)
{
	struct saved *saved = context;

	MUST(count <= SAVED_BYTES - saved->used);
	memcpy(saved->bytes + saved->used, bytes, count);
	saved->used += count;
	return true;
}

void saved_make(struct saved *saved, struct machine *machine)
{
	const struct machine_sink sink = {.write = to_memory, .context = saved};
	const struct machine_notes notes = {0};
	char why[400] = "";

	saved->used = 0;
	if (machine_save(machine, &notes, &sink, why, sizeof(why))) {
		fprintf(stderr, "not saved: %s\n", why);
		MUST(!"a machine can be saved");
	}
}

struct reader {
	const struct saved *saved;
	size_t at;
};

static long from_memory(void *context, void *into, size_t count)
{
	struct reader *reader = context;

	if (count > reader->saved->used - reader->at)
		count = reader->saved->used - reader->at;
	memcpy(into, reader->saved->bytes + reader->at, count);
	reader->at += count;
	return (long)count;
}

struct machine *saved_restore(const struct saved *saved, const struct cpu_ops *cpu,
                              enum vpmu_status *status, char *why, size_t why_bytes)
{
	struct reader reader = {.saved = saved};
	const struct machine_restore wanted = {.config = {.cpu = cpu, .memory_bytes = 2 * MIB},
	                                       .order = vpmu_order_find("safe")};
	const struct machine_origin origin = {.read = from_memory, .context = &reader};
	struct machine_notes notes;

	return machine_load_saved(&wanted, &origin, &notes, status, why, why_bytes);
}

/* The record at an offset: its payload's length in *length; false: no whole one is there. */
static bool record_at(const uint8_t *data, size_t size, size_t at, uint64_t *length)
{
	if (at >= size || size - at < RECORD_HEADER_BYTES)
		return false;
	*length = load_le(data + at + 4, 4);
	return *length <= size - at - RECORD_HEADER_BYTES;
}

uint8_t *saved_record(struct saved *saved, uint32_t type, size_t *bytes)
{
	uint64_t length;

	for (size_t at = SAVED_HEADER_BYTES; record_at(saved->bytes, saved->used, at, &length);
	     at += RECORD_HEADER_BYTES + length) {
		if (load_le(saved->bytes + at, 4) != type)
			continue;
		*bytes = length;
		return saved->bytes + at + RECORD_HEADER_BYTES;
	}
	return NULL;
}

void saved_seal(uint8_t *data, size_t size)
{
	uint64_t length;

	for (size_t at = SAVED_HEADER_BYTES; record_at(data, size, at, &length);
	     at += RECORD_HEADER_BYTES + length) {
		uint32_t crc = crc32c(0, data + at, 8);

		crc = crc32c(crc, data + at + RECORD_HEADER_BYTES, length);
		store_le(data + at + 8, 4, crc);
	}
}
