/* SPDX-License-Identifier: MIT */
/* Packed files: unpacked, or refused, in bounded work. */
#include <string.h>

#include "input/unpack.h"
#include "fuzz.h"

struct packed {
	const uint8_t *data;
	size_t size;
};

static bool read_packed(void *context, uint64_t offset, void *into, size_t bytes)
{
	const struct packed *packed = context;

	MUST(offset <= packed->size && bytes <= packed->size - offset);
	memcpy(into, packed->data + offset, bytes);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { BLOCK = 1 << 16, MOST = 64 };
	static uint8_t block[BLOCK];
	struct packed packed = {data, size};
	const struct vpmu_source source = {.read = read_packed, .context = &packed, .bytes = size};
	const char *format = unpack_format(data, size), *why = NULL;
	struct unpack *unpack;
	size_t got = BLOCK;

	if (!format || !unpack_knows(format))
		return 0;
	unpack = unpack_begin(format, &source, 0);
	MUST(unpack);
	for (unsigned i = 0; got == BLOCK && i < MOST; i++) {
		bool good = unpack_next(unpack, block, BLOCK, &got, &why);

		MUST(got <= BLOCK && unpack_at(unpack) <= size);
		MUST(good == !why);
		if (!good)
			break;
	}
	unpack_end(unpack);
	return 0;
}
