/* SPDX-License-Identifier: MIT */
/* Bounded texts and numbers, without libc. */
#include <base/room.h>

struct text text_in(char *buffer, size_t size)
{
	struct text text = {.start = buffer, .size = buffer ? size : 0};

	text_add(&text, "");
	return text;
}

enum vpmu_status argument_missing(char *why, size_t why_bytes)
{
	struct text text = text_in(why, why_bytes);

	text_add(&text, "a required argument is NULL");
	return VPMU_BAD_ARGUMENT;
}

void text_add(struct text *text, const char *s)
{
	while (*s && text->used + 1 < text->size)
		text->start[text->used++] = *s++;
	if (text->used < text->size)
		text->start[text->used] = '\0';
}

void text_add_bytes(struct text *text, const char *s, size_t length)
{
	for (size_t i = 0; i < length && s[i]; i++)
		text_add(text, (const char[]){s[i], '\0'});
}

void text_add_quoted(struct text *text, const char *s, size_t length)
{
	enum { SHOWN = 40 };

	text_add(text, "'");
	for (size_t i = 0; i < length && i < SHOWN; i++) {
		bool printable = s[i] >= ' ' && s[i] <= '~';

		text_add_bytes(text, printable ? &s[i] : "?", 1);
	}
	text_add(text, length > SHOWN ? "...'" : "'");
}

bool text_is(const char *s, size_t length, const char *word)
{
	for (size_t i = 0; i < length; i++)
		if (!word[i] || word[i] != s[i])
			return false;
	return !word[length];
}

static void add_in_base(struct text *text, uint64_t value, unsigned base)
{
	char digits[24];
	size_t at = sizeof(digits);

	digits[--at] = '\0';
	do {
		digits[--at] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	text_add(text, digits + at);
}

void text_add_unsigned(struct text *text, uint64_t value)
{
	add_in_base(text, value, 10);
}

void text_add_hex(struct text *text, uint64_t value)
{
	text_add(text, "0x");
	add_in_base(text, value, 16);
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

bool text_parse_unsigned(const char *s, size_t length, uint64_t *value)
{
	unsigned base = 10;
	uint64_t sum = 0;

	if (length > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		s += 2;
		length -= 2;
	}
	if (!length)
		return false;
	for (size_t i = 0; i < length; i++) {
		unsigned digit = (unsigned)digit_value(s[i]);

		if (digit >= base || sum > (UINT64_MAX - digit) / base)
			return false;
		sum = sum * base + digit;
	}
	*value = sum;
	return true;
}
