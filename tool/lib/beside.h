/* SPDX-License-Identifier: MIT */
/* Files that belong to the tool: in the build folder, or as installed, wherever the tree was moved.
 */
#ifndef TOOL_BESIDE_H
#define TOOL_BESIDE_H

#include <limits.h>

/*
 * The first of the places (NULL at the end), relative to the tool's own folder, that can be read;
 * else `installed`. what: as a message calls it. TOOL_HOLDS, or TOOL_LACKS after a message.
 */
int find_beside(const char *const *places, const char *installed, const char *what,
                char path[PATH_MAX]);

#endif
