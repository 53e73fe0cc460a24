/* SPDX-License-Identifier: MIT */
/* Tells the characters that a terminal obeys from those that it shows. */
#include "visible.h"

#include <stdint.h>
#include <string.h>

#include <base/room.h>

size_t utf8_length(const unsigned char *bytes, size_t left)
{
	uint32_t code;

	return utf8_read(bytes, left, &code);
}

/* Unicode's Cc; and of what shows nothing, what changes the order of the rest (UAX #9) or ends a
 * line. */
static bool is_control(uint32_t code)
{
	static const uint32_t ranges[][2] = {
		{0x00, 0x1f},     {0x7f, 0x9f},     {0x061c, 0x061c},
		{0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069},
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (code >= ranges[i][0] && code <= ranges[i][1])
			return true;
	return false;
}

/* The length of the character that can be shown, or 0. */
static size_t shown_length(const char *bytes, size_t left)
{
	uint32_t code;
	size_t length = utf8_read((const unsigned char *)bytes, left, &code);

	return length && !is_control(code) ? length : 0;
}

bool text_is_plain(const char *text, bool lines)
{
	size_t left = strlen(text);

	while (left) {
		size_t length = lines && *text == '\n' ? 1 : shown_length(text, left);

		if (!length)
			return false;
		text += length;
		left -= length;
	}
	return true;
}

void print_visible_bytes(FILE *stream, const char *bytes, size_t count)
{
	while (count) {
		size_t length = shown_length(bytes, count);

		if (length) {
			fwrite(bytes, 1, length, stream);
		} else {
			fprintf(stream, "\\x%02x", (unsigned char)*bytes);
			length = 1;
		}
		bytes += length;
		count -= length;
	}
}

void print_visible(FILE *stream, const char *text)
{
	print_visible_bytes(stream, text, strlen(text));
}
