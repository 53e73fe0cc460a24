/* SPDX-License-Identifier: MIT */
/* Numbers in other programs' JSON: longer than Jansson's, in hexadecimal and binary texts. */
#include "foreign_shape.h"

#if HAVE_JANSSON

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "lib/memory.h"

char *foreign_json_quote_numbers(const char *text, size_t bytes, size_t *quoted)
{
	char *out = memory_get(bytes + bytes / 4 + 3);
	bool in_text = false;
	size_t used = 0;

	for (size_t at = 0; out && at < bytes;) {
		size_t digits = 0;

		bool quotes;

		while (!in_text && at + digits < bytes && isdigit((unsigned char)text[at + digits]))
			digits++;
		/* Not of a fraction, or with one. */
		quotes = digits >= 19 && at && strchr(" \t\r\n:,[", text[at - 1]) &&
		         (at + digits == bytes || !strchr(".eE", text[at + digits]));
		if (quotes)
			out[used++] = '"';
		memcpy(out + used, text + at, digits ? digits : 1);
		used += digits ? digits : 1;
		if (quotes)
			out[used++] = '"';
		if (in_text && text[at] == '\\' && at + 1 < bytes)
			out[used++] = text[++at];
		else if (text[at] == '"')
			in_text = !in_text;
		at += digits ? digits : 1;
	}
	*quoted = used;
	return out;
}

/* "0b0101" of CPU templates; an 'x' is a bit that is not told. */
static bool read_binary(const char *text, uint64_t *value)
{
	size_t digits = strspn(text, "01_");

	for (*value = 0; digits && *text; text++)
		if (*text != '_')
			*value = *value << 1 | (unsigned)(*text - '0');
	return digits && !*text;
}

static bool read_number(json_t *item, uint64_t *value)
{
	const char *text = json_string_value(item);
	char *end = NULL;

	if (json_is_integer(item) && json_integer_value(item) >= 0) {
		*value = (uint64_t)json_integer_value(item);
		return true;
	}
	if (!text || !isdigit((unsigned char)*text))
		return false;
	if (!strncmp(text, "0b", 2))
		return read_binary(text + 2, value);
	if (strlen(text) > 20)
		return false;
	*value = strtoull(text, &end, strncmp(text, "0x", 2) ? 10 : 16);
	return !*end;
}

bool foreign_json_member(json_t *object, const char *key, uint64_t *value, uint64_t most)
{
	return read_number(json_object_get(object, key), value) && *value <= most;
}

#endif
