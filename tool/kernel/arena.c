/* SPDX-License-Identifier: MIT */
/* The text of many short lines. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernel.h"
#include "lib/memory.h"

bool arena_open(struct arena *arena, size_t bytes)
{
	*arena = (struct arena){.memory = memory_get(bytes), .size = bytes};
	if (!arena->memory)
		memory_say("the programs");
	return arena->memory;
}

const char *arena_line(struct arena *arena, const char *format, ...)
{
	char *line = arena->memory + arena->used;
	size_t left = arena->size - arena->used;
	va_list arguments;
	int length;

	if (left < PROGRAM_LINE_BYTES)
		return "";
	va_start(arguments, format);
	length = vsnprintf(line, PROGRAM_LINE_BYTES, format, arguments);
	va_end(arguments);
	arena->used +=
		(size_t)length < PROGRAM_LINE_BYTES ? (size_t)length + 1 : PROGRAM_LINE_BYTES;
	return line;
}
