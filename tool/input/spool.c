/* SPDX-License-Identifier: MIT */
/* Copies the contents of a pipe or a wrapping to a file that can be read at any offset. */
#include "parts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "command.h"
#include "lib/message.h"

enum { BLOCK = 1 << 16, MEMORY_LIMIT = 256 << 20 };

/* A file without a name. */
static int open_temporary(void)
{
	const char *folder = getenv("TMPDIR");
	char name[4096];
	int fd;

	folder = folder && *folder ? folder : "/tmp";
	fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd;
	snprintf(name, sizeof(name), "%s/vpmu-XXXXXX", folder);
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		unlink(name);
	return fd;
}

/* If there is no folder for it, it is kept in memory, up to a limit. */
static int open_spool(uint64_t *limit)
{
	int fd = open_temporary();

	*limit = (uint64_t)INPUT_UNPACKED_LIMIT_GIB << 30;
	if (fd >= 0)
		return fd;
	*limit = MEMORY_LIMIT;
	return memfd_create("vpmu", MFD_CLOEXEC);
}

/* Where the next bytes come from: false with errno set, or with *why. */
struct spring {
	bool (*next)(struct spring *spring, void *into, size_t bytes, size_t *got,
	             const char **why);
	int fd;
	struct unpack *unpack;
};

static bool next_of_pipe(struct spring *spring, void *into, size_t bytes, size_t *got,
                         const char **why)
{
	*why = NULL;
	for (*got = 0; *got < bytes;) {
		ssize_t part = read(spring->fd, (char *)into + *got, bytes - *got);

		if (part < 0 && errno == EINTR)
			continue;
		if (part <= 0)
			return !part;
		*got += (size_t)part;
	}
	return true;
}

static bool next_of_packed(struct spring *spring, void *into, size_t bytes, size_t *got,
                           const char **why)
{
	return unpack_next(spring->unpack, into, bytes, got, why);
}

/* Zeros become a hole: what unpacks to nothing but zeros takes no room. */
static bool write_block(int fd, const uint8_t *bytes, size_t count, uint64_t at)
{
	static const uint8_t zeros[BLOCK];
	size_t done = 0;

	if (!memcmp(bytes, zeros, count))
		return true;
	while (done < count) {
		ssize_t put = pwrite(fd, bytes + done, count - done, (off_t)(at + done));

		if (put < 0 && errno != EINTR)
			return false;
		done += put > 0 ? (size_t)put : 0;
	}
	return true;
}

static int spring_failed(const struct input *input, const struct spring *spring, const char *why,
                         const char *format)
{
	if (!why)
		return input_cannot_read(input, errno);
	message("%s: %s: %s at offset %" PRIu64, format, input->path, why,
	        unpack_at(spring->unpack));
	return TOOL_BAD;
}

/* What is behind a wrapping or a pipe, in a file that can be read anywhere. */
static int spool(struct input *input, struct spring *spring, const char *format)
{
	static uint8_t block[BLOCK];
	uint64_t bytes = 0, limit;
	int fd = open_spool(&limit), status = TOOL_HOLDS;
	size_t got = BLOCK;
	const char *why;

	if (fd < 0) {
		message("no temporary file for %s: %s (TMPDIR chooses where)", input->path,
		        strerror(errno));
		return TOOL_LACKS;
	}
	for (; got == BLOCK && !status; bytes += got) {
		if (!spring->next(spring, block, BLOCK, &got, &why)) {
			status = spring_failed(input, spring, why, format);
		} else if (bytes + got > limit) {
			status = input_too_large(input, limit, "what is unpacked here", block, got);
		} else if (!write_block(fd, block, got, bytes)) {
			message("no room to unpack %s: %s (TMPDIR chooses where)", input->path,
			        strerror(errno));
			status = TOOL_LACKS;
		}
	}
	if (!status && ftruncate(fd, (off_t)bytes))
		status = input_cannot_read(input, errno);
	if (status) {
		close(fd);
		return status;
	}
	input->spooled = true;
	input_set_file(input, fd, 0, bytes);
	return TOOL_HOLDS;
}

int input_spool_pipe(struct input *input, int fd)
{
	return spool(input, &(struct spring){.next = next_of_pipe, .fd = fd}, NULL);
}

int input_spool_packed(struct input *input, struct unpack *unpack, const char *format)
{
	return spool(input, &(struct spring){.next = next_of_packed, .unpack = unpack}, format);
}
