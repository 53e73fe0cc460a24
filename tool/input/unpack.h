/* SPDX-License-Identifier: MIT */
/* Unpacks gzip and zstd, from left to right, in bounded memory. */
#ifndef TOOL_UNPACK_H
#define TOOL_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpmu/stream.h>

struct unpack;

/* How the bytes are packed, "gzip" or "zstd"; NULL: they are not, as far as is known here. Static
 * storage. */
const char *unpack_format(const void *start, size_t bytes);

/*
 * Begins to unpack what is at the source's offset, in that format. NULL: no memory, or this build
 * does not know the format; unpack_knows() tells.
 */
struct unpack *unpack_begin(const char *format, const struct vpmu_source *from, uint64_t at);
bool unpack_knows(const char *format);

/* The next bytes, fewer only at the end: false: *why says what is wrong; static storage. */
bool unpack_next(struct unpack *unpack, void *into, size_t bytes, size_t *got, const char **why);

/* How far the packed bytes have been read. */
uint64_t unpack_at(const struct unpack *unpack);

void unpack_end(struct unpack *unpack);

#endif
