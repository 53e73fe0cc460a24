/* SPDX-License-Identifier: MIT */
/*
 * Makes untrusted text (names in files, arguments, contents of a host's files) safe for a terminal:
 * it cannot move the cursor, colour, reorder or end a line. Everything that the tool prints for
 * people and did not write itself goes through here.
 */
#ifndef TOOL_VISIBLE_H
#define TOOL_VISIBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The length of the UTF-8 character at the bytes' start, or 0 when there is none (RFC 3629). */
size_t utf8_length(const unsigned char *bytes, size_t left);

/* Whether the text is UTF-8 and has no control characters; `lines`: but line feeds. */
bool text_is_plain(const char *text, bool lines);

/* Prints the text; each byte of a control character, or of what is no UTF-8, as \xNN. */
void print_visible(FILE *stream, const char *text);
void print_visible_bytes(FILE *stream, const char *bytes, size_t count);

#endif
