/* SPDX-License-Identifier: MIT */
/*
 * The kernel's code that a program carries: its text, its blocks, which lines are executed, and
 * what a patch touches of it.
 */
#ifndef TOOL_KERNEL_CODE_H
#define TOOL_KERNEL_CODE_H

#include "kernel.h"

enum { CODE_PIECES = 64, CODE_PATH_BYTES = 96, CODE_FUNCTION_BYTES = 64, BLOCK_LINES = 24 };

/* A file, or a piece of one, as the program carries it: the lines of `text` from `first` on. */
struct piece {
	char path[CODE_PATH_BYTES];
	unsigned first, count; /* lines */
	unsigned at;           /* of its first line in the carried text, from 1 */
};

struct code_line {
	const char *text; /* up to its newline */
	bool has_code;
	bool executed, ever; /* by code_execute(); by any batch */
	unsigned hunk;       /* of the patch that touches it, from 1; 0: none */
};

struct block {
	const char *function;              /* CODE_FUNCTION_BYTES at most, ends at a blank */
	unsigned line[BLOCK_LINES], count; /* in the carried text */
	bool executed;
};

struct code {
	char *carried, *table;
	size_t carried_bytes;
	struct piece piece[CODE_PIECES];
	unsigned piece_count;
	struct code_line *line; /* by its number in the carried text, from 1 */
	unsigned line_count;
	struct block *block; /* by its number; count 0: it is in no line of the kernel's */
	unsigned block_count;
};

/* Returns TOOL_HOLDS, or another status after a message. *code needs code_close() in any case. */
int code_open(struct code *code, const char *program);
void code_close(struct code *code);

/* Reads carried and table, which are set; the table is changed. False: no memory. */
bool code_read(struct code *code);

/* Notes what a batch has executed: the end of its answers, which is changed. */
void code_note_coverage(struct code *code, char *answers);

/* Runs programs to learn what they execute; adds to `executed` of blocks and lines. False after a
 * message. */
bool code_execute(struct code *code, const char *program, const struct program *programs,
                  size_t count);
void code_forget(struct code *code);

/* Marks the lines that differ between the two, by diff(1); returns the number of hunks, -1 after a
 * message. */
int code_compare(struct code *old, struct code *new);

/* The file and the number in it of a line of the carried text. */
const char *code_place(const struct code *code, unsigned line, unsigned *number);

#endif
