/* SPDX-License-Identifier: MIT */
/* Loading multiboot images: what their header asks for, and what it may not. */
#include "loader_fixture.h"

/* --- Multiboot -------------------------------------------------------------------------------- */

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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
