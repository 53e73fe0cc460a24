/* SPDX-License-Identifier: MIT */
/*
 * The source of a live migration. It owns the guest, and lets it run, until the destination has
 * said that everything has arrived. Memory goes in rounds: a page is sent again when its hash
 * differs from that of what was sent. Everything here happens between two pieces of the run, so
 * nothing changes meanwhile.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <stream/room.h>

#include "migrate.h"

enum {
	LAST_PAGES = 64, /* this few changed pages are sent while the guest stands still */
	LAST_ROUND = 16, /* and whatever is left after this many rounds */
	LAST_WORD_MS = 200,
};

struct migration {
	struct channel channel;
	enum phase { PHASE_GREETING, PHASE_COPYING } phase;
	struct migration_limits limits;
	struct limit copy; /* until the hand-over */
	uint64_t *hashes;  /* by page, of what was sent; 0: not yet sent */
	uint64_t seed, page, pages, records;
	uint64_t changed; /* pages of this round so far */
	struct migration_progress progress;
	char why_text[CHANNEL_REPLY_MOST + 100];
};

/* Multiplies and folds, from a seed that the guest cannot know, so it cannot make collisions on
 * purpose. */
static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_page(const struct guest_memory *memory, uint64_t page, uint64_t seed)
{
	const uint64_t k = UINT64_C(0x9e3779b97f4a7c15), l = UINT64_C(0xd6e8feb86659fd93);
	uint64_t word[4], a = seed, b = ~seed;

	for (unsigned i = 0; i < PAGE_SIZE_; i += sizeof(word)) {
		memcpy(word, memory->base + page * PAGE_SIZE_ + i, sizeof(word));
		a = fold(a ^ word[0] ^ k, word[1] ^ l ^ seed) + a;
		b = fold(b ^ word[2] ^ l, word[3] ^ k ^ seed) + b;
	}
	a = fold(a ^ k, b ^ l);
	return a ? a : 1;
}

struct migration *migration_begin(struct machine *machine, int fd,
                                  const struct migration_limits *limits, char *why,
                                  size_t why_bytes)
{
	struct text reason = text_in(why, why_bytes);
	uint64_t pages = machine->memory.bytes / PAGE_SIZE_;
	struct migration *m;

	if (!machine_has_a_life(machine, &reason))
		return NULL;
	m = calloc(1, sizeof(*m));
	if (m)
		m->hashes = calloc(pages, sizeof(*m->hashes));
	if (!m || !m->hashes || getrandom(&m->seed, sizeof(m->seed), 0) != sizeof(m->seed)) {
		text_add(&reason, "no memory");
		goto fail;
	}
	channel_open(&m->channel, fd, text_in(m->why_text, sizeof(m->why_text)));
	m->limits = *limits;
	m->copy = limit_in(limits->copy_ms, limits->stop);
	m->pages = pages;
	saved_header(&m->channel.out, MACHINE_LIVE_MAGIC);
	m->records = 2;
	if (!save_head(machine, &m->channel.out, &reason))
		goto fail;
	m->records += save_host(machine, &m->channel.out);
	if (!save_pmu(machine, &m->channel.out, &reason))
		goto fail;
	return m;
fail:
	if (m) {
		m->channel.fd = -1; /* the caller's */
		migration_end(m);
	}
	return NULL;
}

void migration_end(struct migration *m)
{
	if (!m)
		return;
	channel_close(&m->channel);
	free(m->hashes);
	free(m);
}

const char *migration_why(const struct migration *m)
{
	return m->why_text;
}

struct migration_progress migration_progress(const struct migration *m)
{
	struct migration_progress progress = m->progress;

	progress.bytes = m->channel.bytes_sent;
	return progress;
}

static enum migration_state failed(struct migration *m)
{
	channel_close(&m->channel);
	return MIGRATION_FAILED;
}

/* Out of time: the guest stays here. Tells the destination, if it still listens. */
static enum migration_state give_up(struct migration *m)
{
	channel_say(&m->channel, WORD_CANCEL, m->why_text);
	channel_push(&m->channel);
	return failed(m);
}

/* Handles a reply other than the expected one. */
static enum migration_state unexpected(struct migration *m, enum word word)
{
	char text[CHANNEL_REPLY_MOST + 1];

	text_add(&m->channel.why, word == WORD_REFUSED ? "the destination refuses: "
	                                               : "the destination gives a wrong answer");
	if (word == WORD_REFUSED) {
		channel_reply_text(&m->channel, text, sizeof(text));
		text_add_bytes(&m->channel.why, text, strlen(text));
	}
	return failed(m);
}

/* Sending has failed. A destination that refuses has said why before it closed the connection. */
static enum migration_state cut_off(struct migration *m)
{
	enum word word;

	if (channel_reply(&m->channel, &word) <= 0 || word != WORD_REFUSED)
		return give_up(m);
	m->channel.why = text_in(m->why_text, sizeof(m->why_text));
	return unexpected(m, word);
}

static void reply_is_read(struct migration *m)
{
	m->channel.got = 0;
}

/* Whether the page must be sent; notes its hash. */
static bool has_changed(struct migration *m, const struct guest_memory *memory, uint64_t page)
{
	uint64_t hash;

	if (!m->hashes[page] && page_is_zero(memory, page))
		return false;
	hash = hash_page(memory, page, m->seed);
	if (hash == m->hashes[page])
		return false;
	m->hashes[page] = hash;
	return true;
}

/* Packs one record of changed pages, from m->page on. */
static void pack_pages(struct migration *m, const struct guest_memory *memory)
{
	struct pack *out = &m->channel.out;
	size_t begun = record_begin(out, RECORD_PAGES);
	unsigned count = 0;

	while (count < PAGES_A_RECORD && (m->page = pages_next(memory, m->page)) < m->pages) {
		if (has_changed(m, memory, m->page)) {
			page_pack(out, memory, m->page);
			count++;
		}
		m->page++;
	}
	m->changed += count;
	m->progress.pages += count;
	m->records++;
	record_end(out, begun);
}

/* Sends everything that is left, while the guest stands still. */
static bool send_rest(struct migration *m, struct machine *machine,
                      const struct machine_notes *notes, const struct limit *limit)
{
	struct pack *out = &m->channel.out;
	struct text *why = &m->channel.why;

	for (m->page = 0; m->page < m->pages;) {
		pack_pages(m, &machine->memory);
		if (!channel_flush(&m->channel, limit))
			return false;
	}
	if (!save_cpu(machine, out, why) || !save_board(machine, out, why) ||
	    !save_pmu(machine, out, why))
		return false;
	save_notes(notes, out);
	m->records += 4 + save_cycles(machine, out);
	save_end(out, m->records);
	return channel_flush(&m->channel, limit);
}

/* From the first byte of COMMIT on, the destination may have the guest, unless it refuses. */
static enum migration_state commit(struct migration *m, const struct limit *limit)
{
	uint64_t before = m->channel.bytes_sent;
	enum word word;

	channel_say(&m->channel, WORD_COMMIT, NULL);
	if (!channel_flush(&m->channel, limit) && m->channel.bytes_sent == before)
		return failed(m);
	if (m->channel.sent < m->channel.out.used || channel_await(&m->channel, limit, &word) <= 0)
		return MIGRATION_DOUBT;
	if (word == WORD_REFUSED)
		return unexpected(m, word);
	if (word != WORD_DONE)
		return MIGRATION_DOUBT;
	channel_close(&m->channel);
	return MIGRATION_DONE;
}

/* Hands over while the guest stands still. Half of the time is for the rest of its state, the other
 * half for COMMIT: a COMMIT not sent is safe, one without an answer is not. */
static enum migration_state hand_over(struct migration *m, struct machine *machine,
                                      const struct machine_notes *notes)
{
	struct limit all = limit_in(m->limits.still_ms, m->limits.stop);
	struct limit half = limit_in(m->limits.still_ms / 2, m->limits.stop);
	enum word word;

	if (!send_rest(m, machine, notes, &half))
		return cut_off(m);
	if (channel_await(&m->channel, &half, &word) < 0)
		return give_up(m);
	if (word != WORD_PREPARED)
		return unexpected(m, word);
	reply_is_read(m);
	return commit(m, &all);
}

/* At the end of a round: whether it was the last one, or the guest goes on while another is
 * sent. */
static bool is_ready(struct migration *m)
{
	bool ready = m->progress.rounds > 0 && m->changed <= LAST_PAGES;

	m->progress.rounds++;
	ready = ready || m->progress.rounds >= LAST_ROUND;
	m->page = m->changed = 0;
	return ready;
}

static enum migration_state copy(struct migration *m, struct machine *machine,
                                 const struct machine_notes *notes)
{
	while (m->channel.out.used - m->channel.sent < CHANNEL_QUEUE) {
		if (m->page < m->pages)
			pack_pages(m, &machine->memory);
		else if (is_ready(m))
			return hand_over(m, machine, notes);
		else
			break;
	}
	return MIGRATION_GOING;
}

enum migration_state migration_step(struct migration *m, struct machine *machine,
                                    const struct machine_notes *notes)
{
	enum word word;
	int answer;

	if (!channel_push(&m->channel))
		return cut_off(m);
	answer = channel_reply(&m->channel, &word);
	if (answer < 0)
		return failed(m);
	if (answer && !(m->phase == PHASE_GREETING && word == WORD_READY))
		return unexpected(m, word);
	if (answer) {
		m->phase = PHASE_COPYING;
		reply_is_read(m);
	}
	if (limit_is_over(&m->copy, &m->channel.why))
		return give_up(m);
	return m->phase == PHASE_COPYING ? copy(m, machine, notes) : MIGRATION_GOING;
}

void migration_cancel(struct migration *m, const char *why)
{
	const struct limit limit = limit_in(LAST_WORD_MS, NULL);

	channel_say(&m->channel, WORD_CANCEL, why);
	channel_flush(&m->channel, &limit);
	channel_close(&m->channel);
}
