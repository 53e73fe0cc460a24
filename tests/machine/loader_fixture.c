/* SPDX-License-Identifier: MIT */
/* See loader_fixture.h. */
#include "loader_fixture.h"

struct guest_memory memory;
struct made_image image;
struct cpu_entry entry;
char why[160];
const char *append;

int setup(void **state)
{
	assert_int_equal(memory_make(&memory, 4 * MIB), VPMU_OK);
	append = "";
	return 0;
}

int teardown(void **state)
{
	memory_unmake(&memory);
	return 0;
}

enum vpmu_status load_bytes(const uint8_t *data, size_t bytes)
{
	struct image file = {.data = data, .bytes = bytes, .why = text_in(why, sizeof(why))};

	return loader_load(&memory, &file, append, &entry);
}

enum vpmu_status load(void)
{
	uint8_t *copy = malloc(image.bytes ? image.bytes : 1);
	enum vpmu_status status;

	memcpy(copy, image.data, image.bytes);
	status = load_bytes(copy, image.bytes);
	free(copy);
	return status;
}

uint64_t at(uint64_t address, unsigned bytes)
{
	return load_le(memory_at(&memory, address, bytes), bytes);
}

bool memory_is_untouched(void)
{
	for (uint64_t i = 0; i < memory.bytes; i += 8)
		if (at(i, 8))
			return false;
	return true;
}

void assert_refused(enum vpmu_status expected, const char *reason)
{
	assert_int_equal(load(), expected);
	assert_non_null(strstr(why, reason));
	assert_true(memory_is_untouched());
}

void refused(const struct made_elf *elf, enum vpmu_status status, const char *reason)
{
	made_elf(&image, elf);
	assert_refused(status, reason);
}
