/* SPDX-License-Identifier: MIT */
/*
 * The writer's end of the ring. Many threads of many processes write; the tool reads. A writer
 * reserves room by moving the head. A record is valid once its first word is written, which is done
 * last.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "room_int.h"

struct watch_shared *shared;
pid_t process;

static struct watch_shared *map(int fd)
{
	struct watch_shared *at;
	struct stat status;

	if (fstat(fd, &status) || status.st_size != (off_t)sizeof(*at))
		return NULL;
	/* Populated: a page fault inside a call would take longer than the call. */
	at = mmap(NULL, sizeof(*at), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (at == MAP_FAILED)
		return NULL;
	if (at->magic == WATCH_MAGIC && at->version == WATCH_VERSION)
		return at;
	munmap(at, sizeof(*at));
	return NULL;
}

/* The descriptor is closed again, so the VMM gets the same numbers as without us. */
void ring_attach(void)
{
	const char *path = getenv(WATCH_ENVIRONMENT);
	int fd;

	process = getpid();
	fd = path ? real()->open(path, O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	shared = map(fd);
	real()->close(fd);
	if (!shared)
		return;
	table_start(shared->emulates);
	if (shared->emulates)
		emulate_start();
	atomic_fetch_add(&shared->attached, 1);
}

uint64_t now(void)
{
	struct timespec time;

	if (shared->clock == WATCH_CLOCK_NONE)
		return 0;
	clock_gettime(shared->clock == WATCH_CLOCK_FINE ? CLOCK_MONOTONIC : CLOCK_MONOTONIC_COARSE,
	              &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Reserves this many slots; false when the reader is too far behind. */
static bool reserve(unsigned slots, uint64_t *place)
{
	uint64_t head = atomic_load(&shared->head);

	do {
		if (head + slots - atomic_load(&shared->tail) > WATCH_RING)
			return false;
	} while (!atomic_compare_exchange_weak(&shared->head, &head, head + slots));
	*place = head;
	return true;
}

/*
 * Waits for the reader, but only once while it stands still, so that a VMM goes on if its log is
 * stopped. It busy-waits, since sleeping is a system call.
 */
static bool reserve_waiting(unsigned slots, uint64_t *place)
{
	uint64_t start = now(), tail = atomic_load(&shared->tail);

	while (!reserve(slots, place)) {
		bool moved = atomic_load(&shared->tail) != tail;

		if (moved) {
			start = now();
			tail = atomic_load(&shared->tail);
		}
		if (!start || atomic_load(&shared->full_at) == tail + 1 ||
		    now() - start > WATCH_WAIT_MS * UINT64_C(1000000)) {
			atomic_store(&shared->full_at, tail + 1);
			return false;
		}
		__builtin_ia32_pause();
	}
	return true;
}

static void copy_in(uint64_t place, const void *from, size_t bytes)
{
	const char *source = from;

	while (bytes) {
		size_t piece = bytes < sizeof(struct watch_msr) ? bytes : sizeof(struct watch_msr);

		memcpy(&shared->ring[place++ % WATCH_RING], source, piece);
		source += piece;
		bytes -= piece;
	}
}

void ring_write(struct watch_head *head, const void *payload, size_t bytes)
{
	size_t slots = WATCH_HEAD_SLOTS +
	               (bytes + sizeof(struct watch_msr) - 1) / sizeof(struct watch_msr);
	_Atomic uint64_t *ready;
	uint64_t place;

	if (!shared)
		return;
	if (slots > WATCH_HEAD_SLOTS + WATCH_PAYLOAD ||
	    !(reserve((unsigned)slots, &place) || reserve_waiting((unsigned)slots, &place))) {
		atomic_fetch_add(&shared->lost, 1);
		return;
	}
	head->slots = (uint16_t)slots;
	head->process = (uint32_t)process;
	if (!head->time)
		head->time = now();
	/* The first word goes in last. */
	ready = (_Atomic uint64_t *)&shared->ring[place % WATCH_RING];
	memcpy((char *)ready + sizeof(*ready), (char *)head + sizeof(*ready),
	       sizeof(struct watch_msr) - sizeof(*ready));
	copy_in(place + 1, (char *)head + sizeof(struct watch_msr),
	        sizeof(*head) - sizeof(struct watch_msr));
	copy_in(place + WATCH_HEAD_SLOTS, payload, bytes);
	atomic_store_explicit(ready, place + 1, memory_order_release);
}
