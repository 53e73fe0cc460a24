/* SPDX-License-Identifier: MIT */
/* vpmu watch diff: compares two logs of what a VMM reads and writes. */
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "diff.h"
#include "json/json.h"
#include "input/input.h"
#include "lib/message.h"
#include "lib/model_arg.h"

enum { LOG_BYTES = 1 << 30 };

struct diff_options {
	const char *model, *profile;
	bool json, registers;
};

static const struct option_row rows[] = {
	{.name = "model",
         .value = "NAME",
         .about = "the PMU that is judged, not the one in the logs",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct diff_options, model)},
	{.name = "profile",
         .value = "NAME",
         .about = "whose behaviour judges; " WATCH_PROFILE " is the default",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct diff_options, profile)},
	{.name = "registers",
         .about = "compare which registers are moved, and not their values",
         .kind = OPTION_FLAG,
         .offset = offsetof(struct diff_options, registers)},
	ARGS_JSON(struct diff_options, "print JSON (docs/json.md)"),
};

static int read_log(struct watch_log *log, const char *path)
{
	char why[LOG_WHY];
	enum vpmu_status status;
	uint8_t *text;
	size_t bytes;
	int read = input_read_text(path, LOG_BYTES, "a log", &text, &bytes);

	log->path = path;
	if (read)
		return read;
	status = watch_log_read(log, (const char *)text, bytes, why);
	free(text);
	if (status)
		message("%s: %s (vpmu watch --json --log FILE makes such a log)", why, path);
	return !status ? TOOL_HOLDS : status == VPMU_HOST ? TOOL_LACKS : TOOL_BAD;
}

/* The model of the logs, unless one is typed. *judges: there is one. */
static int choose_judge(const struct diff_options *options, const struct changes *changes,
                        struct judgement *judgement, bool *judges)
{
	static struct vpmu_model typed;
	int status;

	judgement->profile_name = options->profile ? options->profile : WATCH_PROFILE;
	status = profile_from_text(judgement->profile_name, &judgement->profile);
	if (!status && options->model)
		status = model_from_text(options->model, &typed);
	judgement->model_name = options->model ? options->model : "the model of the log";
	for (unsigned side = 0; side < 2 && !judgement->model; side++)
		if (changes->log[side]->has_model)
			judgement->model = &changes->log[side]->model;
	if (options->model)
		judgement->model = &typed;
	*judges = judgement->model && judgement->model->version;
	return status;
}

static int compare(const struct diff_options *options, struct changes *changes)
{
	struct judgement judgement = {.model = NULL};
	bool judges;
	int status = choose_judge(options, changes, &judgement, &judges);

	if (status)
		return status;
	if (!changes_find(changes) || (judges && !changes_judge(changes, &judgement))) {
		message("out of memory");
		return TOOL_LACKS;
	}
	if (options->json)
		status = changes_print_json(changes, judges ? &judgement : NULL);
	else
		changes_print(changes, judges ? &judgement : NULL);
	if (status)
		return status;
	return changes->count ? TOOL_FAILS : TOOL_HOLDS;
}

static int run(const struct command *self, int argc, char **argv)
{
	struct diff_options options = {.json = false};
	const char *operands[ARGS_OPERANDS];
	struct watch_log log[2] = {{.path = NULL}};
	struct changes changes = {.log = {&log[0], &log[1]}};
	int status = args_parse(self, argc, argv, &options, operands);

	if (status != ARGS_GO)
		return status;
	if (json_lacks())
		return TOOL_LACKS;
	changes.values = !options.registers;
	status = read_log(&log[0], operands[0]);
	if (!status)
		status = read_log(&log[1], operands[1]);
	if (!status)
		status = compare(&options, &changes);
	free(changes.at);
	watch_log_free(&log[0]);
	watch_log_free(&log[1]);
	return status;
}

const struct command watch_diff = {
	.name = "watch diff",
	.operands = "BEFORE AFTER",
	.about = "Compare two logs of vpmu watch --json: what a VMM moves otherwise",
	.notes = "The k-th put or get of a vCPU is compared with the k-th of the same level. Puts "
		 "at level\n"
		 "reset and full that write other registers, or in another order, are judged by "
		 "vpmu check:\n"
		 "their order, if it has a name, or else their writes as a plan.\n"
		 "\n"
		 "Exit status: 0, no change; 1, something has changed; 2, bad input; 3, no "
		 "memory.\n",
	.options = rows,
	.option_count = sizeof(rows) / sizeof(rows[0]),
	.operand_min = 2,
	.operand_max = 2,
	.run = run,
};
