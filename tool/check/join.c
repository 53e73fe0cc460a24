/* SPDX-License-Identifier: MIT */
/*
 * Reads documents of `vpmu check --json` and joins the parts of one whole. Documents are not
 * trusted: names are looked up, the cells must be exactly those of this part, and texts must have
 * no control characters.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "join_parts.h"
#include "lib/memory.h"
#include "lib/visible.h"

#if HAVE_JANSSON

/* --- Cells --- */

static bool read_flag(struct reading *reading, json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	if (!json_is_boolean(value))
		reading_fail(reading, "'%s' is neither true nor false", key);
	return json_is_true(value);
}

/* A copy of the text; NULL after a mistake or without memory. */
static char *read_copy(struct reading *reading, json_t *object, const char *key, bool lines)
{
	const char *text = reading_text(reading, object, key);
	char *copy;

	if (!text_is_plain(text, lines))
		reading_fail(reading, "'%s' has control characters", key);
	if (reading->failed)
		return NULL;
	copy = memory_copy(text);
	reading->no_memory = !copy;
	if (!copy)
		reading_fail(reading, "out of memory");
	return copy;
}

static unsigned find_property(const char *name)
{
	unsigned i = 0;

	while (i < CHECK_PROPERTIES && strcmp(check_properties[i].name, name))
		i++;
	return i;
}

static void read_violation(struct reading *reading, json_t *object, struct check_cell *cell)
{
	struct check_violation *violation;
	unsigned property;

	if (!reading_members(reading, object,
	                     "property of_order state steps incidents replays story script"))
		return;
	property = find_property(reading_text(reading, object, "property"));
	if (property == CHECK_PROPERTIES)
		reading_fail(reading, "unknown property");
	else if (read_flag(reading, object, "of_order") != (CHECK_OF_ORDERS >> property & 1))
		reading_fail(reading, "of_order does not fit '%s'",
		             check_properties[property].name);
	else if (cell_violates(cell, (enum check_property)property))
		reading_fail(reading, "'%s' is there twice", check_properties[property].name);
	if (reading->failed)
		return;
	violation = &cell->violations[property];
	violation->steps = (unsigned)reading_count(reading, object, "steps", UINT_MAX);
	violation->incidents = (unsigned)reading_count(reading, object, "incidents", UINT_MAX);
	violation->replays = read_flag(reading, object, "replays");
	violation->state = read_copy(reading, object, "state", false);
	violation->story = read_copy(reading, object, "story", true);
	violation->script = read_copy(reading, object, "script", true);
}

/* The cell of that number in the whole must be the one that the document says. */
static void read_cell(struct reading *reading, json_t *object, struct check_cell *cell,
                      size_t index)
{
	json_t *violations;

	if (!reading_members(reading, object,
	                     "index order model profile life exists complete scenarios "
	                     "transitions states violations"))
		return;
	if (reading_count(reading, object, "index", INT_MAX) != index ||
	    strcmp(reading_text(reading, object, "order"), cell->order) != 0 ||
	    strcmp(reading_text(reading, object, "model"), cell->model) != 0 ||
	    strcmp(reading_text(reading, object, "profile"), cell->profile) != 0 ||
	    strcmp(reading_text(reading, object, "life"), check_lives[cell->life].name) != 0)
		reading_fail(reading, "not the cell that the whole has there");
	cell->done = true;
	cell->exists = read_flag(reading, object, "exists");
	cell->incomplete = !read_flag(reading, object, "complete");
	cell->scenarios = reading_count(reading, object, "scenarios", INT64_MAX);
	cell->transitions = reading_count(reading, object, "transitions", INT64_MAX);
	cell->peak = reading_count(reading, object, "states", INT64_MAX);
	violations = json_object_get(object, "violations");
	if (!json_is_array(violations) || (!cell->exists && json_array_size(violations)))
		reading_fail(reading, "'violations' is not an array, or of what does not exist");
	for (size_t i = 0; i < json_array_size(violations) && !reading->failed; i++)
		read_violation(reading, json_array_get(violations, i), cell);
}

/* Part K of N has the cells K-1, K-1+N, K-1+2N … */
static void read_cells(struct reading *reading, json_t *document, struct check_table *table)
{
	json_t *cells = json_object_get(document, "cells");
	size_t first = (size_t)table->shard - 1, step = (size_t)table->shards;
	size_t count = first < table->count ? (table->count - first - 1) / step + 1 : 0;

	if (!json_is_array(cells) || json_array_size(cells) != count)
		reading_fail(reading, "'cells' is not an array of the %zu cells of part %zu of %zu",
		             count, first + 1, step);
	for (size_t i = 0; i < count && !reading->failed; i++) {
		size_t index = first + i * step;

		snprintf(reading->where, sizeof(reading->where), "cells[%zu]", i);
		read_cell(reading, json_array_get(cells, i), &table->cells[index], index);
	}
	reading->where[0] = '\0';
}

static double read_seconds(struct reading *reading, json_t *document, const char *key)
{
	json_t *value = json_object_get(document, key);

	if (!json_is_number(value) ||
	    !(json_number_value(value) >= 0 && json_number_value(value) < 1e12))
		reading_fail(reading, "'%s' is not a number of seconds", key);
	return json_number_value(value);
}

/* --- A document --- */

static void read_head(struct reading *reading, json_t *document, bool *other)
{
	json_t *version = json_object_get(document, "version");

	if (strcmp(reading_text(reading, document, "format"), "vpmu-check") != 0) {
		reading_fail(reading, "'format' is not \"vpmu-check\"");
		return;
	}
	*other = json_is_integer(version) && json_integer_value(version) != CHECK_DOCUMENT_VERSION;
	if (*other)
		reading_fail(reading, "of another version than %d", CHECK_DOCUMENT_VERSION);
	if (!reading_members(reading, document,
	                     "format version whole shard shards total seconds cpu_seconds cells"))
		return;
	reading_count(reading, document, "version", CHECK_DOCUMENT_VERSION);
}

/* What an earlier run of the same part has done: some of its cells, each once. */
static void read_done_cells(struct reading *reading, json_t *document, struct check_table *table)
{
	json_t *cells = json_object_get(document, "cells");

	if (!json_is_array(cells))
		reading_fail(reading, "'cells' is not an array");
	for (size_t i = 0; i < json_array_size(cells) && !reading->failed; i++) {
		json_t *object = json_array_get(cells, i);
		size_t index;

		snprintf(reading->where, sizeof(reading->where), "cells[%zu]", i);
		index = (size_t)reading_count(reading, object, "index", INT_MAX);
		if (index >= table->count || index % table->shards != table->shard - 1 ||
		    table->cells[index].done)
			reading_fail(reading, "not a cell of this part, or there twice");
		else
			read_cell(reading, object, &table->cells[index], index);
	}
	reading->where[0] = '\0';
}

static enum vpmu_status read_done(struct reading *reading, json_t *document,
                                  struct check_table *table)
{
	bool other = false;

	read_head(reading, document, &other);
	if (reading->failed)
		return other ? VPMU_INCOMPATIBLE : VPMU_BAD_DATA;
	if (!whole_same(reading, document, table))
		return VPMU_INCOMPATIBLE;
	if (reading_count(reading, document, "shard", INT_MAX) != table->shard) {
		reading_fail(reading, "another part of the whole: 'shard' differs");
		return VPMU_INCOMPATIBLE;
	}
	read_done_cells(reading, document, table);
	table->seconds += read_seconds(reading, document, "seconds");
	table->cpu_seconds += read_seconds(reading, document, "cpu_seconds");
	return reading->failed ? VPMU_BAD_DATA : VPMU_OK;
}

static enum vpmu_status read_part(struct reading *reading, json_t *document,
                                  struct check_table *table, const char *name)
{
	bool other = false;

	read_head(reading, document, &other);
	if (reading->failed)
		return other ? VPMU_INCOMPATIBLE : VPMU_BAD_DATA;
	if (table->whole && !whole_same(reading, document, table))
		return VPMU_INCOMPATIBLE;
	if (!table->whole && !whole_read(reading, document, table))
		return reading->failed ? VPMU_BAD_DATA : VPMU_HOST;
	table->shard = reading_count(reading, document, "shard", table->shards);
	if (!table->shard)
		reading_fail(reading, "'shard' is not a number from 1");
	if (reading->failed)
		return VPMU_BAD_DATA;
	if (table->parts[table->shard - 1]) {
		reading_fail(reading, "part %llu is there twice, first in '%.100s'",
		             (unsigned long long)table->shard, table->parts[table->shard - 1]);
		return VPMU_INCOMPATIBLE;
	}
	table->parts[table->shard - 1] = name;
	read_cells(reading, document, table);
	table->seconds += read_seconds(reading, document, "seconds");
	table->cpu_seconds += read_seconds(reading, document, "cpu_seconds");
	return reading->failed ? VPMU_BAD_DATA : VPMU_OK;
}

/* What both kinds of reading begin and end with. */
static enum vpmu_status read_text(struct check_table *table, const char *text, size_t bytes,
                                  const char *name, char *why)
{
	struct json_fault fault = {.what = ""};
	struct reading reading = {.fault = &fault};
	json_t *document = reading_load(&reading, text, bytes);
	enum vpmu_status status;

	if (!document)
		return json_failed(VPMU_BAD_DATA, &fault, why);
	status = name ? read_part(&reading, document, table, name)
	              : read_done(&reading, document, table);
	if (status == VPMU_HOST)
		snprintf(why, STATE_WHY_BYTES, "out of memory");
	else if (status)
		json_fault_text(&fault, why);
	json_decref(document);
	return status && (reading.no_memory || memory_ran_out()) ? VPMU_HOST : status;
}

enum vpmu_status check_join(struct check_table *table, const char *text, size_t bytes,
                            const char *name, char *why)
{
	return read_text(table, text, bytes, name, why);
}

enum vpmu_status check_join_done(struct check_table *table, const char *text, size_t bytes,
                                 char *why)
{
	return read_text(table, text, bytes, NULL, why);
}

#endif
