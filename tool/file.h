/* SPDX-License-Identifier: MIT */
/* Files read whole, and files written whole or not at all. Each failure has had its message. */
#ifndef TOOL_FILE_H
#define TOOL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Reads a regular file or a pipe of at most `limit` bytes. The caller frees *bytes. Returns the
 * exit status: TOOL_HOLDS, or TOOL_BAD. limit_is: what the limit is, for the message.
 */
int file_read(const char *path, uint64_t limit, const char *limit_is, uint8_t **bytes,
              size_t *count);

/*
 * A file under construction. It appears under its name by output_commit() and not before; after
 * output_abandon() nothing is left. What exists and is no regular file (/dev/stderr) is written
 * directly.
 */
struct output {
	FILE *stream; /* NULL: not open */
	const char *path;
	char temporary[4096]; /* "" when written directly */
};

/* False: a message has said why. */
bool output_open(struct output *output, const char *path);
bool output_commit(struct output *output);
void output_abandon(struct output *output);

#endif
