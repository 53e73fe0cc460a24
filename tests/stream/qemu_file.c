/* SPDX-License-Identifier: MIT */
/* Makes files as QEMU's migration makes them. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu_file.h"

static void put(struct qemu_file *file, const void *data, size_t bytes)
{
	if (file->count + bytes > sizeof(file->bytes))
		abort();
	memcpy(file->bytes + file->count, data, bytes);
	file->count += bytes;
}

static void put_be(struct qemu_file *file, uint64_t value, unsigned bytes)
{
	for (unsigned i = bytes; i--;) {
		uint8_t byte = (uint8_t)(value >> (8 * i));

		put(file, &byte, 1);
	}
}

static void put_name(struct qemu_file *file, const char *name)
{
	put_be(file, strlen(name), 1);
	put(file, name, strlen(name));
}

__attribute__((format(printf, 2, 3))) static void say(struct qemu_file *file, const char *format,
                                                      ...)
{
	va_list list;

	va_start(list, format);
	file->length += (size_t)vsnprintf(file->text + file->length,
	                                  sizeof(file->text) - file->length, format, list);
	va_end(list);
	if (file->length >= sizeof(file->text))
		abort();
}

void qemu_file_start(struct qemu_file *file, bool footers)
{
	static const char machine[] = "pc-q35-8.2", capability[] = "late-block-activate";

	memset(file, 0, sizeof(*file));
	file->footers = footers;
	put(file, "QEVM\0\0\0\3\7", 9);
	put_be(file, strlen(machine), 4);
	put(file, machine, strlen(machine));
	put_be(file, 5, 1);
	put_name(file, "configuration/capabilities");
	put_be(file, 1, 4);
	put_be(file, 1, 4);
	put_name(file, capability);
	say(file, "{\"configuration\": {\"vmsd_name\": \"configuration\", \"fields\": []}, "
	          "\"page_size\": 4096, \"devices\": [");
}

static void section_end(struct qemu_file *file)
{
	if (file->footers) {
		put_be(file, 0x7e, 1);
		put_be(file, file->section, 4);
	}
	file->section++;
}

void qemu_file_memory(struct qemu_file *file, unsigned pages, const void *page, size_t bytes)
{
	uint8_t filled[4096];

	for (size_t i = 0; i < sizeof(filled); i++)
		filled[i] = ((const uint8_t *)page)[i % bytes];
	put_be(file, 1, 1);
	put_be(file, file->section, 4);
	put_name(file, "ram");
	put_be(file, 0, 4);
	put_be(file, 4, 4);
	put_be(file, (uint64_t)pages << 12 | 0x04, 8); /* the blocks */
	put_name(file, "pc.ram");
	put_be(file, (uint64_t)pages << 12, 8);
	put_be(file, 0x10, 8);
	section_end(file);
	file->section--;
	put_be(file, 3, 1);
	put_be(file, file->section, 4);
	for (unsigned i = 0; i < pages; i++) {
		put_be(file, (uint64_t)i << 12 | (i % 3 == 2 ? 0x02 : 0x08) | (i ? 0x20 : 0), 8);
		if (!i)
			put_name(file, "pc.ram");
		put(file, filled, i % 3 == 2 ? 1 : sizeof(filled));
	}
	put_be(file, 0x10, 8);
	section_end(file);
}

static void device_head(struct qemu_file *file, const char *name, uint32_t instance,
                        uint32_t version)
{
	put_be(file, 4, 1);
	put_be(file, file->section, 4);
	put_name(file, name);
	put_be(file, instance, 4);
	put_be(file, version, 4);
	say(file,
	    "%s{\"name\": \"%s\", \"instance_id\": %u, \"vmsd_name\": \"%s\", \"version\": %u",
	    file->devices ? ", " : "", name, instance, name, version);
	file->devices = true;
}

void qemu_file_device(struct qemu_file *file, const char *name, uint32_t instance, const void *data,
                      size_t bytes)
{
	device_head(file, name, instance, 1);
	put(file, data, bytes);
	say(file,
	    ", \"fields\": [{\"name\": \"data \\\"0\\\"\", \"type\": \"buffer\", \"size\": %zu}]}",
	    bytes);
	section_end(file);
}

void qemu_file_cpu(struct qemu_file *file, uint32_t instance, uint32_t version, size_t fields)
{
	device_head(file, "cpu", instance, version);
	for (size_t i = 0; i < fields; i++)
		put_be(file, 0x40 + i % 64, 1);
	/* Arrays of the same element are described once; structures have their own description. */
	say(file,
	    ", \"fields\": [{\"name\": \"env.regs\", \"array_len\": 16, \"type\": \"uint64\", "
	    "\"size\": 8}, {\"name\": \"env.segs\", \"type\": \"struct\", \"struct\": "
	    "{\"vmsd_name\": \"segment\", \"version\": 1, \"fields\": [{\"size\": 4}]}, "
	    "\"size\": %zu}], \"subsections\": [",
	    fields - 128);
	file->section_at = file->length;
}

void qemu_file_subsection(struct qemu_file *file, const char *name, uint32_t version,
                          const void *data, size_t bytes)
{
	put_be(file, 5, 1);
	put_name(file, name);
	put_be(file, version, 4);
	put(file, data, bytes);
	say(file,
	    "%s{\"vmsd_name\": \"%s\", \"version\": %u, \"fields\": [{\"name\": \"x\", \"size\": "
	    "%zu}]}",
	    file->length == file->section_at ? "" : ", ", name, version, bytes);
}

void qemu_file_pmu(struct qemu_file *file, const struct vpmu_qemu_pmu *pmu)
{
	uint8_t payload[VPMU_QEMU_BYTES];

	vpmu_qemu_pack(pmu, payload);
	qemu_file_subsection(file, "cpu/msr_architectural_pmu", 1, payload, sizeof(payload));
}

void qemu_file_lbr(struct qemu_file *file, const struct vpmu_qemu_lbr *lbr)
{
	uint8_t payload[VPMU_QEMU_LBR_BYTES];

	vpmu_qemu_lbr_pack(lbr, payload);
	qemu_file_subsection(file, "cpu/arch_lbr", 1, payload, sizeof(payload));
}

void qemu_file_cpu_end(struct qemu_file *file)
{
	say(file, "]}");
	section_end(file);
}

void qemu_file_end(struct qemu_file *file, bool description)
{
	say(file, "]}");
	put_be(file, 0, 1);
	if (!description)
		return;
	put_be(file, 6, 1);
	put_be(file, file->length, 4);
	put(file, file->text, file->length);
}

static bool read_file(void *context, uint64_t offset, void *into, size_t bytes)
{
	const struct qemu_file *file = context;

	if (offset + bytes > file->count)
		abort();
	memcpy(into, file->bytes + offset, bytes);
	return true;
}

struct vpmu_source qemu_file_source(const struct qemu_file *file, size_t bytes)
{
	return (struct vpmu_source){.read = read_file, .context = (void *)file, .bytes = bytes};
}
