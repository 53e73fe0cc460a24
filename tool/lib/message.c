/* SPDX-License-Identifier: MIT */
/* Writes messages: one line each, control bytes made visible. */
#include "message.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "visible.h"

bool colour_wanted(FILE *stream)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (no_color && *no_color)
		return false;
	return isatty(fileno(stream)) && term && strcmp(term, "dumb") != 0;
}

const char *bold_on(FILE *stream)
{
	return colour_wanted(stream) ? "\033[1m" : "";
}

const char *bold_off(FILE *stream)
{
	return colour_wanted(stream) ? "\033[0m" : "";
}

static atomic_bool told_of_memory;

bool message_told_of_memory(void)
{
	return atomic_load(&told_of_memory);
}

void message(const char *format, ...)
{
	char text[4096];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	if (strstr(text, "memory")) /* as strerror(ENOMEM) does */
		atomic_store(&told_of_memory, true);
	fflush(stdout);
	fprintf(stderr, "%svpmu:%s ", bold_on(stderr), bold_off(stderr));
	print_visible(stderr, text);
	fputc('\n', stderr);
}
