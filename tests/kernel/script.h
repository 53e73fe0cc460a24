/* SPDX-License-Identifier: MIT */
/* The words of a replay script's line. */
#ifndef SCRIPT_H
#define SCRIPT_H

#include <stdbool.h>
#include <stdint.h>

enum { SCRIPT_MAX_WORDS = 512 };

struct words {
	char *word[SCRIPT_MAX_WORDS];
	int count;
};

/* Cuts a line into words in place, up to a comment. False: too many. */
bool script_split(char *line, struct words *words);

/* A whole decimal or 0x number that is not above `highest`. */
bool script_number(const char *text, uint64_t highest, uint64_t *value);

/* The number after "key=": false when the word is another key's or the number is bad. */
bool script_keyed(const char *word, const char *key, uint64_t highest, uint64_t *value);

#endif
