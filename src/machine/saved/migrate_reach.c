/* SPDX-License-Identifier: MIT */
/* Connecting to a listener, and listening. Neither waits beyond its limit, or after a signal. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <arpa/inet.h>

#include "migrate_reach.h"

enum { BACKLOG = 16 };

/* Keeps the last reason: that of the last address tried. */
static int close_with(int fd, struct text *why, const char *what, int error)
{
	*why = text_in(why->start, why->size);
	text_add(why, what);
	text_add(why, ": ");
	text_add(why, strerror(error));
	if (fd >= 0)
		close(fd);
	return -1;
}

static int open_socket(const struct place *place)
{
	return socket(place->at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* --- Connecting ------------------------------------------------------------------------------- */

/* The state of a connection attempt: 0: connected; -1: not yet; else its errno. */
static int connect_result(int fd)
{
	struct pollfd one = {.fd = fd, .events = POLLOUT};
	socklen_t bytes = sizeof(int);
	int error = 0;

	if (poll(&one, 1, 0) <= 0)
		return -1;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes) ? errno : error;
}

/* A full backlog gives EAGAIN on a Unix socket, and then the connect must be tried again; on TCP
 * there is just no answer. -1: the limit is over. */
static int connect_until(int fd, const struct place *place, const struct limit *limit,
                         struct text *why)
{
	int error;

	while (connect(fd, &place->at.any, place->bytes)) {
		if (errno == EINPROGRESS || errno == EINTR)
			break;
		if (errno != EAGAIN)
			return errno;
		if (!limit_wait(limit, -1, 0, why))
			return -1;
	}
	while ((error = connect_result(fd)) < 0)
		if (!limit_wait(limit, fd, POLLOUT, why))
			return -1;
	return error;
}

static int connect_one(const struct place *place, const struct limit *limit, struct text *why)
{
	int fd = open_socket(place), error;

	if (fd < 0)
		return close_with(fd, why, "no socket", errno);
	error = connect_until(fd, place, limit, why);
	if (!error)
		return fd;
	if (error > 0)
		return close_with(fd, why, "it cannot be reached", error);
	close(fd);
	return -1;
}

int address_connect(const char *address, bool any_host, const struct migration_limits *limits,
                    char *why, size_t why_bytes)
{
	struct limit limit = limit_in(limits->still_ms, limits->stop);
	struct text reason = text_in(why, why_bytes);
	struct places places;
	int fd = -1;

	if (address_resolve(address, any_host, &limit, &places, &reason))
		return -1;
	for (size_t i = 0; fd < 0 && i < places.count; i++) {
		reason = text_in(why, why_bytes);
		fd = connect_one(&places.of[i], &limit, &reason);
	}
	return fd;
}

/* --- Listening -------------------------------------------------------------------------------- */

struct listener {
	int fd;
	char path[108];                     /* of a Unix socket, removed at the end */
	char chosen[INET6_ADDRSTRLEN + 16]; /* "": no port was chosen here */
};

/* Only the owner may connect to a Unix socket. */
static int listen_at(const struct place *place, struct text *why)
{
	bool local = place->at.any.sa_family == AF_UNIX;
	int fd = open_socket(place), yes = 1, failed;
	mode_t mask;

	if (fd < 0)
		return close_with(fd, why, "no socket", errno);
	if (!local)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	mask = umask(077);
	failed = bind(fd, &place->at.any, place->bytes);
	umask(mask);
	if (failed || listen(fd, BACKLOG))
		return close_with(fd, why, "nobody can listen there", errno);
	return fd;
}

static void note_chosen(struct listener *listener)
{
	struct text text = text_in(listener->chosen, sizeof(listener->chosen));
	struct place place = {.bytes = sizeof(place.at)};
	bool v6;
	char host[INET6_ADDRSTRLEN];

	if (getsockname(listener->fd, &place.at.any, &place.bytes))
		return;
	v6 = place.at.any.sa_family == AF_INET6;
	inet_ntop(place.at.any.sa_family,
	          v6 ? (const void *)&place.at.v6.sin6_addr : &place.at.v4.sin_addr, host,
	          sizeof(host));
	text_add(&text, v6 ? "tcp:[" : "tcp:");
	text_add(&text, host);
	text_add(&text, v6 ? "]:" : ":");
	text_add_unsigned(&text, ntohs(v6 ? place.at.v6.sin6_port : place.at.v4.sin_port));
}

static void note_place(struct listener *listener, const struct place *place)
{
	int family = place->at.any.sa_family;

	if (family == AF_UNIX)
		memcpy(listener->path, place->at.local.sun_path, sizeof(listener->path));
	else if (!(family == AF_INET ? place->at.v4.sin_port : place->at.v6.sin6_port))
		note_chosen(listener);
}

struct listener *address_listen(const char *address, bool any_host,
                                const struct migration_limits *limits, enum vpmu_status *status,
                                char *why, size_t why_bytes)
{
	struct limit limit = limit_in(limits->still_ms, limits->stop);
	struct listener *listener = calloc(1, sizeof(*listener));
	struct text reason = text_in(why, why_bytes);
	struct places places;

	*status = VPMU_HOST;
	if (!listener) {
		text_add(&reason, "no memory");
		return NULL;
	}
	*status = address_resolve(address, any_host, &limit, &places, &reason);
	listener->fd = -1;
	for (size_t i = 0; !*status && listener->fd < 0 && i < places.count; i++) {
		listener->fd = listen_at(&places.of[i], &reason);
		if (listener->fd >= 0)
			note_place(listener, &places.of[i]);
	}
	if (listener->fd >= 0)
		return listener;
	if (!*status)
		*status = VPMU_HOST;
	free(listener);
	return NULL;
}

const char *listener_chosen(const struct listener *listener)
{
	return *listener->chosen ? listener->chosen : NULL;
}

/* Whether the error is the listener's, and not just that of one connection. */
static bool is_lasting(int error)
{
	return error != EAGAIN && error != EINTR && error != ECONNABORTED;
}

int listener_accept(struct listener *listener, const struct migration_limits *limits, char *why,
                    size_t why_bytes)
{
	const struct limit limit = {.until = UINT64_MAX, .stop = limits->stop};
	struct text reason = text_in(why, why_bytes);
	int fd;

	while (limit_wait(&limit, listener->fd, POLLIN, &reason)) {
		fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			return fd;
		if (is_lasting(errno))
			return close_with(-1, &reason, "nobody can come", errno);
	}
	return -1;
}

void listener_end(struct listener *listener)
{
	if (!listener)
		return;
	close(listener->fd);
	if (*listener->path)
		unlink(listener->path);
	free(listener);
}
