/* SPDX-License-Identifier: MIT */
/* What was counted, for people in the manner of `perf stat`, and as a document; and the limits. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "command.h"
#include "json/json.h"
#include "lib/message.h"
#include "lib/number.h"
#include "lib/visible.h"
#include "stat.h"

static bool is_whole(const struct stat_count *count)
{
	return count->read && count->running && count->running == count->enabled;
}

uint64_t stat_scaled(const struct stat_count *count)
{
	if (!count->read || !count->running)
		return 0;
	return (uint64_t)((long double)count->value * count->enabled / count->running);
}

/* NULL: there is a count. */
static const char *why_not(const struct stat_event *event, const struct stat_count *count)
{
	if (count->refused)
		return "<not supported>";
	return !count->read || !count->running || event->trust == STAT_NOT_COUNTED ? "<not counted>"
	                                                                           : NULL;
}

static const char *trust_of(const struct stat_event *event, const struct stat_count *count)
{
	if (count->refused)
		return strerror(count->error);
	if (event->trust == STAT_NOT_COUNTED)
		return "the plugin does not see it";
	if (!count->read || !count->running)
		return "it never had a counter";
	return is_whole(count) ? stat_trust_name(event->trust) : "scaled: it shared a counter";
}

static void print_row(FILE *to, const struct stat_event *event, const struct stat_count *count)
{
	char grouped[NUMBER_GROUPED_BYTES];
	const char *not = why_not(event, count);

	fprintf(to, "%20s      %-24s # %s\n",
	        not ? not : number_grouped(stat_scaled(count), grouped), event->name,
	        trust_of(event, count));
}

void stat_print_text(FILE *to, const struct stat_about *about, const struct stat_events *events,
                     const struct stat_result *result)
{
	fprintf(to, "\n Performance counter stats for '");
	for (char *const *word = about->words; *word; word++) {
		fputs(word == about->words ? "" : " ", to);
		print_visible(to, *word);
	}
	fprintf(to, "' (%s, Linux %s):\n\n", about->model,
	        *about->kernel ? about->kernel : "of an unknown version");
	for (unsigned i = 0; i < events->count; i++)
		print_row(to, &events->of[i], &result->counts[i]);
	fprintf(to, "\n");
}

static int judge_limit(const struct stat_event *event, const struct stat_count *count)
{
	if (event->limit == UINT64_MAX)
		return TOOL_HOLDS;
	if (why_not(event, count) || !is_whole(count)) {
		message("the limit cannot be judged: %s: %s", event->name, trust_of(event, count));
		return TOOL_LACKS;
	}
	if (count->value <= event->limit)
		return TOOL_HOLDS;
	message("over the limit: %s: %" PRIu64 ", at most %" PRIu64 " is allowed", event->name,
	        count->value, event->limit);
	return TOOL_FAILS;
}

int stat_judge_limits(const struct stat_events *events, const struct stat_result *result)
{
	int worst = TOOL_HOLDS;

	for (unsigned i = 0; i < events->count; i++) {
		int status = judge_limit(&events->of[i], &result->counts[i]);

		if (status == TOOL_FAILS || !worst)
			worst = status;
	}
	return worst;
}

#if HAVE_JANSSON

static json_t *counter(const struct stat_event *event, const struct stat_count *count)
{
	json_t *row = json_object();
	bool whole = is_whole(count);

	json_object_set_new(row, "event", json_string(event->name));
	json_object_set_new(row, "value",
	                    why_not(event, count) ? json_null() : json_count(stat_scaled(count)));
	json_object_set_new(row, "exact", json_boolean(whole && event->trust == STAT_EXACT));
	json_object_set_new(row, "is", json_string(trust_of(event, count)));
	json_object_set_new(row, "enabled_ns", json_count(count->enabled));
	json_object_set_new(row, "running_ns", json_count(count->running));
	if (event->limit != UINT64_MAX)
		json_object_set_new(row, "limit", json_count(event->limit));
	return row;
}

bool stat_print_json(FILE *to, const struct stat_about *about, const struct stat_events *events,
                     const struct stat_result *result)
{
	json_t *document = json_document("vpmu-stat", 1), *words = json_array(),
	       *counters = json_array();

	for (char *const *word = about->words; *word; word++)
		json_array_append_new(words, json_bytes(*word, strlen(*word)));
	for (unsigned i = 0; i < events->count; i++)
		json_array_append_new(counters, counter(&events->of[i], &result->counts[i]));
	json_object_set_new(document, "program", words);
	json_object_set_new(document, "model", json_string(about->model));
	json_object_set_new(document, "kernel", json_string(about->kernel));
	json_object_set_new(document, result->signalled ? "signal" : "exit",
	                    json_integer(result->status));
	json_object_set_new(document, "counters", counters);
	return json_write(document, to);
}

#else

bool stat_print_json(FILE *to, const struct stat_about *about, const struct stat_events *events,
                     const struct stat_result *result)
{
	return false;
}

#endif
