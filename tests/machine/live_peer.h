/* SPDX-License-Identifier: MIT */
/* The other side of a live migration's source, played by a thread from a script. */
#ifndef LIVE_PEER_H
#define LIVE_PEER_H

#include <pthread.h>

#include <machine/saved/migrate.h>

enum { DRIP_MS = 400, SIPS = 10 };

/* One thing that the peer does. */
struct step {
	enum {
		STAY,  /* the end: the connection stays open, and nothing more is read or said */
		HEAR,  /* read records up to one of this type */
		SAY,   /* a record of this type and with this text */
		SPOIL, /* the same with a wrong checksum */
		DRIP,  /* the same, a byte every DRIP_MS */
		SIP,   /* read a byte every DRIP_MS, SIPS times */
		DEAF,  /* nothing that is sent from now on arrives: sending fails */
		CLOSE, /* the end: the connection is closed */
	} what;
	uint32_t type;
	const char *text;
};

struct peer {
	int fd;
	const struct step *steps;
	pthread_t thread;
	/* After peer_end(): the types of all records that were heard, and the last one's text. */
	char heard[4096];
	char text[256];
	bool lost; /* the connection ended while it listened */
};

/* Begins to play; what is returned is the source's end of the connection. */
int peer_begin(struct peer *peer, const struct step *steps);

/* Waits for the end of the script, and closes the connection. */
void peer_end(struct peer *peer);

#endif
