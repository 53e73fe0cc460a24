/* SPDX-License-Identifier: MIT */
/*
 * Logs of `vpmu watch --json`, compared: an input is two of them, separated by ASCII's record
 * separator. A log is the same as itself, and what one has that the other lacks leads from one to
 * the other.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "watch/diff.h"

enum { SEPARATOR = 0x1e };

static void must_be_itself(const struct watch_log *log)
{
	struct changes changes = {.log = {log, log}, .values = true};

	MUST(changes_find(&changes) && !changes.count);
	free(changes.at);
}

static void must_lead(const struct changes *changes, const struct change *change)
{
	static struct change_step steps[STEP_MOST];
	size_t count = change_steps(changes, change, steps), added = 0;

	for (size_t i = 0; i < count; i++) {
		MUST(steps[i].access < changes->log[steps[i].added]->access_count);
		added += steps[i].added;
	}
	MUST(change->move[0]->count - (count - added) + added == change->move[1]->count);
}

static void compare(const struct watch_log *a, const struct watch_log *b)
{
	struct changes changes = {.log = {a, b}, .values = true};

	MUST(changes_find(&changes));
	for (size_t i = 0; i < changes.count; i++)
		if (changes.at[i].what == CHANGE_WRITES)
			must_lead(&changes, &changes.at[i]);
	free(changes.at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, SEPARATOR, size) : NULL;
	size_t length = end ? (size_t)(end - data) : size;
	struct watch_log log[2] = {{.path = "before"}, {.path = "after"}};
	char why[LOG_WHY];
	enum vpmu_status status = watch_log_read(&log[0], (const char *)data, length, why);

	MUST(!status || (status == VPMU_BAD_DATA && why[0]));
	if (!status && end) {
		must_be_itself(&log[0]);
		status = watch_log_read(&log[1], (const char *)end + 1, size - length - 1, why);
		MUST(!status || (status == VPMU_BAD_DATA && why[0]));
	}
	if (!status && end)
		compare(&log[0], &log[1]);
	watch_log_free(&log[0]);
	watch_log_free(&log[1]);
	return 0;
}
