/* SPDX-License-Identifier: MIT */
/* vpmu state convert: from one format to another. */
#include "lib/message.h"
#include "state.h"

struct convert_options {
	const char *to, *model, *snapshot;
};

static const struct option_row rows[] = {
	{.name = "to",
         .value = "FORMAT",
         .about = "native, vpmu's own, or json",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct convert_options, to)},
	STATE_QEMU_MODEL("model", struct convert_options, model),
	STATE_SNAPSHOT(struct convert_options),
};

static int read_states(const char *path, const struct convert_options *options,
                       struct state_file *file)
{
	struct state_qemu_how how = {.model = options->model, .snapshot = options->snapshot};
	int status = state_file_read_how(path, &how, file);

	return status ? status : state_file_must_have_set(path, file);
}

static int run(const struct command *self, int argc, char **argv)
{
	struct convert_options options = {0};
	const char *operands[ARGS_OPERANDS];
	enum state_format format;
	struct state_file file;
	int status = args_parse(self, argc, argv, &options, operands);

	if (status != ARGS_GO)
		return status;
	status = state_format_from_text(options.to, &format);
	if (!status)
		status = read_states(operands[0], &options, &file);
	if (status)
		return status;
	status = state_file_write(operands[1], &file.set, format);
	state_file_free(&file);
	return status;
}

const struct command state_convert = {
	.name = "state convert",
	.operands = "IN OUT",
	.about = "Convert a file of states to another format",
	.notes = "OUT appears when all of it is written, and not before; '-' is the standard "
		 "output.\n",
	.options = rows,
	.option_count = sizeof(rows) / sizeof(rows[0]),
	.operand_min = 2,
	.operand_max = 2,
	.run = run,
};
