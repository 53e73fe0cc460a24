/* SPDX-License-Identifier: MIT */
/*
 * What a command of the tool is, and what its exit statuses mean. main.c holds the table; one
 * cmd_*.c holds one command.
 */
#ifndef TOOL_COMMAND_H
#define TOOL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/args.h"

enum tool_status {
	TOOL_HOLDS = 0, /* done, and it holds */
	TOOL_FAILS = 1, /* done, and it does not hold */
	TOOL_BAD = 2,   /* usage or bad input */
	TOOL_LACKS = 3, /* this host or build lacks what the command needs: memory, a place to
	                   write */
};

struct command {
	const char *name;
	const char *operands; /* as in the usage line; "" for none */
	const char *about;    /* one line, for the list of commands */
	const char *notes;    /* what --help says after the options; may be NULL */
	void (*more)(void);   /* prints what --help says after that; may be NULL */
	const struct option_row *options;
	size_t option_count;
	unsigned operand_min, operand_max;
	int output_failed; /* the exit status when stdout takes no more; 0: TOOL_LACKS */
	int (*run)(const struct command *self, int argc, char **argv); /* argv[0]: its name */
};

extern const struct command cmd_check, cmd_doctor, cmd_kernel, cmd_models, cmd_plan, cmd_qemu,
	cmd_replay, cmd_run, cmd_stat, cmd_state, cmd_watch;

#endif
