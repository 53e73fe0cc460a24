/* SPDX-License-Identifier: MIT */
/* Names by their number, up to NULL: the one that a person may have meant, and all of them. */
#ifndef TOOL_NEAREST_H
#define TOOL_NEAREST_H

#include <stddef.h>

/* The i-th name of a list, or NULL past the last. */
typedef const char *name_at(const void *list, size_t i);

/* The name nearest to `text`; NULL when none is near enough to be meant. */
const char *nearest_name(const char *text, name_at *name, const void *list);

/* All names with this between two, cut when there is no room; returns text. */
const char *all_names(char *text, size_t bytes, const char *between, name_at *name,
                      const void *list);

#endif
