/* SPDX-License-Identifier: MIT */
/* vpmu check --merge: the documents of all parts, read from files and joined. */
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "command.h"
#include "input/input.h"
#include "json/json.h"
#include "lib/message.h"
#include "state/state.h"

#if HAVE_JANSSON

enum { DOCUMENT_BYTES = 1 << 30, NAMED = 8 };

static int join(struct check_table *table, const char *path)
{
	char why[STATE_WHY_BYTES] = "";
	enum vpmu_status joined;
	uint8_t *bytes;
	size_t count;
	int status = input_read_text(path, DOCUMENT_BYTES, "a document", &bytes, &count);

	if (status)
		return status;
	joined = check_join(table, (const char *)bytes, count, path, why);
	free(bytes);
	if (joined == VPMU_BAD_DATA)
		message("not a document of 'vpmu check --json': %s: %s", path, why);
	else if (joined)
		message("cannot join: %s: %s", path, why);
	return !joined ? TOOL_HOLDS : joined == VPMU_HOST ? TOOL_LACKS : TOOL_BAD;
}

/* There is no verdict without all parts, since a missing cell might not hold. */
static int refuse_missing(const struct check_table *table, uint64_t shards)
{
	char named[NAMED * 24] = "";
	size_t missing = 0, used = 0;

	for (uint64_t i = 0; i < shards; i++) {
		if (table->parts[i])
			continue;
		if (missing++ < NAMED)
			used += (size_t)snprintf(named + used, sizeof(named) - used, "%s%llu",
			                         used ? ", " : "", (unsigned long long)i + 1);
	}
	if (!missing)
		return TOOL_HOLDS;
	message("parts are missing: %s%s of %llu (give the documents of all parts)", named,
	        missing > NAMED ? " and others" : "", (unsigned long long)shards);
	return TOOL_BAD;
}

int check_merge(struct check_table *table, const char *const *paths)
{
	int status = TOOL_HOLDS;

	for (size_t i = 0; paths[i] && !status; i++)
		status = join(table, paths[i]);
	if (!status)
		status = refuse_missing(table, table->shards);
	table->shard = table->shards = 1;
	return status;
}

#else

int check_merge(struct check_table *table, const char *const *paths)
{
	json_lacks();
	return TOOL_LACKS;
}

#endif
