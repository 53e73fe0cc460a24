/* SPDX-License-Identifier: MIT */
/* vpmu check: explores every way that a put can go, and says what gets lost. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "command.h"
#include "file.h"
#include "json.h"
#include "message.h"
#include "model_arg.h"
#include "nearest.h"
#include "number.h"
#include "order_arg.h"

enum { PLAN_BYTES = 1 << 20, WHY_BYTES = 200, SHARDS_MAX = 1000000 };

struct check_options {
	const char *model, *profile, *order, *level, *life, *scope, *html, *plan, *shard, *scripts;
	uint64_t jobs;
	bool matrix, json, merge, search;
};

#define ROW(text, field, what, is, ...)                                                            \
	{                                                                                          \
		.name = text, .value = what, .kind = is,                                           \
		.offset = offsetof(struct check_options, field), __VA_ARGS__                       \
	}

static const struct option_row rows[] = {
	ROW("model", model, "NAME", OPTION_TEXT, .about = "one model, not all presets of vpmu(1)"),
	ROW("profile", profile, "NAME", OPTION_TEXT, .about = "one profile, not all"),
	ROW("order", order, "NAME", OPTION_TEXT, .about = "the order (default: safe)"),
	ROW("level", level, "NAME", OPTION_TEXT, .about = "reset or full, not both"),
	ROW("life", life, "NAME", OPTION_TEXT, .about = "one prior life, not all"),
	ROW("scope", scope, "KEY=VALUE,...", OPTION_TEXT, .about = "how far to explore: see below"),
	ROW("matrix", matrix, NULL, OPTION_FLAG,
            .about = "all orders, as a table with a verdict a cell"),
	ROW("json", json, NULL, OPTION_FLAG, .about = "print JSON (docs/json.md)"),
	ROW("html", html, "FILE", OPTION_TEXT, .about = "also write the table as an HTML page"),
	ROW("counterexample", scripts, "DIR", OPTION_TEXT,
            .about = "also write a replay script for each violation"),
	ROW("plan", plan, "FILE", OPTION_TEXT,
            .about = "check this list of register writes (needs --model)"),
	ROW("shard", shard, "K/N", OPTION_TEXT, .about = "explore only the Kth of N parts"),
	ROW("merge", merge, NULL, OPTION_FLAG,
            .about = "join the JSON documents FILE... of all shards"),
	ROW("search", search, NULL, OPTION_FLAG,
            .about = "find the shortest orders that violate nothing"),
	ROW("jobs", jobs, "N", OPTION_COUNT, .about = "threads (default: one a processor)", .min = 1,
            .max = 256),
};

/* The models that DESIGN calls presets: one of each kind of PMU. */
static const char *const models[] = {
	"intel-v1",   "intel-v2", "intel-v3",     "intel-v4",       "intel-v5",
	"zhaoxin-v2", "amd-k7",   "amd-perfcore", "amd-perfmon-v2",
};

enum { MODELS = sizeof(models) / sizeof(models[0]) };

/* Everything that the options select. */
struct selection {
	const struct check_options *options;
	struct check_scope scope;
	uint8_t levels;
	enum check_life life; /* CHECK_LIVES: all */
	const struct vpmu_profile *profile; /* NULL: all */
	const struct vpmu_order *order;     /* NULL: all, or the plan */
	uint8_t *plan_text;
	size_t plan_bytes;
	struct check_table table;
	struct check_job *jobs;
	size_t room;
};

static const char *life_name(const void *list, size_t i)
{
	return i < CHECK_LIVES ? check_lives[i].name : NULL;
}

static int select_life(struct selection *selection, const char *name)
{
	const char *nearest;

	selection->life = name ? check_life_find(name) : CHECK_LIVES;
	if (!name || selection->life < CHECK_LIVES)
		return TOOL_HOLDS;
	nearest = nearest_name(name, life_name, NULL);
	message("unknown life: '%s' (%s%s%s)", name, nearest ? "did you mean '" : "",
	        nearest ? nearest : "'vpmu check --help' lists them", nearest ? "'?" : "");
	return TOOL_BAD;
}

static int select_levels(struct selection *selection, const char *name)
{
	enum vpmu_level level;
	int status;

	selection->levels = 1u << VPMU_LEVEL_RESET | 1u << VPMU_LEVEL_FULL;
	if (!name)
		return TOOL_HOLDS;
	status = level_from_text(name, &level);
	if (!status && level == VPMU_LEVEL_RUNTIME) {
		message("nothing to check: --level runtime (such a put writes nothing)");
		return TOOL_BAD;
	}
	selection->levels = (uint8_t)(1u << level);
	return status;
}

static int select_scope(struct selection *selection, const char *text)
{
	char why[WHY_BYTES];

	selection->scope = check_scope_default();
	if (!text || check_scope_parse(&selection->scope, text, why, sizeof(why)))
		return TOOL_HOLDS;
	message("--scope %s: %s", text, why);
	return TOOL_BAD;
}

static int select_shard(struct selection *selection, const char *text)
{
	struct check_table *table = &selection->table;
	char part[32];
	const char *slash = text ? strchr(text, '/') : NULL;

	table->shard = table->shards = 1;
	if (!text)
		return TOOL_HOLDS;
	if (slash && (size_t)(slash - text) < sizeof(part)) {
		memcpy(part, text, (size_t)(slash - text));
		part[slash - text] = '\0';
		if (number_parse(part, &table->shard) && number_parse(slash + 1, &table->shards) &&
		    table->shard && table->shard <= table->shards && table->shards <= SHARDS_MAX)
			return TOOL_HOLDS;
	}
	message("not a part of a whole: --shard '%s' (K/N, from 1/N to N/N)", text);
	return TOOL_BAD;
}

static int select_plan(struct selection *selection)
{
	const struct check_options *options = selection->options;

	if (!options->plan)
		return TOOL_HOLDS;
	if (!options->model || options->order || options->matrix || options->search) {
		message("--plan needs --model, and takes no --order, --matrix or --search: %s",
		        options->plan);
		return TOOL_BAD;
	}
	return file_read(options->plan, PLAN_BYTES, "a plan", &selection->plan_text,
	                 &selection->plan_bytes);
}

static int select_order(struct selection *selection)
{
	const struct check_options *options = selection->options;

	if (options->plan || (options->matrix && !options->order))
		return TOOL_HOLDS;
	return order_from_text(options->order, &selection->order);
}

/* --- Cells ------------------------------------------------------------------------------------------ */

static int read_plan(const struct selection *selection, struct check_job *job)
{
	struct check_subject *subject = &job->subject;
	struct vpmu_model model = subject->model;
	struct vpmu_layout layout;
	struct vpmu_state reset;
	char why[WHY_BYTES];

	vpmu_profile_adapt(subject->profile, &model);
	vpmu_layout_init(&layout, &model);
	if (!check_plan_parse(&job->plan, &layout, (const char *)selection->plan_text,
	                      selection->plan_bytes, why, sizeof(why))) {
		message("%s: %s (%s on %s)", selection->options->plan, why, subject->model_name,
		        subject->profile_name);
		return TOOL_BAD;
	}
	vpmu_state_reset(&reset, &layout);
	if (!selection->options->level)
		subject->levels =
			(uint8_t)(1u << (memcmp(reset.values, job->plan.state.values,
		                                sizeof(reset.values))
		                                 ? VPMU_LEVEL_FULL
		                                 : VPMU_LEVEL_RESET));
	return TOOL_HOLDS;
}

static int add_cell(struct selection *selection, const struct check_subject *subject)
{
	struct check_table *table = &selection->table;
	size_t i = table->count;

	if (i == selection->room) {
		size_t room = selection->room ? 2 * selection->room : 64;
		void *cells = realloc(table->cells, room * sizeof(*table->cells));
		void *jobs;

		table->cells = cells ? cells : table->cells;
		jobs = cells ? realloc(selection->jobs, room * sizeof(*selection->jobs)) : NULL;
		if (!jobs) {
			message("out of memory");
			return TOOL_LACKS;
		}
		selection->jobs = jobs;
		selection->room = room;
	}
	table->count++;
	selection->jobs[i].subject = *subject;
	table->cells[i] = (struct check_cell){
		.order = subject->order ? subject->order->name : "plan",
		.model = subject->model_name,
		.profile = subject->profile_name,
		.life = subject->life,
	};
	return subject->order ? TOOL_HOLDS : read_plan(selection, &selection->jobs[i]);
}

static int add_lives(struct selection *selection, struct check_subject *subject)
{
	for (unsigned i = 0; i < CHECK_LIVES; i++) {
		int status;

		if (selection->life != CHECK_LIVES && selection->life != i)
			continue;
		subject->life = (enum check_life)i;
		status = add_cell(selection, subject);
		if (status)
			return status;
	}
	return TOOL_HOLDS;
}

static int add_profiles(struct selection *selection, struct check_subject *subject)
{
	const char *name;

	for (size_t i = 0; (name = vpmu_profile_name(i)); i++) {
		int status;

		subject->profile = vpmu_profile_find(name);
		subject->profile_name = name;
		if (selection->profile && selection->profile != subject->profile)
			continue;
		status = add_lives(selection, subject);
		if (status)
			return status;
	}
	return TOOL_HOLDS;
}

static int add_models(struct selection *selection, struct check_subject *subject)
{
	const char *only = selection->options->model;

	for (size_t i = 0; i < (only ? 1 : MODELS); i++) {
		int status = model_from_text(only ? only : models[i], &subject->model);

		subject->model_name = only ? only : models[i];
		if (!status && !subject->model.version) {
			message("no PMU to check: --model %s", subject->model_name);
			return TOOL_BAD;
		}
		if (!status)
			status = add_profiles(selection, subject);
		if (status)
			return status;
	}
	return TOOL_HOLDS;
}

/* Orders first: the matrix has a table for each. */
static int add_orders(struct selection *selection)
{
	struct check_subject subject = {.levels = selection->levels};
	const struct vpmu_order *order;
	int status = TOOL_HOLDS;

	if (selection->plan_text)
		return add_models(selection, &subject);
	for (size_t i = 0; (order = vpmu_order_at(i)) && !status; i++) {
		subject.order = order;
		if (!selection->order || selection->order == order)
			status = add_models(selection, &subject);
	}
	return status;
}

/* --- The run ------------------------------------------------------------------------------------------ */

static int select_all(struct selection *selection)
{
	const struct check_options *options = selection->options;
	int status = select_scope(selection, options->scope);

	if (!status && options->profile)
		status = profile_from_text(options->profile, &selection->profile);
	if (!status)
		status = select_order(selection);
	if (!status)
		status = select_levels(selection, options->level);
	if (!status)
		status = select_life(selection, options->life);
	if (!status)
		status = select_shard(selection, options->shard);
	if (!status)
		status = select_plan(selection);
	return status ? status : add_orders(selection);
}

static int too_large(const struct selection *selection)
{
	uint64_t sum = 0;
	char number[NUMBER_GROUPED_BYTES];

	for (size_t i = 0; i < selection->table.count; i++) {
		uint64_t part = check_estimate(&selection->scope, &selection->jobs[i].subject);

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
		status = check_write_html(table, options->html);
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
	if (!status)
		status = check_work(table, selection->jobs, &selection->scope);
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
		status = print_table(options, &table);
	table_free(&table);
	return status;
}

static int run(const struct command *self, int argc, char **argv)
{
	struct check_options options = {0};
	struct selection selection = {.options = &options};
	const char *operands[ARGS_OPERANDS];
	int status = args_parse(self, argc, argv, &options, operands);

	if (status != ARGS_GO)
		return status;
	if (options.json && json_lacks())
		return TOOL_LACKS;
	if (options.merge)
		return merge(&options, operands);
	if (operands[0]) {
		message("one argument too many: '%s' (files are for --merge)", operands[0]);
		return TOOL_BAD;
	}
	status = select_all(&selection);
	if (!status)
		status = explore(&selection);
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
	.operand_max = ARGS_OPERANDS,
	.run = run,
};
