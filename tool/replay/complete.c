/* SPDX-License-Identifier: MIT */
/* What can be typed next: by the table of actions, and the model that was chosen. */
#include <arch/room.h>
#include <string.h>

#include "session.h"

enum { WORD_BYTES = 128 };

static const char *preset(const void *list, size_t i)
{
	return vpmu_preset_name(i);
}

static const char *profile(const void *list, size_t i)
{
	return vpmu_profile_name(i);
}

static const char *verb(const void *list, size_t i)
{
	static const char *const others[] = {"expect", "help", "quit"};

	if (i < REPLAY_VERBS)
		return replay_rows[i].name;
	return i - REPLAY_VERBS < ARRAY_SIZE(others) ? others[i - REPLAY_VERBS] : NULL;
}

static const char *saved(const void *list, size_t i)
{
	const struct replay *replay = list;

	return i < replay->state_count ? replay->states[i].name : NULL;
}

static const char *reg(const void *list, size_t i)
{
	const struct replay *replay = list;

	return i < replay->register_count ? replay->registers[i].name : NULL;
}

/* The word that is being typed, and who takes what it can become. */
struct completing {
	const struct replay *replay;
	const char *word;
	size_t length;
	replay_candidate *each;
	void *context;
};

static void offer(const struct completing *completing, const char *prefix, const char *name,
                  const char *suffix)
{
	char word[WORD_BYTES];
	struct text text = text_in(word, sizeof(word));

	text_add(&text, prefix);
	text_add(&text, name);
	text_add(&text, suffix);
	if (!strncmp(word, completing->word, completing->length))
		completing->each(completing->context, word);
}

static void offer_all(const struct completing *completing, const char *prefix, name_at *name)
{
	const char *at;

	for (size_t i = 0; (at = name(completing->replay, i)); i++)
		offer(completing, prefix, at, "");
}

static name_at *words_of(enum replay_verb verb)
{
	switch (verb) {
	case REPLAY_MODEL:
		return preset;
	case REPLAY_PROFILE:
		return profile;
	case REPLAY_PUT:
	case REPLAY_SAVE:
	case REPLAY_CLEAR:
		return saved;
	default:
		return NULL;
	}
}

/* Those that the model counts. */
static void offer_events(const struct completing *completing)
{
	const struct vpmu_model *model = &completing->replay->model;
	const char *name;
	uint64_t code;

	if (completing->replay->stage == REPLAY_NO_MODEL)
		return;
	for (size_t i = 0; (name = event_name_at(NULL, i)); i++)
		if (event_on_model(model, event_named(name, strlen(name)), &code))
			offer(completing, "", name, "");
}

/* place: how many words are before it. */
static void offer_argument(const struct completing *completing, enum replay_verb verb,
                           const struct replay_argument *argument, size_t place)
{
	bool first = !place;
	char prefix[WORD_BYTES];
	struct text text = text_in(prefix, sizeof(prefix));

	switch (argument->kind) {
	case ARGUMENT_MSR:
		if (first)
			offer_all(completing, "", reg);
		break;
	case ARGUMENT_VALUE:
		if (place == MSR_VALUE)
			offer_events(completing);
		break;
	case ARGUMENT_LIST:
		if (!first)
			offer_events(completing);
		break;
	case ARGUMENT_WORD:
		if (first && words_of(verb))
			offer_all(completing, "", words_of(verb));
		break;
	case ARGUMENT_CHOICE:
		if (first)
			offer_all(completing, "", argument->choice);
		break;
	case ARGUMENT_KEY_CHOICE:
		text_add(&text, argument->name);
		text_add(&text, "=");
		offer_all(completing, prefix, argument->choice);
		break;
	case ARGUMENT_KEY:
		offer(completing, "", argument->name, "=");
		break;
	case ARGUMENT_FLAG:
		offer(completing, "", argument->name, "");
		break;
	default:
		break;
	}
}

static bool is_verb(const char *name, const char *word, size_t length)
{
	return strlen(name) == length && !memcmp(name, word, length);
}

static void offer_arguments(const struct completing *completing, const char *word, size_t length,
                            size_t place)
{
	struct replay_argument argument;

	for (unsigned v = 0; v < REPLAY_VERBS; v++)
		if (is_verb(replay_rows[v].name, word, length))
			for (size_t i = 0; replay_argument_at((enum replay_verb)v, i, &argument);
			     i++)
				offer_argument(completing, (enum replay_verb)v, &argument, place);
}

/* The next word of the line from *at on; its length. */
static size_t next_word(const char *line, size_t length, size_t *at)
{
	size_t start;

	while (*at < length && (line[*at] == ' ' || line[*at] == '\t'))
		(*at)++;
	start = *at;
	while (*at < length && line[*at] != ' ' && line[*at] != '\t')
		(*at)++;
	return *at - start;
}

void replay_complete(const struct replay *replay, const char *line, size_t length,
                     replay_candidate *each, void *context)
{
	struct completing completing = {.replay = replay, .each = each, .context = context};
	const char *first = NULL;
	size_t at = 0, first_length = 0, before = 0;

	for (;;) {
		size_t size = next_word(line, length, &at);

		completing.word = line + at - size;
		completing.length = size;
		if (at == length)
			break;
		if (!first && is_verb("expect", completing.word, size))
			continue;
		if (first)
			before++;
		else
			first = completing.word, first_length = size;
	}
	if (first)
		offer_arguments(&completing, first, first_length, before);
	else
		offer_all(&completing, "", verb);
}
