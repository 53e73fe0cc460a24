/* SPDX-License-Identifier: MIT */
/* A machine that has done something, and saved machines in memory, for tests to damage. */
#ifndef SAVED_H
#define SAVED_H

#include <machine/saved/snapshot.h>

#include "board_fixture.h"

enum { SAVED_MOST = 1 << 16 };

struct saved {
	uint8_t bytes[SAVED_MOST];
	size_t used, at;
};

/* A machine that has done something: counters, a timer, an interrupt requested, memory. */
struct machine *saved_lived(const char *model);

/* Saves it with two notes, 7 and all ones. */
void saved_make(struct machine *machine, struct saved *to);

/* machine_sink's write and machine_origin's read; the context is a struct saved. */
bool saved_keep(void *context, const void *bytes, size_t count);
long saved_give(void *context, void *into, size_t count);

/* The first record of that type, and its whole length; dies in the test when there is none. */
uint8_t *saved_find(struct saved *saved, uint32_t type, size_t *bytes);

/* Makes a record's checksum right. */
void saved_seal(uint8_t *record);

/* Takes the first record of that type out. */
void saved_remove(struct saved *saved, uint32_t type);

/* Puts bytes in at a place in saved->bytes. */
void saved_insert(struct saved *saved, uint8_t *at, const uint8_t *bytes, size_t count);

#endif
