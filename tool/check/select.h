/* SPDX-License-Identifier: MIT */
/* The options of `vpmu check`, and the cells that they select. */
#ifndef TOOL_CHECK_SELECT_H
#define TOOL_CHECK_SELECT_H

#include "check.h"
#include "kernel.h"

struct check_options {
	const char *model, *profile, *order, *level, *life, *scope, *html, *plan, *shard, *scripts,
		*kernel, *resume, *host;
	uint64_t jobs;
	bool matrix, json, merge, search;
	struct output *html_output; /* of --html, open while there is something to write */
};

/* Everything that the options select. */
struct selection {
	const struct check_options *options;
	struct check_scope scope;
	uint8_t levels;
	enum check_life life;               /* CHECK_LIVES: all */
	const struct vpmu_profile *profile; /* NULL: all */
	struct check_kernel kernel;         /* of --kernel: whose registers are the profile's */
	const struct vpmu_order *order;     /* NULL: all, or the plan */
	uint8_t *plan_text;
	size_t plan_bytes;
	char plan_model[256], plan_profile[64]; /* that the plan names */
	const char *model;                      /* as typed, or the plan's; NULL: all */
	struct vpmu_host host;                  /* of --host, for the model that is being added */
	struct check_table table;
	struct check_job *jobs;
	size_t room;
};

/* Reads the options and fills the table's cells and jobs. Returns the exit status. */
int check_select(struct selection *selection);

#endif
