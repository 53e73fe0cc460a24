/* SPDX-License-Identifier: MIT */
/* The counterexamples of a table of cells as files that `vpmu replay` runs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "command.h"
#include "input/file.h"
#include "lib/message.h"

enum { NAME_BYTES = 256 };

/* Makes a name safe as part of a file name: '/' and other special characters become '_'. */
static const char *file_part(const char *name, char part[NAME_BYTES])
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   "-.,=_";
	size_t used = 0;

	for (; name[used] && used < NAME_BYTES - 1; used++)
		part[used] = strchr(safe, name[used]) ? name[used] : '_';
	part[used] = '\0';
	if (*part == '.')
		*part = '_';
	return part;
}

static int write_script(const struct check_cell *cell, unsigned property, const char *directory)
{
	struct output output;
	char path[4000], order[NAME_BYTES], model[NAME_BYTES], profile[NAME_BYTES];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s-%s-%s-%s-%s.replay", directory,
	                     file_part(cell->order, order), file_part(cell->model, model),
	                     file_part(cell->profile, profile), check_lives[cell->life].name,
	                     check_properties[property].name) >= sizeof(path)) {
		message("the name is too long: %s", directory);
		return TOOL_BAD;
	}
	if (!output_open(&output, path))
		return TOOL_LACKS;
	fputs(cell->violations[property].script, output.stream);
	return output_commit(&output) ? TOOL_HOLDS : TOOL_LACKS;
}

int check_make_folder(const char *directory)
{
	char inside[4000];

	snprintf(inside, sizeof(inside), "%s/.", directory);
	if (mkdir(directory, 0777) && errno != EEXIST)
		message("cannot make: %s: %s", directory, strerror(errno));
	else if (access(inside, W_OK | X_OK))
		message("cannot write: %s: %s", directory, strerror(errno));
	else
		return TOOL_HOLDS;
	return TOOL_LACKS;
}

int check_write_scripts(const struct check_table *table, const char *directory)
{
	int status = TOOL_HOLDS;

	for (size_t i = 0; i < table->count; i++)
		for (unsigned j = 0; j < CHECK_PROPERTIES && !status; j++) {
			const struct check_cell *cell = &table->cells[i];

			if (cell_violates(cell, (enum check_property)j) &&
			    cell->violations[j].replays)
				status = write_script(cell, j, directory);
		}
	return status;
}
