/* SPDX-License-Identifier: MIT */
/* What the files that write the page of `vpmu check` share. */
#ifndef TOOL_CHECK_PAGE_H
#define TOOL_CHECK_PAGE_H

#include "check.h"
#include "lib/page.h"

/* --- look.c: what the page does, in JavaScript --- */

extern const char page_script[];

/* --- summary.c --- */

/* What an order comes to. */
struct page_order {
	const char *name;
	size_t first, end; /* its cells in the table */
	size_t existing, holding, incomplete;
	uint32_t violated; /* bits 1 << enum check_property */
};

/* The order whose first cell is that one. */
struct page_order page_order_at(const struct check_table *table, size_t first);

/* "QEMU, Intel"; "" when none is known. */
const char *page_order_who(const char *name);

/* In a sentence, for the title and the head of the page. */
void page_put_verdict(FILE *file, const struct check_table *table);

void page_put_summary(FILE *file, const struct check_table *table);
void page_put_signs(FILE *file);
void page_put_filters(FILE *file, const struct check_table *table);

#endif
