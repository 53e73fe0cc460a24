/* SPDX-License-Identifier: MIT */
/*
 * The destination of a live migration. It owns nothing until COMMIT has arrived whole; if the
 * connection ends before that, everything received is thrown away. The source is not trusted: every
 * record is checked as those of a file are.
 */
#include <stdlib.h>
#include <string.h>

#include "migrate.h"

enum { LAST_WORD_MS = 200 };

struct receiver {
	int fd;
	const struct migration_limits *limits;
	struct limit limit; /* of this phase */
	bool gone;          /* the source has closed the connection or cancelled: nobody listens */
	bool over;          /* the limit is */
	bool introduced;    /* the peer's first bytes are those of a migration */
	struct restore restore;
	struct machine *machine;
	uint8_t record[RECORD_HEADER_BYTES + RECORD_MOST];
};

/* When a signal ends everything, there is still a moment to tell the source. */
static struct limit time_to_answer(const struct receiver *r)
{
	bool stopped = r->limits->stop && *r->limits->stop;

	return stopped ? limit_in(LAST_WORD_MS, NULL)
	               : limit_in(r->limits->still_ms, r->limits->stop);
}

static void answer(struct receiver *r, enum word word, const char *text)
{
	struct limit limit = time_to_answer(r);
	struct channel channel = {.fd = r->fd};
	char nowhere[64];

	channel.why = text_in(nowhere, sizeof(nowhere));
	channel_say(&channel, word, text);
	channel_flush(&channel, &limit);
	free(channel.out.bytes);
}

static enum vpmu_status read_bytes(struct receiver *r, void *into, size_t bytes)
{
	enum channel_end end = channel_read(r->fd, into, bytes, &r->limit, &r->restore.why);

	r->gone = end == CHANNEL_GONE;
	r->over = end == CHANNEL_OVER;
	return end == CHANNEL_GOES_ON ? VPMU_OK : VPMU_HOST;
}

static enum vpmu_status read_record(struct receiver *r, size_t *bytes)
{
	enum vpmu_status status = read_bytes(r, r->record, RECORD_HEADER_BYTES);
	size_t length;

	if (!status)
		status = record_length(r->record, &length, &r->restore.why);
	if (status)
		return status;
	*bytes = RECORD_HEADER_BYTES + length;
	return read_bytes(r, r->record + RECORD_HEADER_BYTES, length);
}

static enum vpmu_status cancelled(struct receiver *r, size_t bytes)
{
	r->gone = true;
	text_add(&r->restore.why, "the source has cancelled: ");
	text_add_bytes(&r->restore.why, (const char *)r->record + RECORD_HEADER_BYTES,
	               bytes - RECORD_HEADER_BYTES);
	return VPMU_HOST;
}

static enum vpmu_status greet(struct receiver *r)
{
	enum vpmu_status status;

	r->limit = limit_in(r->limits->still_ms, r->limits->stop);
	status = read_bytes(r, r->record, SAVED_HEADER_BYTES);
	if (status)
		return status;
	status = restore_header(&r->restore, r->record, MACHINE_LIVE_MAGIC);
	r->introduced = status != VPMU_BAD_DATA;
	return status;
}

/* Called for each record, too, so that an endless stream of records is ended as well. */
static bool may_go_on(struct receiver *r)
{
	r->over = limit_is_over(&r->limit, &r->restore.why);
	return !r->over;
}

/* Receives everything up to RECORD_END. Sends READY as soon as model and memory size are known to
 * be acceptable. */
static enum vpmu_status receive(struct receiver *r)
{
	struct limit copy = limit_in(r->limits->copy_ms, r->limits->stop);
	enum vpmu_status status = greet(r);
	bool ready = false;
	size_t bytes;

	while (!status && !restore_has_end(&r->restore)) {
		status = may_go_on(r) ? read_record(r, &bytes) : VPMU_HOST;
		if (!status && load_le(r->record, 4) == WORD_CANCEL)
			return cancelled(r, bytes);
		if (!status)
			status = restore_record(&r->restore, r->record, bytes);
		if (!status && !ready && r->restore.machine) {
			answer(r, WORD_READY, NULL);
			ready = true;
			r->limit = copy;
		}
	}
	return status ? status : restore_finish(&r->restore, &r->machine);
}

/* The guest is ours once COMMIT has arrived, and not before. */
static enum vpmu_status await_commit(struct receiver *r)
{
	enum vpmu_status status;
	size_t bytes;

	answer(r, WORD_PREPARED, NULL);
	r->limit = limit_in(r->limits->still_ms, r->limits->stop);
	if (r->limit.stop && *r->limit.stop && !may_go_on(r))
		return VPMU_HOST;
	status = read_record(r, &bytes);
	if (status)
		return status;
	if (load_le(r->record, 4) == WORD_CANCEL)
		return cancelled(r, bytes);
	if (load_le(r->record, 4) != WORD_COMMIT || !record_is_sound(r->record, bytes))
		return restore_fail(&r->restore, VPMU_BAD_DATA, "no COMMIT", NULL);
	answer(r, WORD_DONE, NULL);
	return VPMU_OK;
}

static enum vpmu_status take(struct receiver *r)
{
	enum vpmu_status status = receive(r);

	return status ? status : await_commit(r);
}

/* REFUSED promises that the guest does not run here, even when it is sent in place of DONE. */
static struct machine *receiver_end(struct receiver *r, enum vpmu_status status, const char *why)
{
	if (status && !r->gone)
		answer(r, WORD_REFUSED, why);
	restore_abandon(&r->restore);
	if (!status)
		return r->machine;
	machine_destroy(r->machine);
	return NULL;
}

struct machine *migration_receive(const struct machine_restore *wanted, int fd,
                                  const struct migration_limits *limits,
                                  struct machine_notes *notes, struct migration_refusal *refusal)
{
	struct receiver *r = calloc(1, sizeof(*r));
	struct text reason = text_in(refusal->why, sizeof(refusal->why));
	struct machine *machine;

	refusal->status = VPMU_HOST;
	refusal->is_no_migration = false;
	if (!r) {
		text_add(&reason, "no memory");
		return NULL;
	}
	r->fd = fd;
	r->limits = limits;
	restore_begin(&r->restore, wanted, reason);
	r->restore.live = true;
	refusal->status = take(r);
	refusal->is_no_migration = !r->introduced || r->over;
	machine = receiver_end(r, refusal->status, refusal->why);
	*notes = r->restore.notes;
	free(r);
	return machine;
}
