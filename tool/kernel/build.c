/* SPDX-License-Identifier: MIT */
/*
 * vpmu kernel build: finds the tree, and has the builder (src/kernel/build-kernel) make a program
 * of it in a temporary folder. The program appears under its name only when it is complete.
 */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel.h"
#include "lib/beside.h"
#include "input/file.h"
#include "lib/message.h"
#include "lib/visible.h"

enum { PROGRAM_MOST = 64 << 20 };

struct build_options {
	const char *output;
	bool force;
};

static const struct option_row rows[] = {
	{.name = "output",
         .value = "FILE",
         .about = "where the program goes (default: kernel-X.Y)",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct build_options, output)},
	{.name = "force",
         .about = "keep what does not pass the self-test, too",
         .kind = OPTION_FLAG,
         .offset = offsetof(struct build_options, force)},
};

/* Where the work is done. */
struct workshop {
	char folder[PATH_MAX / 4];
	char program[PATH_MAX / 2];
};

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *at)
{
	return remove(path);
}

static void workshop_close(struct workshop *workshop)
{
	nftw(workshop->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int workshop_open(struct workshop *workshop)
{
	const char *folder = getenv("TMPDIR");

	snprintf(workshop->folder, sizeof(workshop->folder), "%s/vpmu-kernel.XXXXXX",
	         folder && *folder ? folder : "/tmp");
	if (!mkdtemp(workshop->folder)) {
		message("cannot make a temporary folder: %s: %s", workshop->folder,
		        strerror(errno));
		return TOOL_LACKS;
	}
	snprintf(workshop->program, sizeof(workshop->program), "%s/program", workshop->folder);
	return TOOL_HOLDS;
}

/* "linux-source-6.12" is Debian's package; anything else is a path. */
static int find_tree(const char *typed, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s", typed);
	if (!access(path, F_OK))
		return TOOL_HOLDS;
	if (!strncmp(typed, "linux-source-", strlen("linux-source-")) && !strchr(typed, '/')) {
		snprintf(path, PATH_MAX, "/usr/src/%s.tar.xz", typed);
		if (!access(path, R_OK))
			return TOOL_HOLDS;
		message("no such package's source: %s (apt install %s)", path, typed);
		return TOOL_BAD;
	}
	message("no such tree or tarball: %s: %s", typed, strerror(errno));
	return TOOL_BAD;
}

static int find_builder(char path[PATH_MAX])
{
	static const char *const places[] = {
		"../sources/src/kernel/build-kernel",
		"../" KERNEL_DATADIR "/vpmu/kernel/src/kernel/build-kernel",
		NULL,
	};

	return find_beside(places, KERNEL_BUILDER, "the builder", path);
}

/* The builder's last word is what went wrong. */
static void say_why(int errors)
{
	size_t bytes;
	char *text = unnamed_read(errors, &bytes), *last = text;

	if (!text)
		return;
	while (bytes && text[bytes - 1] == '\n')
		text[--bytes] = '\0';
	if (strrchr(text, '\n'))
		last = strrchr(text, '\n') + 1;
	message("cannot build: %s", *last ? last : "the builder said nothing");
	free(text);
}

/* Prints what the builder has found about known facts. */
static void say_notes(int out)
{
	size_t bytes;
	char *text = unnamed_read(out, &bytes);

	if (text)
		print_visible_bytes(stdout, text,
		                    bytes && text[bytes - 1] == '\n' ? bytes - 1 : bytes);
	if (text && bytes)
		putchar('\n');
	free(text);
}

static int run_builder(const char *builder, const char *tree, const struct workshop *workshop,
                       bool force)
{
	char *arguments[] = {(char *)"/bin/sh",
	                     (char *)builder,
	                     force ? (char *)"--force" : (char *)tree,
	                     force ? (char *)tree : (char *)workshop->folder,
	                     force ? (char *)workshop->folder : (char *)workshop->program,
	                     force ? (char *)workshop->program : NULL,
	                     NULL};
	int out = unnamed_file(), errors = unnamed_file();
	int process = out < 0 || errors < 0 ? -1 : process_start(arguments, -1, out, errors);
	struct ending ending = {.status = TOOL_LACKS};

	if (process >= 0) {
		ending = process_wait(process);
		if (ending.status || ending.signal)
			say_why(errors);
		else
			say_notes(out);
	}
	close(out);
	close(errors);
	return ending.status == TOOL_BAD || !(ending.status || ending.signal) ? ending.status
	                                                                      : TOOL_LACKS;
}

/* Gives the complete program its name. */
static int deliver(const struct workshop *workshop, const char *typed)
{
	char name[KERNEL_NAME_BYTES], path[KERNEL_NAME_BYTES + 8];
	struct output output;
	uint8_t *bytes;
	size_t count;
	int status = kernel_file(workshop->program, name);

	if (!status)
		status = file_read(workshop->program, PROGRAM_MOST, "64 MiB", &bytes, &count);
	if (status)
		return status;
	snprintf(path, sizeof(path), "kernel-%s", name + strlen("linux-"));
	if (!typed)
		typed = path;
	status = TOOL_LACKS;
	if (output_open(&output, typed)) {
		fwrite(bytes, 1, count, output.stream);
		fchmod(output.fd, 0755);
		if (output_commit(&output)) {
			printf("%s: the PMU code of %s\n", typed, name);
			status = TOOL_HOLDS;
		}
	}
	free(bytes);
	return status;
}

static int run(const struct command *self, int argc, char **argv)
{
	struct build_options options = {0};
	const char *operands[ARGS_OPERANDS];
	char tree[PATH_MAX], builder[PATH_MAX];
	struct workshop workshop;
	static char output_option[] = "--output";
	char *arguments[32];
	int count = 0;

	/* -o, as compilers have it. */
	for (int i = 0; i < argc && count < 31; i++)
		arguments[count++] = strcmp(argv[i], "-o") ? argv[i] : output_option;
	arguments[count] = NULL;
	int status = args_parse(self, count, arguments, &options, operands);

	if (status != ARGS_GO)
		return status;
	status = find_tree(operands[0], tree);
	if (!status)
		status = find_builder(builder);
	if (!status)
		status = workshop_open(&workshop);
	if (status)
		return status;
	status = run_builder(builder, tree, &workshop, options.force);
	if (!status)
		status = deliver(&workshop, options.output);
	workshop_close(&workshop);
	return status;
}

const struct command kernel_build = {
	.name = "kernel build",
	.operands = "TREE|TARBALL|linux-source-X.Y",
	.about = "Make a program of a tree's PMU code",
	.notes = "TREE is an unpacked kernel from 6.1 on, with or without patches; it is only "
		 "read.\n"
		 "Needs gcc.\n"
		 "\n"
		 "Exit status: 0, built; 2, the tree cannot be built, and a message says why; 3, "
		 "this\n"
		 "host lacks something.\n",
	.options = rows,
	.option_count = sizeof(rows) / sizeof(rows[0]),
	.operand_min = 1,
	.operand_max = 1,
	.run = run,
};
