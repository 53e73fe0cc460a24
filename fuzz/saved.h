/* SPDX-License-Identifier: MIT */
/* Saved machines in memory, and damage that their checksums do not show. */
#ifndef FUZZ_SAVED_H
#define FUZZ_SAVED_H

#include <machine/room.h>

enum { SAVED_BYTES = 1 << 20 };

struct saved {
	uint8_t bytes[SAVED_BYTES];
	size_t used;
};

/* What is not ended can be saved: MUST. */
void saved_make(struct saved *saved, struct machine *machine);

/* A machine on that CPU, of 2 MiB at most. NULL with the status and the reason. */
struct machine *saved_restore(const struct saved *saved, const struct cpu_ops *cpu,
                              enum vpmu_status *status, char *why, size_t why_bytes);

/* The payload of the record of a type (snapshot.h); NULL. */
uint8_t *saved_record(struct saved *saved, uint32_t type, size_t *bytes);

/* Makes the checksum of every record right, as far as lengths lead from one to the next. */
void saved_seal(uint8_t *data, size_t size);

#endif
