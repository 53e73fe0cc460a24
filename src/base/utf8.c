/* SPDX-License-Identifier: MIT */
/* Characters of UTF-8 (RFC 3629). */
#include <base/room.h>

static const struct {
	unsigned char mask, lead, length;
	uint32_t min;
} utf8_rows[] = {
	{0x80, 0x00, 1, 0},
	{0xe0, 0xc0, 2, 0x80},
	{0xf0, 0xe0, 3, 0x800},
	{0xf8, 0xf0, 4, 0x10000},
};

size_t utf8_read(const unsigned char *bytes, size_t left, uint32_t *code)
{
	for (size_t i = 0; left && i < ARRAY_SIZE(utf8_rows); i++) {
		if ((bytes[0] & utf8_rows[i].mask) != utf8_rows[i].lead ||
		    utf8_rows[i].length > left)
			continue;
		*code = bytes[0] & (unsigned char)~utf8_rows[i].mask;
		for (size_t j = 1; j < utf8_rows[i].length; j++) {
			if ((bytes[j] & 0xc0) != 0x80)
				return 0;
			*code = *code << 6 | (bytes[j] & 0x3f);
		}
		if (*code < utf8_rows[i].min || *code > 0x10ffff ||
		    (*code >= 0xd800 && *code < 0xe000))
			return 0;
		return utf8_rows[i].length;
	}
	return 0;
}
