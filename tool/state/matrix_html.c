/* SPDX-License-Identifier: MIT */
/* A matrix as one HTML page that needs nothing else: the table, and what each cell means behind it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "input/file.h"
#include "lib/page.h"
#include "matrix.h"

static const char style[] =
	"body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:75em;padding:0 1em;"
	"color:#1c2024;background:#fff}"
	".wide{overflow:auto;max-height:90vh}table{border-collapse:collapse}"
	"th,td{border:1px solid #d5d9de;padding:.25em .6em;text-align:left;font-weight:normal}"
	"thead th,th[scope=row]{background:#f2f4f6;background-clip:padding-box}thead "
	"th{position:sticky;top:0}"
	"td.runs{background:#e3f4e5}td.but{background:#fff3cd}td.refused{background:#fbe0dd}"
	"th[scope=row]{position:sticky;left:0;box-shadow:inset 0 -1px "
	"#8884}td.runs,td.but,td.refused{white-space:nowrap}"
	"thead th:first-child{left:0;z-index:2}thead th{z-index:1}"
	"td a{color:inherit}:target{outline:2px solid #888}"
	"@media(prefers-color-scheme:dark){body{color:#e4e6e8;background:#17191c}a{color:#9cc4ff}"
	"th,td{border-color:#3a3f45}thead th,th[scope=row]{background:#22262b}"
	"td.runs{background:#17351d}td.but{background:#4a3d12}td.refused{background:#4a1d19}}";

static const char *const classes[] = {
	[VPMU_TAKES] = "runs", [VPMU_TAKES_CHANGED] = "but", [VPMU_CANNOT_TAKE] = "refused"};

static void put_names(FILE *file, const struct matrix *matrix, size_t kind)
{
	const char *between = "";

	for (size_t i = 0; i < matrix->fleet->count; i++) {
		const struct state_host *host = &matrix->fleet->machines[i].host;

		if (matrix->kind_of[i] != kind)
			continue;
		fputs(between, file);
		page_put_bytes(file, host->name, (size_t)host->name_length);
		between = ", ";
	}
}

/* "2 (web7 and 3 more)" */
static void put_kind(FILE *file, const struct matrix *matrix, size_t kind)
{
	const struct state_host *host = NULL;
	size_t count = matrix->kinds[kind].count;

	for (size_t i = 0; !host && i < matrix->fleet->count; i++)
		if (matrix->kind_of[i] == kind)
			host = &matrix->fleet->machines[i].host;
	fprintf(file, "<a href=\"#k%zu\">%zu</a>", kind + 1, kind + 1);
	if (!host)
		return;
	fputs(" (", file);
	page_put_bytes(file, host->name, (size_t)host->name_length);
	if (count > 1)
		fprintf(file, " and %zu more", count - 1);
	fputc(')', file);
}

static void put_kinds(FILE *file, const struct matrix *matrix)
{
	char text[MATRIX_TEXT];

	fputs("<h2 id=\"kinds\">Kinds of machines</h2>\n<div class=\"wide\"><table><thead><tr>"
	      "<th scope=\"col\">kind<th scope=\"col\">a guest there has<th scope=\"col\">how many"
	      "<th scope=\"col\">machines</tr></thead>\n",
	      file);
	for (size_t i = 0; i < matrix->kind_count; i++) {
		matrix_describe(&matrix->kinds[i], text);
		fprintf(file, "<tr id=\"k%zu\"><th scope=\"row\">%zu<td>%s<td>%zu<td>", i + 1,
		        i + 1, text, matrix->kinds[i].count);
		put_names(file, matrix, i);
		fputs("</tr>\n", file);
	}
	fputs("</table></div>\n", file);
}

static void put_cell(FILE *file, const struct matrix *matrix, size_t from, size_t to)
{
	const struct matrix_cell *cell = matrix_cell(matrix, from, to);

	fprintf(file, "<td class=\"%s\">", classes[cell->take]);
	if (cell->take == VPMU_TAKES)
		fputs(matrix_verdict(cell->take), file);
	else
		fprintf(file, "<a href=\"#c%zu-%zu\">%s</a>", from + 1, to + 1,
		        matrix_verdict(cell->take));
}

static void put_table(FILE *file, const struct matrix *matrix)
{
	fputs("<h2 id=\"matrix\">From (row) to (column)</h2>\n"
	      "<p><b>runs</b>: as it is. <b>runs, but</b>: a put goes through, and the guest can "
	      "notice. <b>refused</b>: a put is refused, or the guest's PMU as a whole is not "
	      "there.</p>\n<div class=\"wide\"><table><thead><tr><th scope=\"col\">from \\ to",
	      file);
	for (size_t i = 0; i < matrix->kind_count; i++)
		fprintf(file, "<th scope=\"col\"><a href=\"#k%zu\">%zu</a>", i + 1, i + 1);
	fputs("</tr></thead>\n", file);
	for (size_t i = 0; i < matrix->kind_count; i++) {
		fputs("<tr><th scope=\"row\">", file);
		put_kind(file, matrix, i);
		for (size_t j = 0; j < matrix->kind_count; j++)
			put_cell(file, matrix, i, j);
		fputs("</tr>\n", file);
	}
	fputs("</table></div>\n", file);
}

static void put_lines(FILE *file, const char *text)
{
	fputs("<ul>\n", file);
	while (*text) {
		size_t length = strcspn(text, "\n");

		fputs("<li>", file);
		page_put_bytes(file, text, length);
		fputs("</li>\n", file);
		text += length + 1;
	}
	fputs("</ul>\n", file);
}

static void put_why(FILE *file, const struct matrix *matrix)
{
	fputs("<h2 id=\"why\">Why</h2>\n", file);
	for (size_t i = 0; i < matrix->kind_count * matrix->kind_count; i++) {
		const struct matrix_cell *cell = &matrix->cells[i];
		size_t from = i / matrix->kind_count + 1, to = i % matrix->kind_count + 1;

		if (cell->take == VPMU_TAKES)
			continue;
		fprintf(file, "<h3 id=\"c%zu-%zu\">From ", from, to);
		put_kind(file, matrix, from - 1);
		fputs(" to ", file);
		put_kind(file, matrix, to - 1);
		fprintf(file, ": %s</h3>\n", matrix_verdict(cell->take));
		put_lines(file, cell->why);
	}
}

int matrix_html(const struct matrix *matrix, struct output *output)
{
	FILE *file = output->stream;

	fprintf(file,
	        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
	        "<meta name=\"viewport\" content=\"width=device-width\">"
	        "<title>vpmu state compat</title><style>%s</style></head><body>\n"
	        "<h1>Where guests can go</h1>\n<p>%zu machines, %zu kinds; of %zu ways %zu run, "
	        "%zu "
	        "run with a difference, %zu are refused. Made by vpmu %s; order of puts: %s.</p>\n"
	        "<p><a href=\"#matrix\">Matrix</a>, <a href=\"#kinds\">kinds</a>, <a "
	        "href=\"#why\">why</a></p>\n",
	        style, matrix->fleet->count, matrix->kind_count,
	        matrix->kind_count * matrix->kind_count, matrix->verdicts[VPMU_TAKES],
	        matrix->verdicts[VPMU_TAKES_CHANGED], matrix->verdicts[VPMU_CANNOT_TAKE],
	        vpmu_version(), matrix->order->name);
	put_table(file, matrix);
	put_kinds(file, matrix);
	put_why(file, matrix);
	fputs("</body></html>\n", file);
	return output_commit(output) ? TOOL_HOLDS : TOOL_LACKS;
}
