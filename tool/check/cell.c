/* SPDX-License-Identifier: MIT */
/* A cell of the table, filled with what was explored. */
#include <stdlib.h>
#include <string.h>

#include "check.h"

typedef size_t tell_fn(const struct check_trace *trace, const struct check_subject *subject,
                       char *text, size_t bytes);

static char *text_of(tell_fn *tell, const struct check_trace *trace,
                     const struct check_subject *subject)
{
	size_t length = tell(trace, subject, NULL, 0);
	char *text = malloc(length + 1);

	if (text)
		tell(trace, subject, text, length + 1);
	return text;
}

static bool keep_violation(struct check_violation *violation, const struct check_trace *trace,
                           const struct check_subject *subject)
{
	violation->state = strdup(trace->state);
	violation->story = text_of(check_trace_story, trace, subject);
	violation->script = text_of(check_trace_replay, trace, subject);
	violation->incidents = trace->incidents;
	violation->replays = true;
	for (size_t i = 0; i < trace->count; i++)
		violation->steps += trace->steps[i].part != CHECK_PART_AFTER;
	return violation->state && violation->story && violation->script;
}

bool cell_fill(struct check_cell *cell, const struct check_result *result,
               const struct check_subject *subject)
{
	bool whole = true;

	cell->done = true;
	cell->exists = result->exists;
	cell->incomplete = result->incomplete;
	cell->scenarios = result->scenarios;
	cell->transitions = result->transitions;
	cell->peak = result->peak_nodes;
	for (unsigned i = 0; i < CHECK_PROPERTIES; i++) {
		if (!(result->violated >> i & 1))
			continue;
		whole = whole && result->shortest[i] &&
		        keep_violation(&cell->violations[i], result->shortest[i], subject);
	}
	return whole;
}
