/* SPDX-License-Identifier: MIT */
/*
 * What src/base shows to the rooms above it: bits and texts. Freestanding: no libc calls beyond
 * what a compiler itself may emit (memcpy, memset).
 */
#ifndef BASE_ROOM_H
#define BASE_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpmu/types.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define BIT64(n)      (UINT64_C(1) << (n))

/* The lowest `width` bits; all of them from 64 on. */
static inline uint64_t width_mask(unsigned width)
{
	return width >= 64 ? UINT64_MAX : BIT64(width) - 1;
}

/* A set of numbers of eight bits. */
enum { SET_WORDS = 4, SET_BITS = 64 * SET_WORDS };
struct set {
	uint64_t word[SET_WORDS];
};

static inline bool set_has(const struct set *set, unsigned i)
{
	return set->word[i / 64] >> i % 64 & 1;
}

static inline void set_add(struct set *set, unsigned i)
{
	set->word[i / 64] |= BIT64(i % 64);
}

/*
 * A step of a mixing hash. Each part is a bijection. With only one product, a difference in a
 * word's high bits would stay there and could be cancelled by the next word: two of ten thousand
 * states collided. The first constant is 2^64 divided by the golden ratio, made odd; the second is
 * an arbitrary odd number without a pattern.
 */
static inline uint64_t hash_mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	hash = (hash ^ hash >> 32) * UINT64_C(0x9fb21c651e98df25);
	return hash ^ hash >> 32;
}

/* A bounded text under construction: what does not fit is cut off, and the text is always
 * terminated. Without a buffer, everything is cut off. */
struct text {
	char *start;
	size_t size, used;
};

struct text text_in(char *buffer, size_t size);

/* For a public function that was given a NULL: says so in why (may be NULL), and returns
 * VPMU_BAD_ARGUMENT. */
enum vpmu_status argument_missing(char *why, size_t why_bytes);

void text_add(struct text *text, const char *s);
void text_add_bytes(struct text *text, const char *s, size_t length);
void text_add_unsigned(struct text *text, uint64_t value);
void text_add_hex(struct text *text, uint64_t value); /* 0x…, lower case, no leading zeros */

/* Adds what somebody typed: in quotes, unprintable bytes as '?', cut after 40 bytes. */
void text_add_quoted(struct text *text, const char *s, size_t length);

/* Whether the `length` bytes at s are exactly the word. */
bool text_is(const char *s, size_t length, const char *word);

/*
 * Reads a whole string as a number, decimal or 0x hex: no sign, no blanks, no trailing characters,
 * nothing beyond 64 bits. False leaves *value alone.
 */
bool text_parse_unsigned(const char *s, size_t length, uint64_t *value);

/* The length of the UTF-8 character at the bytes' start, which is *code; 0: there is none. */
size_t utf8_read(const unsigned char *bytes, size_t left, uint32_t *code);

/* The i-th name of a list, or NULL past the last. */
typedef const char *name_at(const void *list, size_t i);

/* The name nearest to `text`, for "did you mean"; NULL if none is near enough. */
const char *nearest_name(const char *text, name_at *name, const void *list);

/* All names, separated by `between`, cut where the buffer ends; returns text. */
const char *all_names(char *text, size_t bytes, const char *between, name_at *name,
                      const void *list);

/* --- Events as a person types them: NAME, NAME:u, NAME:k or NAME:uk --------------------------- */

enum { EVENT_KERNEL = 1 << 0, EVENT_USER = 1 << 1 };

/* The i-th name of an event, NULL past the last; some are another's synonyms. */
const char *event_name_at(const void *list, size_t i);

/* The class that the event name stands for; VPMU_NO_CLASS: it is not an event name. */
enum vpmu_class event_named(const char *name, size_t length);

/* Whether the name is rNNN, a selector's value in hex. */
bool event_raw(const char *name, size_t length, uint64_t *selector);

/* The length of the name at the text's start, without the rings. */
size_t event_name_length(const char *text, size_t length);

/* The rings that follow the name; both if there are none. False: something else follows it. */
bool event_rings(const char *text, size_t length, unsigned *rings);

#endif
