/* SPDX-License-Identifier: MIT */
/*
 * Allocation that notes failures, so that code that builds something of many small parts (a JSON
 * document) need not check each one: it asks once, before anything is shown.
 */
#ifndef TOOL_MEMORY_H
#define TOOL_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* As malloc(), realloc() and strdup(): for free(), and NULL without memory. */
void *memory_get(size_t bytes);
void *memory_resize(void *old, size_t bytes);
char *memory_copy(const char *text);

/* Closes a stream of open_memstream() whose text this is. False: there was no memory for all of it;
 * *text is NULL. */
bool memory_close(FILE *stream, char **text);

/* Says that there is none for that, unless a message has: much else fails after the first. */
void memory_say(const char *what);

/* Notes a failed allocation of other code. */
void memory_note(void);

/* Whether any allocation has failed since the tool began, to distinguish lack of memory from bad
 * data. */
bool memory_ran_out(void);

#endif
