/* SPDX-License-Identifier: MIT */
/* vpmu qemu: start QEMU with the plugin that gives its guests a PMU, or say why not. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "lib/model_arg.h"
#include "qemu.h"

struct qemu_typed {
	const char *model, *profile, *reset, *vmrun, *timing, *log, *stat, *timeline, *state_in,
		*state_out;
	struct option_list faults;
	bool print;
};

static const struct option_row rows[] = {
	{.name = "model",
         .value = "NAME",
         .about = "the model of the PMU (vpmu models)",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct qemu_typed, model)},
	{.name = "profile",
         .value = "NAME",
         .about = "whose behaviour it shows; hardware is the default",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct qemu_typed, profile)},
	{.name = "reset",
         .value = "model|keep",
         .about = "what a reset of the machine does to the PMU",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct qemu_typed, reset)},
	{.name = "vmrun",
         .value = "guest|host",
         .about = "whose instruction VMRUN is to HostOnly and GuestOnly",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct qemu_typed, vmrun)},
	{.name = "timing",
         .value = "none|cache",
         .about = "what cycles, caches and branch misses are estimated by",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct qemu_typed, timing)},
	{.name = "fault",
         .value = "WORD:N",
         .about = "a PMU that is broken: deny:EVENT, fail-create:N, taken:COUNTER",
         .kind = OPTION_LIST,
         .offset = offsetof(struct qemu_typed, faults)},
	{.name = "stat",
         .value = "FILE|-",
         .about = "write what each vCPU has executed when QEMU ends",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct qemu_typed, stat)},
	{.name = "timeline",
         .value = "FILE",
         .about = "write a trace of PMIs, register writes and counters (Perfetto)",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct qemu_typed, timeline)},
	{.name = "state-in",
         .value = "FILE",
         .about = "the PMUs' state, for a machine that is loaded",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct qemu_typed, state_in)},
	{.name = "state-out",
         .value = "FILE",
         .about = "write the PMUs' state whenever the machine stands still",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct qemu_typed, state_out)},
	{.name = "log",
         .value = "FILE|-",
         .about = "write a line for each access to the PMU and each PMI",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct qemu_typed, log)},
	{.name = "print",
         .about = "print the command instead of starting it",
         .kind = OPTION_FLAG,
         .offset = offsetof(struct qemu_typed, print)},
};

enum { ONCE = 10, TYPED = ONCE + OPTION_TIMES, ADDED = 6, OPTION_BYTES = 2 * PATH_MAX };

/* The typed options as the plugin takes them: "key=value". */
static int collect(const struct qemu_typed *typed, char texts[TYPED][OPTION_BYTES])
{
	const struct {
		const char *key, *value;
	} all[ONCE] = {
		{"model", typed->model ? typed->model : "intel-v2"},
		{"profile", typed->profile},
		{"reset", typed->reset},
		{"vmrun", typed->vmrun},
		{"timing", typed->timing},
		{"stat", typed->stat},
		{"log", typed->log},
		{"timeline", typed->timeline},
		{"state-in", typed->state_in},
		{"state-out", typed->state_out},
	};
	int count = 0;

	for (unsigned i = 0; i < ONCE; i++)
		if (all[i].value)
			snprintf(texts[count++], OPTION_BYTES, "%s=%s", all[i].key, all[i].value);
	for (unsigned i = 0; i < typed->faults.count; i++)
		snprintf(texts[count++], OPTION_BYTES, "fault=%s", typed->faults.of[i]);
	return count;
}

/* The plugin's own reading of the options says what is wrong with them. */
static int read_options(const struct qemu_typed *typed, struct qemu_options *options)
{
	static char texts[TYPED][OPTION_BYTES];
	char *list[TYPED], why[400];
	int count = collect(typed, texts);

	for (int i = 0; i < count; i++)
		list[i] = texts[i];
	if (qemu_options_parse(options, count, list, why, sizeof(why)) == VPMU_OK)
		return TOOL_HOLDS;
	message("%s", why);
	return TOOL_BAD;
}

/* QEMU takes a comma for the end of a value, unless it is doubled. */
static char *append_escaped(char *to, const char *text, const char *end)
{
	for (; *text && to + 2 < end; text++) {
		*to++ = *text;
		if (*text == ',')
			*to++ = ',';
	}
	*to = '\0';
	return to;
}

/* A comma inside the model would separate options of the plugin, so it is replaced. */
static void write_plugin(const struct qemu_typed *typed, const char *path, char *to, size_t bytes)
{
	static char texts[TYPED][OPTION_BYTES];
	int count = collect(typed, texts);
	char *end = to + bytes;

	to = append_escaped(to, path, end);
	for (int i = 0; i < count && to + 2 < end; i++) {
		*to++ = ',';
		if (strncmp(texts[i], "model=", 6))
			to = append_escaped(to, texts[i], end);
		else
			to += snprintf(to, (size_t)(end - to), "%s", texts[i]);
	}
}

static void print_command(char *const *argv)
{
	for (int i = 0; argv[i]; i++)
		printf("%s%s", i ? " " : "", argv[i]);
	printf("\n");
}

/* Added arguments come before the typed ones, so that the typed ones win. */
static char **build(int argc, char **argv, const char *plugin, const char *cpu)
{
	char **command = calloc((size_t)argc + ADDED + 1, sizeof(*command));
	int n = 0;

	if (!command)
		return NULL;
	command[n++] = argv[0];
	if (!qemu_has_option(argv, "accel") && !qemu_has_option(argv, "machine") &&
	    !qemu_has_option(argv, "M")) {
		command[n++] = (char *)"-accel";
		command[n++] = (char *)"tcg";
	}
	if (!qemu_has_option(argv, "cpu")) {
		command[n++] = (char *)"-cpu";
		command[n++] = (char *)cpu;
	}
	command[n++] = (char *)"-plugin";
	command[n++] = (char *)plugin;
	memcpy(command + n, argv + 1, (size_t)(argc - 1) * sizeof(*argv));
	return command;
}

static int start(const struct qemu_typed *typed, int argc, char **argv)
{
	static char path[PATH_MAX], plugin[TYPED * OPTION_BYTES];
	struct qemu_options options;
	char **command;
	int status = read_options(typed, &options);

	if (!status)
		status = qemu_judge_arguments(argv);
	if (!status)
		status = qemu_find_plugin(path);
	if (!status && !typed->print)
		status = qemu_try(argv[0], path);
	if (status)
		return status;
	write_plugin(typed, path, plugin, sizeof(plugin));
	command = build(argc, argv, plugin, qemu_cpu_for(&options.model));
	if (!command) {
		message("out of memory");
		return TOOL_LACKS;
	}
	if (typed->print) {
		print_command(command);
		free(command);
		return TOOL_HOLDS;
	}
	fflush(NULL);
	execvp(command[0], command);
	message("cannot start: %s: %s", command[0], strerror(errno));
	free(command);
	return TOOL_LACKS;
}

/* Everything behind "--" is QEMU's. */
static int run(const struct command *self, int argc, char **argv)
{
	struct qemu_typed typed = {0};
	int status = args_parse_before(self, &argc, &argv, &typed);

	return status == ARGS_GO ? start(&typed, argc, argv) : status;
}

const struct command cmd_qemu = {
	.name = "qemu",
	.operands = "-- QEMU ARG...",
	.about = "Start QEMU (TCG) with a PMU for its guests, and say why not",
	.notes = "Adds -plugin, and -cpu and -accel where they are not among QEMU's arguments. "
		 "Needs\n"
		 "QEMU 11.1, whose plugin API is version 7.\n"
		 "\n"
		 "Exit status: QEMU's own once it has started; 2 for arguments that do not go with "
		 "the\n"
		 "plugin, 3 for a QEMU that cannot load it.\n",
	.options = rows,
	.option_count = sizeof(rows) / sizeof(rows[0]),
	.run = run,
};
