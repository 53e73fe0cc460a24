/* SPDX-License-Identifier: MIT */
/*
 * What the files of `vpmu check` share: the table of cells, an order with a model on a profile
 * after a prior life each, filled by exploring or from the documents of other runs, and printed.
 */
#ifndef TOOL_CHECK_H
#define TOOL_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <check/room.h>
#include <vpmu/vpmu.h>

enum { CHECK_DOCUMENT_VERSION = 1 };

/* The shortest way in which a cell violates a property. */
struct check_violation {
	char *state, *story, *script; /* NULL: the property is not violated */
	unsigned steps, incidents;
	bool replays;
};

struct check_cell {
	const char *order, *model, *profile;
	enum check_life life;
	bool done, exists, incomplete;
	uint64_t scenarios, transitions, peak;
	struct check_violation violations[CHECK_PROPERTIES];
};

struct check_name {
	struct check_name *next;
	char text[];
};

struct check_table {
	char scope[CHECK_SCOPE_BYTES];
	uint64_t shard, shards; /* 1 of 1: all cells */
	size_t count;
	struct check_cell *cells;
	double seconds, cpu_seconds;
	unsigned jobs;
	size_t memory;            /* of a thread; 0: not known */
	struct check_name *names; /* of a joined table */
};

/* What is explored for the cell of the same number. */
struct check_job {
	struct check_subject subject;
	struct check_plan plan;
};

bool cell_holds(const struct check_cell *cell);
bool cell_violates(const struct check_cell *cell, enum check_property property);
void table_free(struct check_table *table);

/* TOOL_HOLDS, or TOOL_FAILS when a cell violates something; TOOL_LACKS when one is incomplete. */
int table_status(const struct check_table *table);

/* --- check_work.c --- */

/* Explores jobs[i] for each cell i of the shard, on so many threads. Returns the exit status. */
int check_work(struct check_table *table, const struct check_job *jobs,
               const struct check_scope *scope);

/* --- What is printed --- */

void check_print_matrix(const struct check_table *table);

/* A line for each property, and the shortest story of each that is violated. */
void check_print_verdict(const struct check_table *table);

int check_print_json(const struct check_table *table);

/* Returns the exit status: TOOL_HOLDS, or a message has said why not. */
int check_write_html(const struct check_table *table, const char *path);
int check_write_scripts(const struct check_table *table, const char *directory);

/* Joins the documents of --json --shard. The same. */
int check_merge(struct check_table *table, const char *const *paths);

/* --- check_find.c --- */

/* Searches for the shortest orders and compares them with `safe`; prints. The exit status. */
int check_find(const struct check_scope *scope, const struct check_job *jobs, size_t count);

#endif
