/* SPDX-License-Identifier: MIT */
/*
 * In doubt whether the destination runs the guest: it waits here until a person decides, by a
 * signal or at the terminal. Signals work whatever happens to the terminal.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "lib/message.h"
#include "life.h"
#include "stop.h"

static volatile sig_atomic_t told; /* the last word that came */

static void on_word(int number)
{
	told = number;
}

/*
 * SIGUSR1: resume; SIGTERM, SIGINT: end; SIGALRM is --timeout. A hang-up leaves the guest waiting,
 * which may exist nowhere else; and in the background reading finds an end, and does not stop the
 * process.
 */
static const struct {
	int number;
	void (*handler)(int number);
} signals[] = {
	{SIGUSR1, on_word}, {SIGTERM, on_word}, {SIGINT, on_word},
	{SIGALRM, on_word}, {SIGHUP, SIG_IGN},  {SIGTTIN, SIG_IGN},
};
enum { SIGNALS = sizeof(signals) / sizeof(signals[0]) };

struct doubt {
	sigset_t mask_before;
	struct sigaction before[SIGNALS];
	int terminal; /* -1: nothing is asked there */
	char typed[16];
	size_t length;
};

/* From now on they only come while wait_for_word() waits. */
static void take_signals(struct doubt *doubt)
{
	sigset_t set;

	sigemptyset(&set);
	for (unsigned i = 0; i < SIGNALS; i++)
		sigaddset(&set, signals[i].number);
	sigprocmask(SIG_BLOCK, &set, &doubt->mask_before);
	told = 0;
	for (unsigned i = 0; i < SIGNALS; i++) {
		const struct sigaction action = {.sa_handler = signals[i].handler};

		sigaction(signals[i].number, &action, &doubt->before[i]);
	}
}

static void give_signals_back(const struct doubt *doubt)
{
	for (unsigned i = 0; i < SIGNALS; i++)
		sigaction(signals[i].number, &doubt->before[i], NULL);
	sigprocmask(SIG_SETMASK, &doubt->mask_before, NULL);
}

/* Until a signal has come, or something can be read. */
static void wait_for_word(const struct doubt *doubt)
{
	struct pollfd terminal = {.fd = doubt->terminal, .events = POLLIN};
	sigset_t mask = doubt->mask_before;

	for (unsigned i = 0; i < SIGNALS; i++)
		sigdelset(&mask, signals[i].number);
	ppoll(&terminal, 1, NULL, &mask);
}

/* --- The terminal ----------------------------------------------------------------------------- */

/*
 * The terminal at which a person can read and answer the question; -1: there is none, or the run is
 * in the background. It is opened anew as non-blocking, because another process may take the line
 * before us.
 */
static int open_terminal(void)
{
	pid_t foreground = tcgetpgrp(STDIN_FILENO);

	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO) ||
	    (foreground >= 0 && foreground != getpgrp()))
		return -1;
	return open("/proc/self/fd/0", O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static void ask(struct doubt *doubt)
{
	doubt->length = 0;
	fputs("resume the guest here, or end? [resume/end] ", stderr);
}

/* One line: the signal that says the same, or 0 for any other line. */
static int word_of(const char *line, size_t length)
{
	static const struct {
		const char *text;
		int number;
	} typed[] = {{"resume", SIGUSR1}, {"end", SIGTERM}};

	for (unsigned i = 0; i < sizeof(typed) / sizeof(typed[0]); i++)
		if (length == strlen(typed[i].text) && !memcmp(line, typed[i].text, length))
			return typed[i].number;
	return 0;
}

static void stop_asking(struct doubt *doubt)
{
	close(doubt->terminal);
	doubt->terminal = -1;
	fputc('\n', stderr);
	message("nothing more can be typed: only a signal ends the wait (USR1: resume, TERM: end; "
	        "process %d)",
	        (int)getpid());
}

/* One more byte of the line. Returns the word that it ends, or 0. */
static int take_byte(struct doubt *doubt, char byte)
{
	int word;

	if (byte != '\n') {
		if (doubt->length < sizeof(doubt->typed))
			doubt->typed[doubt->length++] = byte;
		return 0;
	}
	word = word_of(doubt->typed, doubt->length);
	if (!word)
		ask(doubt);
	return word;
}

/* The word that is typed, or 0. */
static int hear_terminal(struct doubt *doubt)
{
	ssize_t count;
	int word = 0;
	char byte;

	while (!word && doubt->terminal >= 0) {
		count = read(doubt->terminal, &byte, 1);
		if (count < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (count == 1)
			word = take_byte(doubt, byte);
		else
			stop_asking(doubt);
	}
	return word;
}

/* --- The wait --------------------------------------------------------------------------------- */

static int await_word(struct doubt *doubt)
{
	int word = *stop_flag();

	while (!word) {
		wait_for_word(doubt);
		word = told;
		if (word && doubt->terminal >= 0)
			fputc('\n', stderr);
		else if (!word)
			word = hear_terminal(doubt);
	}
	return word;
}

static int hear_person(struct run *run, struct doubt *doubt)
{
	int pid = (int)getpid();

	message("paused, for it cannot be known whether the destination runs the guest: %s (look "
	        "there; if it does not: kill -USR1 %d, else kill -TERM %d)",
	        run->options->migrate_to, pid, pid);
	if (doubt->terminal >= 0) {
		tcflush(doubt->terminal, TCIFLUSH); /* what was typed before is no answer */
		ask(doubt);
	}
	return await_word(doubt);
}

enum life_word life_ask_person(struct run *run)
{
	struct doubt doubt = {.terminal = open_terminal()};
	int word, stopped;

	take_signals(&doubt);
	stopped = *stop_flag(); /* before: no answer, but an end all the same */
	word = hear_person(run, &doubt);
	give_signals_back(&doubt);
	if (doubt.terminal >= 0)
		close(doubt.terminal);
	if (word == SIGUSR1) {
		message("the guest goes on here: %s", run->guest);
		return WORD_RESUME;
	}
	if (!stopped && word == SIGALRM)
		raise(SIGALRM); /* the run's own handler takes note */
	return stopped || word == SIGALRM ? WORD_NONE : WORD_END;
}
