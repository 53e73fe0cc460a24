/* SPDX-License-Identifier: MIT */
/* Opens files as people have them, and takes their wrappings off. */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stream/foreign/room.h>

#include "command.h"
#include "image.h"
#include "memory.h"
#include "message.h"
#include "number.h"
#include "unpack.h"

enum { BLOCK = 1 << 16, WRAPPINGS = 4, MEMORY_LIMIT = 256 << 20 };

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

static bool read_at(void *context, uint64_t offset, void *into, size_t bytes)
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

/* What is read from now on is that part of that file. */
static void set_file(struct input *input, int fd, uint64_t start, uint64_t end)
{
	if (fd != input->fd && input->fd >= 0)
		close(input->fd);
	input->fd = fd;
	input->start = start;
	input->end = end;
	input->hole = input->hole_end = input->data_end = 0;
	input->source =
		(struct vpmu_source){.read = read_at, .context = input, .bytes = end - start};
}

static int cannot_read(const struct input *input, int error)
{
	message("cannot read: %s: %s", input->path, strerror(error));
	return error == ENOMEM ? TOOL_LACKS : TOOL_BAD;
}

/* --- Files that are not there to be read anywhere --------------------------------------------- */

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

/* What cannot be written to a folder is kept in memory, as far as that is bearable. */
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
		return cannot_read(input, errno);
	message("%s: %s: %s at offset %" PRIu64, format, input->path, why,
	        unpack_at(spring->unpack));
	return TOOL_BAD;
}

static int too_large(const struct input *input, uint64_t limit, const char *limit_is,
                     const void *bytes, size_t count)
{
	char size[32];

	number_print_size(limit, size, sizeof(size));
	message("file larger than %s, %s: %s (it looks like %s)", limit_is, size, input->path,
	        foreign_looks(bytes, count));
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
			status = too_large(input, limit, "what is unpacked here", block, got);
		} else if (!write_block(fd, block, got, bytes)) {
			message("no room to unpack %s: %s (TMPDIR chooses where)", input->path,
			        strerror(errno));
			status = TOOL_LACKS;
		}
	}
	if (!status && ftruncate(fd, (off_t)bytes))
		status = cannot_read(input, errno);
	if (status) {
		close(fd);
		return status;
	}
	input->spooled = true;
	set_file(input, fd, 0, bytes);
	return TOOL_HOLDS;
}

/* --- Wrappings -------------------------------------------------------------------------------- */

/* libvirt's header (src/qemu/qemu_saveimage.h), in the byte order of the host that wrote it. */
enum {
	SAVE_MAGIC = 16,
	SAVE_HEADER = 92,
	SAVE_XML_LENGTH = 20, /* of what is between the header and QEMU's stream */
	SAVE_PACKED = 28,
};

static uint32_t le32(const uint8_t *at)
{
	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* Passes the header of a libvirt save image. What it holds may be packed in turn. */
static int pass_save_header(struct input *input, const uint8_t *head, size_t bytes)
{
	static const char *const packed[] = {"raw", "gzip", "bzip2", "xz", "lzop", "zstd"};
	uint32_t length, how;

	if (bytes < SAVE_HEADER) {
		message("damaged data: %s: the header of a libvirt save image is cut short",
		        input->path);
		return TOOL_BAD;
	}
	length = le32(head + SAVE_XML_LENGTH);
	how = le32(head + SAVE_PACKED);
	if (length > input->source.bytes - SAVE_HEADER) {
		message("damaged data: %s: a libvirt save image that is cut short in its XML",
		        input->path);
		return TOOL_BAD;
	}
	if (how == 2 || how == 3 || how == 4) {
		message("a libvirt save image that is packed with %s: %s (cut the first %u bytes "
		        "off, and unpack it)",
		        packed[how], input->path, SAVE_HEADER + length);
		return TOOL_BAD;
	}
	set_file(input, input->fd, input->start + SAVE_HEADER + length, input->end);
	return TOOL_HOLDS;
}

static int lacks_format(const struct input *input, const char *format)
{
	if (unpack_knows(format))
		message("out of memory: %s", input->path);
	else
		message("%s: %s (this build does not unpack it: do so first)", format, input->path);
	return TOOL_LACKS;
}

static int unpack(struct input *input, const char *format)
{
	struct input below = *input;
	struct spring spring = {.next = next_of_packed};
	int status;

	/* The source is read through a copy, as the input changes under it. */
	below.source.context = &below;
	input->fd = -1;
	spring.unpack = unpack_begin(format, &below.source, 0);
	status = spring.unpack ? spool(input, &spring, format) : lacks_format(input, format);
	unpack_end(spring.unpack);
	close(below.fd);
	return status;
}

/* What is read from now on is the VM state in the image, which is read where it is. */
static int open_image(struct input *input)
{
	int status = image_open(input->path, &input->source, input->snapshot, &input->image);
	uint8_t head[4];

	if (status)
		return status;
	input->source = input->image->qcow2.state;
	input->is_qemu = input->source.bytes >= sizeof(head) &&
	                 input->source.read(input->source.context, 0, head, sizeof(head)) &&
	                 !memcmp(head, "QEVM", sizeof(head));
	if (input->is_qemu)
		return TOOL_HOLDS;
	message("damaged data: %s: its VM state does not begin as one of QEMU's", input->path);
	return TOOL_BAD;
}

/* Takes a wrapping off; *more: there may be another. */
static int unwrap(struct input *input, bool *more)
{
	uint8_t head[SAVE_HEADER];
	size_t bytes =
		input->source.bytes < sizeof(head) ? (size_t)input->source.bytes : sizeof(head);
	const char *format;

	*more = false;
	if (bytes && !read_at(input, 0, head, bytes))
		return cannot_read(input, errno);
	input->is_qemu = bytes >= 4 && !memcmp(head, "QEVM", 4);
	if (bytes >= 4 && !memcmp(head, "QFI\xfb", 4))
		return open_image(input);
	format = unpack_format(head, bytes);
	*more = format;
	if (format)
		return unpack(input, format);
	if (bytes >= SAVE_MAGIC && !memcmp(head, "LibvirtQemudSave", SAVE_MAGIC)) {
		*more = true;
		return pass_save_header(input, head, bytes);
	}
	return TOOL_HOLDS;
}

static int unwrap_all(struct input *input)
{
	bool more = true;
	int status = TOOL_HOLDS;

	for (unsigned i = 0; more && !status; i++) {
		if (i == WRAPPINGS) {
			message("wrapped more than %d times: %s", WRAPPINGS, input->path);
			return TOOL_BAD;
		}
		status = unwrap(input, &more);
	}
	return status;
}

/* --- All of it -------------------------------------------------------------------------------- */

static int open_file(struct input *input)
{
	bool is_stdin = !strcmp(input->path, "-");
	int fd = is_stdin ? dup(STDIN_FILENO) : open(input->path, O_RDONLY | O_CLOEXEC);
	struct spring pipe = {.next = next_of_pipe, .fd = fd};
	struct stat about;
	int status;

	if (fd < 0 || fstat(fd, &about)) {
		message("cannot open: %s: %s", input->path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return TOOL_BAD;
	}
	if (S_ISREG(about.st_mode)) {
		set_file(input, fd, 0, (uint64_t)about.st_size);
		return TOOL_HOLDS;
	}
	/* A device may have no end. */
	if (!S_ISFIFO(about.st_mode) && !S_ISSOCK(about.st_mode)) {
		message("not a file: %s%s", input->path,
		        S_ISDIR(about.st_mode) ? " (it is a directory)" : "");
		status = TOOL_BAD;
	} else {
		status = spool(input, &pipe, NULL);
	}
	close(fd);
	return status;
}

static int read_bytes(struct input *input, uint64_t limit, const char *limit_is)
{
	uint64_t bytes = input->source.bytes;
	uint8_t start[BLOCK];

	if (bytes > limit) {
		size_t looked = limit < sizeof(start) ? (size_t)limit : sizeof(start);

		if (!read_at(input, 0, start, looked))
			return cannot_read(input, errno);
		return too_large(input, limit, limit_is, start, looked);
	}
	input->bytes = memory_get((size_t)bytes);
	if (!input->bytes) {
		message("cannot read: %s: out of memory", input->path);
		return TOOL_LACKS;
	}
	input->count = (size_t)bytes;
	return read_at(input, 0, input->bytes, input->count) ? TOOL_HOLDS
	                                                     : cannot_read(input, errno);
}

/* UTF-16 becomes UTF-8, whose mark goes. What has zeros in it is no text, and stays. */
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

int input_open_snapshot(const char *path, const char *snapshot, uint64_t limit,
                        const char *limit_is, struct input *input)
{
	int status;

	*input =
		(struct input){.path = path, .snapshot = snapshot, .fd = -1, .started = time(NULL)};
	status = open_file(input);
	if (!status)
		status = unwrap_all(input);
	if (!status && snapshot && !input->image) {
		message("--snapshot is for qcow2 images: %s is none", path);
		status = TOOL_BAD;
	}
	if (!status && !input->is_qemu)
		status = read_bytes(input, limit, limit_is);
	if (!status && !input->is_qemu)
		status = take_encoding_off(input);
	if (status)
		input_close(input);
	return status;
}

int input_open(const char *path, uint64_t limit, const char *limit_is, struct input *input)
{
	return input_open_snapshot(path, NULL, limit, limit_is, input);
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
