/* SPDX-License-Identifier: MIT */
/* vpmu state import-qemu: the states of a QEMU migration file. */
#include <stdio.h>
#include <string.h>

#include "lib/message.h"
#include "state.h"

struct import_options {
	const char *model, *layout, *snapshot, *out, *to;
};

static const struct option_row import_rows[] = {
	STATE_QEMU_MODEL("model", struct import_options, model),
	STATE_QEMU_LAYOUT(struct import_options, "auto, plain or qemu-11"),
	STATE_SNAPSHOT(struct import_options),
	{.name = "out",
         .value = "OUT",
         .about = "write the states to this file",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct import_options, out)},
	{.name = "to",
         .value = "FORMAT",
         .about = "as native (the default) or json",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct import_options, to)},
};

static int import(const char *path, const struct import_options *options, enum state_format format)
{
	struct state_file file;
	struct state_qemu_how how = {.model = options->model, .snapshot = options->snapshot};
	int status = state_qemu_layout_from_text(options->layout, &how.layout);

	if (!status)
		status = state_file_read_qemu(path, &how, &file);
	if (!status)
		status = state_file_must_have_set(path, &file);
	if (status)
		return status;
	if (!options->out || strcmp(options->out, "-") != 0)
		state_print_qemu(&file);
	if (!options->out) {
		putchar('\n');
		status = state_print_set(&file.set);
	} else {
		status = state_file_write(options->out, &file.set, format);
	}
	state_file_free(&file);
	return status;
}

static int run_import(const struct command *self, int argc, char **argv)
{
	struct import_options options = {.to = "native", .layout = "auto"};
	const char *operands[ARGS_OPERANDS];
	enum state_format format;
	int status = args_parse(self, argc, argv, &options, operands);

	if (status != ARGS_GO)
		return status;
	status = state_format_from_text(options.to, &format);
	return status ? status : import(operands[0], &options, format);
}

const struct command state_import_qemu = {
	.name = "state import-qemu",
	.operands = "FILE",
	.about = "Take the PMUs' states out of a QEMU migration file",
	.notes = "FILE is what QEMU's monitor writes with  migrate \"exec:cat > FILE\"  , or a "
		 "qcow2\n"
		 "image with what savevm wrote. Memory is not read. Without --out the registers "
		 "are printed.\n"
		 "QEMU 11.0 and 11.1 permute AMD's registers from 0xc0010200 when they save "
		 "them: with\n"
		 "--layout auto, the default, such a file is recognised, and the state is the "
		 "true one.\n",
	.options = import_rows,
	.option_count = sizeof(import_rows) / sizeof(import_rows[0]),
	.operand_min = 1,
	.operand_max = 1,
	.run = run_import,
};
