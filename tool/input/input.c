/* SPDX-License-Identifier: MIT */
/* Opens files in any wrapping, and reads all but QEMU's into memory. */
#include "parts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stream/foreign/room.h>

#include "command.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "lib/number.h"

enum { LOOKED_AT = 1 << 16 };

/* --- The file at the bottom ------------------------------------------------------------------- */

/* A file without a description is read from its start to its end. */
static void show_progress(struct input *input, uint64_t offset)
{
	time_t now = time(NULL);

	if (now - input->started < 2 || now == input->shown || !isatty(STDERR_FILENO))
		return;
	input->shown = now;
	fprintf(stderr, "\r%3" PRIu64 "%%", offset * 100 / (input->source.bytes + 1));
	fflush(stderr);
}

void input_end_progress(const struct input *input)
{
	if (input->shown)
		fputs("\r    \r", stderr);
}

/* Whether the file has nothing there but a hole. A volume or a file of memory may be one for the
 * most part, and to read that fills the host's page cache. */
static bool is_hole(struct input *input, uint64_t at, size_t bytes)
{
	off_t data;

	errno = 0;
	if (at >= input->hole && at + bytes <= input->data_end)
		return at + bytes <= input->hole_end;
	/* The offset of the standard input is the caller's, too. */
	data = strcmp(input->path, "-") ? lseek(input->fd, (off_t)at, SEEK_DATA) : -1;
	if (data < 0 && (errno != ENXIO || lseek(input->fd, 0, SEEK_END) < (off_t)input->end))
		return false; /* a file system that does not tell; or the file has become shorter */
	input->hole = at;
	input->hole_end = input->data_end = data < 0 ? input->end : (uint64_t)data;
	if (data >= 0) {
		off_t next = lseek(input->fd, data, SEEK_HOLE);

		input->data_end = next < 0 ? input->hole_end : (uint64_t)next;
	}
	return at + bytes <= input->hole_end;
}

bool input_read_at(void *context, uint64_t offset, void *into, size_t bytes)
{
	struct input *input = context;
	size_t done = 0;

	show_progress(input, offset);
	if (is_hole(input, input->start + offset, bytes)) {
		memset(into, 0, bytes);
		return true;
	}
	while (done < bytes) {
		ssize_t got = pread(input->fd, (char *)into + done, bytes - done,
		                    (off_t)(input->start + offset + done));

		if (!got)
			errno = EIO; /* it has become shorter */
		if (got <= 0 && (!got || errno != EINTR))
			return false;
		done += got > 0 ? (size_t)got : 0;
	}
	return true;
}

void input_set_file(struct input *input, int fd, uint64_t start, uint64_t end)
{
	if (fd != input->fd && input->fd >= 0)
		close(input->fd);
	input->fd = fd;
	input->start = start;
	input->end = end;
	input->hole = input->hole_end = input->data_end = 0;
	input->source =
		(struct vpmu_source){.read = input_read_at, .context = input, .bytes = end - start};
}

int input_cannot_read(const struct input *input, int error)
{
	message("cannot read: %s: %s", input->path, strerror(error));
	return error == ENOMEM ? TOOL_LACKS : TOOL_BAD;
}

int input_too_large(const struct input *input, uint64_t limit, const char *limit_is,
                    const void *bytes, size_t count)
{
	char size[32];

	number_print_size(limit, size, sizeof(size));
	message("file larger than %s, %s: %s (it looks like %s)", limit_is, size, input->path,
	        foreign_looks(bytes, count));
	return TOOL_BAD;
}

/* --- All of it -------------------------------------------------------------------------------- */

static int open_file(struct input *input)
{
	bool is_stdin = !strcmp(input->path, "-");
	int fd = is_stdin ? dup(STDIN_FILENO) : open(input->path, O_RDONLY | O_CLOEXEC);
	struct stat about;
	int status;

	if (fd < 0 || fstat(fd, &about)) {
		message("cannot open: %s: %s", input->path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return TOOL_BAD;
	}
	/* Files of /proc say that they have no bytes. */
	if (S_ISREG(about.st_mode) && about.st_size) {
		input_set_file(input, fd, 0, (uint64_t)about.st_size);
		return TOOL_HOLDS;
	}
	/* A device may have no end. */
	if (!S_ISREG(about.st_mode) && !S_ISFIFO(about.st_mode) && !S_ISSOCK(about.st_mode)) {
		message("not a file: %s%s", input->path,
		        S_ISDIR(about.st_mode) ? " (it is a directory)" : "");
		status = TOOL_BAD;
	} else {
		status = input_spool_pipe(input, fd);
	}
	close(fd);
	return status;
}

/* A file with a zero byte is not a text, so it need not be read further. */
static int refuse_binary(struct input *input)
{
	uint8_t start[LOOKED_AT];
	size_t bytes =
		input->source.bytes < sizeof(start) ? (size_t)input->source.bytes : sizeof(start);

	if (bytes && !input->source.read(input->source.context, 0, start, bytes))
		return input_cannot_read(input, errno);
	if (!input->is_qemu && (foreign_is_utf16(start, bytes) || !memchr(start, '\0', bytes)))
		return TOOL_HOLDS;
	message("not a text: %s: it looks like %s", input->path, foreign_looks(start, bytes));
	return TOOL_BAD;
}

static int read_bytes(struct input *input, uint64_t limit, const char *limit_is)
{
	uint64_t bytes = input->source.bytes;
	uint8_t start[LOOKED_AT];

	if (bytes > limit) {
		size_t looked = limit < sizeof(start) ? (size_t)limit : sizeof(start);

		if (!input_read_at(input, 0, start, looked))
			return input_cannot_read(input, errno);
		return input_too_large(input, limit, limit_is, start, looked);
	}
	input->bytes = memory_get((size_t)bytes);
	if (!input->bytes) {
		message("cannot read: %s: out of memory", input->path);
		return TOOL_LACKS;
	}
	input->count = (size_t)bytes;
	return input_read_at(input, 0, input->bytes, input->count)
	               ? TOOL_HOLDS
	               : input_cannot_read(input, errno);
}

/* Converts UTF-16 to UTF-8 without its mark. Data with zero bytes is not text, and stays. */
static int take_encoding_off(struct input *input)
{
	uint8_t *text;
	size_t count;

	if (input->count >= 3 && !memcmp(input->bytes, "\xef\xbb\xbf", 3)) {
		input->count -= 3;
		memmove(input->bytes, input->bytes + 3, input->count);
	}
	if (!foreign_is_utf16(input->bytes, input->count))
		return TOOL_HOLDS;
	text = memory_get(input->count / 2 * 3 + 3);
	if (!text) {
		message("cannot read: %s: out of memory", input->path);
		return TOOL_LACKS;
	}
	count = foreign_from_utf16(input->bytes, input->count, text);
	if (memchr(text, '\0', count)) {
		free(text);
		return TOOL_HOLDS;
	}
	free(input->bytes);
	input->bytes = text;
	input->count = count;
	return TOOL_HOLDS;
}

static int open_unwrapped(struct input *input)
{
	int status = open_file(input);

	if (!status)
		status = input_unwrap(input);
	if (!status && input->snapshot && !input->image) {
		message("--snapshot is for qcow2 images: %s is none", input->path);
		status = TOOL_BAD;
	}
	return status;
}

static int open_as(const char *path, const char *snapshot, bool text, uint64_t limit,
                   const char *limit_is, struct input *input)
{
	int status;

	*input =
		(struct input){.path = path, .snapshot = snapshot, .fd = -1, .started = time(NULL)};
	status = open_unwrapped(input);
	if (!status && text)
		status = refuse_binary(input);
	if (!status && !input->is_qemu)
		status = read_bytes(input, limit, limit_is);
	if (!status && !input->is_qemu)
		status = take_encoding_off(input);
	if (status)
		input_close(input);
	return status;
}

int input_open_snapshot(const char *path, const char *snapshot, uint64_t limit,
                        const char *limit_is, struct input *input)
{
	return open_as(path, snapshot, false, limit, limit_is, input);
}

int input_open(const char *path, uint64_t limit, const char *limit_is, struct input *input)
{
	return open_as(path, NULL, false, limit, limit_is, input);
}

void input_close(struct input *input)
{
	if (input->fd >= 0)
		close(input->fd);
	free(input->bytes);
	free(input->image);
	input->image = NULL;
	input->fd = -1;
	input->bytes = NULL;
}

int input_read_text(const char *path, uint64_t limit, const char *limit_is, uint8_t **bytes,
                    size_t *count)
{
	struct input input;
	int status = open_as(path, NULL, true, limit, limit_is, &input);

	if (status)
		return status;
	*bytes = input.bytes;
	*count = input.count;
	input.bytes = NULL;
	input_close(&input);
	return TOOL_HOLDS;
}
