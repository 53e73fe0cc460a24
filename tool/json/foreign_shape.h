/* SPDX-License-Identifier: MIT */
/* What the search for CPUID and MSRs in JSON is made of: its place, numbers, the shapes it knows.
 */
#ifndef TOOL_FOREIGN_JSON_SHAPE_H
#define TOOL_FOREIGN_JSON_SHAPE_H

#include "foreign.h"
#include "json.h"

#if HAVE_JANSSON

/* Where the search is. */
struct place {
	struct foreign_json *json;
	char *why;
	bool wrong, no_memory;
	unsigned nested;    /* JSON in texts of JSON */
	uint32_t cpu, next; /* the vCPU that is looked at, and the next without a number */
	bool has_number;
};

/* Notes what is wrong, and where; the first mistake counts. */
void foreign_json_wrong(struct place *place, const char *what);

/* --- foreign_number.c ---------------------------------------------------------------------- */

/* Jansson's integers end at 2^63 - 1, those of MSRs do not: longer ones become texts. The copy has
 * *quoted bytes; NULL: no memory. */
char *foreign_json_quote_numbers(const char *text, size_t bytes, size_t *quoted);

/* A member that is a number, or a text of one: decimal, 0x or 0b; false: there is none, or it is
 * above `most`. */
bool foreign_json_member(json_t *object, const char *key, uint64_t *value, uint64_t most);

/* --- foreign_shape.c ----------------------------------------------------------------------- */

/* Takes an MSR, a leaf of CPUID or a CPU model; false: the object is none of them. */
bool foreign_json_take(struct place *place, json_t *object);

#endif
#endif
