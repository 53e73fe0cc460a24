/* SPDX-License-Identifier: MIT */
/* The file in memory that the tool shares with the preload library: made here, and read. */
#include "watch.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "lib/message.h"

/* The C library reads these in the vDSO; others take a system call. */
static enum watch_clock find_clock(void)
{
	static const char *const fine[] = {"tsc", "kvm-clock", "hyperv_clocksource_tsc_page"};
	const char *path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
	char name[64] = "";
	FILE *file;

	if (!getauxval(AT_SYSINFO_EHDR))
		return WATCH_CLOCK_NONE;
	file = fopen(path, "re");
	if (file) {
		if (fscanf(file, "%63s", name) != 1)
			name[0] = '\0';
		fclose(file);
	}
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
		if (!strcmp(name, fine[i]))
			return WATCH_CLOCK_FINE;
	return WATCH_CLOCK_COARSE;
}

uint64_t watch_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* A file of one line, by a name that the VMM can open; its descriptor stays with this process. */
static void make_answer(char name[WATCH_PATH], const char *line)
{
	int fd = memfd_create("vpmu-answer", MFD_CLOEXEC);

	if (fd >= 0 && write(fd, line, strlen(line)) == (ssize_t)strlen(line))
		snprintf(name, WATCH_PATH, "/proc/%d/fd/%d", (int)getpid(), fd);
}

bool watch_ring_make(struct watch_ring *ring, const struct vpmu_model *model, const char *profile,
                     bool counts)
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
	ring->patience = WATCH_PATIENCE;
	shared->magic = WATCH_MAGIC;
	shared->version = WATCH_VERSION;
	shared->emulates = model != NULL;
	shared->counts = counts;
	shared->clock = find_clock();
	if (model) {
		shared->model = *model;
		strncpy(shared->profile, profile, sizeof(shared->profile) - 1);
		make_answer(shared->answers[0], "N\n");
		make_answer(shared->answers[1], "Y\n");
	}
	return true;
}

const struct vpmu_model *watch_record_model(const struct watch_record *record)
{
	bool has_model = record->entries * sizeof(record->msrs[0]) >= sizeof(record->model);

	return has_model && !(record->head.argument & WATCH_NO_MODEL) ? &record->model : NULL;
}

static void copy_out(const struct watch_shared *shared, uint64_t place, void *into, unsigned slots)
{
	struct watch_msr *to = into;

	for (unsigned i = 0; i < slots; i++)
		to[i] = shared->ring[(place + i) % WATCH_RING];
}

/* Another process wrote it, so nothing in it is trusted. */
static bool is_record(const struct watch_head *head, uint64_t left)
{
	return head->kind < WATCH_KINDS && head->slots >= WATCH_HEAD_SLOTS &&
	       head->slots <= WATCH_HEAD_SLOTS + WATCH_PAYLOAD && head->slots <= left;
}

/* What the VMM's process says of the head is not trusted either. */
static uint64_t read_head(struct watch_ring *ring)
{
	uint64_t head = atomic_load(&ring->shared->head);

	if (head - ring->tail <= WATCH_RING)
		return head;
	ring->skipped++;
	ring->tail = head;
	return head;
}

static bool take_at(const struct watch_shared *shared, uint64_t place, uint64_t head,
                    struct watch_record *record)
{
	const _Atomic uint64_t *ready = (const _Atomic uint64_t *)&shared->ring[place % WATCH_RING];

	if (atomic_load_explicit(ready, memory_order_acquire) != place + 1)
		return false;
	copy_out(shared, place, &record->head, WATCH_HEAD_SLOTS);
	return is_record(&record->head, head - place);
}

/* Whether the record at the tail has not been completed for so long that it never will be: its
 * writer was killed. */
static bool is_abandoned(struct watch_ring *ring, bool at_end)
{
	uint64_t time = watch_now();

	if (at_end)
		return true;
	if (ring->stalled_at != ring->tail + 1) {
		ring->stalled_at = ring->tail + 1;
		ring->stalled_since = time;
	}
	return time - ring->stalled_since >= ring->patience;
}

/* Past what is not complete, to the next that is; false, and nothing moved, when there is none. */
static bool skip(struct watch_ring *ring, uint64_t head, struct watch_record *record)
{
	uint64_t place = ring->tail;

	while (place < head && !take_at(ring->shared, place, head, record))
		place++;
	if (place == head)
		return false;
	ring->skipped++;
	ring->tail = place;
	return true;
}

bool watch_ring_next(struct watch_ring *ring, struct watch_record *record, bool at_end)
{
	struct watch_shared *shared = ring->shared;
	uint64_t head = read_head(ring);
	bool found =
		ring->tail < head && (take_at(shared, ring->tail, head, record) ||
	                              (is_abandoned(ring, at_end) && skip(ring, head, record)));

	if (found) {
		record->entries = record->head.slots - WATCH_HEAD_SLOTS;
		/* Some records are looked at without a count. */
		record->msrs[0] = (struct watch_msr){0};
		copy_out(shared, ring->tail + WATCH_HEAD_SLOTS, record->msrs, record->entries);
		ring->tail += record->head.slots;
	} else if (at_end && ring->tail < head) {
		ring->skipped++;
		ring->tail = head;
	}
	atomic_store(&shared->tail, ring->tail);
	return found;
}
