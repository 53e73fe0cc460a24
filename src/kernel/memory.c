/* SPDX-License-Identifier: MIT */
/* The arena of the kernel's code: first fit, in units. */
#include "memory.h"

#include <string.h>

struct memory kernel_memory;

void *memory_get(size_t bytes)
{
	struct memory *memory = &kernel_memory;
	unsigned wanted = (unsigned)((bytes + MEMORY_UNIT - 1) / MEMORY_UNIT), room = 0;

	if (bytes > sizeof(memory->at) - MEMORY_UNIT || !wanted)
		return NULL;
	for (unsigned i = 0; i < MEMORY_UNITS; i += memory->block[i] ? memory->block[i] : 1) {
		unsigned first;

		room = memory->block[i] ? 0 : room + 1;
		if (room < wanted)
			continue;
		first = i + 1 - wanted;
		memory->block[first] = (uint8_t)wanted;
		if (i + 1 > memory->units)
			memory->units = i + 1;
		return memory->at + (size_t)first * MEMORY_UNIT;
	}
	return NULL;
}

static uint32_t last_end(const struct memory *memory)
{
	uint32_t end = 0;

	for (unsigned i = 0; i < memory->units; i++)
		if (memory->block[i])
			end = i + memory->block[i];
	return end;
}

void memory_put(void *at)
{
	struct memory *memory = &kernel_memory;
	size_t first;

	if (!at)
		return;
	first = (size_t)((unsigned char *)at - memory->at) / MEMORY_UNIT;
	memset(at, 0, (size_t)memory->block[first] * MEMORY_UNIT);
	memory->block[first] = 0;
	memory->units = last_end(memory);
}
