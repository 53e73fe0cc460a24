/* SPDX-License-Identifier: MIT */
/*
 * What a live migration's source sends, as bytes to damage, and a destination that receives them.
 * The whole stream is in the socket before it is read, so nothing waits.
 */
#ifndef LIVE_STREAM_H
#define LIVE_STREAM_H

#include <machine/saved/migrate.h>

#include "saved.h"

/* The stream, and the machine in it as it is saved. */
extern struct saved stream, stream_of;

/* A stream is a saved machine with another name, and COMMIT behind it. */
void stream_make(const char *model);

/* What came of the stream that was received last. */
extern struct outcome {
	struct machine *machine;
	struct migration_refusal refusal;
	struct machine_notes notes;
	char replies[64];  /* "REDY PREP" */
	char refused[512]; /* REFUSED's text */
} outcome;

/*
 * Sends the stream's first `count` bytes, closes, and lets a destination receive that: for this
 * model, or for any when it is NULL, with at most so many bytes of memory.
 */
void stream_receive(size_t count, const char *model, uint64_t most);

/* Notes the replies that wait in the source's socket. */
void stream_read_replies(int fd);

#endif
