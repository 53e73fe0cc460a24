/* SPDX-License-Identifier: MIT */
/* Makes and prints JSON documents. */
#include "json.h"

#include "command.h"
#include "lib/file.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "lib/visible.h"

#if HAVE_JANSSON

#undef json_object_set_new
#undef json_array_append_new

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A value could not be made since the last line or document that was reported as failed. */
static bool incomplete;
static bool any_incomplete;

static bool parsing;

/*
 * Jansson 2.14's parser does not check whether it got memory for a text, and writes through a null
 * pointer. So a failed allocation while it parses ends the tool.
 */
static void *allocate(size_t bytes)
{
	void *got = memory_get(bytes);

	if (got || !parsing)
		return got;
	output_end_without_memory("a JSON document");
}

void json_begin(void)
{
	json_set_alloc_funcs(allocate, free);
}

json_t *json_parse(const char *text, size_t bytes, json_error_t *error)
{
	json_t *document;

	parsing = true;
	document = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, error);
	parsing = false;
	return document;
}

json_t *json_parse_next(const char *text, size_t bytes, size_t *used, json_error_t *error)
{
	enum { FLAGS = JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK };
	json_t *document;

	parsing = true;
	document = json_loadb(text, bytes, FLAGS, error);
	parsing = false;
	*used = document ? (size_t)error->position : 0;
	return document;
}

bool json_lacks(void)
{
	return false;
}

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

json_t *json_bytes(const char *bytes, size_t count)
{
	static const char replacement[] = "\xef\xbf\xbd";
	char *text = memory_get(3 * count + 1);
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

/* The document as text, for free(); NULL when a piece of it is missing. Frees the document. */
static char *whole_text(json_t *document, size_t flags)
{
	char *text = incomplete ? NULL : json_dumps(document, flags);

	json_decref(document);
	if (memory_ran_out()) { /* json_dumps() itself leaves out keys (Jansson 2.14) */
		free(text);
		text = NULL;
	}
	incomplete = false;
	any_incomplete |= !text;
	return text;
}

bool json_write(json_t *document, FILE *stream)
{
	char *text = whole_text(document, JSON_SHOWN);

	if (!text && memory_ran_out())
		memory_say("the JSON document");
	else if (!text)
		message("cannot make the JSON document: a text in it is not UTF-8");
	if (!text)
		return false;
	fputs(text, stream);
	fputc('\n', stream);
	free(text);
	return true;
}

int json_print(json_t *document)
{
	return json_write(document, stdout) ? TOOL_HOLDS : TOOL_LACKS;
}

void json_line(json_t *document, FILE *stream)
{
	char *text = whole_text(document, JSON_COMPACT | JSON_ENSURE_ASCII);

	if (text)
		fprintf(stream, "%s\n", text);
	free(text);
}

bool json_was_incomplete(void)
{
	return any_incomplete;
}

#else

void json_begin(void)
{
}

bool json_was_incomplete(void)
{
	return false;
}

bool json_lacks(void)
{
	message("this build has no JSON: --json (build it with Jansson)");
	return true;
}

#endif
