/* SPDX-License-Identifier: MIT */
/* Reads a log of vpmu watch --json (docs/json.md). Other members and events are passed over: a log
 * may know more than this. */
#include "diff.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "json/json.h"
#include "lib/memory.h"
#include "lib/visible.h"

#if HAVE_JANSSON

enum { LOG_VERSION = 1, ROOM_AT_FIRST = 64 };

struct log_reading {
	struct watch_log *log;
	struct json_fault fault;
	struct reading reading;
	size_t line;
	bool has_summary, no_memory;
};

static void *grown(void *at, size_t count, size_t *room, size_t bytes)
{
	size_t more = *room ? 2 * *room : ROOM_AT_FIRST;
	void *moved = count < *room ? at : memory_resize(at, more * bytes);

	if (moved && count >= *room)
		*room = more;
	return moved;
}

static bool add_access(struct log_reading *reading, json_t *object)
{
	struct watch_log *log = reading->log;
	struct reading *read = &reading->reading;
	struct log_access *accesses = grown(log->accesses, log->access_count, &log->access_room,
	                                    sizeof(*accesses)),
			  *access;
	const char *name;

	if (!accesses) {
		reading->no_memory = true;
		return false;
	}
	log->accesses = accesses;
	access = &accesses[log->access_count++];
	*access = (struct log_access){.refused = json_is_true(json_object_get(object, "refused"))};
	access->msr = (uint32_t)reading_hex(read, object, "msr", UINT32_MAX);
	access->value = reading_hex(read, object, "value", UINT64_MAX);
	name = reading_text(read, object, "name");
	if (!text_is_plain(name, false) || strlen(name) >= sizeof(access->name))
		reading_fail(read, "'name' is no register's");
	else
		strcpy(access->name, name);
	return !read->failed;
}

static unsigned kind_of(struct reading *reading, json_t *line, bool is_put)
{
	const char *level;
	unsigned kind = 0;

	if (!is_put)
		return MOVE_GET;
	level = reading_text(reading, line, "level");
	while (kind < WATCH_LEVELS && strcmp(level, watch_level_name((enum watch_level)kind)) != 0)
		kind++;
	if (kind == WATCH_LEVELS)
		reading_fail(reading, "unknown level");
	return kind;
}

/* Only those of this vpmu are known by name. */
static void read_order(struct log_move *move, json_t *line)
{
	json_t *first = json_array_get(json_object_get(line, "order"), 0);
	const struct vpmu_order *order =
		json_is_string(first) ? vpmu_order_find(json_string_value(first)) : NULL;

	if (order)
		snprintf(move->order, sizeof(move->order), "%s", order->name);
}

static bool add_move(struct log_reading *reading, json_t *line, bool is_put)
{
	struct watch_log *log = reading->log;
	struct reading *read = &reading->reading;
	struct log_move *moves =
		grown(log->moves, log->move_count, &log->move_room, sizeof(*moves));
	struct log_move *move;
	json_t *registers = json_object_get(line, "registers"), *item;
	size_t i;

	if (!moves) {
		reading->no_memory = true;
		return false;
	}
	log->moves = moves;
	move = &moves[log->move_count++];
	*move = (struct log_move){.kind = kind_of(read, line, is_put), .first = log->access_count};
	move->vm = (int64_t)reading_count(read, line, "vm", UINT32_MAX);
	move->vcpu = (int64_t)reading_count(read, line, "vcpu", UINT32_MAX);
	if (is_put)
		read_order(move, line);
	if (!json_is_array(registers) || json_array_size(registers) > WATCH_WRITES)
		reading_fail(read, "'registers' is not an array of at most %d", WATCH_WRITES);
	json_array_foreach(registers, i, item)
	{
		if (read->failed || !add_access(reading, item))
			return false;
	}
	move->count = log->access_count - move->first;
	return !read->failed;
}

static void read_model(struct log_reading *reading, json_t *line)
{
	json_t *model = json_object_get(line, "model");

	if (!model)
		return;
	reading_model(&reading->reading, model, &reading->log->model);
	reading->log->has_model = !reading->reading.failed;
}

/* A vCPU that nobody has followed has no number, and a get without one asks for KVM's features. */
static bool is_of_vcpu(json_t *line)
{
	return json_is_integer(json_object_get(line, "vcpu"));
}

static void read_event(struct log_reading *reading, json_t *line)
{
	const char *event = reading_text(&reading->reading, line, "event");

	if (!strcmp(event, "summary"))
		reading->has_summary = true;
	else if (!strcmp(event, "set-cpuid"))
		read_model(reading, line);
	else if ((!strcmp(event, "put") || !strcmp(event, "get")) && is_of_vcpu(line))
		add_move(reading, line, *event == 'p');
}

static void read_line(struct log_reading *reading, json_t *line)
{
	const char *format = json_string_value(json_object_get(line, "format"));
	json_t *version = json_object_get(line, "version");

	if (!format || strcmp(format, "vpmu-watch") != 0)
		reading_fail(&reading->reading, "it is not a log of 'vpmu watch --json'");
	else if (!json_is_integer(version) || json_integer_value(version) != LOG_VERSION)
		reading_fail(&reading->reading, "a log of another version: %" JSON_INTEGER_FORMAT,
		             json_integer_value(version));
	else if (reading->has_summary)
		reading_fail(&reading->reading, "it goes on after its summary");
	else
		read_event(reading, line);
}

static enum vpmu_status end(struct log_reading *reading, char *why)
{
	int used;

	if (reading->no_memory || memory_ran_out()) {
		snprintf(why, LOG_WHY, "out of memory");
		return VPMU_HOST;
	}
	if (reading->reading.failed) {
		used = snprintf(why, LOG_WHY, "line %zu: ", reading->line);
		json_fault_text(&reading->fault, why + used);
		return VPMU_BAD_DATA;
	}
	if (reading->has_summary)
		return VPMU_OK;
	snprintf(why, LOG_WHY,
	         reading->line ? "the log is cut short: it ends without a summary"
	                       : "it is not a log of 'vpmu watch --json'");
	return VPMU_BAD_DATA;
}

enum vpmu_status watch_log_read(struct watch_log *log, const char *text, size_t bytes, char *why)
{
	struct log_reading reading = {.log = log, .reading = {.lenient = true}};

	reading.reading.fault = &reading.fault;
	*why = '\0';
	while (bytes && !reading.reading.failed && !reading.no_memory) {
		const char *newline = memchr(text, '\n', bytes);
		size_t length = newline ? (size_t)(newline - text) : bytes;
		json_t *line = reading_load(&reading.reading, text, length);

		reading.line++;
		if (!line && !newline && reading.line > 1) {
			snprintf(why, LOG_WHY, "the log is cut short in line %zu", reading.line);
			return VPMU_BAD_DATA;
		}
		if (line)
			read_line(&reading, line);
		json_decref(line);
		text += newline ? length + 1 : length;
		bytes -= newline ? length + 1 : length;
	}
	return end(&reading, why);
}

#else

enum vpmu_status watch_log_read(struct watch_log *log, const char *text, size_t bytes, char *why)
{
	snprintf(why, LOG_WHY, "this build has no JSON");
	return VPMU_BAD_DATA;
}

#endif

void watch_log_free(struct watch_log *log)
{
	free(log->moves);
	free(log->accesses);
	*log = (struct watch_log){.moves = NULL};
}
