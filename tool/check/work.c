/* SPDX-License-Identifier: MIT */
/* Explores the cells of a table on several threads, each with an explorer of its own. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "command.h"
#include "lib/message.h"
#include "lib/number.h"

enum { JOBS_MAX = 256, WAIT_MS = 100, PROGRESS_AFTER = 2 };

struct work {
	struct check_table *table;
	const struct check_job *jobs;
	const struct check_scope *scope;
	atomic_size_t next, done;
	atomic_uint running;
	atomic_ullong transitions;
	atomic_bool failed;
	pthread_mutex_t cells; /* held while one of the table changes */
	pthread_cond_t ended;  /* nobody is running */
	double started, busy;  /* the clocks then, less what earlier runs took */
};

static bool explore_cell(struct work *work, struct check_explorer *explorer, size_t i)
{
	const struct check_subject *subject = &work->jobs[i].subject;
	struct check_cell cell = work->table->cells[i];
	struct check_result result;
	enum vpmu_status status = check_explore(explorer, subject, &result);
	bool whole = !status || status == VPMU_INCOMPATIBLE;

	whole = whole && cell_fill(&cell, &result, subject);
	pthread_mutex_lock(&work->cells);
	work->table->cells[i] = cell;
	pthread_mutex_unlock(&work->cells);
	atomic_fetch_add(&work->transitions, result.transitions);
	check_result_clear(&result);
	return whole;
}

static bool is_to_do(const struct check_table *table, size_t i)
{
	return i % table->shards == table->shard - 1 && !table->cells[i].done;
}

static void end_worker(struct work *work)
{
	pthread_mutex_lock(&work->cells);
	if (atomic_fetch_sub(&work->running, 1) == 1)
		pthread_cond_signal(&work->ended);
	pthread_mutex_unlock(&work->cells);
}

static void *worker(void *context)
{
	struct work *work = context;
	struct check_explorer *explorer = check_explorer_create(work->scope, NULL, NULL);
	const struct check_table *table = work->table;

	while (explorer && !atomic_load(&work->failed)) {
		size_t i = atomic_fetch_add(&work->next, 1);

		if (i >= table->count)
			break;
		if (is_to_do(table, i) && !explore_cell(work, explorer, i))
			atomic_store(&work->failed, true);
		atomic_fetch_add(&work->done, 1);
	}
	if (!explorer)
		atomic_store(&work->failed, true);
	check_explorer_destroy(explorer);
	end_worker(work);
	return NULL;
}

static double clock_of(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* On a terminal only, and only for what takes long. */
static void show_progress(struct work *work, double started)
{
	char number[NUMBER_GROUPED_BYTES];

	if (!isatty(STDERR_FILENO) || clock_of(CLOCK_MONOTONIC) - started < PROGRESS_AFTER)
		return;
	fprintf(stderr, "\r%zu of %zu cells, %s transitions ", atomic_load(&work->done),
	        work->table->count, number_grouped(atomic_load(&work->transitions), number));
}

static void note_time(struct work *work)
{
	work->table->seconds = clock_of(CLOCK_MONOTONIC) - work->started;
	work->table->cpu_seconds = clock_of(CLOCK_PROCESS_CPUTIME_ID) - work->busy;
}

/* Until all have ended, or for a moment. */
static void wait_a_moment(struct work *work)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += WAIT_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	pthread_mutex_lock(&work->cells);
	if (atomic_load(&work->running))
		pthread_cond_clockwait(&work->ended, &work->cells, CLOCK_MONOTONIC, &until);
	pthread_mutex_unlock(&work->cells);
}

static void wait_for_all(struct work *work, double started)
{
	while (atomic_load(&work->running)) {
		wait_a_moment(work);
		show_progress(work, started);
		note_time(work);
		check_keep_now_and_then(&work->cells);
	}
	if (isatty(STDERR_FILENO) && clock_of(CLOCK_MONOTONIC) - started >= PROGRESS_AFTER)
		fprintf(stderr, "\r\033[K");
}

int check_work(struct check_table *table, const struct check_job *jobs,
               const struct check_scope *scope)
{
	struct work work = {.table = table,
	                    .jobs = jobs,
	                    .scope = scope,
	                    .cells = PTHREAD_MUTEX_INITIALIZER,
	                    .ended = PTHREAD_COND_INITIALIZER};
	pthread_t threads[JOBS_MAX];
	unsigned wanted = table->jobs < JOBS_MAX ? table->jobs : JOBS_MAX, count = 0;
	double started = clock_of(CLOCK_MONOTONIC);

	work.started = started - table->seconds;
	work.busy = clock_of(CLOCK_PROCESS_CPUTIME_ID) - table->cpu_seconds;
	while (count < wanted) {
		atomic_fetch_add(&work.running, 1);
		if (pthread_create(&threads[count], NULL, worker, &work))
			break;
		count++;
	}
	if (count < wanted)
		atomic_fetch_sub(&work.running, 1);
	wait_for_all(&work, started);
	for (unsigned i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	note_time(&work);
	table->memory = check_explorer_memory(scope, NULL);
	if (count && !atomic_load(&work.failed))
		return TOOL_HOLDS;
	message("cannot explore: %s", strerror(ENOMEM));
	return TOOL_LACKS;
}
