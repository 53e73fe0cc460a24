/* SPDX-License-Identifier: MIT */
/* What the tests of the replay language share: cmocka, and lines as string constants. */
#ifndef TESTS_REPLAY_UNIT_H
#define TESTS_REPLAY_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <replay/room.h>

/* Parses a constant, from memory of exactly its size so that the sanitizers see a byte too many.
 * The line is freed by the next call. */
static inline enum replay_parsed parse_bytes(const char *bytes, size_t length,
                                             struct replay_command *command, char *problem)
{
	static char *line;

	free(line);
	line = malloc(length + 1);
	memcpy(line, bytes, length);
	line[length] = '!';
	return replay_parse(line, length, NULL, command, problem);
}

static inline enum replay_parsed parse(const char *text, struct replay_command *command,
                                       char *problem)
{
	return parse_bytes(text, strlen(text), command, problem);
}

static inline enum replay_result execute(struct replay *replay, const char *text,
                                         struct replay_answer *answer)
{
	size_t length = strlen(text);
	char *line = malloc(length + 1);
	enum replay_result result;

	memcpy(line, text, length + 1);
	result = replay_line(replay, line, length, answer);
	free(line);
	return result;
}

#endif
