/* SPDX-License-Identifier: MIT */
/*
 * The memory that the kernel's code allocates: one arena, which can be copied and put back as a
 * whole. The lowest free space is used first, and freed memory is zeroed, so the same calls lead to
 * the same bytes.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include <stddef.h>
#include <stdint.h>

enum { MEMORY_UNIT = 256, MEMORY_UNITS = 256 };

struct memory {
	uint8_t block[MEMORY_UNITS]; /* units of the block that begins here, or 0 */
	uint32_t units;              /* to the end of the last block */
	_Alignas(64) unsigned char at[MEMORY_UNITS * MEMORY_UNIT];
};
extern struct memory kernel_memory;

/* Zeroed; NULL: the arena is full. */
void *memory_get(size_t bytes);

/* Frees it; NULL is nothing. */
void memory_put(void *at);

#endif
