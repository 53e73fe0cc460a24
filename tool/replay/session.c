/* SPDX-License-Identifier: MIT */
/* Lines become answers and messages. */
#include "session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/message.h"
#include "selector/selector.h"
#include "lib/visible.h"

void replay_session_init(struct replay_session *session)
{
	replay_init(&session->replay);
	memset(session->has_values, 0, sizeof(session->has_values));
}

/* Where it differs it repeats what the script expected, which may be any text. */
static void put_answer(const struct replay_answer *answer, bool differs)
{
	if (differs)
		print_visible_bytes(stdout, answer->text, answer->length);
	else
		fwrite_unlocked(answer->text, 1, answer->length, stdout);
	putc_unlocked('\n', stdout);
}

static bool ends_program(const struct replay_session *session, const char *line, size_t length)
{
	return session->batch && length == 3 && !memcmp(line, "---", 3);
}

static void next_program(struct replay_session *session)
{
	replay_session_init(session);
	session->skipping = false;
	fputs_unlocked("---\n", stdout);
}

/* False: the replay ends here. In a batch only the program does, and nothing where somebody types.
 */
static bool take_bad(struct replay_session *session)
{
	if (!session->name) {
		message("%s", session->answer.text);
		return true;
	}
	message("%s: %s:%" PRIu64, session->answer.text, session->name, session->line);
	session->bad = true;
	session->skipping = session->batch;
	if (session->batch)
		fputs_unlocked("bad-input\n", stdout);
	return session->batch;
}

/* What reads 0 because nobody counts it: as a comment, so that both streams together are still a
 * script's. */
static void tell_uncounted(struct replay_session *session)
{
	char name[SELECTOR_NAME_BYTES];
	struct vpmu_register reg;
	uint64_t selector;

	while (!session->batch && replay_uncounted(&session->replay, &reg, &selector)) {
		const struct vpmu_model *model = &session->replay.model;

		fflush(stdout);
		fprintf(stderr, "# %s: event 0x%04" PRIx64, reg.name,
		        selector_event(model, selector));
		if (selector_event_name(model, selector, name))
			fprintf(stderr, " (%s)", name);
		fputs(" counts nothing here: this model does not count it\n", stderr);
	}
}

/* The command as it would be typed. */
static const char *typed(const struct replay_session *session)
{
	static struct replay_answer text;

	text.length = 0;
	replay_print(&session->replay.command, &text);
	return text.text;
}

static void tell_difference(struct replay_session *session)
{
	session->differed = true;
	if (!session->name || session->batch)
		return;
	fflush(stdout);
	message("%s: %s:%" PRIu64 ": %s", session->answer.text, session->name, session->line,
	        typed(session));
}

bool replay_session_take(struct replay_session *session, char *line, size_t length)
{
	enum replay_result result;

	if (ends_program(session, line, length)) {
		next_program(session);
		return true;
	}
	if (session->skipping)
		return true;
	result = replay_line(&session->replay, line, length, &session->answer);
	if (result == REPLAY_BAD)
		return take_bad(session);
	if (result != REPLAY_NOTHING && session->trace)
		printf("# %" PRIu64 ": %s\n", session->line, typed(session));
	if (result != REPLAY_NOTHING)
		put_answer(&session->answer, result == REPLAY_DIFFERS);
	if (session->trace)
		replay_trace(session);
	if (result == REPLAY_DIFFERS)
		tell_difference(session);
	tell_uncounted(session);
	return true;
}

void replay_trace(struct replay_session *session)
{
	const struct replay *replay = &session->replay;

	for (size_t i = 0; replay->pmu && i < replay->register_count; i++) {
		uint64_t value, before = session->values[i];
		bool had = session->has_values[i];

		if (replay->registers[i].level == VPMU_LEVEL_NEVER)
			continue; /* an alias: its original is told */
		session->has_values[i] =
			!vpmu_pmu_host_read(replay->pmu, replay->registers[i].msr, &value);
		if (!session->has_values[i])
			continue;
		session->values[i] = value;
		if (value != (had ? before : replay->registers[i].reset))
			printf("# %s: 0x%" PRIx64 " -> 0x%" PRIx64 "\n", replay->registers[i].name,
			       had ? before : replay->registers[i].reset, value);
	}
}
