/* SPDX-License-Identifier: MIT */
/* What two sides answer differently as one HTML page; the verdict first, then a part a difference.
 */
#include <stdio.h>
#include <string.h>

#include <vpmu/vpmu.h>

#include "diff.h"
#include "input/file.h"
#include "lib/page.h"

static const char *const names[] = {"OLD", "NEW"};

static void put_title(FILE *file, const struct class *class)
{
	page_put_escaped(file, class->script.text[class->difference.line]);
	fputs(class->difference.ended ? ": the kernel's code ends" : " is answered differently",
	      file);
}

static void put_contents(FILE *file, const struct diff *diff)
{
	fputs("<nav aria-label=\"Contents\"><h2>Contents</h2><ul>"
	      "<li><a href=\"#compared\">What was compared</a></li>\n",
	      file);
	for (unsigned i = 0; i < diff->count; i++) {
		fprintf(file, "<li><a href=\"#d%u\">", i + 1);
		put_title(file, &diff->classes[i]);
		fputs("</a></li>\n", file);
	}
	if (diff_has_unreached(diff))
		fputs("<li><a href=\"#unreached\">Lines that no program reached</a></li>", file);
	fputs("</ul></nav>\n", file);
}

static void put_sides(FILE *file, const struct diff *diff)
{
	fputs("<section id=\"compared\"><h2>What was compared</h2>\n<table class=\"cells\">"
	      "<caption>The two sides</caption>\n<thead><tr><th scope=\"col\">side</th>"
	      "<th scope=\"col\">file</th><th scope=\"col\">kernel</th></tr></thead><tbody>\n",
	      file);
	for (int i = 0; i < 2; i++) {
		fprintf(file, "<tr><th scope=\"row\">%s</th>", names[i]);
		page_put_element(file, "td", "data-head=\"file\"", diff->side[i].path);
		page_put_element(file, "td", "data-head=\"kernel\"", diff->side[i].name);
		fputs("</tr>\n", file);
	}
	fprintf(file, "</tbody></table>\n<p>Made by vpmu %s.</p></section>\n", vpmu_version());
}

/* The script, with the names of its registers. */
static void put_script(FILE *file, const struct class *class)
{
	const struct kept_program *script = &class->script;

	fputs("<pre tabindex=\"0\">", file);
	for (unsigned i = 0; i < script->program.count; i++) {
		const char *name = line_register(script, i);

		page_put_escaped(file, script->text[i]);
		if (*name) {
			fputs(" # ", file);
			page_put_escaped(file, name);
		}
		putc('\n', file);
	}
	fputs("</pre>\n", file);
}

static void put_functions(FILE *file, const struct diff *diff, const struct class *class, int side)
{
	const struct code *code = &diff->code[side];
	const char *between = "";

	for (unsigned i = 0; (i = next_function(diff, class, side, i)) < code->block_count; i++) {
		fputs(between, file);
		page_put_escaped(file, code->block[i].function);
		between = ", ";
	}
}

static void put_answers(FILE *file, const struct diff *diff, const struct class *class, unsigned i)
{
	fprintf(file,
	        "<table class=\"cells\"><caption>The answers to difference %u</caption>\n<thead>"
	        "<tr><th scope=\"col\">side</th><th scope=\"col\">answer</th>"
	        "<th scope=\"col\">functions only there</th></tr></thead><tbody>\n",
	        i + 1);
	for (int side = 0; side < 2; side++) {
		fprintf(file, "<tr><th scope=\"row\">%s</th>", names[side]);
		page_put_element(file, "td", "data-head=\"answer\"",
		                 class->difference.answer[side]);
		fputs("<td data-head=\"functions only there\"><span>", file);
		if (diff->same_code)
			put_functions(file, diff, class, side);
		fputs("</span></td></tr>\n", file);
	}
	fputs("</tbody></table>\n", file);
}

static void put_line(FILE *file, const char *side, const struct code *code, unsigned line)
{
	unsigned number;
	const char *path = code_place(code, line, &number), *text;
	size_t length;

	diff_line_text(code, line, &text, &length);
	fprintf(file, "%s ", side);
	page_put_escaped(file, path);
	fprintf(file, ":%u: ", number);
	page_put_bytes(file, text, length);
	putc('\n', file);
}

static void put_touched(FILE *file, const struct diff *diff, const struct class *class)
{
	bool told = false;

	for (int side = 0; side < 2; side++)
		for (unsigned line = 0; (line = next_touched(diff, class, side, line));) {
			if (!told)
				fputs("<p>Lines of the patch that it executes:</p>\n"
				      "<pre tabindex=\"0\">",
				      file);
			told = true;
			put_line(file, names[side], &diff->code[side], line);
		}
	fputs(told ? "</pre>\n" : "", file);
}

static void put_class(FILE *file, const struct diff *diff, unsigned i)
{
	const struct class *class = &diff->classes[i];

	fprintf(file, "<section id=\"d%u\"><h2>%u. ", i + 1, i + 1);
	put_title(file, class);
	fputs("</h2>\n", file);
	put_answers(file, diff, class, i);
	fputs("<p>For <code>vpmu replay</code>:</p>\n", file);
	put_script(file, class);
	if (diff->same_code)
		put_touched(file, diff, class);
	fputs("</section>\n", file);
}

static void put_unreached(FILE *file, const struct diff *diff)
{
	fputs("<section id=\"unreached\"><h2>Lines of the patch that no program reached</h2>\n"
	      "<pre tabindex=\"0\">",
	      file);
	for (int side = 0; side < 2; side++)
		for (unsigned i = 1; i <= diff->code[side].line_count; i++)
			if (diff_is_unreached(&diff->code[side].line[i]))
				put_line(file, names[side], &diff->code[side], i);
	fputs("</pre></section>\n", file);
}

int diff_write_html(const struct diff *diff, struct output *output)
{
	FILE *file = output->stream;

	page_begin(file, "vpmu kernel diff", "main", diff->count ? "bad" : "ok");
	diff_put_verdict(file, diff);
	fputs("</strong></p>\n<p>What OLD and NEW answer differently, each sort of difference by "
	      "the shortest script that shows it.</p></header>\n",
	      file);
	put_contents(file, diff);
	fputs("<main id=\"main\" tabindex=\"-1\">\n", file);
	put_sides(file, diff);
	for (unsigned i = 0; i < diff->count; i++)
		put_class(file, diff, i);
	if (diff_has_unreached(diff))
		put_unreached(file, diff);
	fputs("</main>\n</body></html>\n", file);
	return output_commit(output) ? TOOL_HOLDS : TOOL_LACKS;
}
