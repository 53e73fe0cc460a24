/* SPDX-License-Identifier: MIT */
/* Makes and prints JSON documents. */
#include "json.h"

#include "command.h"
#include "message.h"

#if HAVE_JANSSON

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool json_lacks(void)
{
	return false;
}

json_t *json_document(const char *format, int version)
{
	return json_pack("{s:s, s:i}", "format", format, "version", version);
}

json_t *json_hex(uint64_t value)
{
	char text[20];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	return json_string(text);
}

json_t *json_count(uint64_t value)
{
	return json_integer((json_int_t)value);
}

/* The length of the UTF-8 character at the bytes' start, or 0 when there is none (RFC 3629). */
static size_t utf8_length(const unsigned char *bytes, size_t left)
{
	static const struct {
		unsigned char mask, lead, length;
		uint32_t min;
	} rows[] = {
		{0x80, 0x00, 1, 0},
		{0xe0, 0xc0, 2, 0x80},
		{0xf0, 0xe0, 3, 0x800},
		{0xf8, 0xf0, 4, 0x10000},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t code = bytes[0] & (unsigned char)~rows[i].mask;

		if ((bytes[0] & rows[i].mask) != rows[i].lead || rows[i].length > left)
			continue;
		for (size_t j = 1; j < rows[i].length; j++) {
			if ((bytes[j] & 0xc0) != 0x80)
				return 0;
			code = code << 6 | (bytes[j] & 0x3f);
		}
		if (code < rows[i].min || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
			return 0;
		return rows[i].length;
	}
	return 0;
}

json_t *json_bytes(const char *bytes, size_t count)
{
	static const char replacement[] = "\xef\xbf\xbd";
	char *text = malloc(3 * count + 1);
	size_t used = 0;
	json_t *value;

	if (!text)
		return NULL;
	for (size_t at = 0; at < count;) {
		size_t length = utf8_length((const unsigned char *)bytes + at, count - at);

		memcpy(text + used, length ? bytes + at : replacement, length ? length : 3);
		used += length ? length : 3;
		at += length ? length : 1;
	}
	value = json_stringn(text, used);
	free(text);
	return value;
}

int json_print(json_t *document)
{
	int failed = !document || json_dumpf(document, stdout, JSON_INDENT(2));

	json_decref(document);
	if (failed) {
		message("cannot write the JSON document: out of memory, or a closed output");
		return TOOL_LACKS;
	}
	putchar('\n');
	return TOOL_HOLDS;
}

#else

bool json_lacks(void)
{
	message("this build has no JSON: --json (build it with Jansson)");
	return true;
}

#endif
