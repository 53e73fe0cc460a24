/* SPDX-License-Identifier: MIT */
/* vpmu replay: runs a script of register accesses and guest work, one answer a line. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#if HAVE_KERNEL
#include "kernel/kernel.h"
#endif
#include "lib/message.h"
#include "lib/selector.h"
#include "reader.h"
#include "lib/visible.h"

struct replay_options {
	const char *kernel;
	bool batch;
};

static const struct option_row rows[] = {
#if HAVE_KERNEL
	{.name = "kernel",
         .value = "FILE",
         .about = "run it on a kernel's code, a file of 'vpmu kernel build'",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct replay_options, kernel)},
#endif
	/* For tests that compare many short replays: a line `---` starts the next one. */
	{.name = "batch", .kind = OPTION_FLAG, .offset = offsetof(struct replay_options, batch)},
};

struct session {
	const char *name; /* of the file, for messages */
	bool batch, differed;
	bool bad, skipping; /* batch: a program was bad; to the end of this one */
	struct reader reader;
	struct replay replay;
	struct replay_answer answer;
};

static void flush_answers(void)
{
	fflush(stdout);
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

static bool ends_program(const struct session *session, const char *line, size_t length)
{
	return session->batch && length == 3 && !memcmp(line, "---", 3);
}

static void next_program(struct session *session)
{
	replay_init(&session->replay);
	session->skipping = false;
	fputs_unlocked("---\n", stdout);
}

/* False: the replay ends here. In a batch only the program does. */
static bool bad_input(struct session *session)
{
	session->bad = true;
	session->skipping = session->batch;
	if (session->batch)
		fputs_unlocked("bad-input\n", stdout);
	return session->batch;
}

/* What reads 0 because nobody counts it: as a comment, so that both streams together are still a
 * script's. */
static void tell_uncounted(struct session *session)
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

/* False: the line is bad, and a message has said so. */
static bool take_line(struct session *session, char *line, size_t length)
{
	enum replay_result result;

	if (ends_program(session, line, length)) {
		next_program(session);
		return true;
	}
	if (session->skipping)
		return true;
	result = replay_line(&session->replay, line, length, &session->answer);
	if (result == REPLAY_BAD) {
		message("%s: %s:%" PRIu64, session->answer.text, session->name,
		        session->reader.line);
		return bad_input(session);
	}
	session->differed |= result == REPLAY_DIFFERS;
	if (result != REPLAY_NOTHING)
		put_answer(&session->answer, result == REPLAY_DIFFERS);
	tell_uncounted(session);
	return true;
}

static int replay_all(struct session *session)
{
	char *line;
	size_t length;

	for (;;) {
		switch (reader_next(&session->reader, &line, &length)) {
		case READER_LINE:
			if (!take_line(session, line, length))
				return TOOL_BAD;
			if (ferror_unlocked(stdout))
				return TOOL_HOLDS; /* so far; main() says what stdout said */
			break;
		case READER_END:
			if (session->bad)
				return TOOL_BAD;
			return session->differed ? TOOL_FAILS : TOOL_HOLDS;
		case READER_TOO_LONG:
			message("line longer than %d bytes: %s:%" PRIu64, REPLAY_LINE_BYTES,
			        session->name, session->reader.line);
			return TOOL_BAD;
		case READER_FAILED:
			message("cannot read: %s: %s", session->name, strerror(errno));
			return TOOL_BAD;
		}
	}
}

static int run(const struct command *self, int argc, char **argv)
{
	static struct session session; /* too large for the stack: a line, a state */
	struct replay_options options = {0};
	const char *operands[ARGS_OPERANDS];
	int status = args_parse(self, argc, argv, &options, operands);
	bool from_stdin;
	int fd;

	if (status != ARGS_GO)
		return status;
#if HAVE_KERNEL
	if (options.kernel)
		return kernel_replay(options.kernel, operands[0], options.batch);
#endif
	from_stdin = !strcmp(operands[0], "-");
	fd = from_stdin ? STDIN_FILENO : open(operands[0], O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		message("cannot open: %s: %s", operands[0], strerror(errno));
		return TOOL_BAD;
	}
	session.name = from_stdin ? "standard input" : operands[0];
	session.batch = options.batch;
	reader_init(&session.reader, fd, flush_answers);
	replay_init(&session.replay);
	status = replay_all(&session);
	if (!from_stdin)
		close(fd);
	return status;
}

const struct command cmd_replay = {
	.name = "replay",
	.operands = "FILE|-",
	.about = "Run a script of register accesses and guest work on a virtual PMU",
	.notes = "Each line of FILE is a command, and prints one line; '#' starts a comment. The\n"
		 "language is in vpmu-replay(1). For example:\n"
		 "\n"
		 "  model intel-v2\n"
		 "  wrmsr 0x186 0x5300c0      # IA32_PERFEVTSEL0: instructions, OS, USR, INT, EN\n"
		 "  wrmsr 0x38f 1             # IA32_PERF_GLOBAL_CTRL: counter 0\n"
		 "  run instructions=1000\n"
		 "  expect rdmsr 0xc1 = 0x3e8\n"
		 "\n"
		 "Exit status: 0, every expect held; 1, one did not; 2, bad input.\n",
	.options = rows,
	.option_count = sizeof(rows) / sizeof(rows[0]),
	.operand_min = 1,
	.operand_max = 1,
	.run = run,
};
