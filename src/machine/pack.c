/* SPDX-License-Identifier: MIT */
/*
 * Writing and reading a saved machine's bytes: see pack.h. Words are packed in runs. A run starts
 * with a 16-bit control number: with the top bit set, one word follows, which is repeated; without
 * it, a run of literal words follows. The other bits are the run's length.
 */
#include "pack.h"

#include <stdlib.h>
#include <string.h>

enum { REPEATED = 0x8000, RUN_MAX = 0x7fff };

static bool make_room(struct pack *pack, size_t count)
{
	size_t room = pack->room ? pack->room : 4096;
	uint8_t *bytes;

	while (room - pack->used < count)
		room *= 2;
	if (room == pack->room)
		return true;
	bytes = realloc(pack->bytes, room);
	if (!bytes)
		return false;
	pack->bytes = bytes;
	pack->room = room;
	return true;
}

void pack_bytes(struct pack *pack, const void *bytes, size_t count)
{
	pack->failed = pack->failed || !make_room(pack, count);
	if (pack->failed || !count)
		return;
	memcpy(pack->bytes + pack->used, bytes, count);
	pack->used += count;
}

void pack_number(struct pack *pack, uint64_t value, unsigned bytes)
{
	uint8_t at[8];

	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> 8 * i);
	pack_bytes(pack, at, bytes);
}

static size_t repeats(const uint64_t *words, size_t count)
{
	size_t n = 1;

	while (n < count && n < RUN_MAX && words[n] == words[0])
		n++;
	return n;
}

/* The number of words before the next three equal ones: repeating only two saves nothing. */
static size_t literals(const uint64_t *words, size_t count)
{
	size_t n = 0;

	while (n < count && n < RUN_MAX &&
	       !(n + 2 < count && words[n] == words[n + 1] && words[n] == words[n + 2]))
		n++;
	return n;
}

void pack_words(struct pack *pack, const uint64_t *words, size_t count)
{
	while (count) {
		size_t run = repeats(words, count);
		bool repeated = run > 2 || run == count;

		if (!repeated)
			run = literals(words, count);
		pack_number(pack, run | (repeated ? REPEATED : 0u), 2);
		for (size_t i = 0; i < (repeated ? 1 : run); i++)
			pack_number(pack, words[i], 8);
		words += run;
		count -= run;
	}
}

const uint8_t *unpack_bytes(struct unpack *unpack, size_t count, const char *what)
{
	const uint8_t *at = unpack->bytes + unpack->at;

	if (unpack->wrong)
		return NULL;
	if (count > unpack->count - unpack->at) {
		unpack->wrong = what;
		return NULL;
	}
	unpack->at += count;
	return at;
}

static uint64_t number_at(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)at[i] << 8 * i;
	return value;
}

uint64_t unpack_number(struct unpack *unpack, unsigned bytes, const char *what)
{
	const uint8_t *at = unpack_bytes(unpack, bytes, what);

	return at ? number_at(at, bytes) : 0;
}

/* The repeated word is decoded only once, which matters: most of a machine is zeros. */
static void fill_words(uint64_t *words, size_t count, uint64_t word)
{
	for (size_t i = 0; i < count; i++)
		words[i] = word;
}

bool unpack_words(struct unpack *unpack, uint64_t *words, size_t count, const char *what)
{
	while (count) {
		uint64_t control = unpack_number(unpack, 2, what);
		size_t run = control & RUN_MAX, given = control & REPEATED ? 1 : run;
		const uint8_t *at = unpack_bytes(unpack, 8 * given, what);

		if (at && (!run || run > count))
			unpack->wrong = what;
		if (unpack->wrong)
			return false;
		if (control & REPEATED)
			fill_words(words, run, number_at(at, 8));
		for (size_t i = 0; i < run && !(control & REPEATED); i++)
			words[i] = number_at(at + 8 * i, 8);
		words += run;
		count -= run;
	}
	return true;
}

bool unpack_is_done(struct unpack *unpack, const char *what)
{
	if (!unpack->wrong && unpack->at != unpack->count)
		unpack->wrong = what;
	return !unpack->wrong;
}

static uint64_t load(const uint8_t *at, unsigned bytes)
{
	uint16_t two;
	uint32_t four;
	uint64_t eight;

	switch (bytes) {
	case 1:
		return *at;
	case 2:
		memcpy(&two, at, sizeof(two));
		return two;
	case 4:
		memcpy(&four, at, sizeof(four));
		return four;
	default:
		memcpy(&eight, at, sizeof(eight));
		return eight;
	}
}

static void store(uint8_t *at, unsigned bytes, uint64_t value)
{
	uint16_t two = (uint16_t)value;
	uint32_t four = (uint32_t)value;

	switch (bytes) {
	case 1:
		*at = (uint8_t)value;
		break;
	case 2:
		memcpy(at, &two, sizeof(two));
		break;
	case 4:
		memcpy(at, &four, sizeof(four));
		break;
	default:
		memcpy(at, &value, sizeof(value));
		break;
	}
}

void pack_fields(struct pack *pack, const struct pack_field *fields, size_t count,
                 const void *structure)
{
	for (const struct pack_field *field = fields; field < fields + count; field++) {
		const uint8_t *at = (const uint8_t *)structure + field->offset;

		for (unsigned i = 0; i < field->count; i++)
			pack_number(pack, load(at + i * field->bytes, field->bytes), field->bytes);
	}
}

bool unpack_fields(struct unpack *unpack, const struct pack_field *fields, size_t count,
                   void *structure)
{
	for (const struct pack_field *field = fields; field < fields + count; field++) {
		uint8_t *at = (uint8_t *)structure + field->offset;

		for (unsigned i = 0; i < field->count; i++) {
			uint64_t value = unpack_number(unpack, field->bytes, field->name);

			if (value > field->most)
				unpack->wrong = field->name;
			if (unpack->wrong)
				return false;
			store(at + i * field->bytes, field->bytes, value);
		}
	}
	return true;
}
