/* SPDX-License-Identifier: MIT */
#ifndef TOOL_ARGS_HELP_H
#define TOOL_ARGS_HELP_H

struct command;

/* "run [OPTION...] GUEST"; valid until the next call. */
const char *args_usage(const struct command *command);

/* Prints the text of --help. Returns the exit status. */
int args_help(const struct command *command);

#endif
