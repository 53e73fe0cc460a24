/* SPDX-License-Identifier: MIT */
/* Parses a line into a command, by the table of actions. Works in place, in the line's buffer. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "room_int.h"

/* The rest of the line, and where to describe what is wrong with it. */
struct cursor {
	char *at, *end;
	char *problem;
	const struct replay_names *names;
	const char *event_name; /* the last event name of a filter; NULL: all were numbers */
};

#define PROBLEM(cursor, ...)                                                                       \
	((void)snprintf((cursor)->problem, REPLAY_PROBLEM_BYTES, __VA_ARGS__), false)

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The next word, NUL-terminated in place; NULL at the end. */
static char *next_word(struct cursor *cursor)
{
	char *word;

	while (cursor->at < cursor->end && is_blank(*cursor->at))
		cursor->at++;
	if (cursor->at == cursor->end)
		return NULL;
	word = cursor->at;
	while (cursor->at < cursor->end && !is_blank(*cursor->at))
		cursor->at++;
	*cursor->at = '\0';
	if (cursor->at < cursor->end)
		cursor->at++;
	return word;
}

static const char *verb_name(const void *list, size_t i)
{
	return i < REPLAY_VERBS ? replay_rows[i].name : i == REPLAY_VERBS ? "expect" : NULL;
}

static bool find_verb(struct cursor *cursor, const char *word, struct replay_action *action)
{
	const char *nearest;

	for (unsigned i = 0; i < REPLAY_VERBS; i++)
		if (!strcmp(replay_rows[i].name, word)) {
			*action = replay_action_of((enum replay_verb)i);
			return true;
		}
	nearest = nearest_name(word, verb_name, NULL);
	if (nearest)
		return PROBLEM(cursor, "unknown replay command '%.40s' (did you mean '%s'?)", word,
		               nearest);
	return PROBLEM(cursor, "unknown replay command '%.40s'", word);
}

static bool parse_number(struct cursor *cursor, const struct replay_row *verb,
                         const struct replay_argument *row, const char *text, uint64_t *value)
{
	if (!text_parse_unsigned(text, strlen(text), value))
		return PROBLEM(cursor, "%s: %s is not a number: '%.40s'", verb->name, row->name,
		               text);
	if (*value > row->max)
		return PROBLEM(cursor, "%s: %s is out of range (0 to 0x%" PRIx64 "): '%.40s'",
		               verb->name, row->name, row->max, text);
	return true;
}

static const char *register_name(const void *list, size_t i)
{
	const struct replay_names *names = list;

	return i < names->count ? names->registers[i].name : NULL;
}

/* An MSR by the vendor's name, or by its number. */
static bool parse_msr(struct cursor *cursor, const struct replay_row *verb,
                      const struct replay_argument *row, const char *text, uint64_t *value)
{
	const struct replay_names *names = cursor->names;
	const char *nearest;

	if (!names || text_parse_unsigned(text, strlen(text), value))
		return parse_number(cursor, verb, row, text, value);
	for (size_t i = 0; i < names->count; i++)
		if (!strcmp(names->registers[i].name, text)) {
			*value = names->registers[i].msr;
			return true;
		}
	nearest = nearest_name(text, register_name, names);
	return PROBLEM(cursor,
	               "%s: %s is not a number, nor a register of this model: '%.40s'%s%s%s",
	               verb->name, row->name, text, nearest ? " (did you mean '" : "",
	               nearest ? nearest : "", nearest ? "'?)" : "");
}

static bool parse_choice(struct cursor *cursor, const struct replay_row *verb,
                         const struct replay_argument *row, const char *text, uint64_t *value)
{
	char all[100];
	const char *name;

	for (size_t i = 0; (name = row->choice(NULL, i)); i++)
		if (!strcmp(name, text)) {
			*value = i;
			return true;
		}
	return PROBLEM(cursor, "%s: %s is one of %s, not '%.40s'", verb->name, row->name,
	               all_names(all, sizeof(all), " ", row->choice, NULL), text);
}

static bool takes_names(const struct cursor *cursor)
{
	return cursor->names && cursor->names->model;
}

/* A register's value: a number, or for a selector an event. */
static bool parse_value(struct cursor *cursor, const struct replay_row *verb,
                        const struct replay_argument *row, const char *text,
                        union replay_value *arguments)
{
	uint64_t *value = &arguments[MSR_VALUE].number;

	if (!takes_names(cursor) || !is_event_name(text))
		return parse_number(cursor, verb, row, text, value);
	return replay_selector(cursor->names, arguments[MSR_INDEX].number, verb->name, text, value,
	                       cursor->problem);
}

static bool take_value(struct cursor *cursor, const struct replay_row *verb,
                       const struct replay_argument *row, const char *text,
                       struct replay_command *command, size_t i)
{
	union replay_value *value = &command->action.argument[i];

	switch (row->kind) {
	case ARGUMENT_WORD:
		value->word = text;
		return true;
	case ARGUMENT_FLAG:
		value->number = 1;
		return true;
	case ARGUMENT_CHOICE:
	case ARGUMENT_KEY_CHOICE:
		return parse_choice(cursor, verb, row, text, &value->number);
	case ARGUMENT_MSR:
		return parse_msr(cursor, verb, row, text, &value->number);
	case ARGUMENT_VALUE:
		return parse_value(cursor, verb, row, text, command->action.argument);
	default:
		return parse_number(cursor, verb, row, text, &value->number);
	}
}

static bool take_event(struct cursor *cursor, const struct replay_row *verb,
                       const struct replay_argument *row, const char *text,
                       struct replay_command *command, size_t i)
{
	uint64_t count = command->action.argument[i].number++, more;
	uint64_t *value = count < REPLAY_EVENTS ? &command->events[count] : &more;

	if (!takes_names(cursor) || !is_event_name(text))
		return parse_number(cursor, verb, row, text, value);
	cursor->event_name = text;
	return replay_filter_event(cursor->names, verb->name, text, value, cursor->problem);
}

static bool keep_word(struct cursor *cursor, const struct replay_row *verb,
                      const struct replay_argument *row, const char *text,
                      struct replay_command *command, size_t i)
{
	uint64_t count = command->action.argument[i].number;

	if (count == REPLAY_WORDS)
		return PROBLEM(cursor, "%s: more than %d times %s", verb->name, REPLAY_WORDS,
		               row->name);
	command->action.argument[i].number++;
	command->words[count] = text;
	return true;
}

static bool has_place(const struct replay_argument *row)
{
	return row->kind <= ARGUMENT_CHOICE;
}

/* Whether the word is an argument of this row; *text is then the argument's text. */
static bool row_matches(const struct replay_argument *row, bool typed, const char *word,
                        const char **text)
{
	size_t length = strlen(row->name);

	*text = word;
	if (has_place(row))
		return !typed;
	switch (row->kind) {
	case ARGUMENT_LIST:
	case ARGUMENT_WORDS:
		return true;
	case ARGUMENT_FLAG:
		return !strcmp(word, row->name);
	default:
		if (strncmp(word, row->name, length) || word[length] != '=')
			return false;
		*text = word + length + 1;
		return true;
	}
}

static bool take_word(struct cursor *cursor, const struct replay_row *verb, const char *word,
                      struct replay_command *command)
{
	enum replay_verb number = (enum replay_verb)command->action.verb;
	struct replay_argument argument;

	for (size_t i = 0; replay_argument_at(number, i, &argument); i++) {
		const struct replay_argument *row = &argument;
		bool typed = command->action.given >> i & 1;
		const char *text;

		if (!row_matches(row, typed, word, &text))
			continue;
		if (row->kind == ARGUMENT_LIST)
			return take_event(cursor, verb, row, text, command, i);
		if (row->kind == ARGUMENT_WORDS)
			return keep_word(cursor, verb, row, text, command, i);
		if (typed)
			return PROBLEM(cursor, "%s: %s is given twice", verb->name, row->name);
		command->action.given |= UINT64_C(1) << i;
		return take_value(cursor, verb, row, text, command, i);
	}
	return PROBLEM(cursor, "%s: unexpected argument '%.40s'", verb->name, word);
}

static bool parse_arguments(struct cursor *cursor, struct replay_command *command)
{
	const struct replay_row *verb = &replay_rows[command->action.verb];
	enum replay_verb number = (enum replay_verb)command->action.verb;
	struct replay_argument argument;
	const char *word;

	while ((word = next_word(cursor)))
		if (!take_word(cursor, verb, word, command))
			return false;
	if (cursor->event_name && command->action.argument[FILTER_MASKED].number)
		return PROBLEM(cursor, "%s: an event is a number where it is masked: '%.40s'",
		               verb->name, cursor->event_name);
	for (size_t i = 0; replay_argument_at(number, i, &argument); i++)
		if (argument.required && !(command->action.given >> i & 1))
			return PROBLEM(cursor, "%s: missing %s%s", verb->name, argument.name,
			               argument.kind == ARGUMENT_KEY ? "=N" : "");
	return true;
}

/* The lone `=` that ends expect's command; NULL without one. */
static char *find_separator(const struct cursor *cursor)
{
	for (char *at = cursor->at; at < cursor->end; at++)
		if (*at == '=' && (at == cursor->at || is_blank(at[-1])) &&
		    (at + 1 == cursor->end || is_blank(at[1])))
			return at;
	return NULL;
}

/* Joins the words with single blanks, in place. */
static const char *join_words(struct cursor *cursor)
{
	char *start = cursor->at, *out = start, *word;

	while ((word = next_word(cursor))) {
		size_t length = strlen(word);

		if (out > start)
			*out++ = ' ';
		memmove(out, word, length);
		out += length;
	}
	*out = '\0';
	return start;
}

/* After `expect`: splits off the answer, so that the cursor has only the command. */
static bool split_expect(struct cursor *cursor, struct replay_command *command)
{
	char *separator = find_separator(cursor);
	struct cursor answer;

	if (!separator)
		return PROBLEM(cursor, "expect: missing = ANSWER (expect COMMAND = ANSWER)");
	answer = (struct cursor){.at = separator + 1, .end = cursor->end};
	if (answer.at < answer.end)
		answer.at++;
	command->expected = join_words(&answer);
	if (!*command->expected)
		return PROBLEM(cursor, "expect: missing ANSWER after =");
	cursor->end = separator;
	return true;
}

static bool parse_command(struct cursor *cursor, const char *word, struct replay_command *command)
{
	command->expected = NULL;
	if (!strcmp(word, "expect")) {
		if (!split_expect(cursor, command))
			return false;
		word = next_word(cursor);
		if (!word || !strcmp(word, "expect"))
			return PROBLEM(cursor, "expect: missing COMMAND");
	}
	return find_verb(cursor, word, &command->action) && parse_arguments(cursor, command);
}

/* Cuts the comment and a carriage return off. False: control bytes, which no command has. */
static bool trim(struct cursor *cursor)
{
	char *at;

	if (cursor->end > cursor->at && cursor->end[-1] == '\r')
		cursor->end--;
	for (at = cursor->at; at < cursor->end && *at != '#'; at++)
		if ((unsigned char)*at < ' ' && *at != '\t')
			return PROBLEM(cursor, "control byte 0x%02x in column %zu",
			               (unsigned char)*at, (size_t)(at - cursor->at) + 1);
	cursor->end = at;
	*at = '\0';
	return true;
}

enum replay_parsed replay_parse(char *line, size_t length, const struct replay_names *names,
                                struct replay_command *command, char *problem)
{
	struct cursor cursor = {
		.at = line, .end = line + length, .problem = problem, .names = names};
	const char *word;

	if (!trim(&cursor))
		return REPLAY_PROBLEM;
	word = next_word(&cursor);
	if (!word)
		return REPLAY_BLANK;
	return parse_command(&cursor, word, command) ? REPLAY_COMMAND : REPLAY_PROBLEM;
}
