/* SPDX-License-Identifier: MIT */
/* See guest_image.h. */
#include <string.h>

#include "guest_image.h"

static void put(struct made_image *image, size_t at, unsigned bytes, uint64_t value)
{
	for (unsigned i = 0; i < bytes; i++)
		image->data[at + i] = (uint8_t)(value >> (8 * i));
}

struct made_elf made_elf_default(unsigned bits)
{
	return (struct made_elf){.bits = bits,
	                         .machine = bits == 64 ? 62 : 3,
	                         .type = 2,
	                         .entry = 0x100000,
	                         .virtual_ = 0x100000,
	                         .physical = 0x100000,
	                         .file_bytes = IMAGE_CODE_BYTES,
	                         .memory_bytes = 0x3000,
	                         .segments = 1};
}

static void program_32(struct made_image *image, size_t at, const struct made_elf *elf, uint64_t up)
{
	put(image, at, 4, 1);
	put(image, at + 4, 4, IMAGE_CODE);
	put(image, at + 8, 4, elf->virtual_ + up);
	put(image, at + 12, 4, elf->physical + up);
	put(image, at + 16, 4, elf->file_bytes);
	put(image, at + 20, 4, elf->memory_bytes);
}

static void program_64(struct made_image *image, size_t at, const struct made_elf *elf, uint64_t up)
{
	put(image, at, 4, 1);
	put(image, at + 8, 8, IMAGE_CODE);
	put(image, at + 16, 8, elf->virtual_ + up);
	put(image, at + 24, 8, elf->physical + up);
	put(image, at + 32, 8, elf->file_bytes);
	put(image, at + 40, 8, elf->memory_bytes);
}

void made_elf(struct made_image *image, const struct made_elf *elf)
{
	bool wide = elf->bits == 64;

	memset(image, 0, sizeof(*image));
	image->bytes = IMAGE_BYTES;
	memcpy(image->data, "\177ELF", 4);
	put(image, 4, 1, wide ? 2 : 1);
	put(image, 5, 1, 1);
	put(image, 6, 1, 1);
	put(image, 16, 2, elf->type);
	put(image, 18, 2, elf->machine);
	put(image, 20, 4, 1);
	put(image, 24, wide ? 8 : 4, elf->entry);
	put(image, wide ? 32 : 28, wide ? 8 : 4, wide ? 64 : 52);
	put(image, wide ? 52 : 40, 2, wide ? 64 : 52);
	put(image, wide ? 54 : 42, 2, wide ? 56 : 32);
	put(image, wide ? 56 : 44, 2, elf->segments);
	for (uint64_t i = 0; i < elf->segments && i < 70; i++)
		wide ? program_64(image, 64 + i * 56, elf, i * 0x10000)
		     : program_32(image, 52 + i * 32, elf, i * 0x10000);
	for (unsigned i = 0; i < IMAGE_CODE_BYTES; i++)
		image->data[IMAGE_CODE + i] = (uint8_t)(i + 1);
}

void made_multiboot(struct made_image *image, size_t at, uint32_t flags,
                    const uint32_t addresses[5])
{
	const uint32_t magic = 0x1badb002;

	put(image, at, 4, magic);
	put(image, at + 4, 4, flags);
	put(image, at + 8, 4, 0 - (magic + flags));
	for (unsigned i = 0; addresses && i < 5; i++)
		put(image, at + 12 + 4 * i, 4, addresses[i]);
}
