/* SPDX-License-Identifier: MIT */
/* Reads what a program says of its code: --carried, --table, --coverage (src/kernel/kreplay.c). */
#include "code.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/memory.h"
#include "lib/message.h"

enum { BLOCKS = 1 << 20 }; /* more than any kernel's PMU code has */

/* --- Its text --------------------------------------------------------------------------------- */

static void take_header(struct code *code, const char *line, unsigned number)
{
	struct piece *piece = &code->piece[code->piece_count];

	if (code->piece_count == CODE_PIECES)
		return;
	if (sscanf(line, "=== %95s %u", piece->path, &piece->first) != 2)
		return;
	piece->at = number + 1;
	code->piece_count++;
}

static bool read_carried(struct code *code)
{
	unsigned number = 0;

	for (const char *at = code->carried; *at; at++)
		code->line_count += *at == '\n';
	code->line = memory_get((code->line_count + 1) * sizeof(*code->line));
	if (!code->line)
		return false;
	memset(code->line, 0, (code->line_count + 1) * sizeof(*code->line));
	for (const char *at = code->carried; number < code->line_count; at = strchr(at, '\n') + 1) {
		code->line[++number].text = at;
		if (!strncmp(at, "=== ", 4))
			take_header(code, at, number);
		else if (code->piece_count)
			code->piece[code->piece_count - 1].count++;
	}
	return true;
}

/* The line of the carried text; 0: it is not carried. */
static unsigned line_of(const struct code *code, const char *path, size_t length, unsigned number)
{
	for (unsigned i = 0; i < code->piece_count; i++) {
		const struct piece *piece = &code->piece[i];

		if (strlen(piece->path) == length && !memcmp(piece->path, path, length) &&
		    number >= piece->first && number < piece->first + piece->count)
			return piece->at + number - piece->first;
	}
	return 0;
}

const char *code_place(const struct code *code, unsigned line, unsigned *number)
{
	for (unsigned i = 0; i < code->piece_count; i++) {
		const struct piece *piece = &code->piece[i];

		if (line >= piece->at && line < piece->at + piece->count) {
			*number = piece->first + line - piece->at;
			return piece->path;
		}
	}
	*number = line;
	return "?";
}

/* --- Its blocks ------------------------------------------------------------------------------- */

/* "BLOCK FUNCTION FILE:LINE..." */
static void read_block(struct code *code, char *text)
{
	char *rest = NULL, *number = strtok_r(text, " ", &rest), *word;
	struct block *block;
	unsigned long which = number ? strtoul(number, NULL, 10) : code->block_count;

	if (which >= code->block_count)
		return;
	block = &code->block[which];
	block->function = strtok_r(NULL, " ", &rest);
	while ((word = strtok_r(NULL, " ", &rest)) && block->count < BLOCK_LINES) {
		const char *colon = strrchr(word, ':');
		unsigned line = colon ? line_of(code, word, (size_t)(colon - word),
		                                (unsigned)strtoul(colon + 1, NULL, 10))
		                      : 0;

		if (!line)
			continue;
		block->line[block->count++] = line;
		code->line[line].has_code = true;
	}
}

static bool read_table(struct code *code)
{
	char *rest = NULL;

	for (const char *at = code->table; (at = strchr(at, '\n')); at++) {
		unsigned long next = strtoul(at + 1, NULL, 10);

		if (next >= code->block_count && next < BLOCKS)
			code->block_count = (unsigned)next + 1;
	}
	code->block_count++;
	code->block = memory_get(code->block_count * sizeof(*code->block));
	if (!code->block)
		return false;
	memset(code->block, 0, code->block_count * sizeof(*code->block));
	for (char *line = strtok_r(code->table, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest))
		read_block(code, line);
	return true;
}

bool code_read(struct code *code)
{
	code->carried_bytes = strlen(code->carried);
	return read_carried(code) && read_table(code);
}

int code_open(struct code *code, const char *program)
{
	size_t bytes;

	*code = (struct code){.carried = kernel_ask(program, "--carried", &code->carried_bytes)};
	code->table = code->carried ? kernel_ask(program, "--table", &bytes) : NULL;
	if (!code->table)
		return TOOL_BAD;
	if (code_read(code))
		return TOOL_HOLDS;
	memory_say("the kernel's code");
	return TOOL_LACKS;
}

void code_close(struct code *code)
{
	free(code->carried);
	free(code->table);
	free(code->line);
	free(code->block);
}

/* --- What is executed ------------------------------------------------------------------------- */

void code_forget(struct code *code)
{
	for (unsigned i = 0; i < code->block_count; i++)
		code->block[i].executed = false;
	for (unsigned i = 0; i <= code->line_count; i++)
		code->line[i].executed = false;
}

/* The numbers of the blocks are the last line. */
static void take_coverage(struct code *code, char *text, bool alone)
{
	char *last = text, *rest = NULL;

	for (char *at = text; (at = strchr(at, '\n')) && at[1]; at++)
		last = at + 1;
	for (char *word = strtok_r(last, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest)) {
		char *end;
		unsigned long which = strtoul(word, &end, 10);

		if (*end || which >= code->block_count)
			continue;
		code->block[which].executed |= alone;
		for (unsigned i = 0; i < code->block[which].count; i++) {
			struct code_line *line = &code->line[code->block[which].line[i]];

			line->executed |= alone;
			line->ever = true;
		}
	}
}

void code_note_coverage(struct code *code, char *answers)
{
	take_coverage(code, answers, false);
}

bool code_execute(struct code *code, const char *program, const struct program *programs,
                  size_t count)
{
	char *arguments[] = {(char *)program, (char *)"--coverage", (char *)"--limit",
	                     (char *)"0.3",   (char *)"--batch",    NULL};
	int in = unnamed_file(), out = unnamed_file(), process;
	FILE *script = in >= 0 ? fdopen(dup(in), "w") : NULL;
	size_t bytes;
	char *text;

	if (!script || out < 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		for (unsigned j = 0; j < programs[i].count; j++)
			fprintf(script, "%s\n", programs[i].line[j]);
		fputs("---\n", script);
	}
	fclose(script);
	process = process_start(arguments, in, out, -1);
	if (process >= 0 && !process_wait(process).signal) {
		text = unnamed_read(out, &bytes);
		if (text)
			take_coverage(code, text, true);
		free(text);
	}
	close(in);
	close(out);
	return process >= 0;
}

/* --- What a patch touches --------------------------------------------------------------------- */

static int carried_file(const struct code *code)
{
	int fd = unnamed_file();

	if (fd < 0)
		return -1;
	for (unsigned i = 1; i <= code->line_count; i++) {
		const char *text = code->line[i].text;
		/* A piece may be elsewhere in its file. */
		size_t length = strncmp(text, "=== ", 4) ? strcspn(text, "\n") + 1 : 0;

		if ((length && write(fd, text, length) != (ssize_t)length) ||
		    (!length && write(fd, "===\n", 4) != 4)) {
			message("cannot write a temporary file");
			close(fd);
			return -1;
		}
	}
	return fd;
}

static void touch(struct code *code, unsigned first, unsigned count, int hunk)
{
	for (unsigned i = first; i < first + count && i <= code->line_count; i++)
		code->line[i].hunk = (unsigned)hunk;
}

/* "@@ -FIRST[,COUNT] +FIRST[,COUNT] @@" */
static int read_hunks(const char *text, struct code *old, struct code *new)
{
	int hunks = 0;

	for (const char *at = text; at; at = strchr(at, '\n')) {
		char *end;
		unsigned long first[2], count[2] = {1, 1};

		at += *at == '\n';
		if (strncmp(at, "@@ -", 4) != 0) {
			if (!*at)
				break;
			continue;
		}
		first[0] = strtoul(at + 4, &end, 10);
		if (*end == ',')
			count[0] = strtoul(end + 1, &end, 10);
		first[1] = strtoul(end + 2, &end, 10);
		if (*end == ',')
			count[1] = strtoul(end + 1, &end, 10);
		hunks++;
		touch(old, (unsigned)first[0], (unsigned)count[0], hunks);
		touch(new, (unsigned)first[1], (unsigned)count[1], hunks);
	}
	return hunks;
}

int code_compare(struct code *old, struct code *new)
{
	int files[2] = {carried_file(old), carried_file(new)}, out = unnamed_file(), hunks = -1;
	char paths[2][64], *arguments[] = {(char *)"/usr/bin/env",
	                                   (char *)"diff",
	                                   (char *)"-aU0",
	                                   paths[0],
	                                   paths[1],
	                                   NULL};
	struct ending ending = {.status = 2};
	size_t bytes;
	char *text;

	for (int i = 0; i < 2; i++)
		snprintf(paths[i], sizeof(paths[i]), "/proc/%d/fd/%d", getpid(), files[i]);
	if (files[0] >= 0 && files[1] >= 0 && out >= 0) {
		int process = process_start(arguments, -1, out, -1);

		if (process >= 0)
			ending = process_wait(process);
	}
	if (!ending.signal && ending.status <= 1) {
		text = unnamed_read(out, &bytes);
		hunks = text ? read_hunks(text, old, new) : -1;
		free(text);
	} else {
		message("cannot compare the kernels' text: diff failed (install diffutils)");
	}
	close(files[0]);
	close(files[1]);
	close(out);
	return hunks;
}
