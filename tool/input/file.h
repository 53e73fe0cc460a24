/* SPDX-License-Identifier: MIT */
/* Reading whole files, and writing files atomically. Every failure prints a message. */
#ifndef TOOL_FILE_H
#define TOOL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Reads a regular file or a pipe of at most `limit` bytes. The caller frees *bytes. Returns the
 * exit status: TOOL_HOLDS, TOOL_BAD, or TOOL_LACKS for want of memory. limit_is: what the limit
 * is, for the message.
 */
int file_read(const char *path, uint64_t limit, const char *limit_is, uint8_t **bytes,
              size_t *count);

/*
 * A file under construction; every file that a command writes is one. It is opened before the work
 * begins, and appears under its name only by output_commit(); after output_abandon() nothing is
 * left. It gets the mode and owner of the file that it replaces, and is written through symbolic
 * links. An existing file that is not regular (/dev/stderr, a FIFO) is written directly. The
 * structure must not move while it is open.
 */
struct output {
	FILE *stream; /* NULL: not open */
	const char *path;
	int fd;
	int error;            /* errno of what failed first */
	bool replaces;        /* it is not written directly */
	char folder[4096];    /* of the target */
	char target[4096];    /* where the path leads */
	char temporary[4096]; /* the name that it has meanwhile; "": none */
};

/* False: a message has said why. */
bool output_open(struct output *output, const char *path);
bool output_commit(struct output *output);
void output_abandon(struct output *output);

/* From now on an error of stdout is kept, and nothing is written after it. */
void output_take_stdout(void);

/* Returns 0, or the errno of what stdout could not write. */
int output_flush_stdout(void);

/* For an exit that does not return: removes temporary names. */
void output_abandon_all(void);

/* Exits with TOOL_LACKS and a message, for when a library cannot handle a failed allocation. */
_Noreturn void output_end_without_memory(const char *what);

#endif
