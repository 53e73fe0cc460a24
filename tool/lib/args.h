/* SPDX-License-Identifier: MIT */
/*
 * Options are rows of a table: parsing, range checks, suggestions and the text of --help are all
 * derived from the rows.
 */
#ifndef TOOL_ARGS_H
#define TOOL_ARGS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
	OPTION_FLAG,    /* bool */
	OPTION_JSON,    /* bool; a build without JSON refuses it */
	OPTION_TEXT,    /* const char * */
	OPTION_LIST,    /* struct option_list: it may be typed several times */
	OPTION_MAYBE,   /* const char *; "" alone: its value, KEY=VALUE…, may be left out */
	OPTION_COUNT,   /* uint64_t */
	OPTION_SIZE,    /* uint64_t, in bytes, typed with K, M or G */
	OPTION_SECONDS, /* uint64_t, in microseconds, typed in seconds with a fraction */
};

enum { OPTION_TIMES = 16 };

struct option_list {
	const char *of[OPTION_TIMES];
	unsigned count;
};

struct option_row {
	const char *name;  /* without the dashes */
	char letter;       /* its short form; 0: it has none */
	const char *value; /* what --help calls the value; NULL for a flag */
	const char *about; /* NULL: not shown by --help */
	enum option_kind kind;
	size_t offset;     /* in the command's structure of options */
	uint64_t min, max; /* of a number, in the stored unit */
	unsigned tag;      /* the command's own */
};

/* --json of a command whose structure of options has a member `json`. */
#define ARGS_JSON(structure, about_)                                                               \
	{                                                                                          \
		.name = "json", .about = (about_), .kind = OPTION_JSON,                            \
		.offset = offsetof(structure, json)                                                \
	}

struct command;

enum { ARGS_GO = -1, ARGS_OPERANDS = 8 };

#define ARGS_ANY UINT_MAX

/*
 * Parses a command's arguments into `options` and `operands` (ARGS_OPERANDS entries, NULL past the
 * last). Returns ARGS_GO, or the exit status when --help has been printed or a message said what
 * is wrong.
 */
int args_parse(const struct command *command, int argc, char **argv, void *options,
               const char **operands);

/*
 * The same of a command that takes a list (operand_max ARGS_ANY): the operands move to the front of
 * argv, and *operands points to them, NULL behind the last.
 */
int args_parse_list(const struct command *command, int argc, char **argv, void *options,
                    const char *const **operands);

/*
 * The same for a command that runs another one: everything after "--" belongs to that one; *argv
 * points to it and *argc counts it. It must not be empty.
 */
int args_parse_before(const struct command *command, int *argc, char ***argv, void *options);

/* Whether the option has been typed, or the command has given it a value before. */
bool option_is_set(const struct option_row *row, const void *options);

#endif
