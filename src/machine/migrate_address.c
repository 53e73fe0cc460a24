/* SPDX-License-Identifier: MIT */
/* Addresses of a live migration: a Unix socket, or TCP, on this host unless another is allowed. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>

#include "room_int.h"

/* A socket address of either kind. */
struct place {
	union {
		struct sockaddr any;
		struct sockaddr_un local;
		struct sockaddr_storage storage;
	} at;
	socklen_t bytes;
};

static bool refuse_address(struct text *why, const char *what, int error)
{
	text_add(why, what);
	if (error) {
		text_add(why, ": ");
		text_add(why, strerror(error));
	}
	return false;
}

static bool parse_unix(const char *path, struct place *place, struct text *why)
{
	size_t length = strlen(path);

	if (!length || length >= sizeof(place->at.local.sun_path))
		return refuse_address(why, "a path of 1 to 107 bytes is needed", 0);
	place->at.local.sun_family = AF_UNIX;
	memcpy(place->at.local.sun_path, path, length + 1);
	place->bytes = sizeof(place->at.local);
	return true;
}

static bool is_this_host(const struct sockaddr *at)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)at;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)at;

	if (at->sa_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
	return at->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

/* HOST:PORT; an IPv6 address in brackets. */
static bool split(const char *text, char host[256], char port[8])
{
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : 0;

	if (!colon || !length || length >= 256 || !colon[1] || strlen(colon + 1) > 5 ||
	    strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return false;
	if (text[0] == '[' && text[length - 1] == ']') {
		text++;
		length -= 2;
	}
	memcpy(host, text, length);
	host[length] = '\0';
	strcpy(port, colon + 1);
	return true;
}

static bool parse_tcp(const char *text, bool any_host, struct place *place, struct text *why)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
	char host[256], port[8];
	int error;

	if (!split(text, host, port))
		return refuse_address(why, "tcp:HOST:PORT is needed", 0);
	error = getaddrinfo(host, port, &hints, &list);
	if (error) {
		text_add(why, "no such host: ");
		text_add(why, gai_strerror(error));
		return false;
	}
	memcpy(&place->at, list->ai_addr, list->ai_addrlen);
	place->bytes = list->ai_addrlen;
	freeaddrinfo(list);
	if (any_host || is_this_host(&place->at.any))
		return true;
	return refuse_address(why,
	                      "another host, and the stream is neither encrypted nor authenticated "
	                      "(--allow-remote takes that)",
	                      0);
}

static bool parse(const char *address, bool any_host, struct place *place, struct text *why)
{
	memset(place, 0, sizeof(*place));
	if (!strncmp(address, "unix:", 5))
		return parse_unix(address + 5, place, why);
	if (!strncmp(address, "tcp:", 4))
		return parse_tcp(address + 4, any_host, place, why);
	return refuse_address(why, "unix:PATH or tcp:HOST:PORT is needed", 0);
}

static int close_with(int fd, struct text *why, const char *what)
{
	refuse_address(why, what, errno);
	if (fd >= 0)
		close(fd);
	return -1;
}

int address_connect(const char *address, bool any_host, char *why, size_t why_bytes)
{
	struct text reason = text_in(why, why_bytes);
	struct place place;
	int fd;

	if (!parse(address, any_host, &place, &reason))
		return -1;
	fd = socket(place.at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, &place.at.any, place.bytes))
		return close_with(fd, &reason, "it cannot be reached");
	return fd;
}

/* A Unix socket is its owner's alone. */
static int listen_at(const struct place *place, struct text *why)
{
	bool local = place->at.any.sa_family == AF_UNIX;
	int fd = socket(place->at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1, failed;
	mode_t mask;

	if (fd < 0)
		return close_with(fd, why, "no socket");
	if (!local)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	mask = umask(077);
	failed = bind(fd, &place->at.any, place->bytes);
	umask(mask);
	if (failed || listen(fd, 1))
		return close_with(fd, why, "nobody can listen there");
	return fd;
}

int address_accept(const char *address, bool any_host, char *why, size_t why_bytes)
{
	struct text reason = text_in(why, why_bytes);
	struct place place;
	int listening, fd, error;

	if (!parse(address, any_host, &place, &reason))
		return -1;
	listening = listen_at(&place, &reason);
	if (listening < 0)
		return -1;
	fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	error = errno;
	if (fd < 0)
		refuse_address(&reason, "nobody came", error);
	close(listening);
	if (place.at.any.sa_family == AF_UNIX)
		unlink(place.at.local.sun_path);
	errno = error;
	return fd;
}
