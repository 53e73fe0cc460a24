/* SPDX-License-Identifier: MIT */
/* Reads and prints numbers. */
#include "number.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	char letter;
	unsigned shift;
} units[] = {{'G', 30}, {'M', 20}, {'K', 10}};

enum { UNITS = sizeof(units) / sizeof(units[0]) };

/* Reads a number at the text's start. Returns where it ends, or NULL. strtoull() alone would take
 * signs, blanks and octal. */
static const char *parse_prefix(const char *text, uint64_t *value)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *digits = hex ? text + 2 : text;
	unsigned long long sum;
	char *end;

	if (!(hex ? isxdigit((unsigned char)*digits) : isdigit((unsigned char)*digits)))
		return NULL;
	errno = 0;
	sum = strtoull(digits, &end, hex ? 16 : 10);
	if (errno)
		return NULL;
	*value = sum;
	return end;
}

bool number_parse(const char *text, uint64_t *value)
{
	uint64_t sum;
	const char *end = parse_prefix(text, &sum);

	if (!end || *end)
		return false;
	*value = sum;
	return true;
}

static unsigned unit_shift(char letter)
{
	for (size_t i = 0; i < UNITS; i++)
		if (toupper((unsigned char)letter) == units[i].letter)
			return units[i].shift;
	return 0;
}

bool number_parse_size(const char *text, uint64_t *value)
{
	uint64_t sum;
	const char *end = parse_prefix(text, &sum);
	unsigned shift;

	if (!end)
		return false;
	shift = unit_shift(*end);
	if (end[shift ? 1 : 0] || sum > UINT64_MAX >> shift)
		return false;
	*value = sum << shift;
	return true;
}

bool number_parse_seconds(const char *text, uint64_t *value)
{
	uint64_t whole, fraction = 0, scale = 1000000;
	const char *end = isdigit((unsigned char)*text) ? text : NULL;

	if (!end)
		return false;
	end = parse_prefix(text, &whole);
	if (!end || whole > UINT64_MAX / scale - 1)
		return false;
	if (*end == '.')
		for (end++; isdigit((unsigned char)*end) && scale > 1; end++) {
			scale /= 10;
			fraction += scale * (uint64_t)(*end - '0');
		}
	if (*end)
		return false;
	*value = whole * 1000000 + fraction;
	return true;
}

void number_print_size(uint64_t value, char *text, size_t bytes)
{
	for (size_t i = 0; value && i < UNITS; i++)
		if (!(value & ((UINT64_C(1) << units[i].shift) - 1))) {
			snprintf(text, bytes, "%" PRIu64 "%c", value >> units[i].shift,
			         units[i].letter);
			return;
		}
	snprintf(text, bytes, "%" PRIu64, value);
}

const char *number_grouped(uint64_t value, char text[NUMBER_GROUPED_BYTES])
{
	size_t at = NUMBER_GROUPED_BYTES;
	unsigned digits = 0;

	text[--at] = '\0';
	do {
		if (digits && digits % 3 == 0)
			text[--at] = ',';
		text[--at] = (char)('0' + value % 10);
		value /= 10;
		digits++;
	} while (value);
	return text + at;
}
