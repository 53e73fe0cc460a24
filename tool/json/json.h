/* SPDX-License-Identifier: MIT */
/*
 * JSON documents for --json. Every document says what it is in "format" and "version"; docs/json.md
 * has the shapes. Only with Jansson: json_lacks() says so in a build without.
 */
#ifndef TOOL_JSON_H
#define TOOL_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Call first: makes Jansson use memory whose lack is noted (lib/memory.h). */
void json_begin(void);

/* Whether this build cannot write JSON; if so, prints a message. */
bool json_lacks(void);

/* Whether a document or line was not written because a part of it could not be made. */
bool json_was_incomplete(void);

#if HAVE_JANSSON

#include <stdio.h>

#include <jansson.h>

/* How documents are written: without characters that a terminal would obey (Jansson escapes U+0000
 * to U+001F). */
enum { JSON_SHOWN = JSON_INDENT(2) | JSON_ENSURE_ASCII };

/*
 * A document is built without checking each result: a part that could not be made is noted, and
 * json_print(), json_write() and json_line() then write nothing. These replace Jansson's two
 * functions that add a part, so that they note it.
 */
int json_noted_set(json_t *object, const char *key, json_t *value);
int json_noted_append(json_t *array, json_t *value);
#define json_object_set_new   json_noted_set
#define json_array_append_new json_noted_append

/* Parses a document, in which no member is there twice; NULL: error says why. Without memory the
 * tool may end here, with TOOL_LACKS and a message. */
json_t *json_parse(const char *text, size_t bytes, json_error_t *error);

/* The same of the first of several documents, which has *used bytes. */
json_t *json_parse_next(const char *text, size_t bytes, size_t *used, json_error_t *error);

/* A document: an object with its "format" and "version". */
json_t *json_document(const char *format, int version);

/* A register's or selector's value, "0x1f": a JSON number cannot hold 64 bits everywhere. */
json_t *json_hex(uint64_t value);

/* A count, as a number; as json_hex() where not every reader's number holds it. */
json_t *json_count(uint64_t value);

/* Any bytes as text: invalid UTF-8 becomes U+FFFD. */
json_t *json_bytes(const char *bytes, size_t count);

/*
 * Writes the document and frees it. False: a piece of it is missing, and a message has said so. An
 * output that takes no more is found by whoever closes it.
 */
bool json_write(json_t *document, FILE *stream);

/* The same to stdout, which main() closes. Returns the exit status, TOOL_HOLDS or TOOL_LACKS. */
int json_print(json_t *document);

/* The same on one line, without a message: json_was_incomplete() tells at the end. */
void json_line(json_t *document, FILE *stream);

#endif
#endif
