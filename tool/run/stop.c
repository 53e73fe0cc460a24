/* SPDX-License-Identifier: MIT */
/* See stop.h. What is here runs in signal handlers, and calls only what may be called there. */
#include "stop.h"

#include <poll.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "input/file.h"

enum { GRACE_MS = 500, TICK_US = 50000 };

static struct machine *volatile running;
static volatile sig_atomic_t signalled;
static volatile uint64_t signalled_at;

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Again and again: a stop may be asked for between two runs of the machine. */
static void tick_from(uint64_t microseconds)
{
	const struct itimerval timer = {
		.it_value = {(time_t)(microseconds / 1000000),
	                     (suseconds_t)(microseconds % 1000000)},
		.it_interval = {0, TICK_US},
	};

	setitimer(ITIMER_REAL, &timer, NULL);
}

/* The message must not wait either. */
static void end_by_force(void)
{
	static const char rest[] = ": something else than the guest did not end, and was left\n";
	const char *what = signalled == SIGALRM ? "vpmu: --timeout reached" : "vpmu: interrupted";
	struct pollfd one = {.fd = STDERR_FILENO, .events = POLLOUT};
	bool said = poll(&one, 1, 0) > 0 && write(STDERR_FILENO, what, strlen(what)) > 0 &&
	            write(STDERR_FILENO, rest, sizeof(rest) - 1) > 0;

	(void)said;
	output_abandon_all();
	_exit(stop_status());
}

static void on_stop(int number)
{
	if (!signalled) {
		signalled = number;
		signalled_at = now_ms();
		if (number != SIGALRM)
			tick_from(TICK_US);
	} else if (number != SIGALRM || now_ms() - signalled_at >= GRACE_MS) {
		end_by_force();
	}
	if (running)
		machine_stop_soon(running);
}

void stop_begin(const struct run_options *options)
{
	const struct sigaction action = {.sa_handler = on_stop, .sa_flags = SA_RESTART};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	signal(SIGPIPE, SIG_IGN); /* seen as an error of what is written to */
	if (options->timeout_us)
		tick_from(options->timeout_us);
}

void stop_machine(struct machine *machine)
{
	running = machine;
	if (machine && signalled)
		machine_stop_soon(machine);
}

const volatile sig_atomic_t *stop_flag(void)
{
	return &signalled;
}

int stop_status(void)
{
	return signalled == SIGALRM ? RUN_TIMEOUT : RUN_INTERRUPTED;
}
