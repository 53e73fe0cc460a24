/* SPDX-License-Identifier: MIT */
/*
 * Handing a running guest to another process, and taking one: the words for people, the progress,
 * and what follows from how it ended.
 */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "lib/message.h"
#include "life.h"
#include "stop.h"

enum { SHOW_EVERY_MS = 200 };

/* --- The destination -------------------------------------------------------------------------- */

static int stopped(const char *what, const char *address)
{
	message("%s: %s: %s", what, address,
	        stop_status() == RUN_TIMEOUT ? "--timeout reached" : "interrupted");
	return stop_status();
}

static struct migration_limits limits_of(const struct run_options *options)
{
	enum { DOWNTIME_MS = 10000, COPY_MS = 300000, US_A_MS = 1000 };

	return (struct migration_limits){
		.still_ms = options->downtime_us ? (unsigned)(options->downtime_us / US_A_MS)
	                                         : DOWNTIME_MS,
		.copy_ms = options->migrate_timeout_us
	                           ? (unsigned)(options->migrate_timeout_us / US_A_MS)
	                           : COPY_MS,
		.stop = stop_flag(),
	};
}

/* One source after the other, up to one that brings a guest or is at least a migration. */
static int receive(struct listener *listener, const char *address, const struct migration_limits *l,
                   const struct machine_restore *wanted, struct machine_notes *notes,
                   struct machine **machine)
{
	struct migration_refusal refusal = {.is_no_migration = true};
	char why[RUN_WHY_BYTES] = "";
	int fd;

	while (!*machine && refusal.is_no_migration) {
		fd = listener_accept(listener, l, why, sizeof(why));
		if (fd < 0 && !*l->stop)
			message("cannot listen: %s: %s", address, why);
		if (fd < 0)
			return *l->stop ? stopped("no guest came", address) : TOOL_LACKS;
		*machine = migration_receive(wanted, fd, l, notes, &refusal);
		close(fd);
		if (*machine)
			return TOOL_HOLDS;
		if (*l->stop)
			return stopped("no guest came", address);
		message("no guest came: %s: %s%s", address, refusal.why,
		        refusal.is_no_migration ? " (still listening)" : "");
	}
	return RUN_NO_GUEST;
}

int life_listen(struct run *run, const struct machine_restore *wanted, struct machine_notes *notes,
                struct machine **machine)
{
	const struct migration_limits limits = limits_of(run->options);
	const char *address = run->options->listen;
	struct listener *listener;
	enum vpmu_status error;
	char why[RUN_WHY_BYTES] = "";
	int status;

	*machine = NULL;
	listener = address_listen(address, run->options->allow_remote, &limits, &error, why,
	                          sizeof(why));
	if (!listener && *stop_flag())
		return stopped("cannot listen", address);
	if (!listener) {
		message("cannot listen: %s: %s", address, why);
		return error == VPMU_HOST ? TOOL_LACKS : TOOL_BAD;
	}
	if (listener_chosen(listener))
		message("listening: %s", listener_chosen(listener));
	status = receive(listener, address, &limits, wanted, notes, machine);
	listener_end(listener);
	return status;
}

/* --- The source ------------------------------------------------------------------------------- */

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
	const struct migration_limits limits = limits_of(run->options);
	struct life *life = run->life;
	char why[RUN_WHY_BYTES] = "";
	int fd;

	serial_flush(run);
	life->leave_at = UINT64_MAX;
	fd = address_connect(run->options->migrate_to, run->options->allow_remote, &limits, why,
	                     sizeof(why));
	if (fd >= 0)
		life->migration = migration_begin(run->machine, fd, &limits, why, sizeof(why));
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

static bool ended_in_doubt(struct run *run)
{
	run->result.end = MACHINE_END_STOPPED;
	snprintf(run->result.why, sizeof(run->result.why),
	         "stopped in doubt whether the destination runs the guest");
	return false;
}

static bool in_doubt(struct run *run)
{
	switch (life_ask_person(run)) {
	case WORD_RESUME:
		return true;
	case WORD_END:
		return moved(run);
	case WORD_NONE:
		break;
	}
	return ended_in_doubt(run);
}

bool life_step(struct run *run, const struct machine_notes *notes)
{
	struct life *life = run->life;
	enum migration_state state;
	bool goes_on = true;

	/* What the guest has said so far is said before another process goes on. */
	serial_flush(run);
	state = migration_step(life->migration, run->machine, notes);
	show_progress(life, state != MIGRATION_GOING);
	if (state == MIGRATION_GOING)
		return true;
	if (state == MIGRATION_DONE)
		goes_on = moved(run);
	else if (state == MIGRATION_DOUBT)
		goes_on = in_doubt(run);
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
