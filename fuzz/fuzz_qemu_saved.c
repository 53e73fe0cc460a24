/* SPDX-License-Identifier: MIT */
/*
 * The plugin's state-in=: the input as it is, and as the payload of the plugin's own record in an
 * undamaged file of one vCPU, since nothing else gets past the checksums. What is taken is written
 * again as the same.
 */
#include <string.h>

#include <qemu/room.h>
#include <stream/room.h>

#include "fuzz.h"

enum { WHY = 200, MOST = 4096, AT = VPMU_FILE_HEADER_BYTES };

static struct vpmu_layout layout;
static struct qemu_saved saved, again;

static void put_le(uint8_t *at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

static enum vpmu_status decode(const uint8_t *data, size_t size, struct qemu_saved *to)
{
	char why[WHY] = "";
	enum vpmu_status status = qemu_saved_decode(data, size, &layout, to, 1, why, sizeof(why));

	MUST(status == VPMU_OK || (why[0] && !strchr(why, '\n')));
	return status;
}

static void comes_again(void)
{
	uint8_t bytes[AT + QEMU_SAVED_BYTES];
	size_t used;

	MUST(vpmu_file_header(bytes, 1) == VPMU_OK);
	MUST(qemu_saved_encode(&saved, &layout, 0, bytes + AT, &used) == VPMU_OK);
	MUST(decode(bytes, AT + used, &again) == VPMU_OK && again.has_facts);
	MUST(!memcmp(again.facts, saved.facts, sizeof(saved.facts)));
	MUST(!memcmp(again.state.values, saved.state.values, sizeof(saved.state.values)));
}

/* In the place of a record that is right, one of these bytes. */
static void try_record(const uint8_t *data, size_t size)
{
	static uint8_t bytes[AT + VPMU_STREAM_BYTES + MOST + 64];
	size_t used, length = size < MOST ? size : MOST;
	uint8_t *at = bytes + AT;

	vpmu_state_reset(&saved.state, &layout);
	MUST(vpmu_file_header(bytes, 1) == VPMU_OK);
	MUST(vpmu_stream_encode(&saved.state, &layout, 0, at, VPMU_STREAM_BYTES, &used) == VPMU_OK);
	used -= 4;
	memcpy(at + used, "QEMU\0\0", 6);
	put_le(at + used + 6, length, 2);
	memcpy(at + used + 8, data, length);
	used += 8 + length;
	put_le(at + 8, used + 4, 4);
	put_le(at + used, crc32c(0, at, used), 4);
	if (decode(bytes, AT + used + 4, &saved) == VPMU_OK)
		comes_again();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vpmu_model model;

	MUST(vpmu_model_parse(&model, "intel-v2", NULL, 0) == VPMU_OK);
	MUST(vpmu_layout_init(&layout, &model) == VPMU_OK);
	if (decode(data, size, &saved) == VPMU_OK && saved.has_facts)
		comes_again();
	try_record(data, size);
	return 0;
}
