/* SPDX-License-Identifier: MIT */
/*
 * kreplay-VERSION [--batch] [FILE|-]: runs a replay script against a kernel's own PMU code, one
 * answer line a command. With --batch a line "---" ends one program and starts the next; it is
 * echoed, and a program with bad input answers "bad-input" and is skipped to its end.
 * Exit status: 0; 1 an expect failed; 2 bad input.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"

struct reader {
	FILE *in;
	char *line;
	size_t size;
	unsigned long number;
	bool batch;
	bool skipping; /* the rest of a bad program */
	bool bad;
};

/* One line; false: bad input that ends everything. */
static bool take_line(struct reader *reader, struct session *session)
{
	static struct replay_command command;
	static struct replay_answer answer;
	size_t length = strcspn(reader->line, "\n");

	if (reader->batch && !strncmp(reader->line, "---", 3)) {
		session_restart(session);
		reader->skipping = false;
		puts("---");
		return true;
	}
	if (reader->skipping)
		return true;
	switch (replay_parse(reader->line, length, &command, answer.text)) {
	case REPLAY_BLANK:
		return true;
	case REPLAY_COMMAND:
		if (!command_run(session, &command, &answer))
			break;
		puts(answer.text);
		return true;
	case REPLAY_PROBLEM:
		break;
	}
	reader->bad = true;
	reader->skipping = reader->batch;
	if (reader->batch)
		puts("bad-input");
	fflush(stdout);
	fprintf(stderr, "kreplay: %s: line %lu\n", answer.text, reader->number);
	return reader->batch;
}

static int read_all(struct reader *reader)
{
	struct session session = {.guest = NULL};
	bool going = true;

	while (going && getline(&reader->line, &reader->size, reader->in) >= 0) {
		reader->number++;
		going = take_line(reader, &session);
	}
	session_restart(&session);
	free(reader->line);
	return reader->bad ? 2 : session.mismatch;
}

int main(int argc, char **argv)
{
	struct reader reader = {.in = stdin};
	int i = 1;

	if (i < argc && !strcmp(argv[i], "--batch")) {
		reader.batch = true;
		i++;
	}
	if (i < argc && strcmp(argv[i], "-"))
		reader.in = fopen(argv[i], "r");
	if (!reader.in || argc - i > 1) {
		fprintf(stderr, "usage: kreplay [--batch] [FILE|-]\n");
		return 2;
	}
	return read_all(&reader);
}
