/* SPDX-License-Identifier: MIT */
/* Takes the wrappings off: gzip and zstd, a libvirt save image, a qcow2 image. */
#include "parts.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "image.h"
#include "lib/message.h"

enum { WRAPPINGS = 4 };

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
	input_set_file(input, input->fd, input->start + SAVE_HEADER + length, input->end);
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

static int take_packing_off(struct input *input, const char *format)
{
	struct input below = *input;
	struct unpack *unpack;
	int status;

	/* The source is read through a copy, as the input changes under it. */
	below.source.context = &below;
	input->fd = -1;
	unpack = unpack_begin(format, &below.source, 0);
	status = unpack ? input_spool_packed(input, unpack, format) : lacks_format(input, format);
	unpack_end(unpack);
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
	if (bytes && !input_read_at(input, 0, head, bytes))
		return input_cannot_read(input, errno);
	input->is_qemu = bytes >= 4 && !memcmp(head, "QEVM", 4);
	if (bytes >= 4 && !memcmp(head, "QFI\xfb", 4))
		return open_image(input);
	format = unpack_format(head, bytes);
	*more = format;
	if (format)
		return take_packing_off(input, format);
	if (bytes >= SAVE_MAGIC && !memcmp(head, "LibvirtQemudSave", SAVE_MAGIC)) {
		*more = true;
		return pass_save_header(input, head, bytes);
	}
	return TOOL_HOLDS;
}

int input_unwrap(struct input *input)
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
