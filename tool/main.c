/* SPDX-License-Identifier: MIT */
/* The tool is a table of commands. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vpmu/vpmu.h>

#include <base/room.h>

#include "command.h"
#include "input/file.h"
#include "json/json.h"
#include "lib/message.h"

static const struct command *const commands[] = {
	&cmd_check,  &cmd_doctor,
#if HAVE_KERNEL
	&cmd_kernel,
#endif
	&cmd_models, &cmd_plan,
#if HAVE_QEMU_PLUGIN
	&cmd_qemu,
#endif
	&cmd_replay, &cmd_run,
#if HAVE_QEMU_PLUGIN
	&cmd_stat,
#endif
	&cmd_state,
#if HAVE_WATCH
	&cmd_watch,
#endif
};

/* The command that runs; NULL: none of the table. */
static const struct command *running;

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static const char *command_name(const void *list, size_t i)
{
	return i < COMMANDS ? commands[i]->name : i == COMMANDS ? "help" : NULL;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static int help(void)
{
	printf("Usage: vpmu COMMAND [ARGUMENT...]\n\n"
	       "The x86 virtual performance-monitoring unit.\n\nCommands:\n");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %-10s%s\n", commands[i]->name, commands[i]->about);
	printf("  %-10s%s\n\n"
	       "'vpmu COMMAND --help' tells more; 'vpmu --version' prints the version.\n",
	       "help", "Print this text, or that of a command");
	return TOOL_HOLDS;
}

static int unknown_command(const char *name)
{
	const char *nearest = nearest_name(name, command_name, NULL);

	message("unknown command: %s (%s%s%s'vpmu help' lists them)", name,
	        nearest ? "did you mean '" : "", nearest ? nearest : "", nearest ? "'? " : "");
	return TOOL_BAD;
}

static int run_command(int argc, char **argv)
{
	const struct command *command = find_command(argv[0]);

	running = command;
	return command ? command->run(command, argc, argv) : unknown_command(argv[0]);
}

/* "help state show" is "state show --help". */
static int help_on(int argc, char **argv)
{
	char *asked[] = {argv[0], argc > 1 ? argv[1] : NULL, NULL, NULL};
	int count = argc > 1 ? 2 : 1;

	if (argc > 2) {
		message("help is on one command: '%s' is too much", argv[2]);
		return TOOL_BAD;
	}
	asked[count] = (char[]){"--help"};
	return run_command(count + 1, asked);
}

static int dispatch(int argc, char **argv)
{
	if (argc < 2) {
		message("missing command: vpmu COMMAND ('vpmu help' lists them)");
		return TOOL_BAD;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("vpmu %s\n", vpmu_version());
		return TOOL_HOLDS;
	}
	if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return argc > 2 && strcmp(argv[2], "help") ? help_on(argc - 2, argv + 2) : help();
	if (!strncmp(argv[1], "--help=", 7) || !strncmp(argv[1], "--version=", 10)) {
		message("takes no value: %.*s", (int)strcspn(argv[1], "="), argv[1]);
		return TOOL_BAD;
	}
	return run_command(argc - 1, argv + 1);
}

/* --- The process ------------------------------------------------------------------------------ */

/*
 * If one of the descriptors 0 to 2 is closed, the next file opened would get its number, and output
 * would go into that file. So it is opened in the wrong direction: reading from it, or writing to
 * it, remains an error. Other programs do not inherit it.
 */
static bool secure_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", (fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) | O_CLOEXEC) != fd)
			return false;
	return true;
}

static bool has_ended;

/* A library without memory may call exit(), whose status would be taken for ours. */
static void ended_by_library(void)
{
	if (has_ended)
		return;
	output_abandon_all();
	message("cannot go on: a library ended the tool (out of memory?)");
	_exit(TOOL_LACKS);
}

/* Checks for every command that its stdout was written. A status whose message was printed
 * stays. */
static int close_output(int status)
{
	int failed = running && running->output_failed ? running->output_failed : TOOL_LACKS;
	bool told = failed == TOOL_LACKS ? status > TOOL_FAILS : status == failed;

	int error = output_flush_stdout();

	if (!error || told)
		return status;
	message("cannot write: standard output: %s", strerror(error));
	return failed;
}

static void on_file_too_large(int number)
{
}

int main(int argc, char **argv)
{
	/* The write fails, too. A handler, unlike SIG_IGN, ends with exec. */
	const struct sigaction seen = {.sa_handler = on_file_too_large, .sa_flags = SA_RESTART};
	struct sigaction size;
	int status;

	if (!secure_descriptors())
		return TOOL_LACKS;
	sigaction(SIGXFSZ, NULL, &size);
	if (size.sa_handler == SIG_DFL)
		sigaction(SIGXFSZ, &seen, NULL);
	atexit(ended_by_library);
	output_take_stdout();
	json_begin();
	status = close_output(dispatch(argc, argv));
	has_ended = true;
	return status;
}
