/* SPDX-License-Identifier: MIT */
/*
 * vpmu check --resume: the cells that are done are kept in a file, so that a run that ends early
 * costs little. The file is a document of --json; when all is done, --merge takes it.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "command.h"
#include "json/json.h"
#include "input/file.h"
#include "input/input.h"
#include "lib/message.h"
#include "state/state.h"

#if HAVE_JANSSON

/* Seconds between two writes; longer if a write takes long, so that writing takes a small part of
 * the time. */
enum { DOCUMENT_BYTES = 1 << 30, EVERY = 5, SHARE = 20 };

static struct {
	const char *path;
	struct check_table *table;
	time_t next;
} kept;

static volatile sig_atomic_t asked_to_end;

static void on_signal(int number)
{
	asked_to_end = number;
}

/* SIGHUP, too: a terminal that is closed. */
static void catch_signals(void (*handler)(int))
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
	const struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
	struct sigaction before;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (!sigaction(numbers[i], NULL, &before) && before.sa_handler != SIG_IGN)
			sigaction(numbers[i], &action, NULL);
}

static int take_kept(void)
{
	char why[STATE_WHY_BYTES] = "";
	enum vpmu_status joined;
	uint8_t *bytes;
	size_t count;
	int status = input_read_text(kept.path, DOCUMENT_BYTES, "a document", &bytes, &count);

	if (status)
		return status;
	joined = check_join_done(kept.table, (const char *)bytes, count, why);
	free(bytes);
	if (joined == VPMU_BAD_DATA)
		message("not what --resume has kept: %s: %s", kept.path, why);
	else if (joined)
		message("cannot go on: %s: %s (give another file, or remove it)", kept.path, why);
	return !joined ? TOOL_HOLDS : joined == VPMU_HOST ? TOOL_LACKS : TOOL_BAD;
}

/* Writes the file atomically: the old file stays until the new one is complete. */
static int write_document(json_t *document)
{
	struct output output;

	if (document && output_open(&output, kept.path)) {
		if (json_write(document, output.stream))
			return output_commit(&output) ? TOOL_HOLDS : TOOL_LACKS;
		output_abandon(&output);
	} else {
		json_decref(document);
	}
	return TOOL_LACKS;
}

int check_keep_begin(const char *path, struct check_table *table)
{
	int status = TOOL_HOLDS;

	kept.path = path;
	kept.table = table;
	if (!path)
		return TOOL_HOLDS;
	if (!access(path, F_OK) || errno != ENOENT)
		status = take_kept();
	if (!status)
		status = write_document(check_document(table));
	catch_signals(on_signal);
	kept.next = time(NULL) + EVERY;
	return status;
}

/* Ends as if the signal had not been caught, so that a shell's loop ends, too. */
static void end_here(int written)
{
	size_t done = 0;

	for (size_t i = 0; i < kept.table->count; i++)
		done += kept.table->cells[i].done;
	if (!written)
		message("interrupted: %zu of %zu cells are kept in %s (the same command goes on)",
		        done, kept.table->count, kept.path);
	output_abandon_all();
	catch_signals(SIG_DFL);
	raise(asked_to_end);
}

bool check_keep_is_due(void)
{
	return kept.path && (asked_to_end || time(NULL) >= kept.next);
}

void check_keep_now_and_then(pthread_mutex_t *cells)
{
	time_t now = time(NULL);
	bool ends = asked_to_end;
	int status;

	if (!kept.path || (!ends && now < kept.next))
		return;
	pthread_mutex_lock(cells);
	status = write_document(check_document(kept.table));
	if (ends)
		end_here(status);
	pthread_mutex_unlock(cells);
	kept.next = time(NULL) + EVERY + SHARE * (time(NULL) - now);
}

int check_keep_end(void)
{
	int status = TOOL_HOLDS;

	if (kept.path) {
		status = write_document(check_document(kept.table));
		if (asked_to_end)
			end_here(status);
	}
	catch_signals(SIG_DFL);
	return status;
}

#else

int check_keep_begin(const char *path, struct check_table *table)
{
	return TOOL_HOLDS;
}

bool check_keep_is_due(void)
{
	return false;
}

void check_keep_now_and_then(pthread_mutex_t *cells)
{
}

int check_keep_end(void)
{
	return TOOL_HOLDS;
}

#endif
