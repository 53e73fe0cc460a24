/* SPDX-License-Identifier: MIT */
/* What documents are made of, and their texts. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/room.h>
#include <json/room.h>

#undef json_object_set_new
#undef json_array_append_new

/* A part could not be made since the last text was asked for. */
static bool incomplete;

int json_noted_set(json_t *object, const char *key, json_t *value)
{
	int failed = json_object_set_new(object, key, value);

	incomplete |= failed != 0;
	return failed;
}

int json_noted_append(json_t *array, json_t *value)
{
	int failed = json_array_append_new(array, value);

	incomplete |= failed != 0;
	return failed;
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
	/* Beyond it a reader that uses doubles would get another number. */
	const uint64_t exact_max = (UINT64_C(1) << 53) - 1;

	return value > exact_max ? json_hex(value) : json_integer((json_int_t)value);
}

/* Copies, with U+FFFD for what is no UTF-8. Returns the bytes written, at most three for one. */
static size_t copy_as_utf8(char *text, const char *bytes, size_t count)
{
	static const char replacement[] = "\xef\xbf\xbd";
	size_t used = 0;

	for (size_t at = 0; at < count;) {
		uint32_t code;
		size_t length = utf8_read((const unsigned char *)bytes + at, count - at, &code);

		memcpy(text + used, length ? bytes + at : replacement, length ? length : 3);
		used += length ? length : 3;
		at += length ? length : 1;
	}
	return used;
}

json_t *json_bytes(const char *bytes, size_t count)
{
	json_malloc_t get;
	json_free_t release;
	json_t *value;
	char *text;

	json_get_alloc_funcs(&get, &release);
	text = get(3 * count + 1);
	if (!text)
		return NULL;
	value = json_stringn(text, copy_as_utf8(text, bytes, count));
	release(text);
	return value;
}

static char *whole_text(json_t *document, size_t flags)
{
	char *text = incomplete ? NULL : json_dumps(document, flags);

	json_decref(document);
	incomplete = false;
	return text;
}

/* Jansson itself escapes U+0000 to U+001F only. */
char *json_page(json_t *document)
{
	return whole_text(document, JSON_INDENT(2) | JSON_ENSURE_ASCII);
}

char *json_one_line(json_t *document)
{
	return whole_text(document, JSON_COMPACT | JSON_ENSURE_ASCII);
}
