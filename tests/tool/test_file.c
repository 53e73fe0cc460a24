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
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "input/file.h"

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

static void an_output_keeps_the_mode_of_the_old_file(void **state)
{
	struct output output;
	struct stat about;

	write_file("old");
	assert_int_equal(chmod(path, 0604), 0);
	assert_true(output_open(&output, path));
	assert_true(output_commit(&output));
	assert_int_equal(stat(path, &about), 0);
	assert_int_equal(about.st_mode & 07777, 0604);
}

static void an_output_keeps_the_owner_of_the_old_file(void **state)
{
	struct output output;
	struct stat about;

	write_file("old");
	if (chown(path, 12, 34)) /* only root can */
		skip();
	assert_int_equal(chmod(path, 0640), 0);
	assert_true(output_open(&output, path));
	assert_true(output_commit(&output));
	assert_int_equal(stat(path, &about), 0);
	assert_int_equal(about.st_uid, 12);
	assert_int_equal(about.st_gid, 34);
	assert_int_equal(about.st_mode & 07777, 0640);
}

/* Writes "new" through the link and removes it. */
static void assert_written_through(const char *link)
{
	struct output output;
	struct stat about;

	assert_true(output_open(&output, link));
	fputs("new", output.stream);
	assert_true(output_commit(&output));
	assert_int_equal(lstat(link, &about), 0);
	assert_true(S_ISLNK(about.st_mode));
	assert_content("new");
	assert_int_equal(unlink(link), 0);
	assert_int_equal(unlink(path), 0);
}

static void an_output_is_written_through_links(void **state)
{
	char link[128], second[128];

	snprintf(link, sizeof(link), "%s/link", folder);
	snprintf(second, sizeof(second), "%s/second", folder);
	write_file("old");
	assert_int_equal(symlink("out", link), 0); /* from where the link is */
	assert_written_through(link);
	assert_int_equal(symlink(path, link), 0); /* to what is not there yet */
	assert_written_through(link);
	assert_int_equal(symlink("out", link), 0);
	assert_int_equal(symlink(link, second), 0);
	assert_written_through(second);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(files_in_folder(), 0);
}

static void links_in_a_circle_are_refused(void **state)
{
	struct output output;

	assert_int_equal(symlink("out", path), 0);
	assert_false(output_open(&output, path));
}

/* As a shell has it open: at its place, with what stands before. */
static void an_own_descriptor_is_written_where_it_stands(void **state)
{
	struct output output;
	char own[32];
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs("before ", file);
	fflush(file);
	snprintf(own, sizeof(own), "/dev/fd/%d", fileno(file));
	assert_true(output_open(&output, own));
	fputs("between", output.stream);
	assert_true(output_commit(&output));
	fputs(" behind", file);
	fclose(file);
	assert_content("before between behind");
}

static void the_longest_name_is_an_output(void **state)
{
	struct output output;
	char name[400];

	snprintf(name, sizeof(name), "%s/%0255d", folder, 1);
	assert_true(output_open(&output, name));
	assert_true(output_commit(&output));
	assert_int_equal(unlink(name), 0);
}

static void the_reason_is_that_of_the_first_write(void **state)
{
	struct output output;

	assert_true(output_open(&output, "/dev/full"));
	for (unsigned i = 0; i < 100000; i++)
		fputs("more than a buffer ", output.stream);
	errno = 0;
	assert_false(output_commit(&output));
	assert_int_equal(output.error, ENOSPC);
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
		TEST(an_output_keeps_the_mode_of_the_old_file),
		TEST(an_output_keeps_the_owner_of_the_old_file),
		TEST(an_output_is_written_through_links),
		TEST(links_in_a_circle_are_refused),
		TEST(an_own_descriptor_is_written_where_it_stands),
		TEST(the_longest_name_is_an_output),
		TEST(the_reason_is_that_of_the_first_write),
		TEST(a_folder_is_no_output),
		TEST(a_device_is_written_directly),
		TEST(a_full_device_is_an_error),
		TEST(a_file_may_have_just_the_limit),
		TEST(folders_and_devices_are_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
