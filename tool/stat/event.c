/* SPDX-License-Identifier: MIT */
/*
 * perf's names of events, and what the plugin makes of each. Two kinds: events with a name, and the
 * generic cache events, whose names are made of three parts (Linux tools/perf/Documentation,
 * perf-list; include/uapi/linux/perf_event.h).
 */
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>

#include "../command.h"
#include "../message.h"
#include "../number.h"
#include <base/room.h>
#include "stat.h"

static const struct row {
	const char *name;
	uint32_t type;
	uint64_t config;
	enum stat_trust trust;
} rows[] = {
	{"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS, STAT_EXACT},
	{"branches", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS, STAT_EXACT},
	{"branch-instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS, STAT_EXACT},
	{"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, STAT_ESTIMATE},
	{"cpu-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, STAT_ESTIMATE},
	{"ref-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_REF_CPU_CYCLES, STAT_ESTIMATE},
	{"bus-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BUS_CYCLES, STAT_NOT_COUNTED},
	{"branch-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES, STAT_NOT_COUNTED},
	{"cache-references", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES, STAT_NOT_COUNTED},
	{"cache-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES, STAT_NOT_COUNTED},
	{"stalled-cycles-frontend", PERF_TYPE_HARDWARE, PERF_COUNT_HW_STALLED_CYCLES_FRONTEND,
         STAT_NOT_COUNTED},
	{"stalled-cycles-backend", PERF_TYPE_HARDWARE, PERF_COUNT_HW_STALLED_CYCLES_BACKEND,
         STAT_NOT_COUNTED},
	{"task-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK, STAT_KERNEL},
	{"cpu-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, STAT_KERNEL},
	{"page-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS, STAT_KERNEL},
	{"faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS, STAT_KERNEL},
	{"minor-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MIN, STAT_KERNEL},
	{"major-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MAJ, STAT_KERNEL},
	{"context-switches", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES, STAT_KERNEL},
	{"cs", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES, STAT_KERNEL},
	{"cpu-migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS, STAT_KERNEL},
	{"migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS, STAT_KERNEL},
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static const struct {
	const char *name;
	uint64_t part;
} caches[] =
	{
		{"L1-dcache", PERF_COUNT_HW_CACHE_L1D}, {"L1-icache", PERF_COUNT_HW_CACHE_L1I},
		{"LLC", PERF_COUNT_HW_CACHE_LL},        {"dTLB", PERF_COUNT_HW_CACHE_DTLB},
		{"iTLB", PERF_COUNT_HW_CACHE_ITLB},     {"branch", PERF_COUNT_HW_CACHE_BPU},
		{"node", PERF_COUNT_HW_CACHE_NODE},
},
  accesses[] = {
	  {"loads", PERF_COUNT_HW_CACHE_OP_READ << 8},
	  {"stores", PERF_COUNT_HW_CACHE_OP_WRITE << 8},
	  {"prefetches", PERF_COUNT_HW_CACHE_OP_PREFETCH << 8},
	  {"load-misses", PERF_COUNT_HW_CACHE_OP_READ << 8 | PERF_COUNT_HW_CACHE_RESULT_MISS << 16},
	  {"store-misses",
           PERF_COUNT_HW_CACHE_OP_WRITE << 8 | PERF_COUNT_HW_CACHE_RESULT_MISS << 16},
	  {"prefetch-misses",
           PERF_COUNT_HW_CACHE_OP_PREFETCH << 8 | PERF_COUNT_HW_CACHE_RESULT_MISS << 16},
};

enum {
	CACHES = sizeof(caches) / sizeof(caches[0]),
	ACCESSES = sizeof(accesses) / sizeof(accesses[0]),
};

const char *stat_trust_name(enum stat_trust trust)
{
	static const char *const names[] = {
		[STAT_EXACT] = "exact",
		[STAT_ESTIMATE] = "an estimate",
		[STAT_NOT_COUNTED] = "not counted",
		[STAT_KERNEL] = "the guest kernel's",
	};

	return names[trust];
}

static const char *row_name(const void *list, size_t i)
{
	return i < ROWS ? rows[i].name : NULL;
}

static bool is_row(struct stat_event *event, const char *name)
{
	for (unsigned i = 0; i < ROWS; i++) {
		if (strcmp(rows[i].name, name))
			continue;
		event->type = rows[i].type;
		event->config = rows[i].config;
		event->trust = rows[i].trust;
		return true;
	}
	return false;
}

static bool is_cache(struct stat_event *event, const char *name)
{
	for (unsigned i = 0; i < CACHES * ACCESSES; i++) {
		char whole[STAT_NAME];

		snprintf(whole, sizeof(whole), "%s-%s", caches[i / ACCESSES].name,
		         accesses[i % ACCESSES].name);
		if (strcmp(whole, name))
			continue;
		event->type = PERF_TYPE_HW_CACHE;
		event->config = caches[i / ACCESSES].part | accesses[i % ACCESSES].part;
		event->trust = STAT_NOT_COUNTED;
		return true;
	}
	return false;
}

/* rNNN: a selector's value, in hex. Whether the plugin counts it, only the model knows. */
static bool is_raw(struct stat_event *event, const char *name)
{
	char number[STAT_NAME + 2];

	snprintf(number, sizeof(number), "0x%s", name + 1);
	event->type = PERF_TYPE_RAW;
	event->trust = STAT_ESTIMATE;
	return *name == 'r' && name[1] && number_parse(number, &event->config);
}

static bool read_rings(struct stat_event *event, const char *modifier)
{
	event->rings = *modifier ? 0 : STAT_RING_USER | STAT_RING_KERNEL;
	for (; *modifier; modifier++) {
		if (*modifier != 'u' && *modifier != 'k')
			return false;
		event->rings |= *modifier == 'u' ? STAT_RING_USER : STAT_RING_KERNEL;
	}
	return true;
}

static int unknown(const char *text, const char *name)
{
	const char *nearest = nearest_name(name, row_name, NULL);

	message("unknown event: %s (%s%s%sperf's names, or rNNN, with :u, :k or :uk)", text,
	        nearest ? "did you mean " : "", nearest ? nearest : "", nearest ? "? " : "");
	return TOOL_BAD;
}

/* Reads one event of `length` characters. */
static int read_event(struct stat_event *event, const char *text, size_t length)
{
	char name[STAT_NAME], *modifier;

	if (length >= STAT_NAME) {
		message("unknown event: %.40s...", text);
		return TOOL_BAD;
	}
	*event = (struct stat_event){.limit = UINT64_MAX};
	memcpy(event->name, text, length);
	strcpy(name, event->name);
	modifier = strchr(name, ':');
	if (modifier)
		*modifier++ = '\0';
	if ((modifier && !*modifier) || !read_rings(event, modifier ? modifier : "") ||
	    (!is_row(event, name) && !is_cache(event, name) && !is_raw(event, name)))
		return unknown(event->name, name);
	return TOOL_HOLDS;
}

/* The event of that name, added if it is not there. NULL after a message. */
static struct stat_event *add(struct stat_events *events, const char *text, size_t length)
{
	struct stat_event event;

	if (read_event(&event, text, length))
		return NULL;
	for (unsigned i = 0; i < events->count; i++)
		if (!strcmp(events->of[i].name, event.name))
			return &events->of[i];
	if (events->count == STAT_EVENTS) {
		message("too many events: %s (at most %d)", event.name, STAT_EVENTS);
		return NULL;
	}
	events->of[events->count] = event;
	return &events->of[events->count++];
}

int stat_events_add(struct stat_events *events, const char *list)
{
	for (;; list++) {
		size_t length = strcspn(list, ",");

		if (!add(events, list, length))
			return TOOL_BAD;
		list += length;
		if (!*list)
			return TOOL_HOLDS;
	}
}

static int add_limit(struct stat_events *events, const char *text, size_t length)
{
	size_t name = strcspn(text, "=");
	struct stat_event *event;
	char number[STAT_NAME];

	if (name >= length || length - name > sizeof(number)) {
		message("not a limit: %.*s (EVENT=N is wanted)", (int)length, text);
		return TOOL_BAD;
	}
	snprintf(number, sizeof(number), "%.*s", (int)(length - name - 1), text + name + 1);
	event = add(events, text, name);
	if (!event)
		return TOOL_BAD;
	if (number_parse(number, &event->limit) && event->limit != UINT64_MAX)
		return TOOL_HOLDS;
	message("not a number: %s=%s", event->name, number);
	return TOOL_BAD;
}

int stat_limits_add(struct stat_events *events, const char *list)
{
	for (;; list++) {
		size_t length = strcspn(list, ",");
		int status = add_limit(events, list, length);

		list += length;
		if (status || !*list)
			return status;
	}
}
