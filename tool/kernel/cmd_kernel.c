/* SPDX-License-Identifier: MIT */
/* vpmu kernel: a table of commands on the kernel's own PMU code. */
#include <stdio.h>
#include <string.h>

#include <base/room.h>

#include "kernel.h"
#include "lib/message.h"

static const struct command *const verbs[] = {&kernel_build, &kernel_diff, &kernel_record};

enum { VERBS = sizeof(verbs) / sizeof(verbs[0]), PREFIX = sizeof("kernel ") - 1 };

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
	printf("\n'vpmu kernel COMMAND --help' tells more.\n");
}

static int unknown_verb(const char *name)
{
	const char *nearest = nearest_name(name, verb_name, NULL);

	message("unknown command: kernel %s (%s%s%s'vpmu kernel --help' lists them)", name,
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

const struct command cmd_kernel = {
	.name = "kernel",
	.operands = "COMMAND [ARGUMENT...]",
	.about = "Run the kernel's own PMU code, and find what a patch to it changes",
	.notes = "The PMU code of a kernel's tree (arch/x86/kvm/pmu.c, vmx/pmu_intel.c, "
		 "svm/pmu.c) is compiled\n"
		 "unmodified into a program that answers the replay language; 'vpmu replay "
		 "--kernel' "
		 "runs it.\n"
		 "\n"
		 "Commands:\n",
	.more = print_verbs,
	.operand_min = 1,
	.operand_max = 1,
	.run = run,
};
