/* SPDX-License-Identifier: MIT */
/* The tool is a table of commands. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <vpmu/vpmu.h>

#include "command.h"
#include "message.h"
#include "nearest.h"

static const struct command *const commands[] = {
	&cmd_check, &cmd_doctor, &cmd_models, &cmd_plan, &cmd_replay, &cmd_run, &cmd_state,
#if HAVE_WATCH
	&cmd_watch,
#endif
};

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

	return command ? command->run(command, argc, argv) : unknown_command(argv[0]);
}

static int dispatch(int argc, char **argv)
{
	char *asked_help[] = {argc > 2 ? argv[2] : NULL, (char[]){"--help"}, NULL};

	if (argc < 2) {
		message("missing command: vpmu COMMAND ('vpmu help' lists them)");
		return TOOL_BAD;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("vpmu %s\n", vpmu_version());
		return TOOL_HOLDS;
	}
	if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return argc > 2 && strcmp(argv[2], "help") ? run_command(2, asked_help) : help();
	return run_command(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	int status = dispatch(argc, argv);

	/* Any other status has had its message. */
	if (status <= TOOL_FAILS && (fflush(stdout) || ferror(stdout))) {
		message("cannot write: standard output: %s", strerror(errno));
		return TOOL_LACKS;
	}
	return status;
}
