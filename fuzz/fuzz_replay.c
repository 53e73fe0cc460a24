/* SPDX-License-Identifier: MIT */
/* Any bytes as a replay script: its parser, and behind it the register machine. */
#include <string.h>

#include "../tool/replay.h"
#include "fuzz.h"

/* Each line in memory of exactly its size, so that the sanitizer sees a byte too many. */
static enum replay_result one_line(struct replay *replay, const uint8_t *data, size_t length)
{
	static struct replay_answer answer;
	char *line = malloc(length + 1);
	enum replay_result result;

	if (!line)
		return REPLAY_BAD;
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
