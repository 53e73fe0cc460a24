/* SPDX-License-Identifier: MIT */
/*
 * Which whole a document of `vpmu check --json` is a part of. The document is not trusted: names
 * are looked up.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "join_parts.h"
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

/* A model must be what its name says, except "host", which may be another machine's. */
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

/* What --host changed; nothing, as a rule. Every model's host must have such keys. */
static void read_host(struct reading *reading, json_t *whole, struct check_table *table)
{
	json_t *models = json_object_get(whole, "models");
	const char *text;

	if (!json_object_get(whole, "host") || reading->failed)
		return;
	text = reading_text(reading, whole, "host");
	if (!*text || strlen(text) >= sizeof(table->host) || !text_is_plain(text, false))
		reading_fail(reading, "'host' is none");
	for (size_t i = 0; i < json_array_size(models) && !reading->failed; i++) {
		json_t *object = json_object_get(json_array_get(models, i), "model");
		struct vpmu_model model;
		struct vpmu_host host;

		reading_model(reading, object, &model);
		vpmu_host_init(&host, (enum vpmu_vendor)model.vendor);
		if (vpmu_host_set(&host, text, NULL, 0))
			reading_fail(reading, "'host' is none of '%.40s'", model.name);
	}
	if (!reading->failed)
		snprintf(table->host, sizeof(table->host), "%s", text);
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
bool whole_read(struct reading *reading, json_t *document, struct check_table *table)
{
	json_t *whole = json_object_get(document, "whole");
	char members[100];
	size_t count;

	snprintf(reading->where, sizeof(reading->where), "whole");
	snprintf(members, sizeof(members),
	         "vpmu scope levels orders models profiles lives plan%s%s",
	         json_object_get(whole, "kernel") ? " kernel" : "",
	         json_object_get(whole, "host") ? " host" : "");
	if (!reading_members(reading, whole, members))
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
	read_host(reading, whole, table);
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

/* Checks that the next document has the same whole as those before, or says which member
 * differs. */
bool whole_same(struct reading *reading, json_t *document, const struct check_table *table)
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

#endif
