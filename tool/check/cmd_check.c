/* SPDX-License-Identifier: MIT */
/* vpmu check: explores every course that a put can take, and says what gets lost. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "select.h"
#include "command.h"
#include "input/file.h"
#include "lib/message.h"
#include "lib/number.h"
#include "lib/order_arg.h"

#define ROW(text, field, what, is, ...)                                                            \
	{                                                                                          \
		.name = text, .value = what, .kind = is,                                           \
		.offset = offsetof(struct check_options, field), __VA_ARGS__                       \
	}

static const struct option_row rows[] = {
	ROW("model", model, "NAME", OPTION_TEXT, .about = "one model, not all presets of vpmu(1)"),
	ROW("profile", profile, "NAME", OPTION_TEXT, .about = "one profile, not all"),
	ROW("host", host, "KEY=VALUE,...", OPTION_TEXT,
            .about = "another host under the profiles of kernels ('vpmu\nmodels --help' has the "
                     "keys)"),
	ROW("order", order, "NAME", OPTION_TEXT, .about = "the order (default: safe)"),
	ROW("level", level, "NAME", OPTION_TEXT, .about = "reset or full, not both"),
	ROW("life", life, "NAME", OPTION_TEXT, .about = "one prior life, not all"),
	ROW("scope", scope, "KEY=VALUE,...", OPTION_TEXT, .about = "how far to explore: see below"),
	ROW("matrix", matrix, NULL, OPTION_FLAG,
            .about = "all orders, as a table with a verdict a cell"),
	ROW("json", json, NULL, OPTION_JSON, .about = "print JSON (docs/json.md)"),
	ROW("html", html, "FILE", OPTION_TEXT, .about = "also write the table as an HTML page"),
	ROW("counterexample", scripts, "DIR", OPTION_TEXT,
            .about = "also write a replay script for each violation"),
#if HAVE_KERNEL
	ROW("kernel", kernel, "FILE", OPTION_TEXT,
            .about = "judge by a kernel's own code, a file of 'vpmu kernel build'"),
#endif
	ROW("plan", plan, "FILE", OPTION_TEXT,
            .about = "check this list of register writes, as vpmu plan prints one"),
	ROW("shard", shard, "K/N", OPTION_TEXT, .about = "explore only the Kth of N parts"),
	ROW("resume", resume, "FILE", OPTION_TEXT,
            .about = "keep what is done in FILE, and go on from there"),
	ROW("merge", merge, NULL, OPTION_FLAG,
            .about = "join the JSON documents FILE... of all shards"),
	ROW("search", search, NULL, OPTION_FLAG,
            .about = "find the shortest orders that violate nothing"),
	ROW("jobs", jobs, "N", OPTION_COUNT, .about = "threads (default: one a processor)",
            .min = 1, .max = 256),
};

static int too_large(const struct selection *selection)
{
	uint64_t sum = 0;
	char number[NUMBER_GROUPED_BYTES];

	for (size_t i = 0; i < selection->table.count; i++) {
		uint64_t part;

		errno = 0;
		part = check_estimate(&selection->scope, &selection->jobs[i].subject);
		if (errno == ENOMEM) {
			message("cannot explore: %s", strerror(ENOMEM));
			return TOOL_LACKS;
		}
		sum = sum + part < sum ? UINT64_MAX : sum + part;
	}
	if (sum <= selection->scope.limit)
		return TOOL_HOLDS;
	message("the scope is too large: up to %s transitions (give a smaller one, or "
	        "--scope limit=N)",
	        number_grouped(sum, number));
	return TOOL_BAD;
}

static int print_table(const struct check_options *options, const struct check_table *table)
{
	int status = TOOL_HOLDS;

	if (options->html)
		status = check_write_html(table, options->html_output);
	if (!status && options->scripts)
		status = check_write_scripts(table, options->scripts);
	if (!status && options->json)
		status = check_print_json(table);
	else if (!status && (options->matrix || options->merge))
		check_print_matrix(table);
	else if (!status)
		check_print_verdict(table);
	return status ? status : table_status(table);
}

/* Checks that all outputs can be written, before hours of exploring and not after. */
static int open_outputs(const struct check_options *options)
{
	int status = TOOL_HOLDS;

	if (options->html && !output_open(options->html_output, options->html))
		return TOOL_LACKS;
	if (options->scripts)
		status = check_make_folder(options->scripts);
	if (status)
		output_abandon(options->html_output);
	return status;
}

static int work(struct selection *selection)
{
	struct check_table *table = &selection->table;

#if HAVE_KERNEL
	if (selection->options->kernel)
		return check_kernel_work(table, selection->jobs, &selection->scope,
		                         &selection->kernel,
		                         selection->options->json ? NULL : stdout);
#endif
	return check_work(table, selection->jobs, &selection->scope);
}

static int explore(struct selection *selection)
{
	struct check_table *table = &selection->table;
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	int status = too_large(selection);

	table->jobs = selection->options->jobs ? (unsigned)selection->options->jobs
	              : processors > 0         ? (unsigned)processors
	                                       : 1;
	check_scope_print(&selection->scope, table->scope);
	if (!status && selection->options->search)
		return check_find(&selection->scope, selection->jobs, table->count);
	if (!status && (selection->options->json || selection->options->resume))
		status = check_identify(table, selection->jobs, selection->levels,
		                        selection->plan_text, selection->plan_bytes);
	if (!status)
		status = check_keep_begin(selection->options->resume, table);
	if (!status)
		status = work(selection);
	if (!status)
		status = check_keep_end();
	return status ? status : print_table(selection->options, table);
}

static int merge(const struct check_options *options, const char *const *paths)
{
	struct check_table table = {.count = 0};
	int status;

	if (!paths[0]) {
		message("nothing to join: --merge FILE...");
		return TOOL_BAD;
	}
	status = check_merge(&table, paths);
	if (!status)
		status = open_outputs(options);
	if (!status)
		status = print_table(options, &table);
	output_abandon(options->html_output);
	table_free(&table);
	return status;
}

static int run(const struct command *self, int argc, char **argv)
{
	struct output html = {.stream = NULL};
	struct check_options options = {.html_output = &html};
	struct selection selection = {.options = &options};
	const char *const *operands;
	int status = args_parse_list(self, argc, argv, &options, &operands);

	if (status != ARGS_GO)
		return status;
	if (!HAVE_JANSSON && (options.resume || options.merge)) {
		message("this build has no JSON, which is what --resume keeps and --merge joins "
		        "(build it with Jansson)");
		return TOOL_LACKS;
	}
	if (options.resume && (options.merge || options.search)) {
		message("--resume goes without --merge and --search: %s", options.resume);
		return TOOL_BAD;
	}
	if (options.merge && !options.kernel)
		return merge(&options, operands);
	if (operands[0]) {
		message("one argument too many: '%s' (files are for --merge)", operands[0]);
		return TOOL_BAD;
	}
	status = check_select(&selection);
	if (!status)
		status = open_outputs(&options);
	if (!status)
		status = explore(&selection);
	output_abandon(&html);
#if HAVE_KERNEL
	check_kernel_close(&selection.kernel);
#endif
	table_free(&selection.table);
	free(selection.jobs);
	free(selection.plan_text);
	return status;
}

static void print_words(void)
{
	const char *key;

	for (size_t i = 0; (key = check_scope_key(i)); i++)
		printf("  %-10s %s\n", key, check_scope_key_about(i));
	printf("\nLives:\n");
	for (unsigned i = 0; i < CHECK_LIVES; i++)
		printf("  %-18s %s\n", check_lives[i].name, check_lives[i].about);
	printf("\nOrders:\n");
	order_print_help();
}

const struct command cmd_check = {
	.name = "check",
	.operands = "[FILE...]",
	.about = "Explore every way that a put can go, and show what gets lost",
	.notes = "Exit status: 0, everything holds; 1, a property is violated; 2, bad input.\n"
		 "docs/check.md has the properties.\n"
		 "\n"
		 "Keys of the scope:\n",
	.more = print_words,
	.options = rows,
	.option_count = sizeof(rows) / sizeof(rows[0]),
	.operand_max = ARGS_ANY,
	.run = run,
};
