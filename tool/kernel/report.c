/* SPDX-License-Identifier: MIT */
/* What was found, as text and as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "diff.h"
#include "json/json.h"
#include "lib/message.h"
#include "lib/number.h"
#include "lib/visible.h"

enum { SHOWN = 8 }; /* lines and functions of one list */

void diff_line_text(const struct code *code, unsigned line, const char **text, size_t *length)
{
	const char *at = code->line[line].text;

	at += strspn(at, " \t");
	*text = at;
	*length = strcspn(at, "\n");
}

static const char *verb_end(unsigned count)
{
	return count == 1 ? "" : "s";
}

/* --- Text ------------------------------------------------------------------------------------- */

static void print_line(const struct code *code, unsigned line)
{
	unsigned number;
	const char *path = code_place(code, line, &number), *text;
	size_t length;

	diff_line_text(code, line, &text, &length);
	printf("%s:%u: ", path, number);
	print_visible_bytes(stdout, text, length);
	putchar('\n');
}

static void print_touched(const struct diff *diff, const struct class *class, int side)
{
	unsigned count = 0;

	for (unsigned line = 0; (line = next_touched(diff, class, side, line)); count++) {
		if (count >= SHOWN)
			continue;
		printf("%s", count  ? ""
		             : side ? "   lines that NEW executes and OLD lacks:\n"
		                    : "   lines that OLD executes and NEW lacks:\n");
		printf("     ");
		print_line(&diff->code[side], line);
	}
	if (count > SHOWN)
		printf("     and %u more\n", count - SHOWN);
}

static void print_functions(const struct diff *diff, const struct class *class, int side)
{
	const struct code *code = &diff->code[side];
	unsigned count = 0, block = 0;

	while ((block = next_function(diff, class, side, block)) < code->block_count) {
		if (count < SHOWN)
			printf("%s%s",
			       count  ? ", "
			       : side ? "   functions only in NEW: "
			              : "   functions only in OLD: ",
			       code->block[block].function);
		count++;
		block++;
	}
	if (count > SHOWN)
		printf(" and %u more", count - SHOWN);
	if (count)
		putchar('\n');
}

static void print_class(const struct diff *diff, unsigned i)
{
	const struct class *class = &diff->classes[i];
	const struct kept_program *script = &class->script;

	printf("\n%u. %s%s\n\n", i + 1, script->text[class->difference.line],
	       class->difference.ended ? ": the kernel's code ends" : " is answered differently");
	for (unsigned j = 0; j < script->program.count; j++) {
		const char *name = line_register(script, j);
		int used = printf("   %s", script->text[j]);

		if (*name)
			printf("%*s# %s", used < 36 ? 36 - used : 1, "", name);
		putchar('\n');
	}
	printf("\n   OLD: %s\n   NEW: %s\n", class->difference.answer[0],
	       class->difference.answer[1]);
	for (int side = 0; side < 2 && diff->same_code; side++)
		print_functions(diff, class, side);
	for (int side = 0; side < 2 && diff->same_code; side++)
		print_touched(diff, class, side);
}

bool diff_is_unreached(const struct code_line *line)
{
	return line->hunk && line->has_code && !line->ever;
}

/* Whether no line between the two was executed. */
static bool all_unreached(const struct code *code, unsigned from, unsigned to)
{
	while (++from < to)
		if (code->line[from].has_code && !diff_is_unreached(&code->line[from]))
			return false;
	return true;
}

/* The lines from `first` on to the last that belongs to them; returns that one. */
static unsigned print_unreached_run(const struct code *code, unsigned first, const char *side)
{
	unsigned last = first, number, from, count = 1;
	const char *path = code_place(code, first, &from);

	for (unsigned i = first + 1; i <= code->line_count && all_unreached(code, last, i); i++)
		if (diff_is_unreached(&code->line[i]) &&
		    !strcmp(code_place(code, i, &number), path)) {
			last = i;
			count++;
		}
	if (count == 1) {
		printf("  %s ", side);
		print_line(code, first);
		return last;
	}
	code_place(code, last, &number);
	printf("  %s %s:%u-%u: %u lines\n", side, path, from, number, count);
	return last;
}

static void print_unreached(const struct diff *diff)
{
	bool told = false;

	for (int side = 0; side < 2; side++) {
		const struct code *code = &diff->code[side];

		for (unsigned i = 1; i <= code->line_count; i++) {
			if (!diff_is_unreached(&code->line[i]))
				continue;
			if (!told)
				printf("\nLines of the patch that no program reached:\n");
			told = true;
			i = print_unreached_run(code, i, side ? "NEW" : "OLD");
		}
	}
}

bool diff_has_unreached(const struct diff *diff)
{
	for (int side = 0; side < 2 && diff->same_code; side++)
		for (unsigned i = 1; i <= diff->code[side].line_count; i++)
			if (diff_is_unreached(&diff->code[side].line[i]))
				return true;
	return false;
}

void diff_put_verdict(FILE *to, const struct diff *diff)
{
	char text[NUMBER_GROUPED_BYTES];
	const char *done = number_grouped(diff->done, text);
	unsigned touched, executed;

	touched_lines(diff, &touched, &executed);
	if (diff->count)
		fprintf(to, "%u difference%s%s in %s operations", diff->count,
		        verb_end(diff->count), diff->more ? " or more" : "", done);
	else
		fprintf(to, "no difference in %s operations", done);
	if (diff->same_code && !diff->hunks)
		fputs("; the two have the same PMU code", to);
	else if (diff->same_code && touched)
		fprintf(to, ", which executed %u %% of the lines that the patch touches (%u of %u)",
		        executed * 100 / touched, executed, touched);
	else if (diff->same_code)
		fputs("; the patch touches no line that is compiled", to);
	fprintf(to, " (seed %" PRIu64 ")", diff->seed);
}

void diff_print(const struct diff *diff)
{
	printf("OLD: %s (%s)\nNEW: %s (%s)\n", diff->side[0].path, diff->side[0].name,
	       diff->side[1].path, diff->side[1].name);
	for (unsigned i = 0; i < diff->count; i++)
		print_class(diff, i);
	if (diff->count)
		putchar('\n');
	diff_put_verdict(stdout, diff);
	putchar('\n');
	if (diff->same_code)
		print_unreached(diff);
}

/* --- JSON ------------------------------------------------------------------------------------- */

#if HAVE_JANSSON

static const char *const sides[] = {"old", "new"};

static json_t *line_json(const struct code *code, unsigned line)
{
	unsigned number;
	const char *path = code_place(code, line, &number), *text;
	json_t *object = json_object();
	size_t length;

	diff_line_text(code, line, &text, &length);
	json_object_set_new(object, "file", json_string(path));
	json_object_set_new(object, "line", json_count(number));
	json_object_set_new(object, "text", json_bytes(text, length));
	return object;
}

static json_t *class_side_json(const struct diff *diff, const struct class *class, int side)
{
	json_t *object = json_object(), *functions = json_array(), *lines = json_array();
	const struct code *code = &diff->code[side];

	json_object_set_new(object, "answer", json_string(class->difference.answer[side]));
	for (unsigned block = 0;
	     diff->same_code &&
	     (block = next_function(diff, class, side, block)) < code->block_count;
	     block++)
		json_array_append_new(functions, json_string(code->block[block].function));
	for (unsigned line = 0; diff->same_code && (line = next_touched(diff, class, side, line));)
		json_array_append_new(lines, line_json(code, line));
	json_object_set_new(object, "functions", functions);
	json_object_set_new(object, "lines", lines);
	return object;
}

static json_t *class_json(const struct diff *diff, const struct class *class)
{
	json_t *object = json_object(), *script = json_array(), *registers = json_array();

	for (unsigned i = 0; i < class->script.program.count; i++) {
		const char *name = line_register(&class->script, i);

		json_array_append_new(script, json_string(class->script.text[i]));
		if (*name)
			json_array_append_new(registers, json_string(name));
	}
	json_object_set_new(object, "script", script);
	json_object_set_new(object, "registers", registers);
	for (int side = 0; side < 2; side++)
		json_object_set_new(object, sides[side], class_side_json(diff, class, side));
	return object;
}

static json_t *side_json(const struct side *side)
{
	json_t *object = json_object();

	json_object_set_new(object, "file", json_bytes(side->path, strlen(side->path)));
	json_object_set_new(object, "kernel", json_string(side->name));
	return object;
}

static json_t *patch_json(const struct diff *diff)
{
	json_t *object = json_object(), *unreached = json_array();
	unsigned touched, executed;

	touched_lines(diff, &touched, &executed);
	json_object_set_new(object, "lines", json_count(touched));
	json_object_set_new(object, "executed", json_count(executed));
	for (int side = 0; side < 2; side++)
		for (unsigned i = 1; i <= diff->code[side].line_count; i++) {
			if (diff_is_unreached(&diff->code[side].line[i]))
				json_array_append_new(unreached, line_json(&diff->code[side], i));
		}
	json_object_set_new(object, "unreached", unreached);
	return object;
}

int diff_print_json(const struct diff *diff)
{
	json_t *document = json_document("vpmu-kernel-diff", 1), *found = json_array();

	for (int side = 0; side < 2; side++)
		json_object_set_new(document, sides[side], side_json(&diff->side[side]));
	json_object_set_new(document, "operations", json_count(diff->done));
	json_object_set_new(document, "seed", json_count(diff->seed));
	for (unsigned i = 0; i < diff->count; i++)
		json_array_append_new(found, class_json(diff, &diff->classes[i]));
	json_object_set_new(document, "differences", found);
	if (diff->same_code)
		json_object_set_new(document, "patch", patch_json(diff));
	return json_print(document);
}

#else

int diff_print_json(const struct diff *diff)
{
	return TOOL_LACKS;
}

#endif
