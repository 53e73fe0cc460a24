/* SPDX-License-Identifier: MIT */
/*
 * Multiboot images, version 1 (Multiboot Specification 0.6.96): the header (3.1) and the
 * information that the guest gets (3.3).
 */
#include <string.h>

#include "room.h"

enum {
	SEARCH_BYTES = 8192,
	HEADER_BYTES = 12,
	ADDRESSES_BYTES = 32, /* with the fields that flag 16 promises */
};

#define HEADER_MAGIC UINT32_C(0x1badb002)

/* Header flags. Known among the required ones (bits 15:0): page alignment of modules (there are
 * none), memory information, and a video mode (the guest is told of none). */
#define FLAG_MEMORY    UINT32_C(2)
#define FLAGS_KNOWN    UINT32_C(7)
#define FLAGS_REQUIRED UINT32_C(0xffff)
#define FLAG_ADDRESSES UINT32_C(0x10000)

int64_t multiboot_find(const struct image *image)
{
	for (uint64_t at = 0; at + HEADER_BYTES <= SEARCH_BYTES; at += 4) {
		const uint8_t *p = image_at(image, at, HEADER_BYTES);

		if (!p)
			return -1;
		if (load_le(p, 4) == HEADER_MAGIC &&
		    !(uint32_t)(load_le(p, 4) + load_le(p + 4, 4) + load_le(p + 8, 4)))
			return (int64_t)at;
	}
	return -1;
}

/* Layout by the addresses in the header itself (3.1.3): one range of bytes, then zeros. */
static enum vpmu_status layout_by_addresses(struct image *image, uint64_t header,
                                            struct layout *layout)
{
	const uint8_t *p = image_at(image, header, ADDRESSES_BYTES);
	uint64_t at, load, load_end, bss_end, before;
	struct segment segment;

	if (!p)
		return refuse(image, VPMU_BAD_DATA,
		              "truncated: the multiboot header is incomplete");
	at = load_le(p + 12, 4);
	load = load_le(p + 16, 4);
	load_end = load_le(p + 20, 4);
	bss_end = load_le(p + 24, 4);
	before = at - load; /* bytes of the image before the header */
	if (load > at || before > header)
		return refuse_value(image, VPMU_BAD_DATA, "damaged multiboot header: load_addr",
		                    load);
	segment.offset = header - before;
	segment.address = load;
	segment.file_bytes = load_end ? load_end - load : image->bytes - segment.offset;
	if (load_end && load_end < load)
		return refuse_value(image, VPMU_BAD_DATA, "damaged multiboot header: load_end_addr",
		                    load_end);
	if (bss_end && bss_end < load + segment.file_bytes)
		return refuse_value(image, VPMU_BAD_DATA, "damaged multiboot header: bss_end_addr",
		                    bss_end);
	segment.memory_bytes = bss_end ? bss_end - load : segment.file_bytes;
	layout->entry = load_le(p + 28, 4);
	return layout_add(layout, image, &segment) ? VPMU_OK : VPMU_BAD_DATA;
}

enum vpmu_status multiboot_layout(struct image *image, uint64_t header, struct layout *layout)
{
	uint32_t flags = (uint32_t)load_le(image->data + header + 4, 4);
	enum vpmu_status status;

	layout->long_mode = false;
	layout->header_flags = flags;
	if (flags & FLAGS_REQUIRED & ~FLAGS_KNOWN)
		return refuse_value(image, VPMU_INCOMPATIBLE,
		                    "the multiboot header requires what this machine lacks: flags",
		                    flags & FLAGS_REQUIRED & ~FLAGS_KNOWN);
	if (flags & FLAG_ADDRESSES)
		return layout_by_addresses(image, header, layout);
	if (!elf_is(image))
		return refuse(image, VPMU_BAD_DATA,
		              "a multiboot image that is not ELF and gives no addresses (flag 16)");
	status = elf_layout(image, ELF_BY_PHYSICAL, layout);
	if (!status && layout->entry > UINT32_MAX)
		return refuse_value(image, VPMU_BAD_DATA,
		                    "the entry lies beyond 4 GiB:", layout->entry);
	return status;
}

/* Bits of the information's flags, and where the fields lie (3.3). */
enum {
	INFO_MEMORY = 1,
	INFO_COMMAND_LINE = 4,
	INFO_MAP = 0x40,
	INFO_LOADER_NAME = 0x200,
	AT_LOWER = 4,
	AT_UPPER = 8,
	AT_COMMAND_LINE = 16,
	AT_MAP_BYTES = 44,
	AT_MAP = 48,
	AT_LOADER_NAME = 64,
	INFO_BYTES = 128, /* large enough; the map and the name follow */
	MAP_ENTRY_BYTES = 24,
	NAME_OFFSET = 0x100,
};

#define LOW_END UINT64_C(0xa0000) /* where a PC's RAM below 1 MiB stops */

/* Writes one entry of the memory map. Its `size` does not include the size field. */
static void write_range(uint8_t *p, uint64_t from, uint64_t to, bool ram)
{
	store_le(p, 4, MAP_ENTRY_BYTES - 4);
	store_le(p + 4, 8, from);
	store_le(p + 12, 8, to - from);
	store_le(p + 20, 4, ram ? 1 : 2);
}

/* Returns the map's length in bytes. */
static unsigned write_map(const struct guest_memory *memory, uint8_t *map)
{
	write_range(map, 0, LOW_END, true);
	write_range(map + MAP_ENTRY_BYTES, LOW_END, MIB, false);
	write_range(map + 2 * MAP_ENTRY_BYTES, MIB, memory->bytes, true);
	write_range(map + 3 * MAP_ENTRY_BYTES, DEVICE_BASE, DEVICE_BASE + DEVICE_BYTES, false);
	return 4 * MAP_ENTRY_BYTES;
}

void multiboot_information(const struct guest_memory *memory, const struct layout *layout)
{
	uint8_t *info = memory_at(memory, BOARD_INFORMATION, 0x1000);
	uint32_t flags = INFO_MEMORY | INFO_COMMAND_LINE | INFO_LOADER_NAME;

	if (layout->header_flags & FLAG_MEMORY) {
		flags |= INFO_MAP;
		store_le(info + AT_MAP_BYTES, 4, write_map(memory, info + INFO_BYTES));
		store_le(info + AT_MAP, 4, BOARD_INFORMATION + INFO_BYTES);
	}
	store_le(info, 4, flags);
	store_le(info + AT_LOWER, 4, LOW_END / 1024);
	store_le(info + AT_UPPER, 4, (memory->bytes - MIB) / 1024);
	store_le(info + AT_COMMAND_LINE, 4, BOARD_COMMAND_LINE);
	store_le(info + AT_LOADER_NAME, 4, BOARD_INFORMATION + NAME_OFFSET);
	memcpy(info + NAME_OFFSET, "vpmu", sizeof("vpmu"));
}
