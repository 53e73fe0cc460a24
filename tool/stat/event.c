/* SPDX-License-Identifier: MIT */
/*
 * perf's names of events, and what the plugin makes of each. Two kinds: events with a name, and the
 * generic cache events, whose names are made of three parts (Linux tools/perf/Documentation,
 * perf-list; include/uapi/linux/perf_event.h).
 */
#include <arch/room.h>
#include <linux/perf_event.h>
#include <qemu/room.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "lib/message.h"
#include "lib/number.h"
#include "stat.h"

static const struct row {
	const char *name;
	uint32_t type;
	uint64_t config;
} rows[] = {
	{"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
	{"branches", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
	{"branch-instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
	{"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
	{"cpu-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
	{"ref-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_REF_CPU_CYCLES},
	{"bus-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BUS_CYCLES},
	{"branch-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES},
	{"cache-references", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES},
	{"cache-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
	{"stalled-cycles-frontend", PERF_TYPE_HARDWARE, PERF_COUNT_HW_STALLED_CYCLES_FRONTEND},
	{"stalled-cycles-backend", PERF_TYPE_HARDWARE, PERF_COUNT_HW_STALLED_CYCLES_BACKEND},
	{"task-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK},
	{"cpu-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK},
	{"page-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
	{"faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
	{"minor-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MIN},
	{"major-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MAJ},
	{"context-switches", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES},
	{"cs", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES},
	{"cpu-migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS},
	{"migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS},
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

static const char *known_name(const void *list, size_t i)
{
	return i < ROWS ? rows[i].name : event_name_at(NULL, i - ROWS);
}

/* With a timing model all that has a class is estimated. */
static enum stat_trust trust_of(const struct stat_events *events, enum vpmu_class class_)
{
	static const enum stat_trust trusts[] = {
		[QEMU_COUNTS_NOTHING] = STAT_NOT_COUNTED,
		[QEMU_ESTIMATES] = STAT_ESTIMATE,
		[QEMU_COUNTS] = STAT_EXACT,
	};

	if (events->timed && class_ != VPMU_NO_CLASS && qemu_counting(class_) != QEMU_COUNTS)
		return STAT_ESTIMATE;
	return trusts[qemu_counting(class_)];
}

static bool is_row(struct stat_event *event, const struct stat_events *events, const char *name)
{
	for (unsigned i = 0; i < ROWS; i++) {
		if (strcmp(rows[i].name, name))
			continue;
		event->type = rows[i].type;
		event->config = rows[i].config;
		event->trust = rows[i].type == PERF_TYPE_SOFTWARE
		                       ? STAT_KERNEL
		                       : trust_of(events, event_named(name, strlen(name)));
		return true;
	}
	return false;
}

/* Which raw event it is, the guest's kernel decides; with a timing model it is taken for one that
 * the model estimates. */
static enum stat_trust trust_of_cache(const struct stat_events *events, uint64_t config)
{
	if (config == PERF_COUNT_HW_CACHE_BPU)
		return trust_of(events, VPMU_BRANCHES);
	return events->timed ? STAT_ESTIMATE : STAT_NOT_COUNTED;
}

static bool is_cache(struct stat_event *event, const struct stat_events *events, const char *name)
{
	for (unsigned i = 0; i < CACHES * ACCESSES; i++) {
		char whole[STAT_NAME];

		snprintf(whole, sizeof(whole), "%s-%s", caches[i / ACCESSES].name,
		         accesses[i % ACCESSES].name);
		if (strcmp(whole, name))
			continue;
		event->type = PERF_TYPE_HW_CACHE;
		event->config = caches[i / ACCESSES].part | accesses[i % ACCESSES].part;
		event->trust = trust_of_cache(events, event->config);
		return true;
	}
	return false;
}

/* A class that perf has no name for: the code that the model has for it. */
static bool is_class(struct stat_event *event, const struct stat_events *events, const char *name)
{
	enum vpmu_class class_ = event_named(name, strlen(name));

	event->type = PERF_TYPE_RAW;
	event->trust = trust_of(events, class_);
	return class_ != VPMU_NO_CLASS && event_on_model(events->model, class_, &event->config);
}

/* rNNN: a selector's value; the model says what it counts. */
static bool is_raw(struct stat_event *event, const struct stat_events *events, const char *name)
{
	event->type = PERF_TYPE_RAW;
	if (!event_raw(name, strlen(name), &event->config))
		return false;
	event->trust = trust_of(events, vpmu_model_event_class(events->model, event->config));
	return true;
}

static int unknown(const char *text, const char *name)
{
	const char *nearest = nearest_name(name, known_name, NULL);

	message("unknown event: %s (%s%s%sperf's names, those of 'vpmu models', or rNNN, with :u, "
	        ":k or :uk)",
	        text, nearest ? "did you mean " : "", nearest ? nearest : "", nearest ? "? " : "");
	return TOOL_BAD;
}

/* Reads one event of `length` characters. */
static int read_event(struct stat_event *event, const struct stat_events *events, const char *text,
                      size_t length)
{
	size_t name_length = event_name_length(text, length);
	char name[STAT_NAME];

	if (length >= STAT_NAME) {
		message("unknown event: %.40s...", text);
		return TOOL_BAD;
	}
	*event = (struct stat_event){.limit = UINT64_MAX};
	memcpy(event->name, text, length);
	snprintf(name, sizeof(name), "%.*s", (int)name_length, text);
	if (!event_rings(text, length, &event->rings) ||
	    (!is_row(event, events, name) && !is_cache(event, events, name) &&
	     !is_class(event, events, name) && !is_raw(event, events, name)))
		return unknown(event->name, name);
	return TOOL_HOLDS;
}

/* The event of that name, added if it is not there. NULL after a message. */
static struct stat_event *add(struct stat_events *events, const char *text, size_t length)
{
	struct stat_event event;

	if (read_event(&event, events, text, length))
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
