/* SPDX-License-Identifier: MIT */
/* Lists the files of a folder. */
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "command.h"
#include "lib/memory.h"
#include "lib/message.h"

bool folder_is(const char *path)
{
	struct stat about;

	return !stat(path, &about) && S_ISDIR(about.st_mode);
}

static int is_shown(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* By their bytes, whatever the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static bool add(struct folder *folder, const char *path, const char *name)
{
	size_t bytes = strlen(path) + strlen(name) + 2;
	char *whole = memory_get(bytes);
	struct stat about;

	if (!whole)
		return false;
	snprintf(whole, bytes, "%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/", name);
	if (stat(whole, &about) || !S_ISREG(about.st_mode))
		free(whole);
	else
		folder->paths[folder->count++] = whole;
	return true;
}

int folder_open(const char *path, struct folder *folder)
{
	struct dirent **entries;
	int found = scandir(path, &entries, is_shown, by_name);
	int error = errno;
	bool good = true;

	*folder = (struct folder){.paths = NULL};
	if (found < 0) {
		message("cannot open: %s: %s", path, strerror(error));
		return error == ENOMEM ? TOOL_LACKS : TOOL_BAD;
	}
	folder->paths = memory_get((size_t)found * sizeof(*folder->paths));
	for (int i = 0; i < found; i++) {
		good = good && folder->paths && add(folder, path, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	if (!good || !folder->paths) {
		message("out of memory: %s", path);
		return TOOL_LACKS;
	}
	if (folder->count)
		return TOOL_HOLDS;
	message("no files in the folder: %s", path);
	return TOOL_BAD;
}

void folder_close(struct folder *folder)
{
	for (size_t i = 0; i < folder->count; i++)
		free(folder->paths[i]);
	free(folder->paths);
	*folder = (struct folder){.paths = NULL};
}
