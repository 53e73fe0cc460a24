/* SPDX-License-Identifier: MIT */
/* Answers' texts. A replay of millions of lines spends its time here: no printf. */
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
