/* SPDX-License-Identifier: MIT */
/* All that the kernel's code remembers, its variables and what it allocates, copied and hashed. */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>

struct guest;

/* Finds the variables, and keeps their values before any guest. Must come first; further calls do
 * nothing. */
void snapshot_open(void);

/* Puts everything back to that moment. */
void snapshot_begin(void);

/* The most that a snapshot takes. Code that keeps more memory than that is ended by abort(). */
size_t snapshot_bytes(void);
void snapshot_save(void *snapshot);
void snapshot_load(const void *snapshot);

/* A hash that leaves out what has no effect on the future: the counts of perf calls, and where an
 * event lies. */
uint64_t snapshot_fingerprint(const struct guest *guest);

#endif
