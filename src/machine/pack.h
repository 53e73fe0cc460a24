/* SPDX-License-Identifier: MIT */
/*
 * A saved machine as bytes: little-endian numbers, structures by tables of their fields, and memory
 * with repetitions left out. Writing fails only for lack of memory, which is checked once, at the
 * end. Reading is bounded, and says which field was wrong.
 */
#ifndef MACHINE_PACK_H
#define MACHINE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pack {
	uint8_t *bytes; /* free() them */
	size_t used, room;
	bool failed; /* no memory */
};

void pack_bytes(struct pack *pack, const void *bytes, size_t count);
void pack_number(struct pack *pack, uint64_t value, unsigned bytes);

/* Words of 64 bits: repeated ones once. */
void pack_words(struct pack *pack, const uint64_t *words, size_t count);

struct unpack {
	const uint8_t *bytes;
	size_t count, at;
	const char *wrong; /* what could not be read; NULL: nothing so far */
};

/* NULL, with `wrong` set, when there are fewer bytes left. */
const uint8_t *unpack_bytes(struct unpack *unpack, size_t count, const char *what);
/* 0, with `wrong` set, when there are too few bytes left. */
uint64_t unpack_number(struct unpack *unpack, unsigned bytes, const char *what);
bool unpack_words(struct unpack *unpack, uint64_t *words, size_t count, const char *what);
/* Whether everything has been read, and nothing was wrong. */
bool unpack_is_done(struct unpack *unpack, const char *what);

/* One number in a structure, or an array of them. */
struct pack_field {
	const char *name;
	uint32_t offset;
	uint16_t count;
	uint8_t bytes; /* of one */
	uint64_t most; /* the highest valid value */
};

#define PACK_ARRAY(type, member, most_)                                                            \
	{                                                                                          \
		.name = #member, .offset = offsetof(type, member),                                 \
		.count = sizeof(((type *)0)->member) / sizeof(((type *)0)->member[0]),             \
		.bytes = sizeof(((type *)0)->member[0]), .most = (most_)                           \
	}
#define PACK_FIELD(type, member, most_)                                                            \
	{                                                                                          \
		.name = #member, .offset = offsetof(type, member), .count = 1,                     \
		.bytes = sizeof(((type *)0)->member), .most = (most_)                              \
	}

void pack_fields(struct pack *pack, const struct pack_field *fields, size_t count,
                 const void *structure);
/* False with `wrong` set; the structure is then partly filled. */
bool unpack_fields(struct unpack *unpack, const struct pack_field *fields, size_t count,
                   void *structure);

#endif
