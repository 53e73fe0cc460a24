/* SPDX-License-Identifier: MIT */
/* Files with any damage: a reason, or a guest; never a read or write out of bounds. */
#include "loader_fixture.h"

/* --- The checked accessors -------------------------------------------------------------------- */

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

/* --- Any damage ------------------------------------------------------------------------------- */

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(parts_beyond_a_file_or_memory_are_null),
		T(truncation_at_every_byte_is_answered),
		T(every_header_byte_at_every_extreme_is_answered),
		T(random_damage_is_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
