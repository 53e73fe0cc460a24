/* SPDX-License-Identifier: MIT */
/* Makes small qcow2 images with VM states in them, as QEMU's savevm does (docs/interop/qcow2.rst).
 */
#ifndef TESTS_STREAM_QCOW2_FILE_H
#define TESTS_STREAM_QCOW2_FILE_H

#include <stddef.h>
#include <stdint.h>

enum {
	QCOW2_FILE_BYTES = 1 << 18,
	QCOW2_BITS = 9, /* of a cluster */
	QCOW2_CLUSTER = 1 << QCOW2_BITS,
	QCOW2_DISK = 100000, /* four entries of a first table */
};

struct qcow2_file {
	uint8_t bytes[QCOW2_FILE_BYTES];
	size_t count;
	size_t entry;     /* where the next snapshot's is */
	size_t tables[2]; /* of the last snapshot: its first table, and its first second one */
};

/* A header of version 3, with room for the table of snapshots. */
void qcow2_file_start(struct qcow2_file *file);

/* A snapshot with its VM state, whose clusters are in pairs the other way round. The disk had
 * disk_bytes then. */
void qcow2_file_snapshot(struct qcow2_file *file, const char *id, const char *name,
                         const void *state, size_t bytes, uint64_t disk_bytes);

/* Big-endian, `bytes` of them. */
void qcow2_file_set(struct qcow2_file *file, size_t at, unsigned bytes, uint64_t value);

#endif
