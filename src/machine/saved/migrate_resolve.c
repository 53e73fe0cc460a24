/* SPDX-License-Identifier: MIT */
/*
 * Resolves an address to socket addresses. Name resolution has no time limit of its own: a thread
 * does it, and is left behind when the limit is over.
 */
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "migrate_reach.h"

/* Whoever leaves last, thread or asker, frees it. */
struct question {
	atomic_bool left;
	char host[256], port[8];
	struct addrinfo *list;
	int error;
	int done[2]; /* a pipe; closing its write end says that the answer is there */
};

static int ask(const char *host, const char *port, int flags, struct addrinfo **list)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
	                               .ai_flags = flags | AI_NUMERICSERV};

	*list = NULL;
	return getaddrinfo(host, port, &hints, list);
}

static void leave(struct question *question)
{
	if (!atomic_exchange(&question->left, true))
		return;
	if (question->list)
		freeaddrinfo(question->list);
	free(question);
}

static void *ask_in_thread(void *context)
{
	struct question *question = context;
	int done = question->done[1];

	question->error = ask(question->host, question->port, 0, &question->list);
	close(done);
	leave(question);
	return NULL;
}

/* The thread blocks all signals: they are for the thread that runs the guest. */
static bool begin_thread(struct question *question)
{
	sigset_t all, before;
	pthread_t thread;
	bool begun;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	begun = !pthread_create(&thread, NULL, ask_in_thread, question);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (begun)
		pthread_detach(thread);
	return begun;
}

static bool has_answer(const struct question *question)
{
	struct pollfd one = {.fd = question->done[0], .events = POLLIN};

	return poll(&one, 1, 0) > 0;
}

/* Waits for the answer, up to the limit. */
static int await_answer(struct question *question, const struct limit *limit,
                        struct addrinfo **list, struct text *why)
{
	int error = EAI_AGAIN;

	while (!has_answer(question) && limit_wait(limit, question->done[0], POLLIN, why))
		;
	if (has_answer(question)) {
		error = question->error;
		*list = question->list;
		question->list = NULL;
	}
	close(question->done[0]);
	leave(question);
	return error;
}

static int ask_for_name(const char *host, const char *port, const struct limit *limit,
                        struct addrinfo **list, struct text *why)
{
	struct question *question = calloc(1, sizeof(*question));

	if (!question)
		return EAI_MEMORY;
	snprintf(question->host, sizeof(question->host), "%s", host);
	snprintf(question->port, sizeof(question->port), "%s", port);
	if (pipe(question->done)) {
		free(question);
		return EAI_SYSTEM;
	}
	if (begin_thread(question))
		return await_answer(question, limit, list, why);
	close(question->done[0]);
	close(question->done[1]);
	free(question);
	return EAI_MEMORY;
}

/* Turns ::ffff:127.0.0.1 into 127.0.0.1, which works whatever this host's IPv6 sockets accept. */
static void unmap(struct place *place)
{
	const struct sockaddr_in6 from = place->at.v6;

	if (place->at.any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&from.sin6_addr))
		return;
	memset(&place->at, 0, sizeof(place->at));
	place->at.v4.sin_family = AF_INET;
	place->at.v4.sin_port = from.sin6_port;
	memcpy(&place->at.v4.sin_addr, from.sin6_addr.s6_addr + 12, 4);
	place->bytes = sizeof(place->at.v4);
}

static bool is_this_host(const struct place *place)
{
	if (place->at.any.sa_family == AF_INET)
		return ntohl(place->at.v4.sin_addr.s_addr) >> 24 == 127;
	return place->at.any.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&place->at.v6.sin6_addr);
}

static bool take_list(struct addrinfo *list, bool any_host, struct places *places, struct text *why)
{
	for (struct addrinfo *each = list; each && places->count < PLACES_MOST;
	     each = each->ai_next) {
		struct place *place = &places->of[places->count];

		memset(place, 0, sizeof(*place));
		memcpy(&place->at, each->ai_addr, each->ai_addrlen);
		place->bytes = each->ai_addrlen;
		unmap(place);
		places->count += any_host || is_this_host(place);
	}
	freeaddrinfo(list);
	if (!places->count)
		text_add(why, "another host, and the stream is neither encrypted nor authenticated "
		              "(--allow-remote takes that)");
	return places->count;
}

/* Whether the host is at fault, and not the name. */
static bool is_of_host(int error)
{
	return error == EAI_MEMORY || error == EAI_SYSTEM || error == EAI_AGAIN;
}

static enum vpmu_status resolve_tcp(const struct address *address, bool any_host,
                                    const struct limit *limit, struct places *places,
                                    struct text *why)
{
	struct addrinfo *list;
	char port[8];
	int error;

	snprintf(port, sizeof(port), "%u", address->port);
	error = ask(address->host, port, AI_NUMERICHOST, &list);
	if (error && !address->literal)
		error = ask_for_name(address->host, port, limit, &list, why);
	if (!error)
		return take_list(list, any_host, places, why) ? VPMU_OK : VPMU_BAD_ARGUMENT;
	if (!why->used) {
		text_add(why, is_of_host(error) ? "no host can be looked up: " : "no such host: ");
		text_add(why, gai_strerror(error));
	}
	return is_of_host(error) ? VPMU_HOST : VPMU_BAD_ARGUMENT;
}

enum vpmu_status address_resolve(const char *text, bool any_host, const struct limit *limit,
                                 struct places *places, struct text *why)
{
	struct place *first = places->of;
	struct address address;

	places->count = 0;
	if (!address_parse(text, &address, why))
		return VPMU_BAD_ARGUMENT;
	if (!address.local)
		return resolve_tcp(&address, any_host, limit, places, why);
	memset(first, 0, sizeof(*first));
	first->at.local.sun_family = AF_UNIX;
	memcpy(first->at.local.sun_path, address.path, sizeof(address.path));
	first->bytes = sizeof(first->at.local);
	places->count = 1;
	return VPMU_OK;
}
