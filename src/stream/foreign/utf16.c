/* SPDX-License-Identifier: MIT */
/* UTF-16 with its mark, as Windows' tools write texts, made UTF-8. */
#include <stream/foreign/room_int.h>

static unsigned unit(const uint8_t *at, bool big)
{
	return big ? (unsigned)(at[0] << 8 | at[1]) : (unsigned)(at[1] << 8 | at[0]);
}

static bool is_high(unsigned unit_)
{
	return unit_ >> 10 == 0xd800 >> 10;
}

static bool is_low(unsigned unit_)
{
	return unit_ >> 10 == 0xdc00 >> 10;
}

/* RFC 3629. */
static size_t put(uint32_t c, uint8_t *into)
{
	size_t length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const uint8_t first[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = length; --i; c >>= 6)
		into[i] = (uint8_t)(0x80 | (c & 0x3f));
	into[0] = (uint8_t)(first[length] | c);
	return length;
}

bool foreign_is_utf16(const void *data, size_t bytes)
{
	const uint8_t *at = data;

	/* With two zeros behind it the mark is UTF-32's. */
	return bytes >= 4 && ((at[0] == 0xff && at[1] == 0xfe && (at[2] || at[3])) ||
	                      (at[0] == 0xfe && at[1] == 0xff));
}

size_t foreign_from_utf16(const void *data, size_t bytes, uint8_t *into)
{
	const uint8_t *from = data;
	bool big = from[0] == 0xfe;
	size_t used = 0;

	for (size_t i = 2; i + 2 <= bytes; i += 2) {
		uint32_t c = unit(from + i, big);

		if (is_high(c) && i + 4 <= bytes && is_low(unit(from + i + 2, big))) {
			i += 2;
			c = 0x10000 + ((c & 0x3ff) << 10 | (unit(from + i, big) & 0x3ff));
		} else if (is_high(c) || is_low(c)) {
			c = 0xfffd; /* half a character */
		}
		used += put(c, into + used);
	}
	if (bytes % 2)
		used += put(0xfffd, into + used);
	return used;
}
