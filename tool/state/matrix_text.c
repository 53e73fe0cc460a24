/* SPDX-License-Identifier: MIT */
/* A matrix as text: the kinds, the table, and why what does not simply run. */
#include <stdio.h>
#include <string.h>

#include "lib/message.h"
#include "matrix.h"

enum { NAMES_SHOWN = 4 };

static void print_names(const struct matrix *matrix, size_t kind)
{
	size_t shown = 0, count = matrix->kinds[kind].count;

	for (size_t i = 0; i < matrix->fleet->count && shown < NAMES_SHOWN; i++) {
		if (matrix->kind_of[i] != kind)
			continue;
		fputs(shown++ ? ", " : "", stdout);
		fleet_print_name(&matrix->fleet->machines[i]);
	}
	if (count > shown)
		printf(" and %zu more", count - shown);
}

static void print_kinds(const struct matrix *matrix)
{
	char text[MATRIX_TEXT];

	printf("%s%zu machine%s, %zu kind%s%s\n", bold_on(stdout), matrix->fleet->count,
	       matrix->fleet->count == 1 ? "" : "s", matrix->kind_count,
	       matrix->kind_count == 1 ? "" : "s", bold_off(stdout));
	for (size_t i = 0; i < matrix->kind_count; i++) {
		matrix_describe(&matrix->kinds[i], text);
		printf("%3zu  ", i + 1);
		print_names(matrix, i);
		printf(": %s\n", text);
	}
}

/* A column; nothing is behind the last. */
static void print_word(const char *word, bool is_last)
{
	if (is_last)
		printf("  %s\n", word);
	else
		printf("  %-9s", word);
}

static void print_table(const struct matrix *matrix)
{
	char number[24];

	printf("\n%sfrom \\ to", bold_on(stdout));
	for (size_t i = 0; i < matrix->kind_count; i++) {
		snprintf(number, sizeof(number), "%zu", i + 1);
		print_word(number, i + 1 == matrix->kind_count);
	}
	fputs(bold_off(stdout), stdout);
	for (size_t i = 0; i < matrix->kind_count; i++) {
		printf("%9zu", i + 1);
		for (size_t j = 0; j < matrix->kind_count; j++)
			print_word(matrix_verdict(matrix_cell(matrix, i, j)->take),
			           j + 1 == matrix->kind_count);
	}
}

static void print_lines(const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\n");

		printf("  %.*s\n", (int)length, text);
		text += length + 1;
	}
}

static void print_why(const struct matrix *matrix)
{
	for (size_t i = 0; i < matrix->kind_count * matrix->kind_count; i++) {
		const struct matrix_cell *cell = &matrix->cells[i];

		if (cell->take == VPMU_TAKES)
			continue;
		printf("\n%s%zu -> %zu: %s%s\n", bold_on(stdout), i / matrix->kind_count + 1,
		       i % matrix->kind_count + 1, matrix_verdict(cell->take), bold_off(stdout));
		print_lines(cell->why);
	}
}

void matrix_print(const struct matrix *matrix)
{
	print_kinds(matrix);
	print_table(matrix);
	print_why(matrix);
}
