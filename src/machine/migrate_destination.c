/* SPDX-License-Identifier: MIT */
/*
 * The destination of a live migration. It owns nothing until COMMIT has come whole; what it has got
 * is thrown away when the connection ends before that. The source is not believed anything: every
 * record is checked as one of a file is.
 */
#include <stdlib.h>
#include <string.h>

#include "migrate.h"

struct receiver {
	int fd;
	bool gone; /* the source has closed the connection or cancelled: nobody listens */
	struct restore restore;
	struct machine *machine;
	uint8_t record[RECORD_HEADER_BYTES + RECORD_MOST];
};

static void answer(struct receiver *r, enum word word, const char *text)
{
	struct channel channel = {.fd = r->fd};
	char nowhere[64];

	channel.why = text_in(nowhere, sizeof(nowhere));
	channel_say(&channel, word, text);
	channel_flush(&channel, 10000);
	free(channel.out.bytes);
}

static enum vpmu_status read_bytes(struct receiver *r, void *into, size_t bytes)
{
	r->gone = !channel_read(r->fd, into, bytes, &r->restore.why);
	return r->gone ? VPMU_HOST : VPMU_OK;
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

/* Everything up to the end; READY as soon as it is known that the model and the memory will do. */
static enum vpmu_status receive(struct receiver *r)
{
	enum vpmu_status status = read_bytes(r, r->record, SAVED_HEADER_BYTES);
	bool ready = false;
	size_t bytes;

	if (!status)
		status = restore_header(&r->restore, r->record, MACHINE_LIVE_MAGIC);
	while (!status && !restore_has_end(&r->restore)) {
		status = read_record(r, &bytes);
		if (!status && load_le(r->record, 4) == WORD_CANCEL)
			return cancelled(r, bytes);
		if (!status)
			status = restore_record(&r->restore, r->record, bytes);
		if (!status && !ready && r->restore.machine) {
			answer(r, WORD_READY, NULL);
			ready = true;
		}
	}
	return status ? status : restore_finish(&r->restore, &r->machine);
}

/* The guest is ours when COMMIT is here, and not before. */
static enum vpmu_status await_commit(struct receiver *r)
{
	enum vpmu_status status;
	size_t bytes;

	answer(r, WORD_PREPARED, NULL);
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

struct machine *migration_receive(const struct machine_restore *wanted, int fd,
                                  struct machine_notes *notes, enum vpmu_status *status, char *why,
                                  size_t why_bytes)
{
	struct receiver *r = malloc(sizeof(*r));
	struct text reason = text_in(why, why_bytes);
	struct machine *machine;

	*status = VPMU_HOST;
	if (!r) {
		text_add(&reason, "no memory");
		return NULL;
	}
	r->fd = fd;
	r->gone = false;
	r->machine = NULL;
	restore_begin(&r->restore, wanted, reason);
	r->restore.live = true;
	*status = receive(r);
	if (*status && !r->gone)
		answer(r, WORD_REFUSED, why);
	if (!*status)
		*status = await_commit(r);
	if (*status) {
		machine_destroy(r->machine);
		r->machine = NULL;
	}
	restore_abandon(&r->restore);
	*notes = r->restore.notes;
	machine = r->machine;
	free(r);
	return machine;
}
