/* SPDX-License-Identifier: MIT */
/* The texts of answers. Without printf, since a replay of millions of lines spends its time
 * here. */
#include "room_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void answer_clear(struct replay_answer *answer)
{
	answer->length = 0;
	answer->text[0] = '\0';
}

bool answer_problem(struct replay_answer *answer, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(answer->text, sizeof(answer->text), format, list);
	va_end(list);
	answer->length = strlen(answer->text);
	return false;
}

static void add_bytes(struct replay_answer *answer, const char *bytes, size_t count)
{
	size_t room = sizeof(answer->text) - 1 - answer->length;

	if (count > room)
		count = room;
	memcpy(answer->text + answer->length, bytes, count);
	answer->length += count;
	answer->text[answer->length] = '\0';
}

void answer_add(struct replay_answer *answer, const char *text)
{
	add_bytes(answer, text, strlen(text));
}

static void add_digits(struct replay_answer *answer, uint64_t value, unsigned base)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	add_bytes(answer, digits + at, sizeof(digits) - at);
}

void answer_hex(struct replay_answer *answer, uint64_t value)
{
	add_bytes(answer, "0x", 2);
	add_digits(answer, value, 16);
}

void answer_decimal(struct replay_answer *answer, uint64_t value)
{
	add_digits(answer, value, 10);
}

void answer_count(struct replay_answer *answer, const char *name, uint64_t value)
{
	if (answer->length)
		add_bytes(answer, " ", 1);
	answer_add(answer, name);
	add_bytes(answer, "=", 1);
	add_digits(answer, value, 10);
}

/* --- What is expected ------------------------------------------------------------------------- */

/* Where a word's value begins: after "KEY=", if it has a key. */
static size_t value_at(const char *word, size_t length)
{
	const char *equals = memchr(word, '=', length);

	return equals ? (size_t)(equals + 1 - word) : 0;
}

static bool same_word(const char *a, size_t a_length, const char *b, size_t b_length)
{
	size_t a_at = value_at(a, a_length), b_at = value_at(b, b_length);
	uint64_t one, other;

	if (a_length == b_length && !memcmp(a, b, a_length))
		return true;
	return a_at == b_at && !memcmp(a, b, a_at) &&
	       text_parse_unsigned(a + a_at, a_length - a_at, &one) &&
	       text_parse_unsigned(b + b_at, b_length - b_at, &other) && one == other;
}

/* Compares word by word; numbers may differ in base. Words are separated by single spaces. */
static bool same_words(const char *a, const char *b)
{
	for (;;) {
		size_t a_length = strcspn(a, " "), b_length = strcspn(b, " ");

		if (!same_word(a, a_length, b, b_length) || a[a_length] != b[b_length])
			return false;
		if (!a[a_length])
			return true;
		a += a_length + 1;
		b += b_length + 1;
	}
}

bool replay_expect(struct replay_answer *answer, const char *expected)
{
	char got[REPLAY_ANSWER_BYTES];
	bool same = same_words(expected, answer->text);

	memcpy(got, answer->text, answer->length + 1);
	answer_clear(answer);
	answer_add(answer, same ? "ok" : "expected ");
	if (same)
		return true;
	answer_add(answer, expected);
	answer_add(answer, " got ");
	answer_add(answer, got);
	return false;
}
