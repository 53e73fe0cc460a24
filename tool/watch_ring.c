/* SPDX-License-Identifier: MIT */
/* The file in memory that the tool shares with the preload library: made here, and read. */
#include "watch.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "message.h"

bool watch_ring_make(struct watch_ring *ring, const struct vpmu_model *model, const char *profile)
{
	struct watch_shared *shared = MAP_FAILED;

	ring->fd = memfd_create("vpmu-watch", MFD_CLOEXEC);
	if (ring->fd >= 0 && !ftruncate(ring->fd, sizeof(*shared)))
		shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd,
		              0);
	if (shared == MAP_FAILED) {
		message("cannot make the shared memory for the log: %s", strerror(errno));
		return false;
	}
	ring->shared = shared;
	shared->magic = WATCH_MAGIC;
	shared->version = WATCH_VERSION;
	shared->emulates = model != NULL;
	if (model) {
		shared->model = *model;
		strncpy(shared->profile, profile, sizeof(shared->profile) - 1);
	}
	return true;
}

static void copy_out(const struct watch_shared *shared, uint64_t place, void *into, unsigned slots)
{
	struct watch_msr *to = into;

	for (unsigned i = 0; i < slots; i++)
		to[i] = shared->ring[(place + i) % WATCH_RING];
}

/* Another process wrote it: nothing in it is trusted. */
static bool is_record(const struct watch_head *head, uint64_t left)
{
	return head->kind < WATCH_KINDS && head->slots >= WATCH_HEAD_SLOTS &&
	       head->slots <= WATCH_HEAD_SLOTS + WATCH_PAYLOAD && head->slots <= left;
}

bool watch_ring_next(struct watch_ring *ring, struct watch_record *record, bool at_end)
{
	struct watch_shared *shared = ring->shared;
	uint64_t tail = atomic_load(&shared->tail), head = atomic_load(&shared->head);
	bool skipping = false;

	for (; tail < head; tail++) {
		_Atomic uint64_t *ready = (_Atomic uint64_t *)&shared->ring[tail % WATCH_RING];

		if (atomic_load_explicit(ready, memory_order_acquire) == tail + 1) {
			copy_out(shared, tail, &record->head, WATCH_HEAD_SLOTS);
			if (is_record(&record->head, head - tail))
				break;
		}
		if (!at_end)
			return false;
		ring->skipped += !skipping;
		skipping = true;
	}
	if (tail >= head) {
		atomic_store(&shared->tail, head);
		return false;
	}
	record->entries = record->head.slots - WATCH_HEAD_SLOTS;
	copy_out(shared, tail + WATCH_HEAD_SLOTS, record->msrs, record->entries);
	atomic_store(&shared->tail, tail + record->head.slots);
	return true;
}
