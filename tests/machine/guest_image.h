/* SPDX-License-Identifier: MIT */
/* Makes guest images in memory, right ones, for tests to damage. */
#ifndef GUEST_IMAGE_H
#define GUEST_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IMAGE_BYTES = 0x1200, IMAGE_CODE = 0x1000, IMAGE_CODE_BYTES = 0x200 };

struct made_image {
	uint8_t data[IMAGE_BYTES];
	size_t bytes;
};

/* The numbers of an ELF image; see made_elf(). */
struct made_elf {
	unsigned bits;    /* 32 or 64 */
	uint16_t machine; /* 62, 3 */
	uint16_t type;    /* 2 */
	uint64_t entry;
	uint64_t virtual_, physical;
	uint64_t file_bytes, memory_bytes;
	uint16_t segments; /* PT_LOAD headers, each 0x10000 above the last, same bytes */
};

/* One that loads IMAGE_CODE_BYTES at 1 MiB and is entered there. */
struct made_elf made_elf_default(unsigned bits);

/* The file: headers, then at IMAGE_CODE bytes that count up from 1. */
void made_elf(struct made_image *image, const struct made_elf *elf);

/* Puts a multiboot header with these flags at an offset; addresses (five of them) or NULL. */
void made_multiboot(struct made_image *image, size_t at, uint32_t flags,
                    const uint32_t addresses[5]);

#endif
