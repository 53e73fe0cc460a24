/* SPDX-License-Identifier: MIT */
/* What is a character of UTF-8, and what only looks like one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <base/room.h>

static const struct {
	const char *bytes;
	size_t length; /* 0: it is none */
	uint32_t code;
} rows[] = {
	{"a", 1, 'a'},
	{"\x7f", 1, 0x7f},
	{"\x80", 0, 0},
	{"\xbf", 0, 0},
	{"\xc1\xbf", 0, 0},
	{"\xc2\x80", 2, 0x80},
	{"\xdf\xbf", 2, 0x7ff},
	{"\xc2\x7f", 0, 0},
	{"\xc2\xc0", 0, 0},
	{"\xe0\x9f\xbf", 0, 0},
	{"\xe0\xa0\x80", 3, 0x800},
	{"\xed\x9f\xbf", 3, 0xd7ff},
	{"\xed\xa0\x80", 0, 0},
	{"\xed\xbf\xbf", 0, 0},
	{"\xee\x80\x80", 3, 0xe000},
	{"\xef\xbf\xbf", 3, 0xffff},
	{"\xe2\x82\x28", 0, 0},
	{"\xf0\x8f\xbf\xbf", 0, 0},
	{"\xf0\x90\x80\x80", 4, 0x10000},
	{"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
	{"\xf4\x90\x80\x80", 0, 0},
	{"\xf8\x88\x80\x80\x80", 0, 0},
	{"\xff", 0, 0},
};

static void a_character_has_its_length_and_code(void **unused)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const unsigned char *bytes = (const unsigned char *)rows[i].bytes;
		uint32_t code = 0;
		size_t length = utf8_read(bytes, strlen(rows[i].bytes), &code);

		if (length != rows[i].length || (length && code != rows[i].code))
			fail_msg("row %zu: %zu bytes, 0x%x", i, length, code);
	}
}

static void one_that_is_cut_is_none(void **unused)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (size_t left = 0; left < rows[i].length; left++) {
			uint32_t code;

			assert_int_equal(
				utf8_read((const unsigned char *)rows[i].bytes, left, &code), 0);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_character_has_its_length_and_code),
		cmocka_unit_test(one_that_is_cut_is_none),
	};

	return cmocka_run_group_tests_name("base-utf8", tests, NULL, NULL);
}
