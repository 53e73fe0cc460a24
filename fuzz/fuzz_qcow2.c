/* SPDX-License-Identifier: MIT */
/*
 * qcow2 images: the VM state of each snapshot that can be chosen can be read, all of it, and within
 * the image; else a failure in one line.
 */
#include <string.h>

#include <stream/foreign/room.h>

#include "fuzz.h"

struct bytes {
	const uint8_t *data;
	size_t size;
};

static bool read_bytes(void *context, uint64_t offset, void *into, size_t count)
{
	const struct bytes *bytes = context;

	MUST(offset <= bytes->size && count <= bytes->size - offset);
	memcpy(into, bytes->data + offset, count);
	return true;
}

static void must_fail(enum vpmu_status status, const char *why)
{
	MUST(status == VPMU_BAD_DATA || status == VPMU_INCOMPATIBLE);
	MUST(why[0] && !strchr(why, '\n'));
}

static void must_be_readable(struct foreign_qcow2 *image, size_t size)
{
	uint8_t some[700];

	MUST(image->state.bytes <= size);
	for (uint64_t at = 0; at < image->state.bytes; at += sizeof(some)) {
		uint64_t left = image->state.bytes - at;

		MUST(image->state.read(image->state.context, at, some,
		                       left < sizeof(some) ? (size_t)left : sizeof(some)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes bytes = {data, size};
	struct vpmu_source source = {.read = read_bytes, .context = &bytes, .bytes = size};
	struct foreign_snapshot snapshot;
	struct foreign_qcow2 image, chosen;
	char why[FOREIGN_WHY] = "";
	enum vpmu_status status = foreign_qcow2_open(&image, &source, why, sizeof(why));

	for (unsigned i = 0; !status && i < 100; i++) {
		status = foreign_qcow2_next(&image, &snapshot, why, sizeof(why));
		if (status)
			break;
		chosen = image;
		status = foreign_qcow2_choose(&chosen, &snapshot, why, sizeof(why));
		if (status)
			must_fail(status, why);
		else
			must_be_readable(&chosen, size);
		status = VPMU_OK;
	}
	if (status && status != VPMU_NO_REGISTER)
		must_fail(status, why);
	return 0;
}
