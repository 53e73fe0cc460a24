/* SPDX-License-Identifier: MIT */
/* Where the files are that belong to the tool. */
#include "beside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "message.h"

int find_beside(const char *const *places, const char *installed, const char *what,
                char path[PATH_MAX])
{
	char self[PATH_MAX / 2], place[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[length > 0 ? length : 0] = '\0';
	slash = strrchr(self, '/');
	for (; slash && *places; places++) {
		snprintf(place, sizeof(place), "%.*s/%s", (int)(slash - self), self, *places);
		if (realpath(place, path) && !access(path, R_OK))
			return TOOL_HOLDS;
	}
	snprintf(path, PATH_MAX, "%s", installed);
	if (!access(path, R_OK))
		return TOOL_HOLDS;
	message("%s is missing: %s (install vpmu anew)", what, path);
	return TOOL_LACKS;
}
