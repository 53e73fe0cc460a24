/* SPDX-License-Identifier: MIT */
/* Makes and prints JSON documents. */
#include "json.h"

#include "command.h"
#include "message.h"
#include "visible.h"

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
	int failed = !document || json_dumpf(document, stdout, JSON_SHOWN);

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
