/* SPDX-License-Identifier: MIT */
/*
 * What the two sides of a live migration share: the connection, and the words that they exchange
 * beside a saved machine's records. docs/migration.md has the protocol and who owns the guest when.
 */
#ifndef MACHINE_MIGRATE_H
#define MACHINE_MIGRATE_H

#include <signal.h>

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

/* --- migrate_wait.c: how long a phase may take -------------------------------------------------
 */

/* A moment, and a signal that comes before it. */
struct limit {
	uint64_t until;                    /* of clock_ms(); UINT64_MAX: no moment */
	const volatile sig_atomic_t *stop; /* not 0: it is over; may be NULL */
};

uint64_t clock_ms(void);
struct limit limit_in(unsigned ms, const volatile sig_atomic_t *stop);

/* The reason is added unless there is one. */
bool limit_is_over(const struct limit *limit, struct text *why);

/* Waits a little for the descriptor (-1: for none). False: the limit is over. */
bool limit_wait(const struct limit *limit, int fd, short events, struct text *why);

/* --- migrate_channel.c: a connection, which never blocks but up to a limit ----------------------
 */

struct channel {
	int fd;
	struct pack out; /* to be sent, from `sent` on */
	size_t sent;
	uint64_t bytes_sent; /* in all */
	uint8_t in[RECORD_HEADER_BYTES + CHANNEL_REPLY_MOST];
	size_t got;
	struct text why; /* what went wrong */
};

void channel_open(struct channel *channel, int fd, struct text why);
void channel_close(struct channel *channel);

void channel_say(struct channel *channel, enum word word, const char *text);

/* Sends what can be sent now. False: the connection is gone. */
bool channel_push(struct channel *channel);

/* Sends everything; false: the connection is gone, or the limit is over. */
bool channel_flush(struct channel *channel, const struct limit *limit);

/* What has arrived of a reply: 1 a whole one, 0 not yet, -1 the connection is gone or talks
 * nonsense. channel_reply_text() is valid until the next call. */
int channel_reply(struct channel *channel, enum word *word);
void channel_reply_text(const struct channel *channel, char *text, size_t bytes);

/* Waits for one; -1 also when the limit is over. */
int channel_await(struct channel *channel, const struct limit *limit, enum word *word);

/* Reads exactly so much. What is there already is taken, whatever the limit. */
enum channel_end {
	CHANNEL_GOES_ON,
	CHANNEL_GONE, /* nobody is there any more */
	CHANNEL_OVER, /* the limit is over */
};
enum channel_end channel_read(int fd, void *into, size_t bytes, const struct limit *limit,
                              struct text *why);

/* --- migrate_address.c -------------------------------------------------------------------------
 */

/* unix:PATH or tcp:HOST:PORT, as text. */
struct address {
	bool local;     /* a path; else host and port */
	char path[108]; /* as long as in struct sockaddr_un */
	char host[256]; /* a name, an IPv4 address, or an IPv6 address without its brackets */
	bool literal;   /* it was in brackets */
	uint16_t port;
};

/* False: the reason is added. */
bool address_parse(const char *text, struct address *address, struct text *why);

#endif
