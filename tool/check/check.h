/* SPDX-License-Identifier: MIT */
/*
 * What the files of `vpmu check` share: the table of cells, each an order with a model on a profile
 * after a prior life, filled by exploring or from the documents of other runs, and printed.
 */
#ifndef TOOL_CHECK_H
#define TOOL_CHECK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <check/room.h>
#include <vpmu/vpmu.h>

enum { CHECK_DOCUMENT_VERSION = 2, CHECK_SHARDS = 1000000, CHECK_HOST_BYTES = 160 };

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

struct check_table {
	char scope[CHECK_SCOPE_BYTES];
	uint64_t shard, shards; /* 1 of 1: all cells */
	size_t count;
	struct check_cell *cells;
	char kernel[96];             /* whose code has judged; "": register machines */
	char host[CHECK_HOST_BYTES]; /* what --host changed; "": nothing */
	double seconds, cpu_seconds;
	unsigned jobs;
	size_t memory; /* of a thread; 0: not known */
	/* Only for JSON: what all parts of the whole have in common, a document's "whole". It owns
	 * a joined table's names. */
	struct json_t *whole;
	const char **parts; /* while joining: the document of each part, by name; NULL: not yet */
};

/* What is explored for the cell of the same number. */
struct check_job {
	struct check_subject subject;
	struct vpmu_host host;
	struct check_plan plan;
};

/* --- table.c --- */

bool cell_holds(const struct check_cell *cell);
bool cell_violates(const struct check_cell *cell, enum check_property property);
void table_free(struct check_table *table);

/* TOOL_HOLDS, or TOOL_FAILS when a cell violates something; TOOL_LACKS when one is incomplete. */
int table_status(const struct check_table *table);

/* --- cell.c --- */

/* False: no memory. */
bool cell_fill(struct check_cell *cell, const struct check_result *result,
               const struct check_subject *subject);

/* --- keep.c: what is done is kept in a file (--resume) --- */

/* Takes the finished cells from the file, if it exists, and makes sure that the file can be
 * written. Returns the exit status. path NULL: nothing is saved, and the functions below do
 * nothing. */
int check_keep_begin(const char *path, struct check_table *table);

/* Whether it is time for check_keep_now_and_then() to write the file. */
bool check_keep_is_due(void);

/* Called now and then while exploring: writes the file. If the user has asked for the end, ends the
 * command; a message says how to go on. */
void check_keep_now_and_then(pthread_mutex_t *cells);

/* At the end. Returns the exit status. */
int check_keep_end(void);

/* --- work.c --- */

/* Explores jobs[i] for each unfinished cell i of the shard, on `threads` threads. Returns the exit
 * status. */
int check_work(struct check_table *table, const struct check_job *jobs,
               const struct check_scope *scope);

/* --- What is printed --- */

void check_print_matrix(const struct check_table *table);

/* A line for each property, and the shortest story of each that is violated. */
void check_print_verdict(const struct check_table *table);

struct output;

/* Each returns the exit status: TOOL_HOLDS, or a message has said why not. */
int check_write_html(const struct check_table *table, struct output *output);
int check_make_folder(const char *directory); /* before check_write_scripts() */
int check_write_scripts(const struct check_table *table, const char *directory);

/* --- json.c --- */

/* Fills table->whole from what is to be explored at these levels. Returns the exit status. */
int check_identify(struct check_table *table, const struct check_job *jobs, uint8_t levels,
                   const uint8_t *plan, size_t plan_bytes);

int check_print_json(const struct check_table *table);

/* The same document; NULL: no memory. Only with Jansson. */
struct json_t *check_document(const struct check_table *table);

/* --- join.c, merge.c --- */

/*
 * Adds a --json document to a table that is empty or has other parts of the same whole. Every name
 * in it is looked up. On errors why (STATE_WHY_BYTES) has the reason. VPMU_BAD_DATA: damaged;
 * VPMU_INCOMPATIBLE: a part of another whole, of another version, or a duplicate. The table can
 * then only be freed. name lives as long as the table.
 */
enum vpmu_status check_join(struct check_table *table, const char *text, size_t bytes,
                            const char *name, char *why);

/* Takes the cells that an earlier run of this part has finished into the table, whose whole is
 * known. Errors are as those of check_join(). */
enum vpmu_status check_join_done(struct check_table *table, const char *text, size_t bytes,
                                 char *why);

/* Joins the documents of all parts. Returns the exit status. */
int check_merge(struct check_table *table, const char *const *paths);

/* --- find.c --- */

/* Searches for the shortest orders and compares them with `safe`; prints. The exit status. */
int check_find(const struct check_scope *scope, const struct check_job *jobs, size_t count);

#endif
