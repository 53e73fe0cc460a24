/* SPDX-License-Identifier: MIT */
/*
 * Strict reading of JSON: every member must be there, and no other; the first mistake is kept, with
 * its place. Only with Jansson.
 */
#ifndef TOOL_STATE_JSON_H
#define TOOL_STATE_JSON_H

#include "json.h"
#include "state/state.h"

#if HAVE_JANSSON

/* The place in the document, and the first mistake. */
struct reading {
	char *why; /* STATE_WHY_BYTES */
	char where[64];
	bool failed, lenient; /* lenient: unknown members are passed over */
	bool no_memory;       /* that is why it failed */
};

void reading_fail(struct reading *reading, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Parses a text; NULL, with why filled, when it is no JSON. */
json_t *reading_load(const char *text, size_t bytes, char *why);

/* Whether it is an object with exactly these members (separated by single blanks); read leniently,
 * it may have others, too. */
bool reading_members(struct reading *reading, json_t *object, const char *names);

/* A member's value; 0 or "" after a mistake. */
uint64_t reading_count(struct reading *reading, json_t *object, const char *key, uint64_t max);
uint64_t reading_hex(struct reading *reading, json_t *object, const char *key, uint64_t max);
const char *reading_text(struct reading *reading, json_t *object, const char *key);

/* A model, as model_json() writes it; checked. */
void reading_model(struct reading *reading, json_t *object, struct vpmu_model *model);

#endif
#endif
