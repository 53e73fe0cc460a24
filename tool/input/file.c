/* SPDX-License-Identifier: MIT */
/* Reads whole files. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stream/foreign/room.h>

#include "command.h"
#include "lib/message.h"
#include "lib/number.h"

enum { LOOKED_AT = 1 << 16 };

struct growing {
	uint8_t *bytes;
	size_t used, room;
};

static bool grow(struct growing *data, size_t room)
{
	uint8_t *bytes = realloc(data->bytes, room);

	if (!bytes)
		return false;
	data->bytes = bytes;
	data->room = room;
	return true;
}

/* Reads to the end, or to one byte past the limit. False: errno tells. */
static bool read_up_to(int fd, uint64_t limit, struct growing *data)
{
	ssize_t got = 1;

	while (got && data->used <= limit) {
		if (data->used == data->room && !grow(data, 2 * data->room + 65536))
			return false;
		got = read(fd, data->bytes + data->used, data->room - data->used);
		if (got < 0 && errno != EINTR)
			return false;
		if (got > 0)
			data->used += (size_t)got;
	}
	return true;
}

/* A device may have no end. *size: of a regular file. */
static bool readable_kind(int fd, const char *path, uint64_t *size)
{
	struct stat about;

	if (fstat(fd, &about)) {
		message("cannot read: %s: %s", path, strerror(errno));
		return false;
	}
	*size = S_ISREG(about.st_mode) ? (uint64_t)about.st_size : 0;
	if (S_ISREG(about.st_mode) || S_ISFIFO(about.st_mode))
		return true;
	message("not a file: %s%s", path, S_ISDIR(about.st_mode) ? " (it is a directory)" : "");
	return false;
}

static int read_open(int fd, const char *path, uint64_t limit, const char *limit_is,
                     struct growing *data)
{
	char size[32];
	uint64_t bytes;

	if (!readable_kind(fd, path, &bytes))
		return TOOL_BAD;
	/* From a file that is too large, read enough to recognise its format. */
	if (!read_up_to(fd, bytes > limit && limit > LOOKED_AT ? LOOKED_AT : limit, data)) {
		int error = errno;

		message("cannot read: %s: %s", path, strerror(error));
		return error == ENOMEM ? TOOL_LACKS : TOOL_BAD;
	}
	if (bytes > limit || data->used > limit) {
		number_print_size(limit, size, sizeof(size));
		message("file larger than %s, %s: %s (it looks like %s)", limit_is, size, path,
		        foreign_looks(data->bytes, data->used));
		return TOOL_BAD;
	}
	return TOOL_HOLDS;
}

int file_read(const char *path, uint64_t limit, const char *limit_is, uint8_t **bytes,
              size_t *count)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), status;
	struct growing data = {0};

	if (fd < 0) {
		message("cannot open: %s: %s", path, strerror(errno));
		return TOOL_BAD;
	}
	status = read_open(fd, path, limit, limit_is, &data);
	close(fd);
	if (status) {
		free(data.bytes);
		return status;
	}
	*bytes = data.bytes;
	*count = data.used;
	return TOOL_HOLDS;
}
