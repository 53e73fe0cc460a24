/* SPDX-License-Identifier: MIT */
/*
 * Reads documents of `vpmu check --json` and joins the parts of one whole. Nothing of a document is
 * believed: its names are looked up, the cells must be just those that the whole gives this part,
 * and its texts have no control characters.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "lib/memory.h"
#include "json/reading.h"
#include "lib/visible.h"

#if HAVE_JANSSON

enum { MODELS_MAX = 1000 };

/* --- Names --- */

typedef const char *known_fn(const char *name);

static const char *known_order(const char *name)
{
	const struct vpmu_order *order = vpmu_order_find(name);

	return order ? order->name : strcmp(name, "plan") ? NULL : "plan";
}

static const char *known_profile(const char *name)
{
	const char *known = NULL;

	for (size_t i = 0; (known = vpmu_profile_name(i)) && strcmp(known, name) != 0; i++)
		;
	return known;
}

static const char *known_life(const char *name)
{
	enum check_life life = check_life_find(name);

	return life < CHECK_LIVES ? check_lives[life].name : NULL;
}

static const char *known_level(const char *name)
{
	enum vpmu_level level = vpmu_level_find(name);

	return level != VPMU_LEVEL_NEVER && level != VPMU_LEVEL_RUNTIME ? name : NULL;
}

/* A list of names, each known and there once. Returns how many. */
static size_t read_names(struct reading *reading, json_t *whole, const char *key, known_fn *known)
{
	json_t *list = json_object_get(whole, key);
	size_t count = json_array_size(list);

	if (!count)
		reading_fail(reading, "'%s' is not an array of names", key);
	for (size_t i = 0; i < count && !reading->failed; i++) {
		const char *name = json_string_value(json_array_get(list, i));

		if (!name || !known(name))
			reading_fail(reading, "unknown name in '%s': '%.40s'", key,
			             name ? name : "");
		for (size_t j = 0; j < i && !reading->failed; j++)
			if (!strcmp(name, json_string_value(json_array_get(list, j))))
				reading_fail(reading, "'%s' is there twice in '%s'", name, key);
	}
	return count;
}

/* The model is what its name says; "host" was another machine's. */
static void read_model(struct reading *reading, json_t *object)
{
	struct vpmu_model model, named;
	const char *name;

	if (!reading_members(reading, object, "name model"))
		return;
	name = reading_text(reading, object, "name");
	reading_model(reading, json_object_get(object, "model"), &model);
	if (reading->failed || !strcmp(name, "host"))
		return;
	if (vpmu_model_parse(&named, name, NULL, 0) || !text_is_plain(name, false))
		reading_fail(reading, "unknown model '%.40s'", name);
	else if (!vpmu_model_equal(&named, &model))
		reading_fail(reading, "'%.40s' is another model", name);
}

static size_t read_models(struct reading *reading, json_t *whole)
{
	json_t *list = json_object_get(whole, "models");
	size_t count = json_array_size(list);

	if (!count || count > MODELS_MAX)
		reading_fail(reading, "'models' is not an array of 1 to %d", MODELS_MAX);
	for (size_t i = 0; i < count && !reading->failed; i++) {
		snprintf(reading->where, sizeof(reading->where), "whole.models[%zu]", i);
		read_model(reading, json_array_get(list, i));
		for (size_t j = 0; j < i && !reading->failed; j++)
			if (json_equal(json_object_get(json_array_get(list, i), "name"),
			               json_object_get(json_array_get(list, j), "name")))
				reading_fail(reading, "there twice");
	}
	snprintf(reading->where, sizeof(reading->where), "whole");
	return count;
}

/* --- The whole --- */

static void read_scope(struct reading *reading, json_t *whole, struct check_table *table)
{
	const char *text = reading_text(reading, whole, "scope");
	struct check_scope scope = check_scope_default();
	char why[200];

	if (!reading->failed && check_scope_parse(&scope, text, why, sizeof(why)))
		check_scope_print(&scope, table->scope);
	if (!reading->failed && strcmp(table->scope, text) != 0)
		reading_fail(reading, "'scope' is none");
}

static void read_plan(struct reading *reading, json_t *whole)
{
	json_t *plan = json_object_get(whole, "plan"), *orders = json_object_get(whole, "orders");
	const char *first = json_string_value(json_array_get(orders, 0));
	bool of_plan = first && !strcmp(first, "plan");

	if (of_plan ? !json_is_string(plan) || json_array_size(orders) != 1 : !json_is_null(plan))
		reading_fail(reading, "'plan' and 'orders' do not agree");
}

/* Whose code has judged; there is none, as a rule. */
static void read_kernel(struct reading *reading, json_t *whole, struct check_table *table)
{
	const char *kernel;

	if (!json_object_get(whole, "kernel"))
		return;
	kernel = reading_text(reading, whole, "kernel");
	if (!reading->failed &&
	    (strncmp(kernel, "linux-", strlen("linux-")) != 0 || !text_is_plain(kernel, false) ||
	     strlen(kernel) >= sizeof(table->kernel)))
		reading_fail(reading, "'kernel' is none");
	if (!reading->failed)
		snprintf(table->kernel, sizeof(table->kernel), "%s", kernel);
}

/* The sequence of cells: orders, of each the models, of each the profiles, of each the lives. */
static void fill_cells(struct check_table *table)
{
	json_t *orders = json_object_get(table->whole, "orders");
	json_t *models = json_object_get(table->whole, "models");
	json_t *profiles = json_object_get(table->whole, "profiles");
	json_t *lives = json_object_get(table->whole, "lives");

	for (size_t i = 0; i < table->count; i++) {
		struct check_cell *cell = &table->cells[i];
		json_t *model;
		size_t at = i;

		cell->life = check_life_find(
			json_string_value(json_array_get(lives, at % json_array_size(lives))));
		at /= json_array_size(lives);
		cell->profile = known_profile(json_string_value(
			json_array_get(profiles, at % json_array_size(profiles))));
		at /= json_array_size(profiles);
		model = json_array_get(models, at % json_array_size(models));
		cell->model = json_string_value(json_object_get(model, "name"));
		at /= json_array_size(models);
		cell->order = known_order(json_string_value(json_array_get(orders, at)));
	}
}

/* Makes the table that the first document is a part of. False: no memory, or reading failed. */
static bool read_whole(struct reading *reading, json_t *document, struct check_table *table)
{
	json_t *whole = json_object_get(document, "whole");
	size_t count;

	snprintf(reading->where, sizeof(reading->where), "whole");
	if (!reading_members(reading, whole,
	                     json_object_get(whole, "kernel")
	                             ? "vpmu scope levels orders models profiles lives plan kernel"
	                             : "vpmu scope levels orders models profiles lives plan"))
		return false;
	read_kernel(reading, whole, table);
	if (!text_is_plain(reading_text(reading, whole, "vpmu"), false))
		reading_fail(reading, "'vpmu' has control characters");
	read_scope(reading, whole, table);
	read_names(reading, whole, "levels", known_level);
	count = read_names(reading, whole, "orders", known_order);
	count *= read_names(reading, whole, "profiles", known_profile);
	count *= read_names(reading, whole, "lives", known_life);
	count *= read_models(reading, whole);
	read_plan(reading, whole);
	reading->where[0] = '\0';
	if (reading_count(reading, document, "total", INT_MAX) != count)
		reading_fail(reading, "'total' is not the number of the whole's cells");
	table->shards = reading_count(reading, document, "shards", CHECK_SHARDS);
	if (!table->shards)
		reading_fail(reading, "'shards' is 0");
	if (reading->failed)
		return false;
	table->cells = calloc(count, sizeof(*table->cells));
	table->count = table->cells ? count : 0;
	table->parts = calloc(table->shards, sizeof(*table->parts));
	table->whole = json_incref(whole);
	if (!table->cells || !table->parts)
		return false;
	fill_cells(table);
	return true;
}

/* What the next document has in common with those before, or which member differs. */
static bool same_whole(struct reading *reading, json_t *document, const struct check_table *table)
{
	json_t *whole = json_object_get(document, "whole"), *value;
	json_t *shards = json_object_get(document, "shards");
	const char *key;

	json_object_foreach(table->whole, key, value)
	{
		if (!json_equal(value, json_object_get(whole, key)))
			reading_fail(reading, "a part of another whole: '%s' differs", key);
	}
	if (!json_equal(whole, table->whole))
		reading_fail(reading, "a part of another whole: it has more members");
	if (!json_is_integer(shards) || (uint64_t)json_integer_value(shards) != table->shards)
		reading_fail(reading, "a part of another whole: 'shards' differs");
	if ((size_t)json_integer_value(json_object_get(document, "total")) != table->count)
		reading_fail(reading, "a part of another whole: 'total' differs");
	return !reading->failed;
}

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

static enum vpmu_status read_part(struct reading *reading, json_t *document,
                                  struct check_table *table, const char *name)
{
	bool other = false;

	read_head(reading, document, &other);
	if (reading->failed)
		return other ? VPMU_INCOMPATIBLE : VPMU_BAD_DATA;
	if (table->whole && !same_whole(reading, document, table))
		return VPMU_INCOMPATIBLE;
	if (!table->whole && !read_whole(reading, document, table))
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

enum vpmu_status check_join(struct check_table *table, const char *text, size_t bytes,
                            const char *name, char *why)
{
	struct reading reading = {.why = why};
	json_t *document = reading_load(text, bytes, why);
	enum vpmu_status status;

	if (!document)
		return memory_ran_out() ? VPMU_HOST : VPMU_BAD_DATA;
	status = read_part(&reading, document, table, name);
	if (status == VPMU_HOST)
		snprintf(why, STATE_WHY_BYTES, "out of memory");
	json_decref(document);
	return status && (reading.no_memory || memory_ran_out()) ? VPMU_HOST : status;
}

#endif
