/* SPDX-License-Identifier: MIT */
/*
 * Runs a replay script against a kernel's own PMU code, one answer a line.
 *   [--batch] [--limit SECONDS] [--coverage] [FILE|-]
 *   --name | --table | --carried | --library
 * --batch: a line that begins with --- ends one program and starts the next; it is echoed. A
 * program with bad input answers "bad-input" and is skipped to its end. Answers are flushed at the
 * end of each program, so that a crash can be traced to its program; without --batch, at each line.
 * --limit: processor time for each program of a batch, or else for each line; SIGVTALRM ends what
 * takes longer. --coverage: the last line lists the blocks that were executed (coverage.h).
 * --name: which kernel this is, and in a second line whether it has a mediated vPMU. --table: its
 * blocks. --carried: its text. --library: the same code as a library (room.h).
 * Exit status: 0; 1 an expect failed; 2 bad input.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "commands.h"
#include "coverage.h"
#include "include/kernel.h"

struct reader {
	FILE *in;
	char *line;
	size_t size;
	unsigned long number;
	double limit; /* seconds; 0: none */
	bool batch, coverage;
	bool skipping; /* the rest of a bad program */
	bool bad;
};

/* Starts the time limit anew. */
static void rearm(const struct reader *reader)
{
	struct itimerval timer = {.it_value.tv_sec = (time_t)reader->limit};

	timer.it_value.tv_usec =
		(suseconds_t)((reader->limit - (double)timer.it_value.tv_sec) * 1e6);
	if (reader->limit > 0)
		setitimer(ITIMER_VIRTUAL, &timer, NULL);
}

static void end_program(struct reader *reader, struct session *session)
{
	session_restart(session);
	reader->skipping = false;
	puts("---");
	fflush(stdout);
	rearm(reader);
}

/* Takes one line; false: bad input that ends everything. */
static bool take_line(struct reader *reader, struct session *session)
{
	static struct replay_command command;
	static struct replay_answer answer;
	size_t length = strcspn(reader->line, "\n");

	if (reader->batch && !strncmp(reader->line, "---", 3)) {
		end_program(reader, session);
		return true;
	}
	if (reader->skipping)
		return true;
	if (!reader->batch)
		rearm(reader);
	switch (replay_parse(reader->line, length, &session->names, &command, answer.text)) {
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

	if (!reader->batch)
		setvbuf(stdout, NULL, _IOLBF, 0);
	coverage_clear();
	rearm(reader);
	while (going && getline(&reader->line, &reader->size, reader->in) >= 0) {
		reader->number++;
		going = take_line(reader, &session);
	}
	session_restart(&session);
	free(reader->line);
	if (reader->coverage)
		coverage_print();
	return reader->bad ? 2 : session.mismatch;
}

/* The options that take no script. */
static bool tell(const char *option)
{
	if (!strcmp(option, "--name"))
		puts(KERNEL_SINCE(7, 3) ? KERNEL_NAME "\nmediated" : KERNEL_NAME);
	else if (!strcmp(option, "--table"))
		coverage_print_table();
	else if (!strcmp(option, "--carried"))
		coverage_print_carried();
	else if (!strcmp(option, "--library"))
		coverage_print_library();
	else
		return false;
	return true;
}

static int usage(void)
{
	fprintf(stderr, "usage: kreplay [--batch] [--limit SECONDS] [--coverage] [FILE|-]\n"
	                "       kreplay --name | --table | --carried | --library\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct reader reader = {.in = stdin};
	int i;

	if (argc == 2 && tell(argv[1]))
		return 0;
	for (i = 1; i < argc && !strncmp(argv[i], "--", 2); i++) {
		if (!strcmp(argv[i], "--batch"))
			reader.batch = true;
		else if (!strcmp(argv[i], "--coverage"))
			reader.coverage = true;
		else if (!strcmp(argv[i], "--limit") && i + 1 < argc)
			reader.limit = strtod(argv[++i], NULL);
		else
			return usage();
	}
	if (i < argc && strcmp(argv[i], "-"))
		reader.in = fopen(argv[i], "r");
	if (!reader.in || argc - i > 1)
		return usage();
	return read_all(&reader);
}
