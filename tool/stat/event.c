/* SPDX-License-Identifier: MIT */
/*
 * perf's names of events, and what the plugin makes of each. Two kinds: events with a name, and the
 * generic cache events, whose names are made of three parts (Linux tools/perf/Documentation,
 * perf-list; include/uapi/linux/perf_event.h).
 */
#include <base/room.h>
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
	enum vpmu_class class_; /* VPMU_NO_CLASS: none of the PMU */
} rows[] = {
	{"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS, VPMU_INSTRUCTIONS},
	{"branches", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS, VPMU_BRANCHES},
	{"branch-instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS,
         VPMU_BRANCHES},
	{"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, VPMU_CYCLES},
	{"cpu-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, VPMU_CYCLES},
	{"ref-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_REF_CPU_CYCLES, VPMU_REF_CYCLES},
	{"bus-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BUS_CYCLES, VPMU_REF_CYCLES},
	{"branch-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES, VPMU_BRANCH_MISSES},
	{"cache-references", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES,
         VPMU_LLC_REFERENCES},
	{"cache-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES, VPMU_LLC_MISSES},
	{"stalled-cycles-frontend", PERF_TYPE_HARDWARE, PERF_COUNT_HW_STALLED_CYCLES_FRONTEND,
         VPMU_STALLS_FRONTEND},
	{"stalled-cycles-backend", PERF_TYPE_HARDWARE, PERF_COUNT_HW_STALLED_CYCLES_BACKEND,
         VPMU_STALLS_BACKEND},
	{"task-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK, VPMU_NO_CLASS},
	{"cpu-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, VPMU_NO_CLASS},
	{"page-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS, VPMU_NO_CLASS},
	{"faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS, VPMU_NO_CLASS},
	{"minor-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MIN, VPMU_NO_CLASS},
	{"major-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MAJ, VPMU_NO_CLASS},
	{"context-switches", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES, VPMU_NO_CLASS},
	{"cs", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES, VPMU_NO_CLASS},
	{"cpu-migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS, VPMU_NO_CLASS},
	{"migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS, VPMU_NO_CLASS},
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

static enum stat_trust trust_of(enum vpmu_class class_)
{
	static const enum stat_trust trusts[] = {
		[QEMU_COUNTS_NOTHING] = STAT_NOT_COUNTED,
		[QEMU_ESTIMATES] = STAT_ESTIMATE,
		[QEMU_COUNTS] = STAT_EXACT,
	};

	return trusts[qemu_counting(class_)];
}

static bool is_row(struct stat_event *event, const char *name)
{
	for (unsigned i = 0; i < ROWS; i++) {
		if (strcmp(rows[i].name, name))
			continue;
		event->type = rows[i].type;
		event->config = rows[i].config;
		event->trust =
			rows[i].type == PERF_TYPE_SOFTWARE ? STAT_KERNEL : trust_of(rows[i].class_);
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
		event->trust = trust_of(event->config == PERF_COUNT_HW_CACHE_BPU ? VPMU_BRANCHES
		                                                                 : VPMU_NO_CLASS);
		return true;
	}
	return false;
}

/* rNNN: a selector's value, in hex; the model says what it counts. */
static bool is_raw(struct stat_event *event, const char *name, const struct vpmu_model *model)
{
	char number[STAT_NAME + 2];

	snprintf(number, sizeof(number), "0x%s", name + 1);
	event->type = PERF_TYPE_RAW;
	if (*name != 'r' || !name[1] || !number_parse(number, &event->config))
		return false;
	event->trust = trust_of(vpmu_model_event_class(model, event->config));
	return true;
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
static int read_event(struct stat_event *event, const struct vpmu_model *model, const char *text,
                      size_t length)
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
	    (!is_row(event, name) && !is_cache(event, name) && !is_raw(event, name, model)))
		return unknown(event->name, name);
	return TOOL_HOLDS;
}

/* The event of that name, added if it is not there. NULL after a message. */
static struct stat_event *add(struct stat_events *events, const char *text, size_t length)
{
	struct stat_event event;

	if (read_event(&event, events->model, text, length))
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
