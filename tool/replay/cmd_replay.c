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
#include "reader.h"
#include "session.h"

struct replay_options {
	const char *kernel;
	bool batch, trace;
};

static const struct option_row rows[] = {
#if HAVE_KERNEL
	{.name = "kernel",
         .value = "FILE",
         .about = "run it on a kernel's code, a file of 'vpmu kernel build'",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct replay_options, kernel)},
#endif
	{.name = "trace",
         .about = "show each command, and the registers that it has changed",
         .kind = OPTION_FLAG,
         .offset = offsetof(struct replay_options, trace)},
	/* For tests that compare many short replays: a line `---` starts the next one. */
	{.name = "batch", .kind = OPTION_FLAG, .offset = offsetof(struct replay_options, batch)},
};

static void flush_answers(void)
{
	fflush(stdout);
}

static int replay_all(struct replay_session *session, struct reader *reader)
{
	char *line;
	size_t length;

	for (;;) {
		switch (reader_next(reader, &line, &length)) {
		case READER_LINE:
			session->line = reader->line;
			if (!replay_session_take(session, line, length))
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
			        session->name, reader->line);
			return TOOL_BAD;
		case READER_FAILED:
			message("cannot read: %s: %s", session->name, strerror(errno));
			return TOOL_BAD;
		}
	}
}

static int replay_file(struct replay_session *session, const char *path)
{
	static struct reader reader; /* too large for the stack: a line */
	bool from_stdin = !strcmp(path, "-");
	int fd = from_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	int status;

	if (fd < 0) {
		message("cannot open: %s: %s", path, strerror(errno));
		return TOOL_BAD;
	}
	session->name = from_stdin ? "standard input" : path;
	reader_init(&reader, fd, flush_answers);
	status = replay_all(session, &reader);
	if (!from_stdin)
		close(fd);
	return status;
}

static bool is_terminal(const char *path)
{
	return HAVE_LIBEDIT && !strcmp(path, "-") && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

static int run(const struct command *self, int argc, char **argv)
{
	static struct replay_session session; /* too large for the stack: a state */
	const char *operands[ARGS_OPERANDS], *path;
	struct replay_options options = {0};
	int status = args_parse(self, argc, argv, &options, operands);

	if (status != ARGS_GO)
		return status;
	path = operands[0] ? operands[0] : "-";
	if (!operands[0] && !is_terminal(path)) {
		message("missing argument: FILE|-");
		return TOOL_BAD;
	}
#if HAVE_KERNEL
	if (options.kernel)
		return kernel_replay(options.kernel, path, options.batch);
#endif
	session.batch = options.batch;
	session.trace = options.trace;
	replay_session_init(&session);
#if HAVE_LIBEDIT
	if (is_terminal(path) && !options.batch)
		return replay_at_terminal(&session);
#endif
	return replay_file(&session, path);
}

const struct command cmd_replay = {
	.name = "replay",
	.operands = "[FILE|-]",
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
		 "With '-' the lines come from standard input; at a terminal, also without FILE, "
		 "with\n"
		 "prompt, history and completion.\n"
		 "\n"
		 "Exit status: 0, every expect held; 1, one did not; 2, bad input.\n",
	.options = rows,
	.option_count = sizeof(rows) / sizeof(rows[0]),
	.operand_min = 0,
	.operand_max = 1,
	.run = run,
};
