/* SPDX-License-Identifier: MIT */
/* Finds the name that a person may have meant. */
#ifndef TOOL_NEAREST_H
#define TOOL_NEAREST_H

#include <stddef.h>

/*
 * The name nearest to `text` among name(list, 0), name(list, 1), … up to NULL; NULL when none is
 * near enough to be meant.
 */
const char *nearest_name(const char *text, const char *(*name)(const void *list, size_t i),
                         const void *list);

#endif
