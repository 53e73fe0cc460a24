/* SPDX-License-Identifier: MIT */
/* --help: a command's table of options as text. */
#include "args_help.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "args.h"
#include "command.h"

enum { HELP_COLUMN = 28 };

static void help_option(char letter, const char *name, const char *value, const char *about)
{
	const char short_form[] = {'-', letter, ',', ' ', 0};
	int used = printf("  %s--%s%s%s", letter ? short_form : "", name, value ? " " : "",
	                  value ? value : "");

	if (used >= HELP_COLUMN)
		used = printf("\n") - 1;
	printf("%*s", HELP_COLUMN - used, "");
	for (; *about; about++) {
		putchar(*about);
		if (*about == '\n')
			printf("%*s", HELP_COLUMN, "");
	}
	putchar('\n');
}

static bool ends_line(const char *text)
{
	size_t length = strlen(text);

	return length && text[length - 1] == '\n';
}

const char *args_usage(const struct command *command)
{
	static char text[300];

	snprintf(text, sizeof(text), "%s%s%s%s", command->name,
	         command->option_count ? " [OPTION...]" : "", *command->operands ? " " : "",
	         command->operands);
	return text;
}

int args_help(const struct command *command)
{
	printf("Usage: vpmu %s\n\n%s.\n\nOptions:\n", args_usage(command), command->about);
	for (size_t i = 0; i < command->option_count; i++) {
		const struct option_row *row = &command->options[i];

		if (row->about)
			help_option(row->letter, row->name, row->value, row->about);
	}
	help_option(0, "help", NULL, "print this text and end");
	if (command->notes)
		printf("\n%s%s", command->notes, ends_line(command->notes) ? "" : "\n");
	if (command->more)
		command->more();
	return TOOL_HOLDS;
}
