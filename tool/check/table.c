/* SPDX-License-Identifier: MIT */
/* The verdict of a whole table of cells; and freeing it. */
#include <stdlib.h>

#include "check.h"
#include "command.h"
#include "json/json.h"
#include "lib/message.h"

bool cell_violates(const struct check_cell *cell, enum check_property property)
{
	return cell->violations[property].script;
}

bool cell_holds(const struct check_cell *cell)
{
	for (unsigned i = 0; i < CHECK_PROPERTIES; i++)
		if (CHECK_OF_ORDERS >> i & 1 && cell_violates(cell, (enum check_property)i))
			return false;
	return true;
}

void table_free(struct check_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		for (unsigned j = 0; j < CHECK_PROPERTIES; j++) {
			struct check_violation *violation = &table->cells[i].violations[j];

			free(violation->state);
			free(violation->story);
			free(violation->script);
		}
	free(table->cells);
	free(table->parts);
#if HAVE_JANSSON
	json_decref(table->whole);
#endif
	*table = (struct check_table){.count = 0};
}

int table_status(const struct check_table *table)
{
	bool incomplete = false;

	for (size_t i = 0; i < table->count; i++) {
		if (!cell_holds(&table->cells[i]))
			return TOOL_FAILS;
		incomplete |= table->cells[i].incomplete;
	}
	if (!incomplete)
		return TOOL_HOLDS;
	message("not everything was explored: the scope's nodes did not do (give "
	        "--scope nodes=N)");
	return TOOL_LACKS;
}
