/* SPDX-License-Identifier: MIT */
/* Edit distance with neighbours' swaps (optimal string alignment), on short names. */
#include "nearest.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { MAX_LENGTH = 40 };

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = a < b ? a : b;

	return ab < c ? ab : c;
}

static unsigned distance(const char *a, const char *b)
{
	unsigned row[MAX_LENGTH + 1][MAX_LENGTH + 1];
	size_t as = strlen(a), bs = strlen(b);

	if (as > MAX_LENGTH || bs > MAX_LENGTH)
		return UINT_MAX;
	for (size_t i = 0; i <= as; i++)
		for (size_t j = 0; j <= bs; j++) {
			if (!i || !j) {
				row[i][j] = (unsigned)(i + j);
				continue;
			}
			row[i][j] = least(row[i - 1][j] + 1, row[i][j - 1] + 1,
			                  row[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    row[i - 2][j - 2] + 1 < row[i][j])
				row[i][j] = row[i - 2][j - 2] + 1;
		}
	return row[as][bs];
}

const char *nearest_name(const char *text, name_at *name, const void *list)
{
	size_t length = strlen(text);
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
	size_t used = 0;
	const char *one;

	*text = '\0';
	for (size_t i = 0; (one = name(list, i)) && used < bytes; i++)
		used += (size_t)snprintf(text + used, bytes - used, "%s%s", i ? between : "", one);
	return text;
}
