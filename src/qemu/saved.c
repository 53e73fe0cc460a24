/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's PMU in a file: the library's own stream (docs/stream.md), which `vpmu state` reads, with
 * one more record, "QEMU", which other readers skip. Its payload is the words of enum qemu_fact, 64
 * bits each, little-endian.
 */
#include <stdio.h>
#include <string.h>

#include <stream/room.h>

#include <vpmu/meter.h>

#include "room.h"

enum { RECORD_HEAD = 8, CHECKSUM = 4, LENGTH_AT = 8, FACT_BYTES = 8, INSN_MOST = 15 };

static const char record_name[4] = {'Q', 'E', 'M', 'U'};

/* The highest value that each fact may have. */
static const uint64_t fact_most[QEMU_FACTS] = {
	[QEMU_FACT_APIC_BASE] = UINT64_MAX,
	[QEMU_FACT_APIC_ID] = UINT32_MAX,
	[QEMU_FACT_X2APIC] = 1,
	[QEMU_FACT_LVTPC] = UINT32_MAX,
	[QEMU_FACT_IDT] = UINT64_MAX,
	[QEMU_FACT_RDPMC] = 2,
	[QEMU_FACT_RDPMC_LENGTH] = INSN_MOST,
	[QEMU_FACT_RDPMC_VALUE] = UINT64_MAX,
	[QEMU_FACT_RDPMC_FROM] = UINT64_MAX,
	[QEMU_FACT_PENDING] = 2,
	[QEMU_FACT_PENDING_LEAF] = UINT32_MAX,
	[QEMU_FACT_PENDING_SUBLEAF] = UINT32_MAX,
	[QEMU_FACT_PENDING_VALUE] = UINT64_MAX,
	[QEMU_FACT_AGAIN] = 1,
	[QEMU_FACT_AGAIN_AT] = UINT64_MAX,
	[QEMU_FACT_AGAIN_RING] = 1,
	[QEMU_FACT_AGAIN_DATA] = VPMU_DATA_LOAD | VPMU_DATA_STORE,
	[QEMU_FACT_LANDED] = 0xffffff,
	[QEMU_FACT_ON_WAY] = UINT64_MAX,
	[QEMU_FACT_OPEN] = UINT64_MAX,
	[QEMU_FACT_PMI_DUE] = UINT32_MAX,
	[QEMU_FACT_LATE] = 1,
};

static void put(uint8_t *at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t get(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)at[i] << 8 * i;
	return value;
}

/* --- Writing ---------------------------------------------------------------------------------- */

static size_t add_record(uint8_t *at, const uint64_t facts[QEMU_FACTS])
{
	memcpy(at, record_name, sizeof(record_name));
	put(at + 4, 0, 2);
	put(at + 6, QEMU_FACTS * FACT_BYTES, 2);
	for (unsigned i = 0; i < QEMU_FACTS; i++)
		put(at + RECORD_HEAD + i * FACT_BYTES, facts[i], FACT_BYTES);
	return RECORD_HEAD + QEMU_FACTS * FACT_BYTES;
}

enum vpmu_status qemu_saved_encode(const struct qemu_saved *saved, const struct vpmu_layout *layout,
                                   uint32_t vcpu, uint8_t out[QEMU_SAVED_BYTES], size_t *used)
{
	enum vpmu_status status =
		vpmu_stream_encode(&saved->state, layout, vcpu, out, VPMU_STREAM_BYTES, used);

	if (status != VPMU_OK)
		return status;
	*used -= CHECKSUM;
	*used += add_record(out + *used, saved->facts);
	put(out + LENGTH_AT, *used + CHECKSUM, 4);
	put(out + *used, crc32c(0, out, *used), CHECKSUM);
	*used += CHECKSUM;
	return VPMU_OK;
}

/* --- Reading ---------------------------------------------------------------------------------- */

static enum vpmu_status fail(char *why, size_t why_bytes, enum vpmu_status status, const char *what)
{
	if (why)
		snprintf(why, why_bytes, "%s", what);
	return status;
}

static enum vpmu_status read_facts(struct qemu_saved *saved, const uint8_t *payload, size_t bytes,
                                   char *why, size_t why_bytes)
{
	if (bytes != QEMU_FACTS * FACT_BYTES)
		return fail(why, why_bytes, VPMU_INCOMPATIBLE,
		            "what the plugin knows of a vCPU is of another version");
	for (unsigned i = 0; i < QEMU_FACTS; i++) {
		saved->facts[i] = get(payload + i * FACT_BYTES, FACT_BYTES);
		if (saved->facts[i] > fact_most[i])
			return fail(why, why_bytes, VPMU_BAD_DATA,
			            "what the plugin knows of a vCPU cannot be");
	}
	saved->has_facts = true;
	return VPMU_OK;
}

/* The stream has been decoded before, so its records' lengths stay within it. */
static enum vpmu_status find_facts(struct qemu_saved *saved, const uint8_t *stream, size_t bytes,
                                   char *why, size_t why_bytes)
{
	size_t length;

	saved->has_facts = false;
	for (size_t at = VPMU_STREAM_HEADER_BYTES; at + RECORD_HEAD <= bytes - CHECKSUM;
	     at += RECORD_HEAD + length) {
		length = get(stream + at + 6, 2);
		if (!memcmp(stream + at, record_name, sizeof(record_name)))
			return read_facts(saved, stream + at + RECORD_HEAD, length, why, why_bytes);
	}
	return VPMU_OK;
}

enum vpmu_status qemu_saved_decode(const void *data, size_t bytes, const struct vpmu_layout *layout,
                                   struct qemu_saved *list, unsigned vcpus, char *why,
                                   size_t why_bytes)
{
	struct vpmu_file file = {0};
	const void *stream;
	size_t length;
	enum vpmu_status status = vpmu_file_open(&file, data, bytes, why, why_bytes);

	if (status == VPMU_OK && file.vcpus != vcpus) {
		if (why)
			snprintf(why, why_bytes, "it is of %u vCPUs, the machine has %u",
			         (unsigned)file.vcpus, vcpus);
		return VPMU_INCOMPATIBLE;
	}
	for (unsigned i = 0; status == VPMU_OK && vpmu_file_next(&file, &stream, &length); i++) {
		uint32_t vcpu;

		status = vpmu_stream_decode(stream, length, layout, &list[i].state, &vcpu, why,
		                            why_bytes);
		if (status == VPMU_OK && vcpu != i)
			return fail(why, why_bytes, VPMU_INCOMPATIBLE,
			            "its vCPUs' numbers do not count from 0");
		if (status == VPMU_OK)
			status = find_facts(&list[i], stream, length, why, why_bytes);
	}
	return status;
}
