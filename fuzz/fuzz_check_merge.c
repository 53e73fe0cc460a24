/* SPDX-License-Identifier: MIT */
/*
 * Documents of `vpmu check --json`, joined: an input is up to eight of them, separated by ASCII's
 * record separator. What joins has known names and plain texts only, and joins again as it is
 * written.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "state/state.h"
#include "lib/visible.h"
#include "fuzz.h"

enum { SEPARATOR = 0x1e, DOCUMENTS = 8 };

static void must_be_known(const struct check_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct check_cell *cell = &table->cells[i];

		MUST(!strcmp(cell->order, "plan") || vpmu_order_find(cell->order));
		MUST(vpmu_profile_find(cell->profile) && cell->life < CHECK_LIVES);
		MUST(text_is_plain(cell->model, false) && !strchr(cell->model, '/'));
		for (unsigned j = 0; j < CHECK_PROPERTIES; j++) {
			const struct check_violation *violation = &cell->violations[j];

			if (!cell_violates(cell, (enum check_property)j))
				continue;
			MUST(cell->done && cell->exists);
			MUST(text_is_plain(violation->state, false));
			MUST(text_is_plain(violation->story, true));
			MUST(text_is_plain(violation->script, true));
		}
	}
}

static bool all_are_there(const struct check_table *table)
{
	for (uint64_t i = 0; i < table->shards; i++)
		if (!table->parts[i])
			return false;
	return true;
}

/* The table as before its cells were read. */
static void forget_cells(struct check_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		struct check_cell *cell = &table->cells[i];

		for (unsigned j = 0; j < CHECK_PROPERTIES; j++) {
			free(cell->violations[j].state);
			free(cell->violations[j].story);
			free(cell->violations[j].script);
			cell->violations[j] = (struct check_violation){.steps = 0};
		}
		cell->done = false;
	}
}

/* As the file of --resume: any bytes, to the whole of what has joined. */
static void try_to_go_on(struct check_table *table, const char *text, size_t length)
{
	char why[STATE_WHY_BYTES] = "";
	enum vpmu_status status;

	forget_cells(table);
	status = check_join_done(table, text, length, why);
	MUST(!status || ((status == VPMU_BAD_DATA || status == VPMU_INCOMPATIBLE) && why[0]));
	must_be_known(table);
}

/* A document of all cells is one to go on from, once. */
static void must_go_on(struct check_table *table, const char *text)
{
	char why[STATE_WHY_BYTES] = "";

	forget_cells(table);
	MUST(!check_join_done(table, text, strlen(text), why));
	for (size_t i = 0; i < table->count; i++)
		MUST(table->cells[i].done);
	MUST(check_join_done(table, text, strlen(text), why) == VPMU_BAD_DATA);
}

static void must_join_again(struct check_table *table)
{
	struct check_table again = {.count = 0};
	char why[STATE_WHY_BYTES] = "", *text;
	json_t *document;

	for (size_t i = 0; i < table->count; i++)
		MUST(table->cells[i].done);
	table->shard = table->shards = 1;
	document = check_document(table);
	text = json_dumps(document, 0);
	MUST(text && !check_join(&again, text, strlen(text), "again", why));
	MUST(again.count == table->count && again.shards == 1);
	must_go_on(&again, text);
	free(text);
	json_decref(document);
	table_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct check_table table = {.count = 0};
	enum vpmu_status status = VPMU_OK;
	const char *last = NULL;
	size_t last_length = 0;

	for (unsigned i = 0; i < DOCUMENTS && !status; i++) {
		const uint8_t *end = size ? memchr(data, SEPARATOR, size) : NULL;
		size_t length = end ? (size_t)(end - data) : size;
		char why[STATE_WHY_BYTES] = "";

		last = (const char *)data;
		last_length = length;
		status = check_join(&table, last, length, "document", why);
		MUST(!status ||
		     ((status == VPMU_BAD_DATA || status == VPMU_INCOMPATIBLE) && why[0]));
		if (!end)
			break;
		data += length + 1;
		size -= length + 1;
	}
	must_be_known(&table);
	if (!status && all_are_there(&table))
		must_join_again(&table);
	if (table.whole)
		try_to_go_on(&table, last, last_length);
	table_free(&table);
	return 0;
}
