/* SPDX-License-Identifier: MIT */
/*
 * What the two sides of a live migration share: the connection, and the words that they exchange
 * besides the records of a saved machine. docs/migration.md has the protocol, and says who owns the
 * guest at which moment.
 */
#ifndef MACHINE_MIGRATE_H
#define MACHINE_MIGRATE_H

#include <signal.h>

#include "snapshot.h"

#define MACHINE_LIVE_MAGIC "VPMULIVE"

/* Records that hold no part of a machine; REFUSED and CANCEL carry a text. */
enum word {
	WORD_READY = RECORD('R', 'E', 'D', 'Y'),   /* to the source: model and memory are fine */
	WORD_REFUSED = RECORD('R', 'E', 'F', 'U'), /* to the source: why not; the end */
	WORD_CANCEL = RECORD('C', 'A', 'N', 'C'), /* to the destination: the guest stays; the end */
	WORD_PREPARED = RECORD('P', 'R', 'E', 'P'), /* to the source: all is here and restored */
	WORD_COMMIT = RECORD('C', 'O', 'M', 'T'),   /* to the destination: the guest is yours */
	WORD_DONE = RECORD('D', 'O', 'N', 'E'),     /* to the source: the guest is mine */
};

enum {
	CHANNEL_QUEUE = 1 << 18, /* bytes waiting to be sent, above which no more are packed */
	CHANNEL_REPLY_MOST = 512
};

/* --- migrate_wait.c: how long a phase may take ------------------------------------------------ */

/* A deadline, and a flag that ends the phase before it. */
struct limit {
	uint64_t until;                    /* by clock_ms(); UINT64_MAX: no deadline */
	const volatile sig_atomic_t *stop; /* not 0: the phase is over; may be NULL */
};

uint64_t clock_ms(void);
struct limit limit_in(unsigned ms, const volatile sig_atomic_t *stop);

/* Whether the phase is over. Adds the reason to why, unless why has one. */
bool limit_is_over(const struct limit *limit, struct text *why);

/* Waits a little for the descriptor (-1: for none). False: the limit is over. */
bool limit_wait(const struct limit *limit, int fd, short events, struct text *why);

/* --- migrate_channel.c: a connection, which never blocks but up to a limit -------------------- */

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

/* Sends what can be sent without blocking. False: the connection is gone. */
bool channel_push(struct channel *channel);

/* Sends everything; false: the connection is gone, or the limit is over. */
bool channel_flush(struct channel *channel, const struct limit *limit);

/* Looks for a reply without blocking: 1: a whole one has arrived; 0: not yet; -1: the connection is
 * gone or the peer sends nonsense. channel_reply_text() is valid until the next call. */
int channel_reply(struct channel *channel, enum word *word);
void channel_reply_text(const struct channel *channel, char *text, size_t bytes);

/* Waits for a reply; -1 also when the limit is over. */
int channel_await(struct channel *channel, const struct limit *limit, enum word *word);

/* Reads exactly this many bytes. Bytes that have arrived already are taken even if the limit is
 * over. */
enum channel_end {
	CHANNEL_GOES_ON,
	CHANNEL_GONE, /* the peer is gone */
	CHANNEL_OVER, /* the limit is over */
};
enum channel_end channel_read(int fd, void *into, size_t bytes, const struct limit *limit,
                              struct text *why);

/* --- migrate_address.c ------------------------------------------------------------------------ */

/* unix:PATH or tcp:HOST:PORT, as text. */
struct address {
	bool local;     /* a Unix socket's path; else host and port */
	char path[108]; /* as long as in struct sockaddr_un */
	char host[256]; /* a name, an IPv4 address, or an IPv6 address without its brackets */
	bool literal;   /* the host was in brackets */
	uint16_t port;
};

/* False: the reason is added. */
bool address_parse(const char *text, struct address *address, struct text *why);

#endif
