/* SPDX-License-Identifier: MIT */
/* vpmu replay --kernel: a script on the kernel's code, which runs in a process of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel.h"
#include "input/input.h"
#include "lib/message.h"

enum { SCRIPT_MOST = 64 << 20 };

static int script_file(const char *script)
{
	uint8_t *bytes;
	size_t count;
	int fd, status = input_read_text(script, SCRIPT_MOST, "any script", &bytes, &count);

	if (status)
		return -1;
	fd = unnamed_file();
	if (fd >= 0 && write(fd, bytes, count) != (ssize_t)count) {
		message("cannot write a temporary file: %s", script);
		close(fd);
		fd = -1;
	}
	free(bytes);
	return fd;
}

static size_t lines_in(const char *text)
{
	size_t lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

/* The line of the script that is not answered: blank and comment lines have no answer. */
static void say_where(struct ending ending, const char *script, char *text, size_t answered)
{
	unsigned long number = 0;
	char *rest = NULL, *line = text, *next;

	(void)rest;
	for (; line; line = next) {
		char *end = strchr(line, '\n');

		next = end ? end + 1 : NULL;
		if (end)
			*end = '\0';
		number++;
		line += strspn(line, " \t");
		if (*line && *line != '#' && !answered--)
			break;
	}
	message("the kernel's code %s: %s:%lu: %s", ending_text(ending), script, number,
	        line ? line : "");
}

/* The messages of the program, which begin as the tool's do. */
static void pass_messages(int errors, const char *script)
{
	size_t bytes;
	char *text = unnamed_read(errors, &bytes), *rest = NULL;

	for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest)) {
		char *where = strstr(line, ": line ");

		if (!strncmp(line, "kreplay: ", strlen("kreplay: ")) && where) {
			*where = '\0';
			message("%s: %s:%s", line + strlen("kreplay: "), script,
			        where + strlen(": line "));
		}
	}
	free(text);
}

static int pass_answers(struct ending ending, const char *script, int in, int out)
{
	size_t bytes, script_bytes;
	char *text = unnamed_read(out, &bytes), *lines;

	if (!text)
		return TOOL_LACKS;
	fwrite(text, 1, bytes, stdout);
	if (!ending.signal) {
		free(text);
		return ending.status <= TOOL_BAD ? ending.status : TOOL_LACKS;
	}
	fflush(stdout);
	lines = unnamed_read(in, &script_bytes);
	if (lines)
		say_where(ending, script, lines, lines_in(text));
	free(lines);
	free(text);
	return TOOL_FAILS;
}

int kernel_replay(const char *kernel, const char *script, bool batch)
{
	char *arguments[] = {(char *)kernel, (char *)"--limit", (char *)"2",
	                     batch ? (char *)"--batch" : NULL, NULL};
	char name[KERNEL_NAME_BYTES];
	const char *called = strcmp(script, "-") ? script : "standard input";
	int in, out, errors, process, status = kernel_file(kernel, name);

	if (status)
		return status;
	in = script_file(script);
	if (in < 0)
		return TOOL_BAD;
	out = unnamed_file();
	errors = unnamed_file();
	process = out < 0 || errors < 0 ? -1 : process_start(arguments, in, out, errors);
	if (process < 0)
		return TOOL_LACKS;
	struct ending ending = process_wait(process);

	status = pass_answers(ending, called, in, out);
	pass_messages(errors, called);
	close(in);
	close(out);
	close(errors);
	return status;
}
