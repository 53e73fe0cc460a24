/* SPDX-License-Identifier: MIT */
/* A table of cells as a JSON document (docs/json.md: vpmu-check). */
#include <string.h>

#include "check.h"
#include "command.h"
#include "json/json.h"
#include "lib/memory.h"
#include "lib/message.h"

#if HAVE_JANSSON

/* --- What the parts of a whole have in common --- */

/* False: no memory. */
static bool add_text(json_t *list, const char *text)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		if (!strcmp(json_string_value(item), text))
			return true;
	}
	return !json_array_append_new(list, json_string(text));
}

static bool add_model(json_t *list, const struct check_subject *subject)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		json_t *name = json_object_get(item, "name");

		if (!strcmp(json_string_value(name), subject->model_name))
			return true;
	}
	return !json_array_append_new(list, json_pack("{s:s, s:o}", "name", subject->model_name,
	                                              "model", model_json(&subject->model)));
}

static bool add_levels(json_t *list, uint8_t levels)
{
	const char *name;
	bool good = true;

	for (unsigned i = 0; (name = vpmu_level_name((enum vpmu_level)i)); i++)
		if (levels >> i & 1)
			good = good && add_text(list, name);
	return good;
}

int check_identify(struct check_table *table, const struct check_job *jobs, uint8_t levels,
                   const uint8_t *plan, size_t plan_bytes)
{
	json_t *orders = json_array(), *models = json_array(), *profiles = json_array();
	json_t *lives = json_array(), *level_names = json_array();
	bool good = add_levels(level_names, levels);

	for (size_t i = 0; i < table->count && good; i++) {
		const struct check_cell *cell = &table->cells[i];

		good = add_text(orders, cell->order) && add_model(models, &jobs[i].subject) &&
		       add_text(profiles, cell->profile) &&
		       add_text(lives, check_lives[cell->life].name);
	}
	table->whole = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "vpmu", vpmu_version(),
	                         "scope", table->scope, "levels", level_names, "orders", orders,
	                         "models", models, "profiles", profiles, "lives", lives, "plan",
	                         plan ? json_bytes((const char *)plan, plan_bytes) : json_null());
	if (*table->kernel)
		good = good &&
		       !json_object_set_new(table->whole, "kernel", json_string(table->kernel));
	if (*table->host)
		good = good && !json_object_set_new(table->whole, "host", json_string(table->host));
	if (good && table->whole)
		return TOOL_HOLDS;
	message("out of memory");
	return TOOL_LACKS;
}

/* --- The document --- */

static json_t *violation_json(const struct check_violation *violation, unsigned property)
{
	return json_pack("{s:s, s:b, s:s, s:I, s:I, s:b, s:s, s:s}", "property",
	                 check_properties[property].name, "of_order",
	                 (int)(CHECK_OF_ORDERS >> property & 1), "state", violation->state, "steps",
	                 (json_int_t)violation->steps, "incidents",
	                 (json_int_t)violation->incidents, "replays", violation->replays, "story",
	                 violation->story, "script", violation->script);
}

static json_t *cell_json(const struct check_cell *cell, size_t index)
{
	json_t *violations = json_array();
	bool good = violations;

	for (unsigned i = 0; i < CHECK_PROPERTIES && good; i++)
		if (cell_violates(cell, (enum check_property)i))
			good = !json_array_append_new(violations,
			                              violation_json(&cell->violations[i], i));
	if (!good) {
		json_decref(violations);
		return NULL;
	}
	return json_pack("{s:I, s:s, s:s, s:s, s:s, s:b, s:b, s:I, s:I, s:I, s:o}", "index",
	                 (json_int_t)index, "order", cell->order, "model", cell->model, "profile",
	                 cell->profile, "life", check_lives[cell->life].name, "exists",
	                 cell->exists, "complete", !cell->incomplete, "scenarios",
	                 (json_int_t)cell->scenarios, "transitions", (json_int_t)cell->transitions,
	                 "states", (json_int_t)cell->peak, "violations", violations);
}

json_t *check_document(const struct check_table *table)
{
	json_t *cells = json_array();
	bool good = cells;

	for (size_t i = 0; i < table->count && good; i++)
		if (table->cells[i].done)
			good = !json_array_append_new(cells, cell_json(&table->cells[i], i));
	if (!good) {
		json_decref(cells);
		return NULL;
	}
	return json_pack("{s:s, s:i, s:O, s:I, s:I, s:I, s:f, s:f, s:o}", "format", "vpmu-check",
	                 "version", CHECK_DOCUMENT_VERSION, "whole", table->whole, "shard",
	                 (json_int_t)table->shard, "shards", (json_int_t)table->shards, "total",
	                 (json_int_t)table->count, "seconds", table->seconds, "cpu_seconds",
	                 table->cpu_seconds, "cells", cells);
}

int check_print_json(const struct check_table *table)
{
	return json_print(check_document(table));
}

#else

int check_identify(struct check_table *table, const struct check_job *jobs, uint8_t levels,
                   const uint8_t *plan, size_t plan_bytes)
{
	json_lacks();
	return TOOL_LACKS;
}

int check_print_json(const struct check_table *table)
{
	json_lacks();
	return TOOL_LACKS;
}

#endif
