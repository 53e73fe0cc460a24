/* SPDX-License-Identifier: MIT */
/* Output files appear whole or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "file.h"

static char folder[64], path[128];

static int make_folder(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/vpmu-test.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/out", folder);
	return 0;
}

static int remove_folder(void **state)
{
	unlink(path);
	return rmdir(folder);
}

static unsigned files_in_folder(void)
{
	DIR *directory = opendir(folder);
	unsigned count = 0;

	assert_non_null(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count - 2;
}

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void assert_content(const char *text)
{
	uint8_t *bytes;
	size_t count;

	assert_int_equal(file_read(path, 4096, "a page", &bytes, &count), 0);
	assert_int_equal(count, strlen(text));
	assert_memory_equal(bytes, text, count);
	free(bytes);
}

static void an_output_appears_when_it_is_committed(void **state)
{
	struct output output;

	assert_true(output_open(&output, path));
	fputs("whole", output.stream);
	fflush(output.stream);
	assert_int_equal(access(path, F_OK), -1);
	assert_true(output_commit(&output));
	assert_content("whole");
	assert_int_equal(files_in_folder(), 1);
}

static void an_abandoned_output_leaves_nothing(void **state)
{
	struct output output;

	assert_true(output_open(&output, path));
	fputs("half", output.stream);
	output_abandon(&output);
	assert_int_equal(files_in_folder(), 0);
	output_abandon(&output);
}

static void an_abandoned_output_leaves_the_old_file(void **state)
{
	struct output output;

	write_file("old");
	assert_true(output_open(&output, path));
	fputs("new", output.stream);
	output_abandon(&output);
	assert_content("old");
	assert_int_equal(files_in_folder(), 1);
}

static void an_output_obeys_the_umask(void **state)
{
	struct output output;
	struct stat about;
	mode_t mask = umask(027);

	assert_true(output_open(&output, path));
	assert_true(output_commit(&output));
	umask(mask);
	assert_int_equal(stat(path, &about), 0);
	assert_int_equal(about.st_mode & 0777, 0640);
}

static void a_folder_is_no_output(void **state)
{
	struct output output;

	assert_false(output_open(&output, folder));
	assert_int_equal(files_in_folder(), 0);
}

static void a_device_is_written_directly(void **state)
{
	struct output output;

	assert_true(output_open(&output, "/dev/null"));
	fputs("gone", output.stream);
	assert_true(output_commit(&output));
}

static void a_full_device_is_an_error(void **state)
{
	struct output output;

	assert_true(output_open(&output, "/dev/full"));
	fputs("too much", output.stream);
	assert_false(output_commit(&output));
}

static void a_file_may_have_just_the_limit(void **state)
{
	uint8_t *bytes = NULL;
	size_t count;

	write_file("12345");
	assert_int_equal(file_read(path, 5, "five", &bytes, &count), 0);
	assert_int_equal(count, 5);
	free(bytes);
	assert_int_equal(file_read(path, 4, "four", &bytes, &count), 2);
}

static void folders_and_devices_are_not_read(void **state)
{
	uint8_t *bytes;
	size_t count;

	assert_int_equal(file_read(folder, 4096, "a page", &bytes, &count), 2);
	assert_int_equal(file_read("/dev/zero", 4096, "a page", &bytes, &count), 2);
	assert_int_equal(file_read("/nowhere/file", 4096, "a page", &bytes, &count), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_output_appears_when_it_is_committed),
		TEST(an_abandoned_output_leaves_nothing),
		TEST(an_abandoned_output_leaves_the_old_file),
		TEST(an_output_obeys_the_umask),
		TEST(a_folder_is_no_output),
		TEST(a_device_is_written_directly),
		TEST(a_full_device_is_an_error),
		TEST(a_file_may_have_just_the_limit),
		TEST(folders_and_devices_are_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
