/* SPDX-License-Identifier: MIT */
/* vpmu state: a table of commands on saved states. */
#include <stdio.h>
#include <string.h>

#include <base/room.h>

#include "lib/message.h"
#include "state.h"

static const struct command *const verbs[] = {
	&state_show,     &state_diff,        &state_convert,     &state_compat,
	&state_baseline, &state_import_qemu, &state_export_qemu,
};

enum { VERBS = sizeof(verbs) / sizeof(verbs[0]), PREFIX = sizeof("state ") - 1 };

static const char *verb_name(const void *list, size_t i)
{
	return i < VERBS ? verbs[i]->name + PREFIX : NULL;
}

static const struct command *find_verb(const char *name)
{
	for (size_t i = 0; i < VERBS; i++)
		if (!strcmp(verb_name(NULL, i), name))
			return verbs[i];
	return NULL;
}

static void print_verbs(void)
{
	for (size_t i = 0; i < VERBS; i++)
		printf("  %-12s%s\n", verb_name(NULL, i), verbs[i]->about);
	printf("\n'vpmu state COMMAND --help' tells more.\n");
}

static int unknown_verb(const char *name)
{
	const char *nearest = nearest_name(name, verb_name, NULL);

	message("unknown command: state %s (%s%s%s'vpmu state --help' lists them)", name,
	        nearest ? "did you mean '" : "", nearest ? nearest : "", nearest ? "'? " : "");
	return TOOL_BAD;
}

static int run(const struct command *self, int argc, char **argv)
{
	const char *operands[ARGS_OPERANDS];
	const struct command *verb = argc > 1 ? find_verb(argv[1]) : NULL;

	if (verb)
		return verb->run(verb, argc - 1, argv + 1);
	if (argc > 1 && argv[1][0] != '-')
		return unknown_verb(argv[1]);
	/* Takes --help, and says what is wrong otherwise. */
	return args_parse(self, argc, argv, NULL, operands);
}

const struct command cmd_state = {
	.name = "state",
	.operands = "COMMAND [ARGUMENT...]",
	.about = "Show, compare, convert and judge saved states",
	.notes =
		"A state is the values of a vCPU's PMU registers. Files are recognised by their "
		"content:\n"
		"vpmu's own (.vpmu) and its JSON; QEMU's migration files, also of virsh save; "
		"snapshots of\n"
		"Cloud Hypervisor and Firecracker (JSON); rdmsr's output, wrmsr scripts, traces of "
		"MSRs.\n"
		"Machines of 'vpmu run --save', too. All may be packed with gzip or zstd; '-' is "
		"the\n"
		"standard input.\n"
		"\n"
		"Commands:\n",
	.more = print_verbs,
	.operand_min = 1,
	.operand_max = 1,
	.run = run,
};
