/* SPDX-License-Identifier: MIT */
/* What lscpu --json prints, as the lines that it prints without. */
#include "foreign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "lib/memory.h"

#if HAVE_JANSSON

enum { DEPTH = 8, LINES_MOST = 1 << 20 };

/* "Model:" and "106" make a line, and so do the parts below it. False: it is not as lscpu's. */
static bool add_fields(json_t *list, unsigned depth, FILE *into)
{
	json_t *part;
	size_t i;

	if (!json_is_array(list) || depth == DEPTH || ftell(into) > LINES_MOST)
		return false;
	json_array_foreach(list, i, part)
	{
		const char *field = json_string_value(json_object_get(part, "field"));
		const char *data = json_string_value(json_object_get(part, "data"));
		json_t *children = json_object_get(part, "children");

		if (!field || strpbrk(field, "\r\n") || (data && strpbrk(data, "\r\n")))
			return false;
		fprintf(into, "%s %s\n", field, data ? data : "");
		if (children && !add_fields(children, depth + 1, into))
			return false;
	}
	return true;
}

char *foreign_json_lscpu(const char *text, size_t bytes, size_t *count)
{
	json_error_t error;
	json_t *document = json_parse(text, bytes, &error);
	char *lines = NULL;
	FILE *into = document ? open_memstream(&lines, count) : NULL;
	bool good = into && add_fields(json_object_get(document, "lscpu"), 0, into);

	if (document && !into)
		memory_note();
	if (into && !memory_close(into, &lines))
		good = false;
	json_decref(document);
	if (good)
		return lines;
	free(lines);
	return NULL;
}

#else

char *foreign_json_lscpu(const char *text, size_t bytes, size_t *count)
{
	return NULL;
}

#endif
