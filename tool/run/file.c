/* SPDX-License-Identifier: MIT */
/* A saved machine as a file. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "input/file.h"
#include "lib/message.h"
#include "life.h"

int run_output_status(const struct output *output)
{
	return output->error == ENOMEM ? TOOL_LACKS : RUN_OUTPUT_FAILED;
}

static bool write_file(void *context, const void *bytes, size_t count)
{
	return fwrite(bytes, 1, count, context) == count;
}

int life_save_file(struct machine *machine, const struct machine_notes *notes,
                   struct output *output)
{
	struct machine_sink sink = {.write = write_file, .context = output->stream};
	char why[RUN_WHY_BYTES] = "";
	int error;

	errno = 0;
	if (!machine_save(machine, notes, &sink, why, sizeof(why)))
		return output_commit(output) ? TOOL_HOLDS : RUN_OUTPUT_FAILED;
	error = output->error ? output->error : errno;
	message("cannot save the machine: %s: %s%s%s", output->path, why, error ? ": " : "",
	        error ? strerror(error) : "");
	error = output->error;
	output_abandon(output);
	return error ? RUN_OUTPUT_FAILED : TOOL_LACKS;
}

static long read_file(void *context, void *into, size_t count)
{
	size_t got = fread(into, 1, count, context);

	return ferror((FILE *)context) ? -1 : (long)got;
}

int life_restore_file(const struct machine_restore *wanted, const char *path,
                      struct machine_notes *notes, struct machine **machine)
{
	struct machine_origin origin = {.read = read_file};
	enum vpmu_status status;
	char why[RUN_WHY_BYTES] = "";
	FILE *file;
	int first;

	errno = 0;
	file = fopen(path, "rbe");
	first = file ? fgetc(file) : EOF;
	if (first == EOF) {
		int error = errno;

		message("cannot restore the machine: %s: %s", path,
		        error ? strerror(error) : "it is empty");
		if (file)
			fclose(file);
		return error == ENOMEM ? TOOL_LACKS : TOOL_BAD;
	}
	ungetc(first, file); /* a pipe cannot be rewound */
	origin.context = file;
	*machine = machine_load_saved(wanted, &origin, notes, &status, why, sizeof(why));
	fclose(file);
	if (*machine)
		return TOOL_HOLDS;
	message("cannot restore the machine: %s: %s", path, why);
	return life_exit_status(status);
}
