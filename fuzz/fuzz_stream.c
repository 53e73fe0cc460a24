/* SPDX-License-Identifier: MIT */
/*
 * Native streams and files. The input is decoded as it is, and once more with its length and
 * checksum made right, since nothing else gets past them. What is decoded must be a state, and be
 * written again as the same.
 */
#include <string.h>

#include <vpmu/stream.h>

#include <stream/room.h>

#include "fuzz.h"

enum { WHY = 200 };

static void put_le(uint8_t *at, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

static void must_fail_well(enum vpmu_status status, const char *why)
{
	MUST(status == VPMU_BAD_DATA || status == VPMU_INCOMPATIBLE);
	MUST(why[0] && memchr(why, '\0', WHY) && !strchr(why, '\n'));
}

/* Another model's layout: never to be filled from this stream. */
static void never_into_another(const uint8_t *data, size_t size, const struct vpmu_model *model)
{
	struct vpmu_layout layout;
	struct vpmu_model other;
	struct vpmu_state state;
	uint32_t vcpu = 77;

	MUST(!vpmu_model_parse(&other, "intel-v2,gp=3", NULL, 0));
	if (vpmu_model_equal(model, &other))
		return;
	MUST(!vpmu_layout_init(&layout, &other));
	MUST(vpmu_stream_decode(data, size, &layout, &state, &vcpu, NULL, 0) != VPMU_OK);
	MUST(vcpu == 77);
}

static void comes_again(const struct vpmu_state *state, const struct vpmu_layout *layout)
{
	uint8_t bytes[VPMU_STREAM_BYTES];
	struct vpmu_state again;
	uint32_t vcpu;
	size_t used;

	MUST(!vpmu_stream_encode(state, layout, 5, bytes, sizeof(bytes), &used));
	MUST(!vpmu_stream_decode(bytes, used, layout, &again, &vcpu, NULL, 0) && vcpu == 5);
	MUST(!memcmp(again.values, state->values, sizeof(again.values)));
	MUST(vpmu_model_equal(&again.model, &state->model));
}

static void try_stream(const uint8_t *data, size_t size)
{
	struct vpmu_stream_register list[8];
	struct vpmu_stream_about about;
	struct vpmu_layout layout;
	struct vpmu_state state;
	char why[WHY] = "";
	enum vpmu_status status;
	size_t count = 0;

	status = vpmu_stream_registers(data, size, list, 8, &count, why, sizeof(why));
	if (status)
		must_fail_well(status, why);
	for (size_t i = 0; i < count && i < 8; i++)
		MUST(memchr(list[i].name, '\0', sizeof(list[i].name)));
	status = vpmu_stream_look(data, size, &about, why, sizeof(why));
	if (status) {
		must_fail_well(status, why);
		return;
	}
	MUST(!vpmu_model_check(&about.model, NULL, 0));
	MUST(!vpmu_layout_init(&layout, &about.model));
	never_into_another(data, size, &about.model);
	status = vpmu_stream_decode(data, size, &layout, &state, NULL, why, sizeof(why));
	if (status) {
		must_fail_well(status, why);
		return;
	}
	MUST(!vpmu_state_check(&state, &layout, NULL, 0));
	comes_again(&state, &layout);
}

static void try_file(const uint8_t *data, size_t size)
{
	struct vpmu_file file;
	const void *stream;
	char why[WHY] = "";
	enum vpmu_status status = vpmu_file_open(&file, data, size, why, sizeof(why));
	size_t bytes, count = 0;

	if (status) {
		must_fail_well(status, why);
		return;
	}
	for (; vpmu_file_next(&file, &stream, &bytes); count++) {
		MUST((const uint8_t *)stream + bytes <= data + size);
		try_stream(stream, bytes);
	}
	MUST(count == file.vcpus);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	try_stream(data, size);
	try_file(data, size);
	if (size < VPMU_STREAM_HEADER_BYTES + 4 || size > VPMU_STREAM_LIMIT)
		return 0;
	copy = malloc(size);
	if (!copy)
		abort();
	memcpy(copy, data, size);
	memcpy(copy, "vPMU", 4);
	put_le(copy + 8, (uint32_t)size);
	put_le(copy + size - 4, crc32c(0, copy, size - 4));
	try_stream(copy, size);
	free(copy);
	return 0;
}
