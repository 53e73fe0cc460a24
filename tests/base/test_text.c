/* SPDX-License-Identifier: MIT */
/* Bounded texts, numbers as people type them, and the texts of enums. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <base/room.h>
#include <vpmu/vpmu.h>

static void text_is_built_piece_by_piece(void **state)
{
	char buffer[64];
	struct text text = text_in(buffer, sizeof(buffer));

	text_add(&text, "n=");
	text_add_unsigned(&text, 0);
	text_add(&text, " ");
	text_add_unsigned(&text, UINT64_MAX);
	text_add(&text, " ");
	text_add_hex(&text, 0xabc0);
	text_add_bytes(&text, "!?#", 2);
	assert_string_equal(buffer, "n=0 18446744073709551615 0xabc0!?");
	assert_int_equal(text.used, strlen(buffer));
}

static void text_that_does_not_fit_is_cut_and_terminated(void **state)
{
	char buffer[8];

	for (size_t size = 1; size < sizeof(buffer); size++) {
		struct text text;

		memset(buffer, 'x', sizeof(buffer));
		text = text_in(buffer, size);
		text_add(&text, "abcdefghij");
		text_add_hex(&text, 1);
		assert_int_equal(strlen(buffer), size - 1);
		assert_int_equal(buffer[size], 'x');
	}
}

static void no_buffer_takes_no_text(void **state)
{
	struct text none = text_in(NULL, 100), empty = text_in((char[1]){'x'}, 0);

	text_add(&none, "abc");
	text_add_quoted(&empty, "abc", 3);
	assert_int_equal(none.used, 0);
	assert_int_equal(empty.used, 0);
	assert_int_equal(empty.start[0], 'x');
}

static void quoted_text_is_printable_and_short(void **state)
{
	char buffer[64];
	struct text text = text_in(buffer, sizeof(buffer));

	text_add_quoted(&text, "a\n\0\177b", 5);
	assert_string_equal(buffer, "'a???b'");
	text = text_in(buffer, sizeof(buffer));
	text_add_quoted(&text, "0123456789012345678901234567890123456789", 40);
	assert_string_equal(buffer, "'0123456789012345678901234567890123456789'");
	text = text_in(buffer, sizeof(buffer));
	text_add_quoted(&text, "0123456789012345678901234567890123456789x", 41);
	assert_string_equal(buffer, "'0123456789012345678901234567890123456789...'");
}

static void words_are_compared_whole(void **state)
{
	assert_true(text_is("on,", 2, "on"));
	assert_false(text_is("on", 1, "on"));
	assert_false(text_is("only", 4, "on"));
	assert_false(text_is("of", 2, "on"));
	assert_true(text_is(NULL, 0, ""));
	assert_false(text_is(NULL, 0, "on"));
}

static void numbers_are_read(void **state)
{
	static const struct {
		const char *s;
		uint64_t value;
	} good[] = {
		{"0", 0},
		{"007", 7},
		{"18446744073709551615", UINT64_MAX},
		{"0x0", 0},
		{"0XfF", 255},
		{"0xffffffffffffffff", UINT64_MAX},
		{"0x00000000000000000001", 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		uint64_t value = 99;

		assert_true(text_parse_unsigned(good[i].s, strlen(good[i].s), &value));
		assert_int_equal(value, good[i].value);
	}
}

static void what_is_no_number_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		" 1",
		"1 ",
		"-1",
		"+1",
		"0x",
		"x1",
		"0x1g",
		"1a",
		"18446744073709551616",
		"0x10000000000000000",
		"99999999999999999999999999",
		"1,2",
		"1\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint64_t value = 99;

		if (text_parse_unsigned(bad[i], strlen(bad[i]), &value))
			fail_msg("\"%s\" is read as a number", bad[i]);
		assert_int_equal(value, 99);
	}
}

static void only_the_length_is_read(void **state)
{
	uint64_t value = 0;

	assert_true(text_parse_unsigned("123", 2, &value));
	assert_int_equal(value, 12);
}

static void every_status_and_class_has_a_text_of_its_own(void **state)
{
	for (int i = VPMU_OK; i <= VPMU_INTERNAL; i++)
		for (int k = 0; k < i; k++)
			assert_string_not_equal(vpmu_status_text((enum vpmu_status)i),
			                        vpmu_status_text((enum vpmu_status)k));
	assert_string_equal(vpmu_status_text((enum vpmu_status)99), "unknown status");
	for (int i = 0; i < VPMU_CLASSES; i++)
		for (int k = 0; k < i; k++)
			assert_string_not_equal(vpmu_class_name((enum vpmu_class)i),
			                        vpmu_class_name((enum vpmu_class)k));
	assert_null(vpmu_class_name(VPMU_NO_CLASS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_built_piece_by_piece),
		cmocka_unit_test(text_that_does_not_fit_is_cut_and_terminated),
		cmocka_unit_test(no_buffer_takes_no_text),
		cmocka_unit_test(quoted_text_is_printable_and_short),
		cmocka_unit_test(words_are_compared_whole),
		cmocka_unit_test(numbers_are_read),
		cmocka_unit_test(what_is_no_number_is_refused),
		cmocka_unit_test(only_the_length_is_read),
		cmocka_unit_test(every_status_and_class_has_a_text_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
