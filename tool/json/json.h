/* SPDX-License-Identifier: MIT */
/*
 * JSON documents for --json, which src/json makes or its parts do. Every document says what it is
 * in "format" and "version"; docs/json.md has the shapes. Only with Jansson: json_lacks() says so
 * in a build without.
 */
#ifndef TOOL_JSON_H
#define TOOL_JSON_H

#include <stdbool.h>

/* Call first: makes Jansson use memory whose lack is noted (lib/memory.h). Without memory to parse
 * a document, the tool ends, with TOOL_LACKS and a message. */
void json_begin(void);

/* Whether this build cannot write JSON; if so, prints a message. */
bool json_lacks(void);

/* Whether a document or line was not written because a part of it could not be made. */
bool json_was_incomplete(void);

#if HAVE_JANSSON

#include <stdio.h>

#include <jansson.h>

#include <json/room.h>

/*
 * Writes the document and frees it. False: a piece of it is missing, and a message has said so. An
 * output that takes no more is found by whoever closes it.
 */
bool json_write(json_t *document, FILE *stream);

/* The same to stdout, which main() closes. Returns the exit status, TOOL_HOLDS or TOOL_LACKS. */
int json_print(json_t *document);

/* The same on one line, without a message: json_was_incomplete() tells at the end. */
void json_line(json_t *document, FILE *stream);

/* The fault as messages have it, "what: where"; why: STATE_WHY_BYTES. */
void json_fault_text(const struct json_fault *fault, char *why);

/* The same, and the status; but if memory has run out, which may have made the fault, VPMU_HOST. */
enum vpmu_status json_failed(enum vpmu_status status, const struct json_fault *fault, char *why);

#endif
#endif
