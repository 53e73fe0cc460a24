/* SPDX-License-Identifier: MIT */
/* All that the kernel's code remembers, its variables and what it allocates, copied and hashed. */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>

struct guest;

/* Finds the variables, and keeps what they are before any guest. Comes first; again is nothing. */
void snapshot_open(void);

/* Everything as it was then. */
void snapshot_begin(void);

/* What a snapshot takes at most. Code that keeps more memory than that is ended by abort(). */
size_t snapshot_bytes(void);
void snapshot_save(void *snapshot);
void snapshot_load(const void *snapshot);

/* What only tells of the past is left out of it: the counts of perf calls, and where an event
 * lies. */
uint64_t snapshot_fingerprint(const struct guest *guest);

#endif
