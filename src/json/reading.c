/* SPDX-License-Identifier: MIT */
/* Strict reading: every member must be there, and no other; the first mistake is kept, with its
 * place. */
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <base/room.h>
#include <json/room.h>

enum { HEX_DIGITS = 18 };

json_t *reading_load(struct reading *reading, const char *text, size_t bytes)
{
	struct json_fault *fault = reading->fault;
	json_error_t error;
	json_t *document = json_parse(text, bytes, &error);

	if (document || reading->failed)
		return document;
	reading->failed = true;
	snprintf(fault->what, sizeof(fault->what), "%s", error.text);
	snprintf(fault->where, sizeof(fault->where), "line %d, column %d", error.line,
	         error.column);
	return NULL;
}

void reading_fail(struct reading *reading, const char *format, ...)
{
	struct json_fault *fault = reading->fault;
	va_list list;

	if (reading->failed)
		return;
	reading->failed = true;
	va_start(list, format);
	vsnprintf(fault->what, sizeof(fault->what), format, list);
	va_end(list);
	snprintf(fault->where, sizeof(fault->where), "%s",
	         *reading->where ? reading->where : "the document");
}

/* Whether a key is one of the words, which single blanks separate. */
static bool is_word_of(const char *key, const char *words)
{
	size_t length = strlen(key);

	for (; *words; words += strcspn(words, " "), words += *words == ' ')
		if (strcspn(words, " ") == length && !strncmp(words, key, length))
			return true;
	return false;
}

static size_t count_words(const char *words)
{
	size_t count = 1;

	for (; *words; words++)
		count += *words == ' ';
	return count;
}

bool reading_members(struct reading *reading, json_t *object, const char *names)
{
	size_t known = 0;
	const char *key;
	json_t *value;

	if (!json_is_object(object)) {
		reading_fail(reading, "not an object");
		return false;
	}
	json_object_foreach(object, key, value)
	{
		if (is_word_of(key, names))
			known++;
		else if (!reading->lenient)
			reading_fail(reading, "unknown member '%.40s'", key);
	}
	if (known < count_words(names))
		reading_fail(reading, "a member is missing (of: %s)", names);
	return !reading->failed;
}

uint64_t reading_count(struct reading *reading, json_t *object, const char *key, uint64_t max)
{
	json_t *value = json_object_get(object, key);

	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    (uint64_t)json_integer_value(value) > max) {
		reading_fail(reading, "'%s' is not a number from 0 to %" PRIu64, key, max);
		return 0;
	}
	return (uint64_t)json_integer_value(value);
}

uint64_t reading_hex(struct reading *reading, json_t *object, const char *key, uint64_t max)
{
	const char *text = json_string_value(json_object_get(object, key));
	uint64_t value = 0;

	if (!text || strncmp(text, "0x", 2) != 0 || strlen(text) > HEX_DIGITS ||
	    !text_parse_unsigned(text, strlen(text), &value) || value > max)
		reading_fail(reading, "'%s' is not a text from \"0x0\" to \"0x%" PRIx64 "\"", key,
		             max);
	return value;
}

const char *reading_text(struct reading *reading, json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (!text)
		reading_fail(reading, "'%s' is not a text", key);
	return text ? text : "";
}
