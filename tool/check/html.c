/* SPDX-License-Identifier: MIT */
/*
 * A table of cells as one self-contained HTML page. The verdict comes first; every letter links to
 * its counterexample, which has an address of its own.
 */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "input/file.h"
#include "page.h"

/* NAME="value", with a blank before. */
static void put_attribute(FILE *file, const char *name, const char *value)
{
	fprintf(file, " %s=\"", name);
	page_put_escaped(file, value);
	putc('"', file);
}

static bool violates_any(const struct check_cell *cell)
{
	for (unsigned i = 0; i < CHECK_PROPERTIES; i++)
		if (cell_violates(cell, (enum check_property)i))
			return true;
	return false;
}

/* --- The matrix --- */

/* Each letter leads to its own counterexample. */
static void put_letters(FILE *file, const struct check_cell *cell, size_t i, uint32_t which)
{
	for (unsigned j = 0; j < CHECK_PROPERTIES; j++)
		if (which >> j & 1 && cell_violates(cell, (enum check_property)j))
			fprintf(file,
			        "<a href=\"#c%zu-%s\" title=\"%s\" aria-label=\"%s: %s\">%c</a>", i,
			        check_properties[j].name, check_properties[j].name,
			        check_properties[j].name,
			        CHECK_OF_ORDERS >> j & 1 ? "violated"
			                                 : "not, and no order can help",
			        check_properties[j].letter);
}

static const char *class_of(const struct check_cell *cell)
{
	if (!cell_holds(cell))
		return "bad";
	if (!cell->exists)
		return "none";
	return cell->incomplete ? "part" : "ok";
}

static void put_verdict(FILE *file, const struct check_cell *cell, size_t i)
{
	if (!cell->done)
		return;
	if (!cell->exists)
		fputs("<span aria-hidden=\"true\">&ndash;</span><span class=\"say\">no such "
		      "life</span>",
		      file);
	else if (cell_holds(cell))
		fputs(cell->incomplete ? "not all explored " : "holds ", file);
	put_letters(file, cell, i, CHECK_OF_ORDERS);
	put_letters(file, cell, i, ~CHECK_OF_ORDERS);
	if (!cell_holds(cell) && cell->incomplete)
		fputs(" not all explored", file);
}

static void put_cell(FILE *file, const struct check_cell *cell, size_t i)
{
	const char *life = check_lives[cell->life].name;

	fprintf(file, "<td id=\"m%zu\" data-life=\"%s\" data-head=\"%s\" class=\"%s\"><span>", i,
	        life, life, cell->done ? class_of(cell) : "none");
	put_verdict(file, cell, i);
	fputs("</span></td>", file);
}

static bool same_row(const struct check_cell *a, const struct check_cell *b)
{
	return !strcmp(a->order, b->order) && !strcmp(a->model, b->model) &&
	       !strcmp(a->profile, b->profile);
}

static void put_no_cell(FILE *file, unsigned life)
{
	fprintf(file, "<td data-life=\"%s\" data-head=\"%s\"></td>", check_lives[life].name,
	        check_lives[life].name);
}

static size_t put_row(FILE *file, const struct check_table *table, size_t i)
{
	const struct check_cell *first = &table->cells[i];
	unsigned column = 0;

	fputs("<tr", file);
	put_attribute(file, "data-model", first->model);
	put_attribute(file, "data-profile", first->profile);
	putc('>', file);
	page_put_element(file, "th", "scope=\"row\"", first->model);
	page_put_element(file, "th", "scope=\"row\"", first->profile);
	for (; i < table->count && same_row(first, &table->cells[i]); i++) {
		for (; column < table->cells[i].life; column++)
			put_no_cell(file, column);
		column++;
		put_cell(file, &table->cells[i], i);
	}
	for (; column < CHECK_LIVES; column++)
		put_no_cell(file, column);
	fputs("</tr>\n", file);
	return i;
}

/* "order stop-first: QEMU, Intel" */
static void put_order_name(FILE *file, const char *name)
{
	const char *who = page_order_who(name);

	fputs("order ", file);
	page_put_escaped(file, name);
	fprintf(file, "%s%s", *who ? ": " : "", who);
}

static size_t put_table(FILE *file, const struct check_table *table, size_t i)
{
	struct page_order order = page_order_at(table, i);

	fputs("<section id=\"order-", file);
	page_put_escaped(file, order.name);
	fputs("\"><h2>", file);
	put_order_name(file, order.name);
	fputs("</h2>\n<table class=\"cells\"><caption>What a put loses, by prior life: ", file);
	put_order_name(file, order.name);
	fputs("</caption>\n<thead><tr><th scope=\"col\">model</th>"
	      "<th scope=\"col\">profile</th>",
	      file);
	for (unsigned j = 0; j < CHECK_LIVES; j++)
		fprintf(file, "<th scope=\"col\" data-life=\"%s\" title=\"%s\">%s</th>",
		        check_lives[j].name, check_lives[j].about, check_lives[j].name);
	fputs("</tr></thead><tbody>\n", file);
	while (i < order.end)
		i = put_row(file, table, i);
	fputs("</tbody></table></section>\n", file);
	return i;
}

/* --- Counterexamples --- */

/* The address is inside a closed element, which a browser then opens by itself. */
static void put_violation(FILE *file, const struct check_violation *violation, size_t i,
                          unsigned property)
{
	fprintf(file, "<details><summary>%s: %s (%u steps)</summary>\n<div id=\"c%zu-%s\">",
	        check_properties[property].name, check_properties[property].about, violation->steps,
	        i, check_properties[property].name);
	page_put_element(file, "pre", "tabindex=\"0\"", violation->story);
	fprintf(file, "<p>%s</p>\n",
	        violation->replays ? "For <code>vpmu replay</code>:"
	                           : "The replay language cannot say this:");
	page_put_element(file, "pre", "tabindex=\"0\"", violation->script);
	fputs("</div></details>\n", file);
}

static void put_counterexample(FILE *file, const struct check_cell *cell, size_t i)
{
	const char *life = check_lives[cell->life].name;

	fprintf(file, "<section class=\"cell\" id=\"c%zu\"", i);
	put_attribute(file, "data-model", cell->model);
	put_attribute(file, "data-profile", cell->profile);
	fprintf(file, " data-life=\"%s\"><h3>", life);
	page_put_escaped(file, cell->order);
	fputs(", ", file);
	page_put_escaped(file, cell->model);
	fputs(", ", file);
	page_put_escaped(file, cell->profile);
	fprintf(file, ", %s</h3> <a href=\"#m%zu\">its cell</a>\n", life, i);
	for (unsigned j = 0; j < CHECK_PROPERTIES; j++)
		if (cell_violates(cell, (enum check_property)j))
			put_violation(file, &cell->violations[j], i, j);
	fputs("</section>\n", file);
}

static void put_counterexamples(FILE *file, const struct check_table *table)
{
	fputs("<section id=\"counterexamples\"><h2>Counterexamples</h2>\n<p>The shortest way to "
	      "each "
	      "violation, as a story and as a script.</p>\n",
	      file);
	for (size_t i = 0; i < table->count; i++)
		if (violates_any(&table->cells[i]))
			put_counterexample(file, &table->cells[i], i);
	fputs("</section>\n", file);
}

/* --- The page --- */

static void put_contents(FILE *file, const struct check_table *table)
{
	fputs("<nav aria-label=\"Contents\"><h2>Contents</h2><ul><li><a "
	      "href=\"#summary\">Summary</a>"
	      "</li><li><a href=\"#signs\">Signs</a></li>",
	      file);
	for (size_t i = 0; i < table->count; i = page_order_at(table, i).end) {
		fputs("<li><a href=\"#order-", file);
		page_put_escaped(file, table->cells[i].order);
		fputs("\">", file);
		put_order_name(file, table->cells[i].order);
		fputs("</a></li>", file);
	}
	fputs("<li><a href=\"#counterexamples\">Counterexamples</a></li></ul></nav>\n", file);
}

static const char *verdict_class(const struct check_table *table)
{
	const char *class = "ok";

	for (size_t i = 0; i < table->count; i++) {
		if (!cell_holds(&table->cells[i]))
			return "bad";
		if (table->cells[i].incomplete)
			class = "part";
	}
	return class;
}

static void put_head(FILE *file, const struct check_table *table)
{
	page_begin(file, "vpmu check", "tables", verdict_class(table));
	page_put_verdict(file, table);
	fputs("</strong></p>\n<p>What a put of PMU state loses, by order of writes, model, profile "
	      "and prior life of the vCPU.</p></header>\n",
	      file);
}

int check_write_html(const struct check_table *table, struct output *output)
{
	FILE *file = output->stream;

	put_head(file, table);
	put_contents(file, table);
	fputs("<main>\n", file);
	page_put_summary(file, table);
	page_put_signs(file);
	fputs("<div id=\"tables\" tabindex=\"-1\">\n", file);
	page_put_filters(file, table);
	for (size_t i = 0; i < table->count;)
		i = put_table(file, table, i);
	fputs("</div>\n", file);
	put_counterexamples(file, table);
	fprintf(file, "</main>\n<script>%s</script>\n</body></html>\n", page_script);
	return output_commit(output) ? TOOL_HOLDS : TOOL_LACKS;
}
