/* SPDX-License-Identifier: MIT */
/* Notes when there is no memory. */
#include "memory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

static atomic_bool ran_out;

void *memory_get(size_t bytes)
{
	return memory_resize(NULL, bytes ? bytes : 1);
}

void *memory_resize(void *old, size_t bytes)
{
	void *got = realloc(old, bytes);

	if (!got)
		memory_note();
	return got;
}

char *memory_copy(const char *text)
{
	size_t bytes = strlen(text) + 1;
	char *copy = memory_get(bytes);

	return copy ? memcpy(copy, text, bytes) : NULL;
}

bool memory_close(FILE *stream, char **text)
{
	bool whole = !ferror(stream);

	/* Without memory there may be no text, whatever fclose() says. */
	if (!fclose(stream) && whole && *text)
		return true;
	memory_note();
	free(*text);
	*text = NULL;
	return false;
}

void memory_say(const char *what)
{
	if (!message_told_of_memory())
		message("out of memory: %s", what);
}

void memory_note(void)
{
	atomic_store(&ran_out, true);
}

bool memory_ran_out(void)
{
	return atomic_load(&ran_out);
}
