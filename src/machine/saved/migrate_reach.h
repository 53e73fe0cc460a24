/* SPDX-License-Identifier: MIT */
/* Addresses as sockets know them. */
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

/* All that an address stands for, in the order in which they are tried. */
enum { PLACES_MOST = 8 };
struct places {
	struct place of[PLACES_MOST];
	size_t count;
};

/* At least one, of this host unless any_host; VPMU_BAD_ARGUMENT or VPMU_HOST: the reason is added.
 */
enum vpmu_status address_resolve(const char *text, bool any_host, const struct limit *limit,
                                 struct places *places, struct text *why);

#endif
