/* SPDX-License-Identifier: MIT */
/* Splitting a line into words, and reading numbers strictly. */
#include "script.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool script_split(char *line, struct words *words)
{
	char *rest = NULL;

	line[strcspn(line, "#\n")] = '\0';
	words->count = 0;
	for (char *word = strtok_r(line, " \t\r", &rest); word;
	     word = strtok_r(NULL, " \t\r", &rest)) {
		if (words->count == SCRIPT_MAX_WORDS)
			return false;
		words->word[words->count++] = word;
	}
	return true;
}

bool script_number(const char *text, uint64_t highest, uint64_t *value)
{
	bool hex = text[0] == '0' && text[1] == 'x';
	const char *digits = hex ? text + 2 : text;
	char *end;

	if (!*digits || digits[strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789")])
		return false;
	errno = 0;
	*value = strtoull(digits, &end, hex ? 16 : 10);
	return !errno && *value <= highest;
}

bool script_keyed(const char *word, const char *key, uint64_t highest, uint64_t *value)
{
	size_t length = strlen(key);

	return !strncmp(word, key, length) && word[length] == '=' &&
	       script_number(word + length + 1, highest, value);
}
