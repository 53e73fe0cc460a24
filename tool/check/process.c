/* SPDX-License-Identifier: MIT */
/*
 * Explores the cells of a table with a kernel's own code, in several processes. Each loads the code
 * for itself and writes what it finds into a file of its own. A crash of the code, or an action
 * that does not return, is left by a jump out of the signal handler, so that the path to it can be
 * reported.
 */
#include "kernel.h"

#if HAVE_KERNEL

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "kernel/kernel.h"
#include "lib/message.h"
#include "lib/number.h"

enum {
	PROCESSES_MAX = 256,
	WAIT_MS = 100,
	PROGRESS_AFTER = 2,
	PATIENCE = 3,
	STACK_BYTES = 1 << 16
};

/* What all of them see. */
struct shared {
	atomic_size_t next, done;
	atomic_ullong transitions;
	atomic_size_t memory; /* of an explorer */
	atomic_size_t
		exploring[PROCESSES_MAX]; /* the cell; in case that a process can tell nothing */
	atomic_size_t written[PROCESSES_MAX]; /* cells of its file that are whole */
};

struct crew {
	struct check_table *table;
	const struct check_job *jobs;
	const struct check_scope *scope;
	const struct check_kernel *kernel;
	FILE *script;
	struct shared *shared;
	unsigned count;
	int process[PROCESSES_MAX], file[PROCESSES_MAX];
	size_t cells[PROCESSES_MAX], bytes[PROCESSES_MAX]; /* of its file that are read */
	double started, busy; /* the clocks then, less what earlier runs took */
	struct ending ending[PROCESSES_MAX];
};

/* --- A process of the crew -------------------------------------------------------------------- */

static sigjmp_buf left;
static const struct check_explorer *watched;
static uint64_t last_actions;
static unsigned ticks;

static void leave(int signal)
{
	siglongjmp(left, signal);
}

/* Runs every second of processor time. A normal action takes a millionth of that. */
static void tick(int signal)
{
	uint64_t actions = watched ? check_explorer_actions(watched) : 0;

	ticks = watched && actions == last_actions ? ticks + 1 : 0;
	last_actions = actions;
	if (ticks == PATIENCE)
		leave(signal);
}

static void watch(const struct check_explorer *explorer)
{
	static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
	static char stack[STACK_BYTES];
	const stack_t other = {.ss_sp = stack, .ss_size = sizeof(stack)};
	const struct itimerval second = {{1, 0}, {1, 0}};
	struct sigaction action = {.sa_handler = leave, .sa_flags = SA_ONSTACK};

	sigaltstack(&other, NULL); /* an endless recursion has used up the first */
	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		sigaction(crashes[i], &action, NULL);
	action.sa_handler = tick;
	action.sa_flags |= SA_RESTART;
	sigaction(SIGVTALRM, &action, NULL);
	watched = explorer;
	setitimer(ITIMER_VIRTUAL, &second, NULL);
}

/* Reports the path to the last action. If that crashes, too, the default action ends the process,
 * and the parent reports it. */
static void tell_way(const struct crew *crew, int fd, size_t i, int signal,
                     struct check_explorer *explorer)
{
	const struct itimerval never = {{0, 0}, {0, 0}};
	struct found found = {FOUND_WAY, i, signal, NULL};
	struct check_trace *trace;
	size_t length;

	setitimer(ITIMER_VIRTUAL, &never, NULL);
	if (sigsetjmp(left, 1))
		_exit(TOOL_LACKS);
	trace = check_explorer_way(explorer);
	length = trace ? check_trace_replay(trace, &crew->jobs[i].subject, NULL, 0) : 0;
	found.way = trace ? malloc(length + 1) : NULL;
	if (!found.way)
		_exit(TOOL_LACKS);
	check_trace_replay(trace, &crew->jobs[i].subject, found.way, length + 1);
	_exit(found_write(fd, &found, &crew->table->cells[i]) ? TOOL_FAILS : TOOL_LACKS);
}

/* TOOL_HOLDS, or how the process is to end. */
static int explore_cell(const struct crew *crew, int fd, size_t i, struct check_explorer *explorer)
{
	const struct check_subject *subject = &crew->jobs[i].subject;
	struct found found = {FOUND_CELL, i, 0, NULL};
	struct check_cell cell = crew->table->cells[i];
	struct check_result result;
	enum vpmu_status status;
	int signal = sigsetjmp(left, 1);

	if (signal)
		tell_way(crew, fd, i, signal, explorer);
	status = check_explore(explorer, subject, &result);
	if (status == VPMU_INCOMPATIBLE)
		found.kind = FOUND_NO_MODEL;
	else if (status || !cell_fill(&cell, &result, subject))
		return TOOL_LACKS;
	if (!found_write(fd, &found, &cell))
		return TOOL_LACKS;
	atomic_fetch_add(&crew->shared->transitions, result.transitions);
	check_result_clear(&result);
	return found.kind == FOUND_NO_MODEL ? TOOL_BAD : TOOL_HOLDS;
}

static int explore_cells(const struct crew *crew, unsigned number, int fd,
                         struct check_explorer *explorer)
{
	const struct check_table *table = crew->table;
	struct shared *shared = crew->shared;
	int status = TOOL_HOLDS;
	size_t i;

	while (!status && (i = atomic_fetch_add(&shared->next, 1)) < table->count) {
		atomic_store(&shared->exploring[number], i);
		if (i % table->shards == table->shard - 1 && !table->cells[i].done) {
			status = explore_cell(crew, fd, i, explorer);
			atomic_fetch_add(&shared->written[number], !status);
		}
		atomic_fetch_add(&shared->done, 1);
	}
	return status;
}

static void become_explorer(const struct crew *crew, unsigned number, int fd)
{
	const struct rlimit none = {0, 0};
	const struct kernel_subject *code;
	struct check_explorer *explorer;
	struct check_ops ops;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_CORE, &none);
	code = check_kernel_load(crew->kernel);
	if (!code)
		_exit(TOOL_BAD);
	ops = check_kernel_ops(code);
	explorer = check_explorer_create(crew->scope, &ops, (void *)(uintptr_t)code);
	if (!explorer)
		_exit(TOOL_LACKS);
	atomic_store(&crew->shared->memory, check_explorer_memory(crew->scope, &ops));
	watch(explorer);
	_exit(explore_cells(crew, number, fd, explorer));
}

/* --- Who waits for them ----------------------------------------------------------------------- */

static bool start(struct crew *crew, unsigned number)
{
	int fd = unnamed_file(), process;

	if (fd < 0)
		return false;
	fflush(NULL);
	process = fork();
	if (!process)
		become_explorer(crew, number, fd);
	if (process < 0) {
		message("cannot start a process: %s", strerror(errno));
		close(fd);
		return false;
	}
	crew->process[crew->count] = process;
	crew->file[crew->count++] = fd;
	return true;
}

static double seconds_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double seconds_of_children(void)
{
	struct rusage usage;

	getrusage(RUSAGE_CHILDREN, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* On a terminal only, and only for what takes long. */
static void show_progress(const struct crew *crew, double started)
{
	char number[NUMBER_GROUPED_BYTES];

	if (!isatty(STDERR_FILENO) || seconds_now() - started < PROGRESS_AFTER)
		return;
	fprintf(stderr, "\r%zu of %zu cells, %s transitions ", atomic_load(&crew->shared->done),
	        crew->table->count,
	        number_grouped(atomic_load(&crew->shared->transitions), number));
}

static void kill_all(const struct crew *crew)
{
	for (unsigned i = 0; i < crew->count; i++)
		if (crew->process[i] > 0)
			kill(crew->process[i], SIGKILL);
}

static void note_time(struct crew *crew)
{
	crew->table->seconds = seconds_now() - crew->started;
	crew->table->cpu_seconds = seconds_of_children() - crew->busy;
}

/* --- What they have found --------------------------------------------------------------------- */

static void say_where(const struct crew *crew, size_t i, int signal, const char *more)
{
	const struct check_cell *cell = &crew->table->cells[i];

	message("the kernel's code %s: order %s, %s, prior life %s%s%s",
	        ending_text((struct ending){.signal = signal}), cell->order, cell->model,
	        check_lives[cell->life].name, *more ? ": " : "", more);
}

static const char *last_line(char *text)
{
	size_t length = strlen(text);
	char *line;

	while (length && text[length - 1] == '\n')
		length--;
	line = memrchr(text, '\n', length);
	return line ? line + 1 : text;
}

static int tell_found(const struct crew *crew, struct found *found)
{
	if (found->kind == FOUND_NO_MODEL) {
		message("the kernel's code is asked for presets of vpmu(1) alone, with keys of "
		        "--model: %s",
		        crew->table->cells[found->cell].model);
		return TOOL_BAD;
	}
	if (found->kind != FOUND_WAY)
		return TOOL_HOLDS;
	if (crew->script)
		fputs(found->way, crew->script);
	say_where(crew, found->cell, found->signal, last_line(found->way));
	free(found->way);
	return TOOL_FAILS;
}

/* Reads a process's new results: at most `most` cells, or all. */
static int read_found(struct crew *crew, unsigned number, size_t most)
{
	size_t bytes = 0;
	char *all = unnamed_read(crew->file[number], &bytes);
	size_t before = crew->bytes[number] < bytes ? crew->bytes[number] : bytes;
	const char *at = all + before;
	int status = all ? TOOL_HOLDS : TOOL_LACKS;

	bytes -= before;
	while (!status && bytes && crew->cells[number] < most) {
		struct found found;

		if (found_read(&at, &bytes, crew->table, &found)) {
			status = tell_found(crew, &found);
			crew->cells[number]++;
			crew->bytes[number] = (size_t)(at - all);
			continue;
		}
		message("the kernel's code has damaged what was found with it: %s",
		        crew->kernel->path);
		status = TOOL_FAILS;
	}
	free(all);
	return status;
}

/* --resume: takes the results so far. Damage is reported at the end. */
static int keep(struct crew *crew)
{
	static pthread_mutex_t nobody_else = PTHREAD_MUTEX_INITIALIZER;
	int status = TOOL_HOLDS;

	if (!check_keep_is_due())
		return TOOL_HOLDS;
	for (unsigned i = 0; i < crew->count && !status; i++)
		status = read_found(crew, i, atomic_load(&crew->shared->written[i]));
	note_time(crew);
	if (!status)
		check_keep_now_and_then(&nobody_else);
	return status;
}

/* Until a process ends, or for a moment. SIGCHLD is blocked. */
static void wait_a_moment(void)
{
	const struct timespec moment = {0, WAIT_MS * 1000000L};
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigtimedwait(&signals, NULL, &moment);
}

/* If a process has failed, the others need not finish. */
static int wait_for_all(struct crew *crew, double started)
{
	unsigned running = crew->count;
	int status = TOOL_HOLDS;
	bool killed = false;

	while (running) {
		wait_a_moment();
		show_progress(crew, started);
		status = status ? status : keep(crew);
		if (status && !killed) {
			kill_all(crew);
			killed = true;
		}
		for (unsigned i = 0; i < crew->count; i++) {
			struct ending *ending = &crew->ending[i];

			if (crew->process[i] <= 0 || !process_ended(crew->process[i], ending))
				continue;
			crew->process[i] = 0;
			running--;
			if ((ending->status || ending->signal) && !killed) {
				kill_all(crew);
				killed = true;
			}
		}
	}
	if (isatty(STDERR_FILENO) && seconds_now() - started >= PROGRESS_AFTER)
		fprintf(stderr, "\r\033[K");
	return status;
}

/* Reports a process that could not report anything itself. */
static int judge_ending(const struct crew *crew, unsigned number)
{
	struct ending ending = crew->ending[number];

	if (ending.signal && ending.signal != SIGKILL) {
		say_where(crew, atomic_load(&crew->shared->exploring[number]), ending.signal, "");
		return TOOL_FAILS;
	}
	if (ending.status == TOOL_LACKS)
		message("cannot explore: %s", strerror(ENOMEM));
	return ending.signal ? TOOL_LACKS : ending.status;
}

static int collect(struct crew *crew)
{
	int status = TOOL_HOLDS;

	for (unsigned i = 0; i < crew->count && !status; i++)
		status = read_found(crew, i, SIZE_MAX);
	/* A process that was killed because another failed has nothing to report. */
	for (unsigned i = 0; i < crew->count && !status; i++)
		if (crew->ending[i].signal != SIGKILL)
			status = judge_ending(crew, i);
	for (unsigned i = 0; i < crew->count && !status; i++)
		status = judge_ending(crew, i);
	return status;
}

int check_kernel_work(struct check_table *table, const struct check_job *jobs,
                      const struct check_scope *scope, const struct check_kernel *kernel,
                      FILE *script)
{
	struct crew crew = {
		.table = table, .jobs = jobs, .scope = scope, .kernel = kernel, .script = script};
	unsigned wanted = table->jobs < PROCESSES_MAX ? table->jobs : PROCESSES_MAX;
	double started = seconds_now();
	sigset_t child, before;
	int status;

	crew.shared = mmap(NULL, sizeof(*crew.shared), PROT_READ | PROT_WRITE,
	                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (crew.shared == MAP_FAILED) {
		message("cannot explore: %s", strerror(errno));
		return TOOL_LACKS;
	}
	crew.started = started - table->seconds;
	crew.busy = seconds_of_children() - table->cpu_seconds;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &before);
	for (unsigned i = 0; i < wanted && start(&crew, i); i++)
		;
	status = wait_for_all(&crew, started);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (!status)
		status = crew.count ? collect(&crew) : TOOL_LACKS;
	note_time(&crew);
	for (unsigned i = 0; i < crew.count; i++)
		close(crew.file[i]);
	table->memory = atomic_load(&crew.shared->memory);
	munmap(crew.shared, sizeof(*crew.shared));
	return status;
}

#endif
