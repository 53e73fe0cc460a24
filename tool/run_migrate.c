/* SPDX-License-Identifier: MIT */
/*
 * Handing a running guest to another process, and taking one: the words for people, the progress,
 * and what follows from how it ended.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "message.h"
#include "run_life.h"

enum { SHOW_EVERY_MS = 200, PATIENCE_MS = 10000 };

/* --- The destination ---------------------------------------------------------------------------
 */

/* A wait that a signal ends: SA_RESTART would go on. */
static void on_stop(int number)
{
}

static void let_signals_end_waits(bool on)
{
	struct sigaction action = {.sa_handler = on ? on_stop : SIG_DFL,
	                           .sa_flags = on ? (int)SA_RESETHAND : 0};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

int life_listen(struct run *run, const struct machine_restore *wanted, struct machine_notes *notes,
                struct machine **machine)
{
	const char *address = run->options->listen;
	enum vpmu_status status;
	char why[512] = "";
	int fd;

	let_signals_end_waits(true);
	signal(SIGPIPE, SIG_IGN);
	errno = 0;
	fd = address_accept(address, run->options->allow_remote, why, sizeof(why));
	if (fd < 0) {
		bool interrupted = errno == EINTR;

		message("cannot listen: %s: %s", address, why);
		return interrupted ? RUN_INTERRUPTED : TOOL_BAD;
	}
	*machine = migration_receive(wanted, fd, notes, &status, why, sizeof(why));
	close(fd);
	let_signals_end_waits(false);
	if (*machine)
		return TOOL_HOLDS;
	message("no guest came: %s: %s", address, why);
	return RUN_NO_GUEST;
}

/* --- The source --------------------------------------------------------------------------------
 */

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void show_progress(struct life *life, bool last)
{
	struct migration_progress progress = migration_progress(life->migration);

	if (!isatty(STDERR_FILENO) || (!last && now_ms() - life->shown_at < SHOW_EVERY_MS))
		return;
	life->shown_at = now_ms();
	fprintf(stderr, "\rmigrating: round %u, %llu pages, %.1f MB \033[K%s", progress.rounds + 1,
	        (unsigned long long)progress.pages, (double)progress.bytes / 1e6,
	        last ? "\r\033[K" : "");
}

static void stays(struct run *run, const char *why)
{
	message("not migrated, the guest goes on here: %s: %s", run->options->migrate_to, why);
}

void life_leave(struct run *run)
{
	struct life *life = run->life;
	char why[512] = "";
	int fd;

	life->leave_at = UINT64_MAX;
	fd = address_connect(run->options->migrate_to, run->options->allow_remote, why,
	                     sizeof(why));
	if (fd >= 0)
		life->migration = migration_begin(run->machine, fd, PATIENCE_MS, why, sizeof(why));
	if (life->migration)
		return;
	if (fd >= 0)
		close(fd);
	stays(run, why);
}

static bool moved(struct run *run)
{
	run->fate = FATE_MOVED;
	return false;
}

bool life_step(struct run *run, const struct machine_notes *notes)
{
	struct life *life = run->life;
	enum migration_state state;
	bool goes_on = true;

	/* What the guest has said so far is said before another process goes on. */
	fflush(stdout);
	state = migration_step(life->migration, run->machine, notes);
	show_progress(life, state != MIGRATION_GOING);
	if (state == MIGRATION_GOING)
		return true;
	if (state == MIGRATION_DONE)
		goes_on = moved(run);
	else if (state == MIGRATION_DOUBT)
		goes_on = life_ask_person(run) || moved(run);
	else
		stays(run, migration_why(life->migration));
	migration_end(life->migration);
	life->migration = NULL;
	return goes_on;
}

void life_stay(struct run *run)
{
	struct life *life = run->life;

	if (!life->migration)
		return;
	migration_cancel(life->migration, "the guest has ended");
	migration_end(life->migration);
	life->migration = NULL;
}
