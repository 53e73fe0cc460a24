/* SPDX-License-Identifier: MIT */
/*
 * Finds the loadable segments of an ELF file, 32 or 64 bits (System V ABI, chapters 4 and 5). Every
 * number in the file is checked before it is used.
 */
#include <string.h>

#include "room.h"

enum {
	IDENT_BYTES = 16,
	CLASS_32 = 1,
	CLASS_64 = 2,
	LITTLE_ENDIAN_DATA = 1,
	TYPE_EXECUTABLE = 2,
	TYPE_SHARED = 3,
	MACHINE_386 = 3,
	MACHINE_X86_64 = 62,
	SEGMENT_LOAD = 1,
	SEGMENT_INTERPRETER = 3,
};

/* Where a field lies, in bytes. */
struct field {
	uint8_t offset, bytes;
};

/* The fields that matter, for one class. */
struct elf_class {
	uint8_t header_bytes, program_bytes;
	struct field entry, program_offset, program_size, program_count;   /* of the file header */
	struct field offset, virtual_, physical, file_bytes, memory_bytes; /* of a program header */
};

static const struct elf_class class_32 = {
	.header_bytes = 52,
	.program_bytes = 32,
	.entry = {24, 4},
	.program_offset = {28, 4},
	.program_size = {42, 2},
	.program_count = {44, 2},
	.offset = {4, 4},
	.virtual_ = {8, 4},
	.physical = {12, 4},
	.file_bytes = {16, 4},
	.memory_bytes = {20, 4},
};

static const struct elf_class class_64 = {
	.header_bytes = 64,
	.program_bytes = 56,
	.entry = {24, 8},
	.program_offset = {32, 8},
	.program_size = {54, 2},
	.program_count = {56, 2},
	.offset = {8, 8},
	.virtual_ = {16, 8},
	.physical = {24, 8},
	.file_bytes = {32, 8},
	.memory_bytes = {40, 8},
};

static uint64_t get(const uint8_t *structure, struct field field)
{
	return load_le(structure + field.offset, field.bytes);
}

bool elf_is(const struct image *image)
{
	const uint8_t *ident = image_at(image, 0, IDENT_BYTES);

	return ident && !memcmp(ident, "\177ELF", 4);
}

unsigned elf_bits(const struct image *image)
{
	switch (image->data[4]) {
	case CLASS_32:
		return 32;
	case CLASS_64:
		return 64;
	default:
		return 0;
	}
}

static enum vpmu_status check_type(struct image *image)
{
	uint64_t type = load_le(image->data + 16, 2), machine = load_le(image->data + 18, 2);
	bool ours = machine == MACHINE_X86_64 || (machine == MACHINE_386 && elf_bits(image) == 32);

	if (!ours)
		return refuse_value(image, VPMU_INCOMPATIBLE,
		                    "ELF file for another processor: e_machine", machine);
	if (type == TYPE_SHARED)
		return refuse(image, VPMU_INCOMPATIBLE,
		              "position-independent ELF file: link it with -static -no-pie");
	if (type != TYPE_EXECUTABLE)
		return refuse_value(image, VPMU_INCOMPATIBLE, "not an executable: e_type", type);
	return VPMU_OK;
}

/* The file header: VPMU_OK and the class, or a reason. */
static enum vpmu_status check_header(struct image *image, const struct elf_class **found)
{
	const struct elf_class *class_ = elf_bits(image) == 64 ? &class_64 : &class_32;

	if (!elf_bits(image))
		return refuse_value(image, VPMU_BAD_DATA, "damaged ELF header: EI_CLASS",
		                    image->data[4]);
	if (image->data[5] != LITTLE_ENDIAN_DATA)
		return refuse(image, VPMU_INCOMPATIBLE, "big-endian ELF file");
	if (image->bytes < class_->header_bytes)
		return refuse(image, VPMU_BAD_DATA, "truncated: the ELF header is incomplete");
	*found = class_;
	return check_type(image);
}

static bool holds(uint64_t start, uint64_t bytes, uint64_t address)
{
	return address >= start && address - start < bytes;
}

/* Adds one program header's segment. The entry is a virtual address: it moves with its segment. */
static enum vpmu_status add_program(struct image *image, const struct elf_class *class_,
                                    const uint8_t *program, enum elf_address by,
                                    struct layout *layout)
{
	uint64_t type = load_le(program, 4), start = get(program, class_->virtual_);
	uint64_t entry = get(image->data, class_->entry);
	struct segment segment = {
		.offset = get(program, class_->offset),
		.file_bytes = get(program, class_->file_bytes),
		.address = by == ELF_BY_VIRTUAL ? start : get(program, class_->physical),
		.memory_bytes = get(program, class_->memory_bytes),
	};

	if (type == SEGMENT_INTERPRETER)
		return refuse(image, VPMU_INCOMPATIBLE,
		              "dynamically linked ELF file: link it with -static -no-pie");
	if (type != SEGMENT_LOAD || !segment.memory_bytes)
		return VPMU_OK;
	if (holds(start, segment.memory_bytes, entry))
		layout->entry = entry - start + segment.address;
	return layout_add(layout, image, &segment) ? VPMU_OK : VPMU_BAD_DATA;
}

enum vpmu_status elf_layout(struct image *image, enum elf_address by, struct layout *layout)
{
	const struct elf_class *class_ = NULL;
	enum vpmu_status status = check_header(image, &class_);
	uint64_t offset, count;
	const uint8_t *programs;

	if (status)
		return status;
	offset = get(image->data, class_->program_offset);
	count = get(image->data, class_->program_count);
	if (count && get(image->data, class_->program_size) != class_->program_bytes)
		return refuse_value(image, VPMU_BAD_DATA, "damaged ELF header: e_phentsize",
		                    get(image->data, class_->program_size));
	programs = image_at(image, offset, count * class_->program_bytes);
	if (!programs)
		return refuse_value(image, VPMU_BAD_DATA,
		                    "truncated: the program headers lie beyond the end of the file:"
		                    " e_phoff",
		                    offset);
	layout->entry = UINT64_MAX;
	for (uint64_t i = 0; i < count && !status; i++)
		status = add_program(image, class_, programs + i * class_->program_bytes, by,
		                     layout);
	if (!status && !layout->count)
		return refuse(image, VPMU_BAD_DATA, "nothing to load: no PT_LOAD segment");
	if (!status && layout->entry == UINT64_MAX)
		return refuse_value(image, VPMU_BAD_DATA, "the entry lies in no segment: e_entry",
		                    get(image->data, class_->entry));
	return status;
}
