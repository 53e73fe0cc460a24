/* SPDX-License-Identifier: MIT */
/* Makes files as QEMU's migration makes them (migration/savevm.c), with or without a description.
 */
#ifndef TESTS_STREAM_QEMU_FILE_H
#define TESTS_STREAM_QEMU_FILE_H

#include <vpmu/stream.h>

enum { QEMU_FILE_BYTES = 1 << 17, QEMU_FILE_TEXT = 1 << 15 };

/* A file under construction: its parts are added in order, then it is ended. */
struct qemu_file {
	uint8_t bytes[QEMU_FILE_BYTES];
	size_t count;
	char text[QEMU_FILE_TEXT]; /* the description so far */
	size_t length;
	uint32_t section;
	bool footers, devices;
	size_t section_at; /* where the section's data begin */
};

/* The head, with a configuration of a machine type. */
void qemu_file_start(struct qemu_file *file, bool footers);

/* Memory of so many pages, each filled with a copy of `page` as far as that goes. */
void qemu_file_memory(struct qemu_file *file, unsigned pages, const void *page, size_t bytes);

/* A device with so many bytes of one field. */
void qemu_file_device(struct qemu_file *file, const char *name, uint32_t instance, const void *data,
                      size_t bytes);

/* A CPU, opened: its subsections come next, then qemu_file_cpu_end(). fields: 1817, or others. */
void qemu_file_cpu(struct qemu_file *file, uint32_t instance, uint32_t version, size_t fields);
void qemu_file_subsection(struct qemu_file *file, const char *name, uint32_t version,
                          const void *data, size_t bytes);
void qemu_file_pmu(struct qemu_file *file, const struct vpmu_qemu_pmu *pmu);
void qemu_file_lbr(struct qemu_file *file, const struct vpmu_qemu_lbr *lbr);
void qemu_file_cpu_end(struct qemu_file *file);

/* The mark of the end, and the description. */
void qemu_file_end(struct qemu_file *file, bool description);

/* The file's bytes, or so many of them, as a source. */
struct vpmu_source qemu_file_source(const struct qemu_file *file, size_t bytes);

#endif
