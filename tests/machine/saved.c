/* SPDX-License-Identifier: MIT */
/* See saved.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <stream/room.h>

#include "saved.h"

struct machine *saved_lived(const char *model)
{
	struct machine *machine = fixture_make(model, NULL);
	uint8_t *memory = memory_at(&machine->memory, 0x200000, 8192);

	for (unsigned i = 0; i < 8192; i++)
		memory[i] = i < 5000 ? (uint8_t)(i * i) : 0xaa;
	fake_cpu->retired = 12345;
	machine->idle = 678;
	fixture_wrmsr(0x1b, 0xfee00d00); /* x2APIC */
	fixture_wrmsr(0x80f, 0x1ff);     /* on */
	fixture_wrmsr(0x832, 0x20040);   /* a periodic timer */
	fixture_wrmsr(0x838, 1000);
	fixture_wrmsr(0x834, 0x400); /* LVTPC */
	fixture_wrmsr(0x3b, 99);     /* TSC_ADJUST */
	fixture_wrmsr(0x277, 0x0606060606060606);
	fixture_wrmsr(0x186, 0x5300c0);
	fixture_wrmsr(0xc0010000, 0x5300c0);
	fixture_wrmsr(0x38f, 1);
	apic_accept(&machine->apic, 0x55);
	return machine;
}

bool saved_keep(void *context, const void *bytes, size_t count)
{
	struct saved *to = context;

	if (count > sizeof(to->bytes) - to->used)
		return false;
	memcpy(to->bytes + to->used, bytes, count);
	to->used += count;
	return true;
}

long saved_give(void *context, void *into, size_t count)
{
	struct saved *from = context;

	if (count > from->used - from->at)
		count = from->used - from->at;
	memcpy(into, from->bytes + from->at, count);
	from->at += count;
	return (long)count;
}

void saved_make(struct machine *machine, struct saved *to)
{
	const struct machine_notes notes = {.count = 2, .values = {7, UINT64_MAX}};
	struct machine_sink sink = {.write = saved_keep, .context = to};
	char why[512] = "";

	to->used = 0;
	if (machine_save(machine, &notes, &sink, why, sizeof(why)))
		fail_msg("%s", why);
}

uint8_t *saved_find(struct saved *saved, uint32_t type, size_t *bytes)
{
	for (size_t at = SAVED_HEADER_BYTES; at < saved->used; at += *bytes) {
		*bytes = RECORD_HEADER_BYTES + load_le(saved->bytes + at + 4, 4);
		if (load_le(saved->bytes + at, 4) == type)
			return saved->bytes + at;
	}
	fail_msg("no record 0x%x", type);
	return NULL;
}

void saved_seal(uint8_t *record)
{
	uint32_t crc = crc32c(0, record, 8);

	crc = crc32c(crc, record + RECORD_HEADER_BYTES, load_le(record + 4, 4));
	store_le(record + 8, 4, crc);
}

void saved_remove(struct saved *saved, uint32_t type)
{
	size_t bytes = 0;
	uint8_t *record = saved_find(saved, type, &bytes);

	memmove(record, record + bytes, (size_t)(saved->bytes + saved->used - record) - bytes);
	saved->used -= bytes;
}

void saved_insert(struct saved *saved, uint8_t *at, const uint8_t *bytes, size_t count)
{
	assert_true(count <= sizeof(saved->bytes) - saved->used);
	memmove(at + count, at, (size_t)(saved->bytes + saved->used - at));
	memcpy(at, bytes, count);
	saved->used += count;
}
