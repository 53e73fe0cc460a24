/* SPDX-License-Identifier: MIT */
/*
 * Messages for people, on stderr: `vpmu: what went wrong: where (what to do about it)`, always one
 * line, whatever bytes a name in it has.
 */
#ifndef TOOL_MESSAGE_H
#define TOOL_MESSAGE_H

#include <stdbool.h>
#include <stdio.h>

void message(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Whether a message has said that there is no memory. */
bool message_told_of_memory(void);

/* Whether colours may be written to the stream: a terminal, and NO_COLOR is not set. */
bool colour_wanted(FILE *stream);

/* The sequences to turn bold on and off on the stream; empty where colour is not wanted. */
const char *bold_on(FILE *stream);
const char *bold_off(FILE *stream);

#endif
