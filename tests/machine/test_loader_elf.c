/* SPDX-License-Identifier: MIT */
/* Loading ELF64 files: right ones end where they say, wrong ones are refused with a reason. */
#include "loader_fixture.h"

/* --- ELF64 ------------------------------------------------------------------------------------ */

static void elf64_is_loaded_and_entered_in_long_mode(void **state)
{
	struct made_elf elf = made_elf_default(64);

	made_elf(&image, &elf);
	assert_int_equal(load(), VPMU_OK);
	assert_true(entry.long_mode);
	assert_int_equal(entry.rip, 0x100000);
	assert_int_equal(entry.rsp, 0x1fff0);
	assert_int_equal(entry.rsi, 4 * MIB);
	assert_int_equal(at(0x100000, 4), 0x04030201);
	assert_int_equal(at(0x100000 + IMAGE_CODE_BYTES, 8), 0);
}

/* docs/guest-abi.md: PE MP ET NE WP PG; PAE OSFXSR OSXMMEXCPT; LME LMA. */
static void elf64_begins_with_sse_and_paging(void **state)
{
	struct made_elf elf = made_elf_default(64);

	made_elf(&image, &elf);
	assert_int_equal(load(), VPMU_OK);
	assert_int_equal(entry.cr0, 0x80010033);
	assert_int_equal(entry.cr4, 0x620);
	assert_int_equal(entry.efer, 0x500);
}

static void elf64_page_tables_map_four_gib_one_to_one(void **state)
{
	struct made_elf elf = made_elf_default(64);

	made_elf(&image, &elf);
	assert_int_equal(load(), VPMU_OK);
	for (uint64_t address = 0; address < 4096 * MIB; address += 2 * MIB) {
		uint64_t e4 = at(entry.cr3, 8);
		uint64_t e3 = at((e4 & ~0xfffull) + (address >> 30) * 8, 8);
		uint64_t e2 = at((e3 & ~0xfffull) + (address >> 21 & 511) * 8, 8);

		assert_int_equal(e4 & e3 & e2 & 7, 7);
		assert_int_equal(e2 & ~0x1fffffull, address);
		assert_int_equal(e2 & 0x80, 0x80);
	}
}

static void gdt_holds_the_promised_selectors(void **state)
{
	struct made_elf elf = made_elf_default(64);
	const uint64_t present = UINT64_C(1) << 47, code = UINT64_C(1) << 43;
	const uint64_t wide = UINT64_C(1) << 53, big = UINT64_C(1) << 54;

	made_elf(&image, &elf);
	assert_int_equal(load(), VPMU_OK);
	assert_int_equal(entry.gdt_limit, 31);
	assert_int_equal(at(entry.gdt_base, 8), 0);
	assert_int_equal(at(entry.gdt_base + CPU_SELECTOR_CODE64, 8) & (present | code | wide),
	                 present | code | wide);
	assert_int_equal(at(entry.gdt_base + CPU_SELECTOR_DATA, 8) & (present | code), present);
	assert_int_equal(at(entry.gdt_base + CPU_SELECTOR_CODE32, 8) &
	                         (present | code | wide | big),
	                 present | code | big);
}

static void command_line_is_where_rdi_points(void **state)
{
	struct made_elf elf = made_elf_default(64);

	append = "one two";
	made_elf(&image, &elf);
	assert_int_equal(load(), VPMU_OK);
	assert_string_equal(memory_at(&memory, entry.rdi, 16), "one two");
}

static void too_long_command_line_is_refused(void **state)
{
	struct made_elf elf = made_elf_default(64);
	char *line = malloc(5000);

	memset(line, 'x', 4999);
	line[4999] = 0;
	append = line;
	made_elf(&image, &elf);
	assert_refused(VPMU_BAD_ARGUMENT, "command line is too long");
	line[4089] = 0;
	assert_int_equal(load(), VPMU_OK);
	free(line);
}

static void elf64_goes_to_its_virtual_address(void **state)
{
	struct made_elf elf = made_elf_default(64);

	elf.physical = 0;
	made_elf(&image, &elf);
	assert_int_equal(load(), VPMU_OK);
	assert_int_equal(at(0x100000, 1), 1);
}

static void sixty_four_segments_load_and_one_more_is_refused(void **state)
{
	struct made_elf elf = made_elf_default(64);

	elf.memory_bytes = elf.file_bytes = 0x100;
	elf.virtual_ = elf.entry = 0x20000;
	elf.segments = 62; /* as many as lie in 4 MiB */
	made_elf(&image, &elf);
	assert_int_equal(load(), VPMU_OK);
	assert_int_equal(at(0x20000 + 61 * 0x10000, 1), 1);
	elf.segments = 65;
	made_elf(&image, &elf);
	assert_int_equal(load(), VPMU_BAD_DATA);
	assert_non_null(strstr(why, "more than 64 segments"));
}

/* --- ELF64, refused --------------------------------------------------------------------------- */

static void other_files_are_refused(void **state)
{
	image.bytes = 0;
	assert_refused(VPMU_BAD_DATA, "neither an ELF file nor a multiboot image");
	memset(image.data, 'x', IMAGE_BYTES);
	image.bytes = IMAGE_BYTES;
	assert_refused(VPMU_BAD_DATA, "neither an ELF file nor a multiboot image");
}

static void wrong_kinds_of_elf_are_refused(void **state)
{
	struct made_elf elf = made_elf_default(64);

	elf.machine = 183;
	refused(&elf, VPMU_INCOMPATIBLE, "another processor: e_machine 0xb7");
	elf = made_elf_default(64);
	elf.type = 3;
	refused(&elf, VPMU_INCOMPATIBLE, "position-independent");
	elf.type = 1;
	refused(&elf, VPMU_INCOMPATIBLE, "not an executable: e_type 0x1");
	elf = made_elf_default(32);
	refused(&elf, VPMU_INCOMPATIBLE, "32-bit ELF file without a multiboot header");
	elf = made_elf_default(64);
	made_elf(&image, &elf);
	image.data[5] = 2;
	assert_refused(VPMU_INCOMPATIBLE, "big-endian");
	image.data[5] = 1;
	image.data[4] = 9;
	assert_refused(VPMU_BAD_DATA, "EI_CLASS 0x9");
	image.data[4] = 2;
	image.data[64] = 3;
	assert_refused(VPMU_INCOMPATIBLE, "dynamically linked");
}

static void segment_that_does_not_fit_in_memory_is_refused(void **state)
{
	struct made_elf elf = made_elf_default(64);

	elf.memory_bytes = 3 * MIB + 1;
	refused(&elf, VPMU_INCOMPATIBLE, "does not fit in memory: segment at 0x100000");
	elf.memory_bytes = UINT64_MAX;
	refused(&elf, VPMU_INCOMPATIBLE, "does not fit in memory");
	elf.memory_bytes = 0x1000;
	elf.virtual_ = elf.entry = UINT64_MAX - 0xfff;
	refused(&elf, VPMU_INCOMPATIBLE, "does not fit in memory");
	elf.virtual_ = elf.entry = 4 * MIB;
	refused(&elf, VPMU_INCOMPATIBLE, "does not fit in memory");
}

static void segment_in_the_boards_memory_is_refused(void **state)
{
	struct made_elf elf = made_elf_default(64);

	elf.virtual_ = elf.entry = 0x1ffff;
	refused(&elf, VPMU_INCOMPATIBLE, "below 0x20000");
}

static void overlapping_segments_are_refused(void **state)
{
	struct made_elf elf = made_elf_default(64);

	elf.segments = 2;
	elf.memory_bytes = 0x10001;
	refused(&elf, VPMU_BAD_DATA, "segments overlap: at 0x110000");
	elf.memory_bytes = 0x10000;
	made_elf(&image, &elf);
	assert_int_equal(load(), VPMU_OK);
}

static void segment_beyond_the_file_is_refused(void **state)
{
	struct made_elf elf = made_elf_default(64);

	elf.file_bytes = IMAGE_CODE_BYTES + 1;
	refused(&elf, VPMU_BAD_DATA, "a segment ends beyond the end of the file: at offset 0x1000");
	elf.file_bytes = elf.memory_bytes = UINT64_MAX;
	refused(&elf, VPMU_BAD_DATA, "a segment ends beyond the end of the file");
	elf.file_bytes = 0x100;
	elf.memory_bytes = 0xff;
	refused(&elf, VPMU_BAD_DATA, "larger in the file than in memory");
}

static void entry_outside_every_segment_is_refused(void **state)
{
	struct made_elf elf = made_elf_default(64);

	elf.entry = 0x103000;
	refused(&elf, VPMU_BAD_DATA, "the entry lies in no segment: e_entry 0x103000");
	elf.entry = 0xfffff;
	refused(&elf, VPMU_BAD_DATA, "the entry lies in no segment");
}

static void no_segment_at_all_is_refused(void **state)
{
	struct made_elf elf = made_elf_default(64);

	elf.segments = 0;
	refused(&elf, VPMU_BAD_DATA, "no PT_LOAD segment");
}

static void damaged_program_headers_are_refused(void **state)
{
	struct made_elf elf = made_elf_default(64);

	made_elf(&image, &elf);
	image.data[54] = 55;
	assert_refused(VPMU_BAD_DATA, "e_phentsize 0x37");
	elf.segments = 0xffff;
	refused(&elf, VPMU_BAD_DATA, "program headers lie beyond the end");
	elf.segments = 1;
	made_elf(&image, &elf);
	memset(image.data + 32, 0xff, 8);
	assert_refused(VPMU_BAD_DATA, "e_phoff 0xffffffffffffffff");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(elf64_is_loaded_and_entered_in_long_mode),
		T(elf64_begins_with_sse_and_paging),
		T(elf64_page_tables_map_four_gib_one_to_one),
		T(gdt_holds_the_promised_selectors),
		T(command_line_is_where_rdi_points),
		T(too_long_command_line_is_refused),
		T(elf64_goes_to_its_virtual_address),
		T(sixty_four_segments_load_and_one_more_is_refused),
		T(other_files_are_refused),
		T(wrong_kinds_of_elf_are_refused),
		T(segment_that_does_not_fit_in_memory_is_refused),
		T(segment_in_the_boards_memory_is_refused),
		T(overlapping_segments_are_refused),
		T(segment_beyond_the_file_is_refused),
		T(entry_outside_every_segment_is_refused),
		T(no_segment_at_all_is_refused),
		T(damaged_program_headers_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
