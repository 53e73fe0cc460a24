/* SPDX-License-Identifier: MIT */
/* See live_peer.h. Failures are noted and not asserted: a thread may not leave a test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <stream/room.h>

#include "live_peer.h"

static bool read_whole(struct peer *peer, void *into, size_t bytes)
{
	if (!bytes || recv(peer->fd, into, bytes, MSG_WAITALL) == (ssize_t)bytes)
		return true;
	peer->lost = true;
	return false;
}

/* The text is the payload's beginning, as far as there is room. */
static bool hear_record(struct peer *peer, uint32_t *type)
{
	static uint8_t payload[RECORD_MOST];
	uint8_t header[RECORD_HEADER_BYTES];
	size_t length, at, kept = sizeof(peer->text) - 1;

	if (!read_whole(peer, header, sizeof(header)))
		return false;
	length = load_le(header + 4, 4);
	if (!read_whole(peer, payload, length))
		return false;
	kept = length < kept ? length : kept;
	memcpy(peer->text, payload, kept);
	peer->text[kept] = '\0';
	*type = (uint32_t)load_le(header, 4);
	at = strlen(peer->heard);
	if (at + 4 < sizeof(peer->heard))
		memcpy(peer->heard + at, header, 4);
	return true;
}

static void hear(struct peer *peer, uint32_t wanted)
{
	uint8_t greeting[SAVED_HEADER_BYTES];
	uint32_t type = 0;

	if (!*peer->heard && !read_whole(peer, greeting, sizeof(greeting)))
		return;
	while (type != wanted && hear_record(peer, &type))
		;
}

static void say(struct peer *peer, const struct step *step, bool spoil)
{
	struct pack out = {0};
	size_t begun = record_begin(&out, (enum record_type)step->type);

	pack_bytes(&out, step->text, step->text ? strlen(step->text) : 0);
	record_end(&out, begun);
	out.bytes[8] ^= spoil;
	send(peer->fd, out.bytes, out.used, MSG_NOSIGNAL);
	free(out.bytes);
}

static void rest(void)
{
	const struct timespec drip = {.tv_nsec = DRIP_MS * 1000000L};

	nanosleep(&drip, NULL);
}

static void drip(struct peer *peer, const struct step *step)
{
	struct pack out = {0};
	size_t begun = record_begin(&out, (enum record_type)step->type);

	record_end(&out, begun);
	for (size_t i = 0; i < out.used; i++) {
		rest();
		if (send(peer->fd, out.bytes + i, 1, MSG_NOSIGNAL) != 1)
			break;
	}
	free(out.bytes);
}

static void sip(struct peer *peer)
{
	char byte;

	for (unsigned i = 0; i < SIPS && recv(peer->fd, &byte, 1, 0) == 1; i++)
		rest();
}

static void end_connection(struct peer *peer)
{
	if (peer->fd >= 0)
		close(peer->fd);
	peer->fd = -1;
}

static void do_step(struct peer *peer, const struct step *step)
{
	switch (step->what) {
	case HEAR:
		hear(peer, step->type);
		break;
	case SAY:
	case SPOIL:
		say(peer, step, step->what == SPOIL);
		break;
	case DRIP:
		drip(peer, step);
		break;
	case SIP:
		sip(peer);
		break;
	case DEAF:
		shutdown(peer->fd, SHUT_RD);
		break;
	case CLOSE:
		end_connection(peer);
		break;
	case STAY:
		break;
	}
}

static void *play(void *context)
{
	struct peer *peer = context;

	for (const struct step *step = peer->steps; step->what != STAY; step++) {
		do_step(peer, step);
		if (step->what == CLOSE)
			break;
	}
	return NULL;
}

int peer_begin(struct peer *peer, const struct step *steps)
{
	int ends[2];

	memset(peer, 0, sizeof(*peer));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	peer->fd = ends[0];
	peer->steps = steps;
	assert_int_equal(pthread_create(&peer->thread, NULL, play, peer), 0);
	return ends[1];
}

void peer_end(struct peer *peer)
{
	pthread_join(peer->thread, NULL);
	end_connection(peer);
}
