/* SPDX-License-Identifier: MIT */
/* Guest images: loaded, or refused with a reason and memory as it was. */
#include <string.h>

#include <machine/board/room.h>

#include "fuzz.h"

enum { MEMORY_BYTES = 2 << 20 };

/* The board's part of memory, and where most guests lie. Reading all of it would cost a page fault
 * a page after every guest that loads. */
static bool is_untouched(const struct guest_memory *memory)
{
	static const uint8_t zeros[BOARD_END];

	return !memcmp(memory->base, zeros, BOARD_END) &&
	       !memcmp(memory->base + MIB, zeros, BOARD_END);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct guest_memory memory;
	struct cpu_entry entry;
	char why[160] = "";
	struct image image = {.data = data, .bytes = size, .why = text_in(why, sizeof(why))};
	enum vpmu_status status;

	if (!memory.base)
		MUST(memory_make(&memory, MEMORY_BYTES) == VPMU_OK);
	status = loader_load(&memory, &image, "a command line", &entry);
	if (status) {
		MUST(status == VPMU_BAD_DATA || status == VPMU_INCOMPATIBLE);
		MUST(strlen(why) > 8);
		MUST(is_untouched(&memory));
		return 0;
	}
	MUST(entry.rip < memory.bytes);
	MUST(entry.long_mode || entry.rax == 0x2badb002);
	memory_unmake(&memory);
	return 0;
}
