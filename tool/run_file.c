/* SPDX-License-Identifier: MIT */
/* A saved machine as a file: written beside its name, brought to the disk, and only then renamed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "file.h"
#include "message.h"
#include "run_life.h"

static bool write_file(void *context, const void *bytes, size_t count)
{
	return fwrite(bytes, 1, count, context) == count;
}

/* A crash after the rename must not find an empty file: the bytes first. */
static bool bring_to_disk(const struct output *output)
{
	if (!fflush(output->stream) && (!*output->temporary || !fsync(fileno(output->stream))))
		return true;
	message("cannot write: %s: %s", output->path, strerror(errno));
	return false;
}

bool life_save_file(struct machine *machine, const struct machine_notes *notes, const char *path)
{
	struct output output;
	struct machine_sink sink = {.write = write_file};
	char why[512] = "";

	if (!output_open(&output, path))
		return false;
	sink.context = output.stream;
	errno = 0;
	if (machine_save(machine, notes, &sink, why, sizeof(why))) {
		message("cannot save the machine: %s: %s%s%s", path, why, errno ? ": " : "",
		        errno ? strerror(errno) : "");
		output_abandon(&output);
		return false;
	}
	if (bring_to_disk(&output))
		return output_commit(&output);
	output_abandon(&output);
	return false;
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
	char why[512] = "";
	FILE *file;

	errno = 0;
	file = fopen(path, "rbe");

	if (!file || fgetc(file) == EOF) {
		message("cannot restore the machine: %s: %s", path,
		        errno ? strerror(errno) : "it is empty");
		if (file)
			fclose(file);
		return TOOL_BAD;
	}
	rewind(file);
	origin.context = file;
	*machine = machine_load_saved(wanted, &origin, notes, &status, why, sizeof(why));
	fclose(file);
	if (*machine)
		return TOOL_HOLDS;
	message("cannot restore the machine: %s: %s", path, why);
	return life_exit_status(status);
}
