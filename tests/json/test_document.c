/* SPDX-License-Identifier: MIT */
/* What documents are made of; and that none is made of which a part is missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <jansson.h>

#include <base/room.h>
#include <json/room.h>

/* The text of a document with that member; NULL: there is none. */
static char *text_with(json_t *value)
{
	json_t *document = json_document("vpmu-test", 7);

	json_object_set_new(document, "v", value);
	return json_one_line(document);
}

static void assert_text(json_t *value, const char *expected)
{
	char *text = text_with(value), whole[200];

	snprintf(whole, sizeof(whole), "{\"format\":\"vpmu-test\",\"version\":7,\"v\":%s}",
	         expected);
	assert_non_null(text);
	assert_string_equal(text, whole);
	free(text);
}

static void numbers_are_exact_in_every_reader(void **unused)
{
	assert_text(json_hex(0), "\"0x0\"");
	assert_text(json_hex(UINT64_MAX), "\"0xffffffffffffffff\"");
	assert_text(json_count((UINT64_C(1) << 53) - 1), "9007199254740991");
	assert_text(json_count(UINT64_C(1) << 53), "\"0x20000000000000\"");
}

static void any_bytes_are_text(void **unused)
{
	static const char bytes[] = "a\x80\xc3\xa9\xff";

	assert_text(json_bytes(bytes, strlen(bytes)), "\"a\\uFFFD\\u00E9\\uFFFD\"");
	assert_text(json_bytes("\x1b\0", 2), "\"\\u001B\\u0000\"");
	assert_text(json_bytes("", 0), "\"\"");
}

static void a_missing_part_is_noted_once(void **unused)
{
	json_t *list = json_array();

	assert_null(text_with(NULL));
	assert_text(json_true(), "true");
	json_array_append_new(list, NULL);
	assert_null(text_with(list));
	assert_text(json_string("whole"), "\"whole\"");
}

/* --- Memory ----------------------------------------------------------------------------------- */

static int left; /* how often memory is given */
static jmp_buf out;

static void *get(size_t bytes)
{
	return left-- > 0 ? malloc(bytes) : NULL;
}

static void none_to_parse(void)
{
	longjmp(out, 1);
}

static void use_scarce_memory(int count)
{
	left = count;
	json_use_memory(&(struct json_memory){get, none_to_parse});
}

static void no_text_is_made_without_memory(void **unused)
{
	static const char expected[] = "{\"format\":\"vpmu-test\",\"version\":7,\"v\":\"\\uFFFD\"}";
	char *text = NULL;

	for (int count = 0; !text && count < 100; count++) {
		use_scarce_memory(count);
		text = text_with(json_bytes("\xff", 1));
		/* Jansson 2.14 leaves out keys then: whoever gives the memory knows. */
		if (text && left < 0) {
			free(text);
			text = NULL;
		}
	}
	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
	use_scarce_memory(1000000);
}

static void parsing_without_memory_is_told(void **unused)
{
	json_error_t error;
	volatile bool told = false;

	use_scarce_memory(0);
	if (setjmp(out))
		told = true;
	else
		json_parse("[]", 2, &error);
	assert_true(told);
	use_scarce_memory(1000000);
}

static void documents_follow_one_another(void **unused)
{
	static const char text[] = "{\"a\": 1} [2]";
	json_error_t error;
	size_t used;
	json_t *first = json_parse_next(text, strlen(text), &used, &error);

	assert_non_null(first);
	assert_int_equal(used, strlen("{\"a\": 1}"));
	json_decref(first);
	assert_null(json_parse(text, strlen(text), &error));
	assert_null(json_parse_next("{\"a\": 1, \"a\": 1}", 16, &used, &error));
	assert_int_equal(used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_exact_in_every_reader),
		cmocka_unit_test(any_bytes_are_text),
		cmocka_unit_test(a_missing_part_is_noted_once),
		cmocka_unit_test(no_text_is_made_without_memory),
		cmocka_unit_test(parsing_without_memory_is_told),
		cmocka_unit_test(documents_follow_one_another),
	};

	return cmocka_run_group_tests_name("json-document", tests, NULL, NULL);
}
