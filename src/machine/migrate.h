/* SPDX-License-Identifier: MIT */
/*
 * What the two sides of a live migration share: the connection, and the words that they exchange
 * beside a saved machine's records. docs/migration.md has the protocol and who owns the guest when.
 */
#ifndef MACHINE_MIGRATE_H
#define MACHINE_MIGRATE_H

#include "snapshot.h"

#define MACHINE_LIVE_MAGIC "VPMULIVE"

/* Records without a machine's part in them; REFUSED and CANCEL carry a text. */
enum word {
	WORD_READY = RECORD('R', 'E', 'D', 'Y'), /* to the source: this model and memory will do */
	WORD_REFUSED = RECORD('R', 'E', 'F', 'U'), /* to the source: why not; the end */
	WORD_CANCEL = RECORD('C', 'A', 'N', 'C'), /* to the destination: the guest stays; the end */
	WORD_PREPARED = RECORD('P', 'R', 'E', 'P'), /* to the source: everything is here and put */
	WORD_COMMIT = RECORD('C', 'O', 'M', 'T'),   /* to the destination: the guest is yours */
	WORD_DONE = RECORD('D', 'O', 'N', 'E'),     /* to the source: it is */
};

enum {
	CHANNEL_QUEUE = 1 << 18, /* bytes waiting to be sent, before more are made */
	CHANNEL_REPLY_MOST = 512
};

/* A connection that never blocks but where a call says so. */
struct channel {
	int fd;
	struct pack out; /* to be sent, from `sent` on */
	size_t sent;
	uint64_t bytes_sent; /* in all */
	uint64_t moved_at;   /* when a byte last went either way, in milliseconds */
	uint8_t in[RECORD_HEADER_BYTES + CHANNEL_REPLY_MOST];
	size_t got;
	struct text why; /* what went wrong */
};

uint64_t clock_ms(void);
bool channel_open(struct channel *channel, int fd, struct text why);
void channel_close(struct channel *channel);

void channel_say(struct channel *channel, enum word word, const char *text);

/* Sends what can be sent now. False: the connection is gone. */
bool channel_push(struct channel *channel);

/* Sends everything; false: the connection is gone, or nothing has moved for so long. */
bool channel_flush(struct channel *channel, unsigned timeout_ms);

/* What has arrived of a reply: 1 a whole one, 0 not yet, -1 the connection is gone or talks
 * nonsense. channel_reply_text() is valid until the next call. */
int channel_reply(struct channel *channel, enum word *word);
void channel_reply_text(const struct channel *channel, char *text, size_t bytes);

/* Waits for one; -1 also when nothing has moved for so long. */
int channel_await(struct channel *channel, unsigned timeout_ms, enum word *word);

/* Reads exactly so much, for as long as the source lives. False: it is gone, or a signal came. */
bool channel_read(int fd, void *into, size_t bytes, struct text *why);

#endif
