/* SPDX-License-Identifier: MIT */
/* Differences between two sides: finding, classifying and reporting them. */
#ifndef TOOL_KERNEL_DIFF_H
#define TOOL_KERNEL_DIFF_H

#include <stdio.h>

#include "code.h"

struct output;

enum { CLASSES = 64, KEY_BYTES = 256 };

/* A class of differences, by its first example. */
struct class
{
	char key[KEY_BYTES];
	struct kept_program script;
	struct difference difference;
	struct code_line
		*executed[2]; /* the code's lines, as this script executes them; may be NULL */
	bool *ran[2];         /* the same of its blocks */
};

struct diff {
	struct side side[2];
	struct code code[2];
	bool same_code; /* both carry code: what a patch touches is told */
	int hunks;
	const char *models; /* NULL: the generator's own */
	char profile[KERNEL_NAME_BYTES];
	bool mediated; /* half of the programs are for profile mediated */
	uint64_t operations, seed;
	bool json;
	/* What was found. */
	uint64_t done;
	bool more; /* classes than there is room for */
	unsigned count;
	struct class *classes; /* CLASSES */
};

/* TOOL_HOLDS: no difference; TOOL_FAILS; TOOL_LACKS after a message. */
int diff_find(struct diff *diff);

/* "IA32_PMC0" of a line's MSR; "" if it names none. */
const char *line_register(const struct kept_program *script, unsigned line);

/* The i-th line of one side's code that the script executes and the patch touches, and so on; 0: no
 * more. */
unsigned next_touched(const struct diff *diff, const struct class *class, int side, unsigned after);

/* The i-th block of one side whose function is executed only there; block_count: no more. */
unsigned next_function(const struct diff *diff, const struct class *class, int side, unsigned from);

/* How many lines the patch touches that have code, and how many of them were executed. */
void touched_lines(const struct diff *diff, unsigned *touched, unsigned *executed);

/* --- report.c --- */

/* A line of the kernel's text, without the blanks around it. */
void diff_line_text(const struct code *code, unsigned line, const char **text, size_t *length);

/* Whether the patch touches the line, and no program reached it. */
bool diff_is_unreached(const struct code_line *line);
bool diff_has_unreached(const struct diff *diff);

/* "2 differences in 100,000 operations, which executed …", without a line's end. */
void diff_put_verdict(FILE *to, const struct diff *diff);

void diff_print(const struct diff *diff);
int diff_print_json(const struct diff *diff);

/* html.c: the page; TOOL_LACKS after a message. */
int diff_write_html(const struct diff *diff, struct output *output);

#endif
