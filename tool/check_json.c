/* SPDX-License-Identifier: MIT */
/* A table of cells as a JSON document, and such documents joined to one table. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "command.h"
#include "file.h"
#include "json.h"
#include "message.h"

#if HAVE_JANSSON

enum { DOCUMENT_BYTES = 1 << 30, CELLS_MAX = 1000000 };

static json_t *violation_json(const struct check_violation *violation, unsigned property)
{
	return json_pack("{s:s, s:s, s:I, s:I, s:b, s:s, s:s}", "property",
	                 check_properties[property].name, "state", violation->state, "steps",
	                 (json_int_t)violation->steps, "incidents",
	                 (json_int_t)violation->incidents, "replays", violation->replays, "story",
	                 violation->story, "script", violation->script);
}

static json_t *cell_json(const struct check_cell *cell, size_t index)
{
	json_t *violations = json_array();

	for (unsigned i = 0; i < CHECK_PROPERTIES; i++)
		if (cell_violates(cell, (enum check_property)i))
			json_array_append_new(violations, violation_json(&cell->violations[i], i));
	return json_pack("{s:I, s:s, s:s, s:s, s:s, s:b, s:b, s:I, s:I, s:I, s:o}", "index",
	                 (json_int_t)index, "order", cell->order, "model", cell->model, "profile",
	                 cell->profile, "life", check_lives[cell->life].name, "exists",
	                 cell->exists, "complete", !cell->incomplete, "scenarios",
	                 (json_int_t)cell->scenarios, "transitions", (json_int_t)cell->transitions,
	                 "states", (json_int_t)cell->peak, "violations", violations);
}

int check_print_json(const struct check_table *table)
{
	json_t *document = json_document("vpmu-check", CHECK_DOCUMENT_VERSION);
	json_t *cells = json_array();

	for (size_t i = 0; i < table->count; i++)
		if (table->cells[i].done)
			json_array_append_new(cells, cell_json(&table->cells[i], i));
	json_object_set_new(document, "scope", json_string(table->scope));
	json_object_set_new(document, "shard", json_count(table->shard));
	json_object_set_new(document, "shards", json_count(table->shards));
	json_object_set_new(document, "total", json_count(table->count));
	json_object_set_new(document, "seconds", json_real(table->seconds));
	json_object_set_new(document, "cpu_seconds", json_real(table->cpu_seconds));
	json_object_set_new(document, "cells", cells);
	return json_print(document);
}

/* --- Joining --- */

static int damaged(const char *path, const char *what)
{
	message("not a document of 'vpmu check --json': %s (%s)", path, what);
	return TOOL_BAD;
}

static unsigned property_of(const char *name)
{
	unsigned i = 0;

	while (i < CHECK_PROPERTIES && strcmp(check_properties[i].name, name))
		i++;
	return i;
}

static bool read_violation(struct check_cell *cell, json_t *json)
{
	const char *property, *state, *story, *script;
	json_int_t steps, incidents;
	struct check_violation *violation;
	int replays;
	unsigned i;

	if (json_unpack(json, "{s:s, s:s, s:I, s:I, s:b, s:s, s:s}", "property", &property, "state",
	                &state, "steps", &steps, "incidents", &incidents, "replays", &replays,
	                "story", &story, "script", &script))
		return false;
	i = property_of(property);
	if (i == CHECK_PROPERTIES || cell->violations[i].script)
		return false;
	violation = &cell->violations[i];
	*violation = (struct check_violation){
		.state = strdup(state),
		.story = strdup(story),
		.script = strdup(script),
		.steps = (unsigned)steps,
		.incidents = (unsigned)incidents,
		.replays = replays,
	};
	return violation->state && violation->story && violation->script;
}

/* The table's own copy of a name: most cells share a few. NULL: no memory. */
static const char *kept_name(struct check_table *table, const char *name)
{
	struct check_name *kept = table->names;

	while (kept && strcmp(kept->text, name))
		kept = kept->next;
	if (kept)
		return kept->text;
	kept = malloc(sizeof(*kept) + strlen(name) + 1);
	if (!kept)
		return NULL;
	strcpy(kept->text, name);
	kept->next = table->names;
	table->names = kept;
	return kept->text;
}

static bool read_cell(struct check_table *table, json_t *json)
{
	const char *order, *model, *profile, *life;
	json_int_t index, scenarios, transitions, states;
	struct check_cell *cell;
	json_t *violations;
	int exists, complete;

	if (json_unpack(json, "{s:I, s:s, s:s, s:s, s:s, s:b, s:b, s:I, s:I, s:I, s:o}", "index",
	                &index, "order", &order, "model", &model, "profile", &profile, "life",
	                &life, "exists", &exists, "complete", &complete, "scenarios", &scenarios,
	                "transitions", &transitions, "states", &states, "violations", &violations))
		return false;
	if (index < 0 || (size_t)index >= table->count || table->cells[index].done ||
	    check_life_find(life) == CHECK_LIVES)
		return false;
	cell = &table->cells[index];
	*cell = (struct check_cell){
		.order = kept_name(table, order),
		.model = kept_name(table, model),
		.profile = kept_name(table, profile),
		.life = check_life_find(life),
		.done = true,
		.exists = exists,
		.incomplete = !complete,
		.scenarios = (uint64_t)scenarios,
		.transitions = (uint64_t)transitions,
		.peak = (uint64_t)states,
	};
	for (size_t i = 0; i < json_array_size(violations); i++)
		if (!read_violation(cell, json_array_get(violations, i)))
			return false;
	return json_is_array(violations) && cell->order && cell->model && cell->profile;
}

/* Makes the table that the first document is a part of, or checks that the next is of the same. */
static int join_head(struct check_table *table, json_t *document, const char *path)
{
	const char *format, *scope;
	json_int_t version, total;
	double seconds, cpu_seconds;

	if (json_unpack(document, "{s:s, s:I, s:s, s:I, s:F, s:F}", "format", &format, "version",
	                &version, "scope", &scope, "total", &total, "seconds", &seconds,
	                "cpu_seconds", &cpu_seconds) ||
	    strcmp(format, "vpmu-check") || version != CHECK_DOCUMENT_VERSION)
		return damaged(path, "its head is wrong");
	if (total < 1 || total > CELLS_MAX || strlen(scope) >= sizeof(table->scope))
		return damaged(path, "its head is wrong");
	if (!table->cells) {
		table->cells = calloc((size_t)total, sizeof(*table->cells));
		table->count = table->cells ? (size_t)total : 0;
		table->shard = table->shards = 1;
		strcpy(table->scope, scope);
	}
	if (table->count != (size_t)total || strcmp(table->scope, scope)) {
		message("not a part of the same whole: %s (scope and cells must be equal)", path);
		return TOOL_BAD;
	}
	table->seconds += seconds;
	table->cpu_seconds += cpu_seconds;
	return TOOL_HOLDS;
}

static int join_cells(struct check_table *table, json_t *cells, const char *path)
{
	if (!json_is_array(cells))
		return damaged(path, "it has no cells");
	for (size_t i = 0; i < json_array_size(cells); i++)
		if (!read_cell(table, json_array_get(cells, i)))
			return damaged(path, "a cell is malformed, or there twice");
	return TOOL_HOLDS;
}

static int join(struct check_table *table, const char *path)
{
	json_error_t error;
	json_t *document;
	uint8_t *bytes;
	size_t count;
	int status = file_read(path, DOCUMENT_BYTES, "a document", &bytes, &count);

	if (status)
		return status;
	document = json_loadb((const char *)bytes, count, 0, &error);
	free(bytes);
	if (!document)
		return damaged(path, error.text);
	status = join_head(table, document, path);
	if (!status)
		status = join_cells(table, json_object_get(document, "cells"), path);
	json_decref(document);
	return status;
}

int check_merge(struct check_table *table, const char *const *paths)
{
	size_t missing = 0;
	int status = TOOL_HOLDS;

	for (size_t i = 0; i < ARGS_OPERANDS && paths[i] && !status; i++)
		status = join(table, paths[i]);
	for (size_t i = 0; i < table->count; i++)
		missing += !table->cells[i].done;
	if (status || !missing)
		return status;
	message("parts are missing: %zu of %zu cells (give the documents of all shards)", missing,
	        table->count);
	return TOOL_BAD;
}

#else

int check_print_json(const struct check_table *table)
{
	json_lacks();
	return TOOL_LACKS;
}

int check_merge(struct check_table *table, const char *const *paths)
{
	json_lacks();
	return TOOL_LACKS;
}

#endif
