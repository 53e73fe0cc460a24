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

/* Whether this build cannot write JSON; a message has then said so. */
bool json_lacks(void);

#if HAVE_JANSSON

#include <jansson.h>

/* How documents are written: nothing that a terminal would obey (jansson escapes U+0000 to U+001F).
 */
enum { JSON_SHOWN = JSON_INDENT(2) | JSON_ENSURE_ASCII };

/* A document: an object with its "format" and "version". */
json_t *json_document(const char *format, int version);

/* A register's or selector's value, "0x1f": a JSON number cannot hold 64 bits everywhere. */
json_t *json_hex(uint64_t value);

/* A count, as a number. */
json_t *json_count(uint64_t value);

/* Any bytes as text: what is no UTF-8 becomes U+FFFD. */
json_t *json_bytes(const char *bytes, size_t count);

/* Prints the document to stdout and frees it. Returns the exit status: TOOL_LACKS when it is NULL,
 * for want of memory, or cannot be written. */
int json_print(json_t *document);

#endif
#endif
