/* SPDX-License-Identifier: MIT */
/* Cuts what read() gives into lines, in one buffer without copying a line that lies in one piece.
 */
#include "reader.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void reader_init(struct reader *reader, int fd, void (*waiting)(void))
{
	reader->fd = fd;
	reader->waiting = waiting;
	reader->ended = false;
	reader->start = reader->used = 0;
	reader->line = 0;
}

/* Adds what one read() gives; one byte of the buffer stays free for a last line's NUL. */
static bool fill(struct reader *reader)
{
	ssize_t got;

	memmove(reader->buffer, reader->buffer + reader->start, reader->used - reader->start);
	reader->used -= reader->start;
	reader->start = 0;
	reader->waiting();
	do
		got = read(reader->fd, reader->buffer + reader->used,
		           sizeof(reader->buffer) - 1 - reader->used);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return false;
	reader->used += (size_t)got;
	reader->ended = got == 0;
	return true;
}

/* The mark that Windows' editors put before UTF-8. */
static size_t mark_before(const struct reader *reader, size_t length)
{
	const char *from = reader->buffer + reader->start;

	return !reader->line && length >= 3 && !memcmp(from, "\xef\xbb\xbf", 3) ? 3 : 0;
}

static enum reader_result give(struct reader *reader, size_t length, bool newline, char **line,
                               size_t *length_out)
{
	size_t mark = mark_before(reader, length);

	reader->line++;
	reader->start += mark;
	length -= mark;
	if (length > REPLAY_LINE_BYTES)
		return READER_TOO_LONG;
	*line = reader->buffer + reader->start;
	*length_out = length;
	reader->start += length + newline;
	return READER_LINE;
}

enum reader_result reader_next(struct reader *reader, char **line, size_t *length)
{
	size_t seen = 0;

	for (;;) {
		size_t left = reader->used - reader->start;
		char *from = reader->buffer + reader->start;
		char *newline = memchr(from + seen, '\n', left - seen);

		if (newline)
			return give(reader, (size_t)(newline - from), true, line, length);
		if (left > REPLAY_LINE_BYTES || (reader->ended && left))
			return give(reader, left, false, line, length);
		if (reader->ended)
			return READER_END;
		seen = left;
		if (!fill(reader))
			return READER_FAILED;
	}
}
