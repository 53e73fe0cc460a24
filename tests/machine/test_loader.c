/* SPDX-License-Identifier: MIT */
/* Loading guests: right images end where they say, damaged ones are refused with a reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <machine/room_int.h>

#include "guest_image.h"

static struct guest_memory memory;
static struct made_image image;
static struct cpu_entry entry;
static char why[160];
static const char *append;

static int setup(void **state)
{
	assert_int_equal(memory_make(&memory, 4 * MIB), VPMU_OK);
	append = "";
	return 0;
}

static int teardown(void **state)
{
	memory_unmake(&memory);
	return 0;
}

static enum vpmu_status load_bytes(const uint8_t *data, size_t bytes)
{
	struct image file = {.data = data, .bytes = bytes, .why = text_in(why, sizeof(why))};

	return loader_load(&memory, &file, append, &entry);
}

/* From memory of exactly that size, so that the sanitizer sees a read beyond it. */
static enum vpmu_status load(void)
{
	uint8_t *copy = malloc(image.bytes ? image.bytes : 1);
	enum vpmu_status status;

	memcpy(copy, image.data, image.bytes);
	status = load_bytes(copy, image.bytes);
	free(copy);
	return status;
}

static uint64_t at(uint64_t address, unsigned bytes)
{
	return load_le(memory_at(&memory, address, bytes), bytes);
}

static bool memory_is_untouched(void)
{
	for (uint64_t i = 0; i < memory.bytes; i += 8)
		if (at(i, 8))
			return false;
	return true;
}

static void assert_refused(enum vpmu_status expected, const char *reason)
{
	assert_int_equal(load(), expected);
	assert_non_null(strstr(why, reason));
	assert_true(memory_is_untouched());
}

/* --- ELF64 -------------------------------------------------------------------------------------
 */

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

/* --- ELF64, refused ----------------------------------------------------------------------------
 */

static void refused(const struct made_elf *elf, enum vpmu_status status, const char *reason)
{
	made_elf(&image, elf);
	assert_refused(status, reason);
}

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

/* --- Multiboot ---------------------------------------------------------------------------------
 */

static void multiboot_elf32_is_entered_in_protected_mode(void **state)
{
	struct made_elf elf = made_elf_default(32);

	made_elf(&image, &elf);
	made_multiboot(&image, 0x400, 0, NULL);
	append = "a b";
	assert_int_equal(load(), VPMU_OK);
	assert_false(entry.long_mode);
	assert_int_equal(entry.rax, 0x2badb002);
	assert_int_equal(entry.rip, 0x100000);
	assert_int_equal(at(0x100000, 2), 0x0201);
	assert_int_equal(at(entry.rbx, 4) & 0x45, 5);
	assert_int_equal(at(entry.rbx + 4, 4), 640);
	assert_int_equal(at(entry.rbx + 8, 4), 3 * 1024);
	assert_string_equal(memory_at(&memory, at(entry.rbx + 16, 4), 16), "guest a b");
	assert_string_equal(memory_at(&memory, at(entry.rbx + 64, 4), 16), "vpmu");
}

static void multiboot_wins_over_plain_elf64(void **state)
{
	struct made_elf elf = made_elf_default(64);

	made_elf(&image, &elf);
	made_multiboot(&image, 0x404, 3, NULL);
	assert_int_equal(load(), VPMU_OK);
	assert_false(entry.long_mode);
	assert_string_equal(memory_at(&memory, at(entry.rbx + 16, 4), 16), "guest");
}

static void multiboot_entry_is_translated_to_the_physical_address(void **state)
{
	struct made_elf elf = made_elf_default(64);

	elf.virtual_ = UINT64_C(0xffffffff80100000);
	elf.entry = elf.virtual_ + 0x20;
	elf.physical = 0x200000;
	made_elf(&image, &elf);
	made_multiboot(&image, 0x400, 0, NULL);
	assert_int_equal(load(), VPMU_OK);
	assert_int_equal(entry.rip, 0x200020);
	assert_int_equal(at(0x200000, 1), 1);
}

static void memory_map_is_given_when_asked_for(void **state)
{
	struct made_elf elf = made_elf_default(32);
	uint64_t map, bytes, ram = 0;

	made_elf(&image, &elf);
	made_multiboot(&image, 0x400, 2, NULL);
	assert_int_equal(load(), VPMU_OK);
	assert_int_equal(at(entry.rbx, 4) & 0x40, 0x40);
	bytes = at(entry.rbx + 44, 4);
	map = at(entry.rbx + 48, 4);
	for (uint64_t i = 0; i < bytes; i += at(map + i, 4) + 4)
		if (at(map + i + 20, 4) == 1)
			ram += at(map + i + 12, 8);
	assert_int_equal(ram, 4 * MIB - 0x60000);
}

static void header_is_found_up_to_8_kib_at_multiples_of_4(void **state)
{
	static struct {
		uint8_t data[0x3000];
	} big;
	static const struct {
		unsigned offset;
		bool found;
	} rows[] = {{0, true}, {4, true}, {8180, true}, {8184, false}, {402, false}};
	struct made_elf elf = made_elf_default(32);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct image file = {.data = big.data, .bytes = sizeof(big.data)};

		memset(&image, 0, sizeof(image));
		made_multiboot(&image, 0, 0, NULL);
		memset(&big, 0, sizeof(big));
		memcpy(big.data + rows[i].offset, image.data, 12);
		assert_int_equal(multiboot_find(&file), rows[i].found ? (int)rows[i].offset : -1);
	}
	made_elf(&image, &elf);
	made_multiboot(&image, 0x400, 0, NULL);
	image.data[0x408]++; /* the checksum */
	assert_refused(VPMU_INCOMPATIBLE, "without a multiboot header");
}

static void unknown_required_flags_are_refused_and_optional_ones_ignored(void **state)
{
	struct made_elf elf = made_elf_default(32);

	for (unsigned bit = 0; bit < 32; bit++) {
		if (bit == 16)
			continue;
		made_elf(&image, &elf);
		made_multiboot(&image, 0x400, 1u << bit, NULL);
		if (bit >= 3 && bit < 16)
			assert_refused(VPMU_INCOMPATIBLE, "requires what this machine lacks");
		else
			assert_int_equal(load(), VPMU_OK);
		teardown(state);
		setup(state);
	}
}

static void addresses_in_the_header_load_a_flat_image(void **state)
{
	const uint32_t addresses[] = {0x100010, 0x100000, 0x100200, 0x100400, 0x100040};

	for (unsigned i = 0; i < IMAGE_BYTES; i++)
		image.data[i] = (uint8_t)(i >> 4);
	image.bytes = IMAGE_BYTES;
	made_multiboot(&image, 0x110, 0x10000, addresses);
	assert_int_equal(load(), VPMU_OK);
	assert_int_equal(entry.rip, 0x100040);
	assert_int_equal(at(0x100000, 1), 0x10);
	assert_int_equal(at(0x100010, 4), 0x1badb002);
	assert_int_equal(at(0x1001ff, 1), 0x2f);
	assert_int_equal(at(0x100200, 8), 0);
}

static void load_end_zero_means_the_whole_file(void **state)
{
	const uint32_t addresses[] = {0x100000, 0x100000, 0, 0, 0x100040};

	memset(image.data, 7, IMAGE_BYTES);
	image.bytes = IMAGE_BYTES;
	made_multiboot(&image, 0, 0x10000, addresses);
	assert_int_equal(load(), VPMU_OK);
	assert_int_equal(at(0x100000 + IMAGE_BYTES - 1, 2), 7);
}

static void damaged_addresses_are_refused(void **state)
{
	static const struct {
		uint32_t addresses[5];
		enum vpmu_status status;
		const char *reason;
	} rows[] = {
		{{0x100000, 0x100004, 0, 0, 0x100000}, VPMU_BAD_DATA, "load_addr"},
		{{0x100014, 0x100000, 0, 0, 0x100000}, VPMU_BAD_DATA, "load_addr"},
		{{0x100000, 0x100000, 0xfffff, 0, 0x100000}, VPMU_BAD_DATA, "load_end_addr"},
		{{0x100000, 0x100000, 0, 0x100001, 0x100000}, VPMU_BAD_DATA, "bss_end_addr"},
		{{0x100000, 0x100000, 0x102000, 0, 0x100000}, VPMU_BAD_DATA, "beyond the end"},
		{{0x100000, 0x100000, 0, 0x500000, 0x100000}, VPMU_INCOMPATIBLE, "fit"},
		{{0xfffffff0, 0xfffffff0, 0, 0, 0x100000}, VPMU_INCOMPATIBLE, "fit"},
		{{0x100000, 0x100000, 0, 0, 0x400000}, VPMU_BAD_DATA, "entry lies outside"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		memset(image.data, 7, IMAGE_BYTES);
		image.bytes = IMAGE_BYTES;
		made_multiboot(&image, 0x10, 0x10000, rows[i].addresses);
		assert_refused(rows[i].status, rows[i].reason);
	}
}

static void flat_image_without_addresses_is_refused(void **state)
{
	memset(image.data, 7, IMAGE_BYTES);
	image.bytes = IMAGE_BYTES;
	made_multiboot(&image, 0, 0, NULL);
	assert_refused(VPMU_BAD_DATA, "gives no addresses");
}

/* --- The checked accessors ---------------------------------------------------------------------
 */

static void parts_beyond_a_file_or_memory_are_null(void **state)
{
	static const struct {
		uint64_t offset, bytes;
		bool inside;
	} rows[] = {
		{0, 0, true},           {0, 100, true},
		{99, 1, true},          {100, 0, true},
		{101, 0, false},        {0, 101, false},
		{99, 2, false},         {1, UINT64_MAX, false},
		{UINT64_MAX, 1, false}, {101, UINT64_MAX, false},
	};
	uint8_t bytes[100] = {0};
	const struct image file = {.data = bytes, .bytes = sizeof(bytes)};
	const struct guest_memory ram = {.base = bytes, .bytes = sizeof(bytes)};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const uint8_t *expected = rows[i].inside ? bytes + rows[i].offset : NULL;

		assert_ptr_equal(image_at(&file, rows[i].offset, rows[i].bytes), expected);
		assert_ptr_equal(memory_at(&ram, rows[i].offset, rows[i].bytes), expected);
	}
}

/* --- Any damage --------------------------------------------------------------------------------
 */

/* A load, or a refusal with a reason; never anything else. */
static void any_answer(void **state)
{
	enum vpmu_status status = load();

	if (status) {
		assert_true(status == VPMU_BAD_DATA || status == VPMU_INCOMPATIBLE);
		assert_true(strlen(why) > 8);
		return;
	}
	teardown(state);
	setup(state);
}

static void make_good(unsigned which)
{
	static const uint32_t addresses[] = {0x100400, 0x100000, 0, 0, 0x100040};
	struct made_elf elf = made_elf_default(which == 0 ? 64 : 32);

	elf.segments = 2;
	made_elf(&image, &elf);
	if (which)
		made_multiboot(&image, 0x400, which == 1 ? 3 : 0x10003, addresses);
}

static void truncation_at_every_byte_is_answered(void **state)
{
	for (unsigned which = 0; which < 3; which++)
		for (size_t bytes = 0; bytes <= IMAGE_BYTES; bytes++) {
			make_good(which);
			image.bytes = bytes;
			any_answer(state);
		}
}

static void every_header_byte_at_every_extreme_is_answered(void **state)
{
	static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};

	for (unsigned which = 0; which < 3; which++)
		for (size_t i = 0; i < 0x420; i = i == 0xb0 ? 0x400 : i + 1)
			for (size_t v = 0; v < sizeof(values); v++) {
				make_good(which);
				image.data[i] = values[v];
				any_answer(state);
			}
}

static void random_damage_is_answered(void **state)
{
	const unsigned seed = 7331;

	print_message("seed %u\n", seed);
	srandom(seed);
	for (unsigned round = 0; round < 5000; round++) {
		make_good((unsigned)random() % 3);
		for (unsigned n = (unsigned)random() % 8; n; n--)
			image.data[(size_t)random() % 0x420] = (uint8_t)random();
		any_answer(state);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

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
		T(multiboot_elf32_is_entered_in_protected_mode),
		T(multiboot_wins_over_plain_elf64),
		T(multiboot_entry_is_translated_to_the_physical_address),
		T(memory_map_is_given_when_asked_for),
		T(header_is_found_up_to_8_kib_at_multiples_of_4),
		T(unknown_required_flags_are_refused_and_optional_ones_ignored),
		T(addresses_in_the_header_load_a_flat_image),
		T(load_end_zero_means_the_whole_file),
		T(damaged_addresses_are_refused),
		T(flat_image_without_addresses_is_refused),
		T(parts_beyond_a_file_or_memory_are_null),
		T(truncation_at_every_byte_is_answered),
		T(every_header_byte_at_every_extreme_is_answered),
		T(random_damage_is_answered),
	};

	return cmocka_run_group_tests_name("loader", tests, NULL, NULL);
}
