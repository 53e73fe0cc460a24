/* SPDX-License-Identifier: MIT */
#include "qcow2_file.h"

#include <string.h>

enum { HEADER_BYTES = 104, TABLE_ENTRIES = QCOW2_CLUSTER / 8 };

void qcow2_file_set(struct qcow2_file *file, size_t at, unsigned bytes, uint64_t value)
{
	while (bytes--) {
		file->bytes[at + bytes] = (uint8_t)value;
		value >>= 8;
	}
}

static size_t clusters(size_t bytes)
{
	return (bytes + QCOW2_CLUSTER - 1) / QCOW2_CLUSTER;
}

/* Whole clusters at the end. */
static size_t add(struct qcow2_file *file, size_t count)
{
	size_t at = file->count;

	file->count += count * QCOW2_CLUSTER;
	return at;
}

void qcow2_file_start(struct qcow2_file *file)
{
	memset(file, 0, sizeof(*file));
	add(file, 1);
	file->entry = add(file, 1);
	memcpy(file->bytes, "QFI\xfb", 4);
	qcow2_file_set(file, 4, 4, 3);
	qcow2_file_set(file, 20, 4, QCOW2_BITS);
	qcow2_file_set(file, 24, 8, QCOW2_DISK);
	qcow2_file_set(file, 64, 8, file->entry);
	qcow2_file_set(file, 100, 4, HEADER_BYTES);
}

static void add_entry(struct qcow2_file *file, const char *id, const char *name, size_t bytes,
                      uint64_t disk_bytes, size_t entries)
{
	size_t at = file->entry;

	qcow2_file_set(file, at, 8, file->tables[0]);
	qcow2_file_set(file, at + 8, 4, entries);
	qcow2_file_set(file, at + 12, 2, strlen(id));
	qcow2_file_set(file, at + 14, 2, strlen(name));
	qcow2_file_set(file, at + 32, 4, bytes);
	qcow2_file_set(file, at + 36, 4, 24);
	qcow2_file_set(file, at + 40, 8, bytes);
	qcow2_file_set(file, at + 48, 8, disk_bytes);
	memcpy(file->bytes + at + 64, id, strlen(id));
	memcpy(file->bytes + at + 64 + strlen(id), name, strlen(name));
	file->entry = (at + 64 + strlen(id) + strlen(name) + 7) & ~(size_t)7;
	file->bytes[63]++;
}

/* The state's clusters, and their places in the second tables. */
static void add_state(struct qcow2_file *file, const uint8_t *state, size_t bytes)
{
	size_t count = clusters(bytes), at = add(file, count);

	for (size_t i = 0; i < count; i++) {
		size_t place = (i ^ 1) < count ? i ^ 1 : i;
		size_t left = bytes - i * QCOW2_CLUSTER;

		memcpy(file->bytes + at + place * QCOW2_CLUSTER, state + i * QCOW2_CLUSTER,
		       left < QCOW2_CLUSTER ? left : QCOW2_CLUSTER);
		qcow2_file_set(file, file->tables[1] + 8 * i, 8,
		               (at + place * QCOW2_CLUSTER) | UINT64_C(1) << 63);
	}
}

void qcow2_file_snapshot(struct qcow2_file *file, const char *id, const char *name,
                         const void *state, size_t bytes, uint64_t disk_bytes)
{
	size_t tables = clusters(clusters(bytes) * 8);
	size_t first =
		(disk_bytes + TABLE_ENTRIES * QCOW2_CLUSTER - 1) / (TABLE_ENTRIES * QCOW2_CLUSTER);

	file->tables[0] = add(file, clusters(8 * (first + tables)));
	file->tables[1] = add(file, tables);
	for (size_t i = 0; i < tables; i++)
		qcow2_file_set(file, file->tables[0] + 8 * (first + i), 8,
		               (file->tables[1] + i * QCOW2_CLUSTER) | UINT64_C(1) << 63);
	add_entry(file, id, name, bytes, disk_bytes, first + tables);
	add_state(file, state, bytes);
}
