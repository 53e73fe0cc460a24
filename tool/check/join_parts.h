/* SPDX-License-Identifier: MIT */
/* What the files share that read documents of `vpmu check --json`. */
#ifndef TOOL_CHECK_JOIN_PARTS_H
#define TOOL_CHECK_JOIN_PARTS_H

#include "check.h"
#include "json/json.h"
#include "state/state.h"

#if HAVE_JANSSON

/* An empty table becomes that of the document's whole. False: it is none, or there is no memory. */
bool whole_read(struct reading *reading, json_t *document, struct check_table *table);

/* Whether it is a part of the table's whole; else the reading has failed at what differs. */
bool whole_same(struct reading *reading, json_t *document, const struct check_table *table);

#endif

#endif
