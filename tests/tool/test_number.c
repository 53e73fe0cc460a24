/* SPDX-License-Identifier: MIT */
/* Numbers, sizes and seconds as people type them; the nearest name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <base/room.h>

#include "lib/number.h"

static void sizes_take_a_unit(void **state)
{
	uint64_t value;

	assert_true(number_parse_size("512M", &value));
	assert_int_equal(value, 512u << 20);
	assert_true(number_parse_size("4g", &value));
	assert_int_equal(value, UINT64_C(4) << 30);
	assert_true(number_parse_size("0x10k", &value));
	assert_int_equal(value, 16 << 10);
	assert_true(number_parse_size("17", &value));
	assert_int_equal(value, 17);
}

static void bad_sizes_are_refused(void **state)
{
	static const char *const texts[] = {"", "M", "1MM", "1T", "1 M", "-1M", "17179869184G"};
	uint64_t value = 99;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(number_parse_size(texts[i], &value));
	assert_int_equal(value, 99);
}

static void seconds_take_a_fraction(void **state)
{
	uint64_t value;

	assert_true(number_parse_seconds("2", &value));
	assert_int_equal(value, 2000000);
	assert_true(number_parse_seconds("0.25", &value));
	assert_int_equal(value, 250000);
	assert_true(number_parse_seconds("1.000001", &value));
	assert_int_equal(value, 1000001);
}

static void bad_seconds_are_refused(void **state)
{
	static const char *const texts[] = {
		"", ".5", "1.0000001", "1s", "-1", "nan", "1e3", "18446744073709551615", "1.5.5"};
	uint64_t value = 99;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(number_parse_seconds(texts[i], &value));
	assert_int_equal(value, 99);
}

static void sizes_print_in_their_largest_unit(void **state)
{
	char text[32];

	number_print_size(UINT64_C(4) << 30, text, sizeof(text));
	assert_string_equal(text, "4G");
	number_print_size(3 << 20, text, sizeof(text));
	assert_string_equal(text, "3M");
	number_print_size(1025, text, sizeof(text));
	assert_string_equal(text, "1025");
	number_print_size(0, text, sizeof(text));
	assert_string_equal(text, "0");
}

static void digits_are_grouped_by_three(void **state)
{
	char text[NUMBER_GROUPED_BYTES];

	assert_string_equal(number_grouped(0, text), "0");
	assert_string_equal(number_grouped(999, text), "999");
	assert_string_equal(number_grouped(1000, text), "1,000");
	assert_string_equal(number_grouped(UINT64_MAX, text), "18,446,744,073,709,551,615");
}

static const char *name(const void *list, size_t i)
{
	static const char *const names[] = {"models", "replay", "run", "intel-v2"};

	return i < sizeof(names) / sizeof(names[0]) ? names[i] : NULL;
}

static void a_near_name_is_found(void **state)
{
	assert_string_equal(nearest_name("modles", name, NULL), "models");
	assert_string_equal(nearest_name("replya", name, NULL), "replay");
	assert_string_equal(nearest_name("rnu", name, NULL), "run");
	assert_string_equal(nearest_name("REPLAY", name, NULL), "replay");
	assert_string_equal(nearest_name("intel-v3", name, NULL), "intel-v2");
}

static void a_far_name_is_not(void **state)
{
	char longer[200];

	memset(longer, 'r', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_null(nearest_name("x", name, NULL));
	assert_null(nearest_name("", name, NULL));
	assert_null(nearest_name("frobnicate", name, NULL));
	assert_null(nearest_name(longer, name, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_take_a_unit),
		cmocka_unit_test(bad_sizes_are_refused),
		cmocka_unit_test(seconds_take_a_fraction),
		cmocka_unit_test(bad_seconds_are_refused),
		cmocka_unit_test(sizes_print_in_their_largest_unit),
		cmocka_unit_test(digits_are_grouped_by_three),
		cmocka_unit_test(a_near_name_is_found),
		cmocka_unit_test(a_far_name_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
