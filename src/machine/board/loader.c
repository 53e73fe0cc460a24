/* SPDX-License-Identifier: MIT */
/*
 * Loads a guest: asks elf.c or multiboot.c what goes where, checks the layout as a whole against
 * memory, and only then writes: the segments, the command line, the descriptor table and, for
 * 64-bit guests, page tables.
 */
#include <stdio.h>
#include <string.h>

#include <machine/cpu_bits.h>

#include "room.h"

const uint8_t *image_at(const struct image *image, uint64_t offset, uint64_t bytes)
{
	if (offset > image->bytes || bytes > image->bytes - offset)
		return NULL;
	return image->data + offset;
}

uint64_t load_le(const uint8_t *p, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)p[i] << (8 * i);
	return value;
}

void store_le(uint8_t *p, unsigned bytes, uint64_t value)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(value >> (8 * i));
}

enum vpmu_status refuse(struct image *image, enum vpmu_status status, const char *what)
{
	text_add(&image->why, what);
	return status;
}

enum vpmu_status refuse_value(struct image *image, enum vpmu_status status, const char *what,
                              uint64_t value)
{
	text_add(&image->why, what);
	text_add(&image->why, " ");
	text_add_hex(&image->why, value);
	return status;
}

bool layout_add(struct layout *layout, struct image *image, const struct segment *segment)
{
	if (layout->count == MAX_SEGMENTS) {
		refuse(image, VPMU_BAD_DATA, "more than 64 segments");
		return false;
	}
	if (segment->file_bytes > segment->memory_bytes) {
		refuse_value(image, VPMU_BAD_DATA,
		             "damaged: a segment is larger in the file than in memory: at offset",
		             segment->offset);
		return false;
	}
	if (!image_at(image, segment->offset, segment->file_bytes)) {
		refuse_value(image, VPMU_BAD_DATA,
		             "truncated: a segment ends beyond the end of the file: at offset",
		             segment->offset);
		return false;
	}
	layout->segments[layout->count++] = *segment;
	return true;
}

/* The sums cannot wrap: both segments have been found to fit in memory. */
static bool overlap(const struct segment *a, const struct segment *b)
{
	return a->address < b->address + b->memory_bytes &&
	       b->address < a->address + a->memory_bytes;
}

static enum vpmu_status check_segment(const struct guest_memory *memory, struct image *image,
                                      const struct layout *layout, unsigned i)
{
	const struct segment *segment = &layout->segments[i];

	if (!memory_at(memory, segment->address, segment->memory_bytes)) {
		refuse_value(image, VPMU_INCOMPATIBLE, "does not fit in memory: segment at",
		             segment->address);
		refuse_value(image, VPMU_INCOMPATIBLE, ", bytes", segment->memory_bytes);
		return refuse_value(image, VPMU_INCOMPATIBLE, ", memory ends at", memory->bytes);
	}
	if (segment->address < BOARD_END)
		return refuse_value(image, VPMU_INCOMPATIBLE,
		                    "a segment lies below 0x20000, which is the board's: at",
		                    segment->address);
	for (unsigned j = 0; j < i; j++)
		if (overlap(segment, &layout->segments[j]))
			return refuse_value(image, VPMU_BAD_DATA, "segments overlap: at",
			                    segment->address);
	return VPMU_OK;
}

static enum vpmu_status check_layout(const struct guest_memory *memory, struct image *image,
                                     const struct layout *layout)
{
	enum vpmu_status status = VPMU_OK;

	for (unsigned i = 0; i < layout->count && !status; i++)
		status = check_segment(memory, image, layout, i);
	if (!status && !memory_at(memory, layout->entry, 1))
		status = refuse_value(image, VPMU_BAD_DATA,
		                      "the entry lies outside memory:", layout->entry);
	return status;
}

/* Identity-maps the first 4 GiB: one PML4, one page of PDPT, four page directories (SDM vol. 3A
 * 4.5). Ring 3 may use every page. */
static void write_page_tables(const struct guest_memory *memory)
{
	enum { PRESENT_WRITABLE_USER = 7, LARGE = 0x80, DIRECTORIES = 4, ENTRIES = 512 };
	uint8_t *pml4 = memory_at(memory, BOARD_PAGE_TABLES, 0x6000);
	uint8_t *pdpt = pml4 + 0x1000, *directories = pml4 + 0x2000;

	store_le(pml4, 8, (BOARD_PAGE_TABLES + 0x1000) | PRESENT_WRITABLE_USER);
	for (uint64_t i = 0; i < DIRECTORIES; i++)
		store_le(pdpt + i * 8, 8,
		         (BOARD_PAGE_TABLES + 0x2000 + i * 0x1000) | PRESENT_WRITABLE_USER);
	for (uint64_t i = 0; i < DIRECTORIES * ENTRIES; i++)
		store_le(directories + i * 8, 8, (i << 21) | LARGE | PRESENT_WRITABLE_USER);
}

/* Flat ring 0 descriptors, in the order of the CPU_SELECTOR_ values (SDM vol. 3A 3.4.5). */
static const uint64_t descriptors[] = {
	0, UINT64_C(0x00af9b000000ffff), /* CODE64: L */
	UINT64_C(0x00cf93000000ffff),    /* DATA: writable, 4 GiB */
	UINT64_C(0x00cf9b000000ffff),    /* CODE32: D, 4 GiB */
};

static void write_board(const struct guest_memory *memory, const struct layout *layout,
                        const char *append)
{
	char *line = memory_at(memory, BOARD_COMMAND_LINE, BOARD_COMMAND_LINE_BYTES);
	uint8_t *gdt = memory_at(memory, BOARD_GDT, sizeof(descriptors));

	snprintf(line, BOARD_COMMAND_LINE_BYTES, "%s%s%s", layout->long_mode ? "" : "guest",
	         !layout->long_mode && *append ? " " : "", append);
	for (unsigned i = 0; i < ARRAY_SIZE(descriptors); i++)
		store_le(gdt + 8 * i, 8, descriptors[i]);
	if (layout->long_mode)
		write_page_tables(memory);
	else
		multiboot_information(memory, layout);
}

/* The control registers of docs/guest-abi.md: protected mode without paging, and a mode in which
 * SSE works as well. */
static const struct mode {
	uint64_t cr0, cr4, efer;
} protected_mode = {CR0_PE | CR0_ET, 0, 0},
  long_mode = {
	  CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG,
	  CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT,
	  EFER_LME | EFER_LMA,
};

static struct cpu_entry make_entry(const struct guest_memory *memory, const struct layout *layout)
{
	const struct mode *mode = layout->long_mode ? &long_mode : &protected_mode;
	struct cpu_entry entry = {
		.long_mode = layout->long_mode,
		.cr0 = mode->cr0,
		.cr4 = mode->cr4,
		.efer = mode->efer,
		.rip = layout->entry,
		.rsp = BOARD_STACK_TOP,
		.gdt_base = BOARD_GDT,
		.gdt_limit = sizeof(descriptors) - 1,
	};

	if (layout->long_mode) {
		entry.rdi = BOARD_COMMAND_LINE;
		entry.rsi = memory->bytes;
		entry.cr3 = BOARD_PAGE_TABLES;
	} else {
		entry.rax = 0x2badb002; /* Multiboot 0.6.96, 3.2 */
		entry.rbx = BOARD_INFORMATION;
	}
	return entry;
}

static enum vpmu_status find_layout(struct image *image, struct layout *layout)
{
	int64_t header = multiboot_find(image);

	if (header >= 0)
		return multiboot_layout(image, (uint64_t)header, layout);
	if (!elf_is(image))
		return refuse(image, VPMU_BAD_DATA,
		              "neither an ELF file nor a multiboot image: give it a guest built"
		              " for bare metal");
	if (elf_bits(image) == 32)
		return refuse(image, VPMU_INCOMPATIBLE,
		              "a 32-bit ELF file without a multiboot header in its first 8 KiB");
	layout->long_mode = true;
	return elf_layout(image, ELF_BY_VIRTUAL, layout);
}

enum vpmu_status loader_load(const struct guest_memory *memory, struct image *image,
                             const char *append, struct cpu_entry *entry)
{
	struct layout layout = {0};
	enum vpmu_status status = find_layout(image, &layout);

	if (!status)
		status = check_layout(memory, image, &layout);
	if (status)
		return status;
	if (strlen(append) > BOARD_COMMAND_LINE_BYTES - sizeof("guest "))
		return refuse(image, VPMU_BAD_ARGUMENT, "the command line is too long");
	for (unsigned i = 0; i < layout.count; i++)
		memcpy(memory_at(memory, layout.segments[i].address, layout.segments[i].file_bytes),
		       image->data + layout.segments[i].offset, layout.segments[i].file_bytes);
	write_board(memory, &layout, append);
	*entry = make_entry(memory, &layout);
	return VPMU_OK;
}
