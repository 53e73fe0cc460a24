/* SPDX-License-Identifier: MIT */
/* Waits until a phase's limit and no longer, in slices short enough to notice a signal soon. */
#include <poll.h>
#include <time.h>

#include "migrate.h"

enum { PIECE_MS = 50 };

uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

struct limit limit_in(unsigned ms, const volatile sig_atomic_t *stop)
{
	return (struct limit){.until = clock_ms() + ms, .stop = stop};
}

bool limit_is_over(const struct limit *limit, struct text *why)
{
	bool stopped = limit->stop && *limit->stop;

	if (!stopped && clock_ms() < limit->until)
		return false;
	if (!why->used)
		text_add(why, stopped ? "stopped by a signal"
		                      : "the other side does not answer in time");
	return true;
}

bool limit_wait(const struct limit *limit, int fd, short events, struct text *why)
{
	struct pollfd one = {.fd = fd, .events = events};
	uint64_t now = clock_ms(), left = limit->until > now ? limit->until - now : 0;

	if (limit_is_over(limit, why))
		return false;
	poll(&one, 1, (int)(left < PIECE_MS ? left : PIECE_MS));
	return true;
}
