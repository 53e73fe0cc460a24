/* SPDX-License-Identifier: MIT */
/* The first screen of the page: the verdict, what each order comes to, the signs, the filters. */
#include <stdio.h>
#include <string.h>

#include "page.h"

struct page_order page_order_at(const struct check_table *table, size_t first)
{
	struct page_order order = {.name = table->cells[first].order, .first = first};
	size_t i = first;

	for (; i < table->count && !strcmp(order.name, table->cells[i].order); i++) {
		const struct check_cell *cell = &table->cells[i];

		order.existing += cell->exists;
		order.incomplete += cell->incomplete;
		order.holding += cell->exists && cell_holds(cell) && !cell->incomplete;
		for (unsigned j = 0; j < CHECK_PROPERTIES; j++)
			order.violated |= (uint32_t)cell_violates(cell, (enum check_property)j)
			                  << j;
	}
	order.end = i;
	return order;
}

const char *page_order_who(const char *name)
{
	const struct vpmu_order *order = vpmu_order_find(name);

	return order ? order->who : "";
}

/* The names of the orders that lose something, or of those that do not. */
static void put_orders(FILE *file, const struct check_table *table, bool losing)
{
	const char *between = "";

	for (size_t i = 0; i < table->count;) {
		struct page_order order = page_order_at(table, i);

		i = order.end;
		if (losing == !!(order.violated & CHECK_OF_ORDERS)) {
			fputs(between, file);
			page_put_escaped(file, order.name);
			between = ", ";
		}
	}
}

static void count_orders(const struct check_table *table, unsigned *orders, unsigned *losing)
{
	*orders = *losing = 0;
	for (size_t i = 0; i < table->count; ++*orders) {
		struct page_order order = page_order_at(table, i);

		i = order.end;
		*losing += !!(order.violated & CHECK_OF_ORDERS);
	}
}

void page_put_verdict(FILE *file, const struct check_table *table)
{
	unsigned orders, losing;

	count_orders(table, &orders, &losing);
	if (!losing) {
		fputs("Nothing is lost: ", file);
	} else {
		fputs("Something is lost by ", file);
		put_orders(file, table, true);
		fputs(losing == orders ? "" : "; not by ", file);
	}
	put_orders(file, table, false);
}

static void put_letters(FILE *file, uint32_t which)
{
	const char *between = "";

	for (unsigned i = 0; i < CHECK_PROPERTIES; i++)
		if (which >> i & 1) {
			fprintf(file, "%s%s", between, check_properties[i].name);
			between = ", ";
		}
	fputs(*between ? "" : "none", file);
}

static void put_order(FILE *file, const struct page_order *order)
{
	bool bad = order->violated & CHECK_OF_ORDERS;
	const char *who = page_order_who(order->name);

	fputs("<tr><th scope=\"row\" data-head=\"order\"><a href=\"#order-", file);
	page_put_escaped(file, order->name);
	fputs("\">", file);
	page_put_escaped(file, order->name);
	fputs("</a></th>", file);
	page_put_element(file, "td", "data-head=\"who puts so\"", *who ? who : "none known");
	fprintf(file, "<td data-head=\"verdict\" class=\"%s\">%s</td>",
	        bad                 ? "bad"
	        : order->incomplete ? "part"
	                            : "ok",
	        bad                 ? "loses something"
	        : order->incomplete ? "not all explored"
	                            : "holds");
	fprintf(file, "<td data-head=\"cells that hold\">%zu of %zu</td>", order->holding,
	        order->existing);
	fputs("<td data-head=\"violated\"><span>", file);
	put_letters(file, order->violated & CHECK_OF_ORDERS);
	fputs("</span></td></tr>\n", file);
}

void page_put_summary(FILE *file, const struct check_table *table)
{
	fputs("<section id=\"summary\"><h2>Summary</h2>\n<table class=\"cells\"><caption>What each "
	      "order of writes comes to</caption>\n<thead><tr><th scope=\"col\">order</th>"
	      "<th scope=\"col\">who puts so</th><th scope=\"col\">verdict</th>"
	      "<th scope=\"col\">cells that hold</th><th scope=\"col\">violated</th></tr></thead>"
	      "<tbody>\n",
	      file);
	for (size_t i = 0; i < table->count;) {
		struct page_order order = page_order_at(table, i);

		i = order.end;
		put_order(file, &order);
	}
	fprintf(file, "</tbody></table>\n<p>Made by vpmu %s; scope <code>", vpmu_version());
	page_put_escaped(file, table->scope);
	fputs("</code>", file);
	if (*table->host) {
		fputs("; host <code>", file);
		page_put_escaped(file, table->host);
		fputs("</code>", file);
	}
	if (*table->kernel) {
		fputs("; judged by the code of ", file);
		page_put_escaped(file, table->kernel);
	}
	if (table->shards > 1)
		fprintf(file, "; part %llu of %llu", (unsigned long long)table->shard,
		        (unsigned long long)table->shards);
	fputs(".</p></section>\n", file);
}

static void put_sign(FILE *file, const char *sign, const char *name, const char *about)
{
	fprintf(file, "<dt>%s%s%s</dt><dd>%s</dd>\n", sign, *name ? ": " : "", name, about);
}

void page_put_signs(FILE *file)
{
	char letter[2] = "";

	fputs("<section id=\"signs\"><h2>Signs</h2>\n<dl>\n", file);
	put_sign(file, "holds", "", "every property holds, however the put goes");
	put_sign(file, "a letter", "", "this property is violated; it leads to the shortest way");
	for (unsigned i = 0; i < CHECK_PROPERTIES; i++) {
		*letter = check_properties[i].letter;
		put_sign(file, letter, check_properties[i].name, check_properties[i].about);
	}
	put_sign(file, "not all explored", "", "what was explored holds; the scope bounds it");
	put_sign(file, "&ndash;", "", "the profile has no such life");
	put_sign(file, "an empty cell", "",
	         "it is in another part of the whole, or was not asked for");
	fputs("</dl>\n<h3>Prior lives</h3>\n<dl>\n", file);
	for (unsigned i = 0; i < CHECK_LIVES; i++)
		put_sign(file, check_lives[i].name, "", check_lives[i].about);
	fputs("</dl></section>\n", file);
}

static const char *model_of(const struct check_cell *cell)
{
	return cell->model;
}

static const char *profile_of(const struct check_cell *cell)
{
	return cell->profile;
}

/* The options of a filter: each name once, in the sequence of the cells. */
static void put_options(FILE *file, const struct check_table *table,
                        const char *(*name)(const struct check_cell *cell))
{
	for (size_t i = 0, j; i < table->count; i++) {
		for (j = 0; j < i && strcmp(name(&table->cells[j]), name(&table->cells[i])); j++)
			;
		if (j == i)
			page_put_element(file, "option", "", name(&table->cells[i]));
	}
}

static void put_filter(FILE *file, const char *name)
{
	fprintf(file, "<label>%s <select name=\"%s\"><option value=\"\">all</option>", name, name);
}

/* Hidden until the script shows them, since they need it. */
void page_put_filters(FILE *file, const struct check_table *table)
{
	fputs("<form id=\"filters\" aria-label=\"Filters\" hidden>\n", file);
	put_filter(file, "model");
	put_options(file, table, model_of);
	fputs("</select></label>\n", file);
	put_filter(file, "profile");
	put_options(file, table, profile_of);
	fputs("</select></label>\n", file);
	put_filter(file, "life");
	for (unsigned i = 0; i < CHECK_LIVES; i++)
		page_put_element(file, "option", "", check_lives[i].name);
	fputs("</select></label>\n<button type=\"reset\">Show all</button> "
	      "<output id=\"shown\" aria-live=\"polite\"></output></form>\n",
	      file);
}
