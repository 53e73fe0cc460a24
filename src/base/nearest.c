/* SPDX-License-Identifier: MIT */
/* Edit distance with neighbours' swaps (optimal string alignment), on short names. */
#include <limits.h>

#include <base/room.h>

enum { MAX_LENGTH = 40 };

/* A name's length, at most MAX_LENGTH + 1. */
static size_t length_of(const char *name)
{
	size_t length = 0;

	while (length <= MAX_LENGTH && name[length])
		length++;
	return length;
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Ignores case, which people mistype most. */
static bool same_letter(char a, char b)
{
	bool is_letter = (a | 0x20) >= 'a' && (a | 0x20) <= 'z';

	return a == b || (is_letter && (a ^ b) == 0x20);
}

static unsigned distance(const char *a, const char *b)
{
	unsigned row[MAX_LENGTH + 1][MAX_LENGTH + 1];
	size_t as = length_of(a), bs = length_of(b);

	if (as > MAX_LENGTH || bs > MAX_LENGTH)
		return UINT_MAX;
	for (size_t i = 0; i <= as; i++)
		for (size_t j = 0; j <= bs; j++) {
			if (!i || !j) {
				row[i][j] = (unsigned)(i + j);
				continue;
			}
			row[i][j] = least(row[i - 1][j] + 1, row[i][j - 1] + 1,
			                  row[i - 1][j - 1] + !same_letter(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    row[i - 2][j - 2] + 1 < row[i][j])
				row[i][j] = row[i - 2][j - 2] + 1;
		}
	return row[as][bs];
}

const char *nearest_name(const char *text, name_at *name, const void *list)
{
	size_t length = length_of(text);
	unsigned best = (unsigned)(length < 4 ? 2 : length / 3 + 2);
	const char *found = NULL, *candidate;

	for (size_t i = 0; (candidate = name(list, i)); i++) {
		unsigned d = distance(text, candidate);

		if (d < best && d < length) {
			best = d;
			found = candidate;
		}
	}
	return found;
}

const char *all_names(char *text, size_t bytes, const char *between, name_at *name,
                      const void *list)
{
	struct text all = text_in(text, bytes);
	const char *one;

	for (size_t i = 0; (one = name(list, i)); i++) {
		text_add(&all, i ? between : "");
		text_add(&all, one);
	}
	return text;
}
