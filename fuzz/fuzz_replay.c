/* SPDX-License-Identifier: MIT */
/* Any bytes as a replay script: its parser, and behind it the register machine. What is printed of
 * a command is read as the same. */
#include <string.h>

#include <replay/room.h>

#include "fuzz.h"

static bool is_same_argument(const struct replay_argument *row, union replay_value a,
                             union replay_value b)
{
	return row->kind == ARGUMENT_WORD ? !strcmp(a.word, b.word) : a.number == b.number;
}

static void is_the_same(const struct replay_command *a, const struct replay_command *b)
{
	struct replay_argument row;

	MUST(a->action.verb == b->action.verb && a->action.given == b->action.given);
	for (size_t i = 0; replay_argument_at((enum replay_verb)a->action.verb, i, &row); i++) {
		uint64_t count = a->action.argument[i].number;

		if (!row.required || a->action.given >> i & 1)
			MUST(is_same_argument(&row, a->action.argument[i], b->action.argument[i]));
		for (uint64_t j = 0; row.kind == ARGUMENT_LIST && j < count; j++)
			MUST(a->events[j] == b->events[j]);
		for (uint64_t j = 0; row.kind == ARGUMENT_WORDS && j < count; j++)
			MUST(!strcmp(a->words[j], b->words[j]));
	}
}

/* Also where the line calls registers and events by their names, which are printed as numbers. */
static void prints_as_it_is_read(const struct replay_names *names, const uint8_t *data,
                                 size_t length)
{
	static struct replay_command command, again;
	static struct replay_answer text;
	char problem[REPLAY_PROBLEM_BYTES], *line = malloc(length + 1);

	text.length = 0;
	if (line && length)
		memcpy(line, data, length);
	if (line && replay_parse(line, length, names, &command, problem) == REPLAY_COMMAND) {
		replay_print(&command, &text);
		/* Not what is too long to be printed, or to be kept. */
		if (text.length < sizeof(text.text) - 1 &&
		    (command.action.verb != REPLAY_FILTER ||
		     command.action.argument[FILTER_EVENTS].number <= REPLAY_EVENTS)) {
			MUST(replay_parse(text.text, text.length, NULL, &again, problem) ==
			     REPLAY_COMMAND);
			is_the_same(&command, &again);
		}
	}
	free(line);
}

/* Each line in memory of exactly its size, so that the sanitizer sees a byte too many. */
static enum replay_result one_line(struct replay *replay, const uint8_t *data, size_t length)
{
	static struct replay_answer answer;
	const struct replay_names names = {
		.model = replay->stage == REPLAY_NO_MODEL ? NULL : &replay->model,
		.registers = replay->registers,
		.count = replay->register_count,
	};
	char *line = malloc(length + 1);
	enum replay_result result;

	if (!line)
		return REPLAY_BAD;
	prints_as_it_is_read(&names, data, length);
	memcpy(line, data, length);
	line[length] = '\n';
	result = replay_line(replay, line, length, &answer);
	MUST(answer.length < sizeof(answer.text));
	MUST(strlen(answer.text) == answer.length);
	MUST(!memchr(answer.text, '\n', answer.length));
	MUST((result == REPLAY_NOTHING) == !answer.length);
	free(line);
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct replay replay;

	replay_init(&replay);
	while (size) {
		const uint8_t *newline = memchr(data, '\n', size);
		size_t length = newline ? (size_t)(newline - data) : size;

		/* A bad line ends a script, but here the rest may find more. */
		one_line(&replay, data, length);
		data += length + (newline != NULL);
		size -= length + (newline != NULL);
	}
	return 0;
}
