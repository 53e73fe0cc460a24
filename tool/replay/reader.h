/* SPDX-License-Identifier: MIT */
/*
 * Lines from a file descriptor, of at most REPLAY_LINE_BYTES. It tells the caller when the next
 * read() may block, so that a person at the other end of a pipe sees the answers so far.
 */
#ifndef TOOL_REPLAY_READER_H
#define TOOL_REPLAY_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <replay/room.h>

struct reader {
	int fd;
	void (*waiting)(void); /* called before each read() */
	bool ended;
	size_t start, used; /* the bytes not yet given out */
	uint64_t line;      /* the number of the last line given out, from 1 */
	char buffer[2 * REPLAY_LINE_BYTES];
};

enum reader_result { READER_LINE, READER_END, READER_TOO_LONG, READER_FAILED };

void reader_init(struct reader *reader, int fd, void (*waiting)(void));

/*
 * The next line without its newline; *line may be changed, line[length] too, until the next call.
 * READER_FAILED: errno tells. READER_TOO_LONG: reader->line is its number; the end.
 */
enum reader_result reader_next(struct reader *reader, char **line, size_t *length);

#endif
