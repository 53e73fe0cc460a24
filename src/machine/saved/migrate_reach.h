/* SPDX-License-Identifier: MIT */
/* Addresses in the form that sockets take. */
#ifndef MACHINE_MIGRATE_REACH_H
#define MACHINE_MIGRATE_REACH_H

#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>

#include "migrate.h"

struct place {
	union {
		struct sockaddr any;
		struct sockaddr_un local;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_storage storage;
	} at;
	socklen_t bytes;
};

/* All socket addresses of an address, in the order in which to try them. */
enum { PLACES_MOST = 8 };
struct places {
	struct place of[PLACES_MOST];
	size_t count;
};

/* Finds at least one, of this host only unless any_host. VPMU_BAD_ARGUMENT or VPMU_HOST: the reason
 * is added to why. */
enum vpmu_status address_resolve(const char *text, bool any_host, const struct limit *limit,
                                 struct places *places, struct text *why);

#endif
