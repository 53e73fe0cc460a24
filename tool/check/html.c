/* SPDX-License-Identifier: MIT */
/* A table of cells as one HTML page that needs nothing else, and the replay scripts as files. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "command.h"
#include "lib/file.h"
#include "lib/message.h"

enum { NAME_BYTES = 256 };

static const char style[] =
	"body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:75em;padding:0 1em;"
	"color:#1c2024;background:#fff}"
	"table{border-collapse:collapse;margin:1em 0}"
	"th,td{border:1px solid #d5d9de;padding:.25em .6em;text-align:left;font-weight:normal}"
	"thead th{background:#f2f4f6}"
	"td.ok{background:#e3f4e5}td.bad{background:#fbe0dd}td.none{color:#888}td.part{background:#"
	"fff3cd}"
	"td a{color:#8a1c12}pre{background:#f6f7f9;padding:.8em;overflow:auto;font-size:13px}"
	"code{font-size:13px}summary{cursor:pointer}h3{margin-bottom:.2em}"
	"@media(prefers-color-scheme:dark){body{color:#e4e6e8;background:#17191c}"
	"th,td{border-color:#3a3f45}thead th,pre{background:#22262b}td.ok{background:#17351d}"
	"td.bad{background:#4a1d19}td.part{background:#4a3d12}td a{color:#ffb4ab}}";

static void put_escaped(FILE *file, const char *text)
{
	for (; *text; text++) {
		if (*text == '<')
			fputs("&lt;", file);
		else if (*text == '>')
			fputs("&gt;", file);
		else if (*text == '&')
			fputs("&amp;", file);
		else if (*text == '"')
			fputs("&quot;", file);
		else
			putc(*text, file);
	}
}

static void put_element(FILE *file, const char *tag, const char *text)
{
	fprintf(file, "<%s>", tag);
	put_escaped(file, text);
	fprintf(file, "</%s>", tag);
}

static void put_head(FILE *file, const struct check_table *table)
{
	fprintf(file,
	        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
	        "<meta name=\"viewport\" content=\"width=device-width\">"
	        "<title>vpmu check</title><style>%s</style></head><body>\n"
	        "<h1>vpmu check</h1>\n<p>What a put of PMU state loses, by order, model, profile "
	        "and "
	        "prior life. A cell holds, or names what is violated and links to the shortest "
	        "counterexample. Made by vpmu %s; scope <code>",
	        style, vpmu_version());
	put_escaped(file, table->scope);
	fputs("</code>", file);
	if (*table->kernel) {
		fputs("; judged by the code of ", file);
		put_escaped(file, table->kernel);
	}
	fputs(".</p>\n<table><thead><tr><th><th>property<th>claim</tr></thead>\n", file);
	for (unsigned i = 0; i < CHECK_PROPERTIES; i++)
		fprintf(file, "<tr><td>%c<td>%s<td>%s</tr>\n", check_properties[i].letter,
		        check_properties[i].name, check_properties[i].about);
	fputs("</table>\n", file);
}

static bool has_any(const struct check_cell *cell, uint32_t which)
{
	for (unsigned i = 0; i < CHECK_PROPERTIES; i++)
		if (which >> i & 1 && cell_violates(cell, (enum check_property)i))
			return true;
	return false;
}

static void put_letters(FILE *file, const struct check_cell *cell, size_t i, uint32_t which)
{
	fprintf(file, "<a href=\"#c%zu\">", i);
	for (unsigned j = 0; j < CHECK_PROPERTIES; j++)
		if (which >> j & 1 && cell_violates(cell, (enum check_property)j))
			fprintf(file, "<span title=\"%s\">%c</span>", check_properties[j].name,
			        check_properties[j].letter);
	fputs("</a>", file);
}

static void put_cell(FILE *file, const struct check_cell *cell, size_t i)
{
	if (!cell_holds(cell)) {
		fputs("<td class=\"bad\">", file);
		put_letters(file, cell, i, UINT32_MAX);
		fputs("</td>", file);
	} else if (!cell->exists) {
		fputs("<td class=\"none\">&ndash;</td>", file);
	} else {
		fputs(cell->incomplete ? "<td class=\"part\">not all explored"
		                       : "<td class=\"ok\">holds",
		      file);
		if (has_any(cell, ~CHECK_OF_ORDERS)) {
			fputs("; ", file);
			put_letters(file, cell, i, ~CHECK_OF_ORDERS);
		}
		fputs("</td>", file);
	}
}

static bool same_row(const struct check_cell *a, const struct check_cell *b)
{
	return !strcmp(a->order, b->order) && !strcmp(a->model, b->model) &&
	       !strcmp(a->profile, b->profile);
}

static size_t put_row(FILE *file, const struct check_table *table, size_t i)
{
	const struct check_cell *first = &table->cells[i];
	unsigned column = 0;

	fputs("<tr>", file);
	put_element(file, "th", first->model);
	put_element(file, "th", first->profile);
	for (; i < table->count && same_row(first, &table->cells[i]); i++) {
		for (; column < table->cells[i].life; column++)
			fputs("<td></td>", file);
		column++;
		put_cell(file, &table->cells[i], i);
	}
	fputs("</tr>\n", file);
	return i;
}

static void put_tables(FILE *file, const struct check_table *table)
{
	size_t i = 0;

	while (i < table->count) {
		const char *order = table->cells[i].order;

		fputs("<h2>order ", file);
		put_escaped(file, order);
		fputs("</h2>\n<table><thead><tr><th>model<th>profile", file);
		for (unsigned j = 0; j < CHECK_LIVES; j++)
			fprintf(file, "<th title=\"%s\">%s", check_lives[j].about,
			        check_lives[j].name);
		fputs("</tr></thead>\n", file);
		while (i < table->count && !strcmp(order, table->cells[i].order))
			i = put_row(file, table, i);
		fputs("</table>\n", file);
	}
}

static void put_violation(FILE *file, const struct check_violation *violation, unsigned property)
{
	fprintf(file, "<details><summary>%s: %s (%u steps)</summary>\n",
	        check_properties[property].name, check_properties[property].about,
	        violation->steps);
	put_element(file, "pre", violation->story);
	fprintf(file, "<p>%s</p>\n",
	        violation->replays ? "For <code>vpmu replay</code>:"
	                           : "The replay language cannot say this:");
	put_element(file, "pre", violation->script);
	fputs("</details>\n", file);
}

static void put_counterexamples(FILE *file, const struct check_table *table)
{
	fputs("<h2>Counterexamples</h2>\n", file);
	for (size_t i = 0; i < table->count; i++) {
		const struct check_cell *cell = &table->cells[i];

		if (!has_any(cell, UINT32_MAX))
			continue;
		fprintf(file, "<h3 id=\"c%zu\">", i);
		put_escaped(file, cell->order);
		fputs(", ", file);
		put_escaped(file, cell->model);
		fputs(", ", file);
		put_escaped(file, cell->profile);
		fprintf(file, ", %s</h3>\n", check_lives[cell->life].name);
		for (unsigned j = 0; j < CHECK_PROPERTIES; j++)
			if (cell_violates(cell, (enum check_property)j))
				put_violation(file, &cell->violations[j], j);
	}
	fputs("<script>addEventListener('hashchange',function(){var e=document.getElementById("
	      "location.hash.slice(1));for(e=e&&e.nextElementSibling;e&&e.tagName=='DETAILS';"
	      "e=e.nextElementSibling)e.open=true})</script>\n</body></html>\n",
	      file);
}

int check_write_html(const struct check_table *table, struct output *output)
{
	put_head(output->stream, table);
	put_tables(output->stream, table);
	put_counterexamples(output->stream, table);
	return output_commit(output) ? TOOL_HOLDS : TOOL_LACKS;
}

/* --- Scripts --- */

/* A name as a part of a file's: what could be a path, or is no plain character, becomes '_'. */
static const char *file_part(const char *name, char part[NAME_BYTES])
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   "-.,=_";
	size_t used = 0;

	for (; name[used] && used < NAME_BYTES - 1; used++)
		part[used] = strchr(safe, name[used]) ? name[used] : '_';
	part[used] = '\0';
	if (*part == '.')
		*part = '_';
	return part;
}

static int write_script(const struct check_cell *cell, unsigned property, const char *directory)
{
	struct output output;
	char path[4000], order[NAME_BYTES], model[NAME_BYTES], profile[NAME_BYTES];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s-%s-%s-%s-%s.replay", directory,
	                     file_part(cell->order, order), file_part(cell->model, model),
	                     file_part(cell->profile, profile), check_lives[cell->life].name,
	                     check_properties[property].name) >= sizeof(path)) {
		message("the name is too long: %s", directory);
		return TOOL_BAD;
	}
	if (!output_open(&output, path))
		return TOOL_LACKS;
	fputs(cell->violations[property].script, output.stream);
	return output_commit(&output) ? TOOL_HOLDS : TOOL_LACKS;
}

int check_make_folder(const char *directory)
{
	char inside[4000];

	snprintf(inside, sizeof(inside), "%s/.", directory);
	if (mkdir(directory, 0777) && errno != EEXIST)
		message("cannot make: %s: %s", directory, strerror(errno));
	else if (access(inside, W_OK | X_OK))
		message("cannot write: %s: %s", directory, strerror(errno));
	else
		return TOOL_HOLDS;
	return TOOL_LACKS;
}

int check_write_scripts(const struct check_table *table, const char *directory)
{
	int status = TOOL_HOLDS;

	for (size_t i = 0; i < table->count; i++)
		for (unsigned j = 0; j < CHECK_PROPERTIES && !status; j++) {
			const struct check_cell *cell = &table->cells[i];

			if (cell_violates(cell, (enum check_property)j) &&
			    cell->violations[j].replays)
				status = write_script(cell, j, directory);
		}
	return status;
}
