/* SPDX-License-Identifier: MIT */
/* A table of cells as text: the matrix, and the verdict with its stories. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "lib/number.h"

enum { LIFE_COLUMN = 9 }; /* at least: the name of a life is not cut */

static size_t put_letters(const struct check_cell *cell, uint32_t which, char *text)
{
	size_t used = 0;

	for (unsigned i = 0; i < CHECK_PROPERTIES; i++)
		if (which >> i & 1 && cell_violates(cell, (enum check_property)i))
			text[used++] = check_properties[i].letter;
	return used;
}

/* "." holds, "-" no such cell, "?" not all explored, else the letters of what is violated; then
 * those of what no order can save. */
static void verdict_of(const struct check_cell *cell, char text[CHECK_PROPERTIES + 2])
{
	size_t used = put_letters(cell, CHECK_OF_ORDERS, text);

	if (!used)
		text[used++] = !cell->exists ? '-' : cell->incomplete ? '?' : '.';
	else if (cell->incomplete)
		text[used++] = '?';
	used += put_letters(cell, ~CHECK_OF_ORDERS, text + used);
	text[used] = '\0';
}

static void print_legend(void)
{
	printf(". holds   - no such cell   ? not all explored\n");
	for (unsigned i = 0; i < CHECK_PROPERTIES; i++)
		printf("%c %-22s %s\n", check_properties[i].letter, check_properties[i].name,
		       check_properties[i].about);
}

static void put_column(unsigned life, const char *text)
{
	size_t width = strlen(check_lives[life].name);

	if (life + 1 == CHECK_LIVES)
		printf(" %s", text);
	else
		printf(" %-*s", (int)(width < LIFE_COLUMN ? LIFE_COLUMN : width), text);
}

static void print_head(const char *order)
{
	const struct vpmu_order *known = vpmu_order_find(order);
	const char *who = known ? known->who : "";

	printf("\norder %s%s%s\n%-16s %-11s", order, *who ? ": " : "", who, "model", "profile");
	for (unsigned i = 0; i < CHECK_LIVES; i++)
		put_column(i, check_lives[i].name);
	putchar('\n');
}

static bool same_row(const struct check_cell *a, const struct check_cell *b)
{
	return !strcmp(a->order, b->order) && !strcmp(a->model, b->model) &&
	       !strcmp(a->profile, b->profile);
}

/* The cells of a row follow each other. Returns the first of the next row. */
static size_t print_row(const struct check_table *table, size_t first)
{
	const struct check_cell *cells = table->cells;
	size_t end = first;
	unsigned column = 0;

	printf("%-16s %-11s", cells[first].model, cells[first].profile);
	for (; end < table->count && same_row(&cells[first], &cells[end]); end++) {
		char verdict[CHECK_PROPERTIES + 2];

		for (; column < cells[end].life; column++)
			put_column(column, "");
		column++;
		verdict_of(&cells[end], verdict);
		put_column(cells[end].life, cells[end].done ? verdict : "");
	}
	putchar('\n');
	return end;
}

static void print_figures(const struct check_table *table)
{
	uint64_t scenarios = 0, transitions = 0, peak = 0;
	char a[NUMBER_GROUPED_BYTES], b[NUMBER_GROUPED_BYTES], c[NUMBER_GROUPED_BYTES];

	for (size_t i = 0; i < table->count; i++) {
		scenarios += table->cells[i].scenarios;
		transitions += table->cells[i].transitions;
		if (table->cells[i].peak > peak)
			peak = table->cells[i].peak;
	}
	if (*table->kernel)
		printf("judged by the code of %s\n", table->kernel);
	if (*table->host)
		printf("host: %s\n", table->host);
	printf("scope: %s\n%s scenarios, %s transitions, at most %s states in one exploration\n",
	       table->scope, number_grouped(scenarios, a), number_grouped(transitions, b),
	       number_grouped(peak, c));
	if (table->seconds > 0 && table->cpu_seconds > 0)
		printf("%.1f s, of processors %.1f s: %.2f million transitions in each\n",
		       table->seconds, table->cpu_seconds,
		       (double)transitions / table->cpu_seconds / 1e6);
	if (table->memory)
		printf("memory: at most %zu MiB %s each of %u %s%s\n",
		       (table->memory + (1 << 20) - 1) >> 20, *table->kernel ? "in" : "on",
		       table->jobs, *table->kernel ? "process" : "thread",
		       table->jobs < 2  ? ""
		       : *table->kernel ? "es"
		                        : "s");
}

void check_print_matrix(const struct check_table *table)
{
	const char *order = "";

	print_legend();
	for (size_t i = 0; i < table->count;) {
		if (strcmp(order, table->cells[i].order)) {
			order = table->cells[i].order;
			print_head(order);
		}
		i = print_row(table, i);
	}
	putchar('\n');
	print_figures(table);
}

static const struct check_cell *shortest_of(const struct check_table *table,
                                            enum check_property property, size_t *cells)
{
	const struct check_cell *shortest = NULL;

	*cells = 0;
	for (size_t i = 0; i < table->count; i++) {
		const struct check_cell *cell = &table->cells[i];

		if (!cell_violates(cell, property))
			continue;
		++*cells;
		if (!shortest ||
		    cell->violations[property].steps < shortest->violations[property].steps)
			shortest = cell;
	}
	return shortest;
}

void check_print_verdict(const struct check_table *table)
{
	size_t existing = 0;

	for (size_t i = 0; i < table->count; i++)
		existing += table->cells[i].exists;
	for (unsigned i = 0; i < CHECK_PROPERTIES; i++) {
		size_t cells;
		const struct check_cell *cell = shortest_of(table, (enum check_property)i, &cells);

		printf("%-22s %s", check_properties[i].name,
		       !cell                      ? "holds"
		       : CHECK_OF_ORDERS >> i & 1 ? "VIOLATED"
		                                  : "not, and no order can help,");
		if (cell)
			printf(" in %zu of %zu cells", cells, existing);
		putchar('\n');
	}
	print_figures(table);
	for (unsigned i = 0; i < CHECK_PROPERTIES; i++) {
		size_t cells;
		const struct check_cell *cell = shortest_of(table, (enum check_property)i, &cells);

		if (cell)
			printf("\n%s %s: %s\n%s", check_properties[i].name,
			       CHECK_OF_ORDERS >> i & 1 ? "is violated" : "no order can keep",
			       check_properties[i].about, cell->violations[i].story);
	}
}
