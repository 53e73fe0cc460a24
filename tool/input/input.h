/* SPDX-License-Identifier: MIT */
/*
 * An input file: a regular file, a pipe or standard input; perhaps compressed with gzip or zstd,
 * with a libvirt save image's header, or a VM state in a qcow2 image. The contents are read into
 * memory, except a QEMU migration file, which may have any size and is read in place.
 */
#ifndef TOOL_INPUT_H
#define TOOL_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <vpmu/stream.h>

struct image;

struct input {
	const char *path, *snapshot;
	bool is_qemu;
	bool spooled;   /* what is read is a copy: of a pipe, or unpacked */
	uint8_t *bytes; /* of what is no QEMU file */
	size_t count;
	struct vpmu_source source; /* of a QEMU file: its bytes, from its magic on */
	/* Its own: */
	struct image *image; /* of a qcow2 image: where the source is in it */
	int fd;
	uint64_t start, end; /* of the source in the file */
	/* The last hole of the file that was found, and up to where there is none behind it. */
	uint64_t hole, hole_end, data_end;
	time_t started, shown;
};

/*
 * Opens "-" or a file, of whose contents at most `limit` bytes are read into memory. limit_is: what
 * the limit is, for the message. Returns the exit status; *input needs input_close() when it is
 * TOOL_HOLDS.
 */
int input_open(const char *path, uint64_t limit, const char *limit_is, struct input *input);
void input_close(struct input *input);

/*
 * Reads a text whole, as input_open() does: packed, UTF-16, or "-". The caller frees *bytes.
 * Returns the exit status; what has a zero at its start is no text.
 */
int input_read_text(const char *path, uint64_t limit, const char *limit_is, uint8_t **bytes,
                    size_t *count);

/* The same, with the snapshot of a qcow2 image; NULL: its only VM state. Any other file has none.
 */
int input_open_snapshot(const char *path, const char *snapshot, uint64_t limit,
                        const char *limit_is, struct input *input);

/* Removes the percentage that a long search shows on the terminal. */
void input_end_progress(const struct input *input);

enum { INPUT_UNPACKED_LIMIT_GIB = 16 };

#endif
