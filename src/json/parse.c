/* SPDX-License-Identifier: MIT */
/* Texts to JSON values, with memory whose lack the caller hears of. */
#include <jansson.h>
#include <stdlib.h>

#include <json/room.h>

static struct json_memory memory;
static bool parsing;

static void *allocate(size_t bytes)
{
	void *got = memory.get(bytes);

	if (!got && parsing)
		memory.none_to_parse();
	return got;
}

void json_use_memory(const struct json_memory *from)
{
	memory = *from;
	json_set_alloc_funcs(allocate, free);
}

static json_t *load(const char *text, size_t bytes, size_t flags, json_error_t *error)
{
	json_t *document;

	parsing = true;
	document = json_loadb(text, bytes, JSON_REJECT_DUPLICATES | flags, error);
	parsing = false;
	return document;
}

json_t *json_parse(const char *text, size_t bytes, json_error_t *error)
{
	return load(text, bytes, 0, error);
}

json_t *json_parse_next(const char *text, size_t bytes, size_t *used, json_error_t *error)
{
	json_t *document = load(text, bytes, JSON_DISABLE_EOF_CHECK, error);

	*used = document ? (size_t)error->position : 0;
	return document;
}
