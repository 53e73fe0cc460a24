/* SPDX-License-Identifier: MIT */
/* A folder as a list of its files. */
#ifndef TOOL_FOLDER_H
#define TOOL_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

struct folder {
	char **paths; /* of its files but hidden ones, in the order of their names */
	size_t count;
};

bool folder_is(const char *path);

/* Returns the exit status; TOOL_BAD after a message, also for a folder without files. *folder needs
 * folder_close() in any case. */
int folder_open(const char *path, struct folder *folder);
void folder_close(struct folder *folder);

#endif
