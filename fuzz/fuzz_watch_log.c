/* SPDX-License-Identifier: MIT */
/*
 * watch's log: the ring in shared memory, which the VMM's process can write as it likes. The input
 * is the ring's contents, from some place on; where a record's head says that it is ready, the
 * place is put right, so that records are found at all.
 */
#include <string.h>

#include "fuzz.h"
#include "watch/watch.h"

enum { MOST = 4096 }; /* slots */

/* A head is taken for one when its kind and length are possible. */
static void set_ready(struct watch_shared *shared, uint64_t start, unsigned slots)
{
	for (unsigned i = 0; i + WATCH_HEAD_SLOTS <= slots; i++) {
		struct watch_msr *slot = &shared->ring[(start + i) % WATCH_RING];
		uint64_t place = start + i + 1;
		uint16_t length;

		memcpy(&length, (char *)slot + offsetof(struct watch_head, slots), sizeof(length));
		if (slot->index || length < WATCH_HEAD_SLOTS || i + length > slots)
			continue;
		memcpy(slot, &place, sizeof(place));
		i += length - 1u;
	}
}

/* The first two bytes choose: what emulates, the writer, where in the ring, and its counts. */
static unsigned fill(struct watch_shared *shared, struct watch_ring *ring, const uint8_t *data,
                     size_t size)
{
	unsigned slots = (unsigned)(size / sizeof(struct watch_msr));
	uint64_t start = data[0] & 4 ? WATCH_RING - 7u : 0;

	slots = slots < MOST ? slots : MOST;
	for (unsigned i = 0; i < slots; i++)
		memcpy(&shared->ring[(start + i) % WATCH_RING],
		       data + 2 + i * sizeof(struct watch_msr), sizeof(struct watch_msr));
	set_ready(shared, start, slots);
	ring->tail = start;
	atomic_store(&shared->tail, start);
	atomic_store(&shared->head, start + slots + (data[0] & 8 ? data[1] : 0));
	atomic_store(&shared->attached, data[1] & 1);
	return slots;
}

static void clear(struct watch_shared *shared, uint64_t start, unsigned slots)
{
	for (unsigned i = 0; i < slots; i++)
		memset(&shared->ring[(start + i) % WATCH_RING], 0, sizeof(struct watch_msr));
	memset(&shared->attached, 0,
	       offsetof(struct watch_shared, runs) - offsetof(struct watch_shared, attached));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct watch_shared *shared;
	static struct watch_session session;
	char *text = NULL;
	size_t length = 0;
	uint64_t start;
	unsigned slots;

	if (size < 2)
		return 0;
	if (!shared)
		shared = calloc(1, sizeof(*shared));
	memset(&session, 0, sizeof(session));
	session.log = open_memstream(&text, &length);
	MUST(shared && session.log);
	session.ring.shared = shared;
	session.writer = data[0] & 1 && watch_json.summary ? &watch_json : &watch_text;
	session.has_pmu = true;
	shared->emulates = data[0] >> 1 & 1;
	MUST(!vpmu_model_parse(&shared->model, "intel-v2", NULL, 0));
	slots = fill(shared, &session.ring, data, size - 2);
	start = session.ring.tail;
	watch_session_drain(&session, false);
	MUST(session.ring.tail - start <= slots + 255u);
	watch_session_drain(&session, true);
	session.writer->summary(session.log, &session.tally);
	MUST(session.ring.tail == atomic_load(&shared->head));
	MUST(!session.ring.skipped || watch_judge(&session.tally) == WATCH_UNKNOWN);
	watch_session_free(&session);
	fclose(session.log);
	MUST(length && text[length - 1] == '\n');
	free(text);
	clear(shared, start, slots + 255);
	return 0;
}
