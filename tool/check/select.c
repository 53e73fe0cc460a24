/* SPDX-License-Identifier: MIT */
/* Which cells the options of `vpmu check` select: orders, models, profiles and lives. */
#include "select.h"

#include <stdlib.h>
#include <string.h>

#include <base/room.h>

#include "command.h"
#include "input/input.h"
#include "lib/message.h"
#include "lib/model_arg.h"
#include "lib/number.h"
#include "lib/order_arg.h"

enum { PLAN_BYTES = 1 << 20, WHY_BYTES = 200 };

/* One of each kind of PMU. */
static const char *const models[] = {
	"intel-v1",   "intel-v2", "intel-v3",     "intel-v4",       "intel-v5",
	"zhaoxin-v2", "amd-k7",   "amd-perfcore", "amd-perfmon-v2",
};

/* For the search: each vendor's smallest model with global control, and those without it. */
static const char *const search_models[] = {
	"intel-v1", "intel-v2", "amd-k7", "amd-perfcore", "amd-perfmon-v2",
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

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
	/* Hundreds of orders are explored, most of which fail at once. */
	if (selection->options->search)
		selection->scope.between = selection->scope.mixed = 1;
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
		    table->shard && table->shard <= table->shards && table->shards <= CHECK_SHARDS)
			return TOOL_HOLDS;
	}
	message("not a part of a whole: --shard '%s' (K/N, from 1/N to N/N)", text);
	return TOOL_BAD;
}

static bool plan_says(const struct selection *selection, const char *key, char *value, size_t bytes)
{
	return check_plan_about((const char *)selection->plan_text, selection->plan_bytes, key,
	                        value, bytes);
}

static int select_plan(struct selection *selection)
{
	const struct check_options *options = selection->options;

	int status;

	selection->model = options->model;
	if (!options->plan)
		return TOOL_HOLDS;
	if (options->order || options->matrix || options->search) {
		message("--plan takes no --order, --matrix or --search: %s", options->plan);
		return TOOL_BAD;
	}
	status = input_read_text(options->plan, PLAN_BYTES, "a plan", &selection->plan_text,
	                         &selection->plan_bytes);
	if (!status && !options->model &&
	    plan_says(selection, "model", selection->plan_model, sizeof(selection->plan_model)))
		selection->model = selection->plan_model;
	if (status || selection->model)
		return status;
	message("the plan does not say its model, so --plan needs --model: %s", options->plan);
	return TOOL_BAD;
}

/* The profiles that were typed, or the plan's; otherwise all. */
static int select_profile(struct selection *selection)
{
	const char *name = selection->options->profile;

	if (!name && selection->plan_text && !selection->options->kernel &&
	    plan_says(selection, "profile", selection->plan_profile,
	              sizeof(selection->plan_profile)))
		name = selection->plan_profile;
	return name ? profile_from_text(name, &selection->profile) : TOOL_HOLDS;
}

/* What is wrong with the keys is said for each model, whose vendor's they must be. */
static int select_host(struct selection *selection, const char *text)
{
	struct check_table *table = &selection->table;

	if (!text)
		return TOOL_HOLDS;
	if (strlen(text) < sizeof(table->host)) {
		strcpy(table->host, text);
		return TOOL_HOLDS;
	}
	message("too long: --host (at most %zu bytes)", sizeof(table->host) - 1);
	return TOOL_BAD;
}

static int select_order(struct selection *selection)
{
	const struct check_options *options = selection->options;

	if (options->plan || (options->matrix && !options->order))
		return TOOL_HOLDS;
	return order_from_text(options->order, &selection->order);
}

/* --- Cells --- */

static int read_plan(const struct selection *selection, struct check_job *job)
{
	struct check_subject *subject = &job->subject;
	struct vpmu_layout layout;
	struct vpmu_state reset;
	char why[WHY_BYTES];

	check_layout(&layout, subject);
	if (!check_plan_parse(&job->plan, &layout, (const char *)selection->plan_text,
	                      selection->plan_bytes, why, sizeof(why))) {
		message("%s: %s (%s on %s)", selection->options->plan, why, subject->model_name,
		        subject->profile_name);
		return TOOL_BAD;
	}
	vpmu_state_reset(&reset, &layout);
	if (!selection->options->level)
		subject->levels = (uint8_t)(1u << (memcmp(reset.values, job->plan.state.values,
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
	selection->jobs[i].host = selection->host;
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

/* A profile that was typed must have a PMU on the host that was; without one, those that have. */
static int add_profile(struct selection *selection, struct check_subject *subject)
{
	const char *text = selection->options->host;
	struct vpmu_layout layout;
	int status;

	if (!text)
		return add_lives(selection, subject);
	if (!selection->profile && !(vpmu_profile_facts(subject->profile) & VPMU_FACT_KVM))
		return TOOL_HOLDS;
	status = host_from_text(text, subject->profile, subject->model.vendor, &selection->host);
	subject->host = &selection->host;
	if (!status && !check_layout(&layout, subject))
		return add_lives(selection, subject);
	if (!status && selection->profile) {
		message("%s has no PMU on this host: --host %s", subject->profile_name, text);
		status = TOOL_BAD;
	}
	return status;
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
		status = add_profile(selection, subject);
		if (status)
			return status;
	}
	return TOOL_HOLDS;
}

static int add_models(struct selection *selection, struct check_subject *subject)
{
	const struct check_options *options = selection->options;
	const char *const *names = selection->model  ? &selection->model
	                           : options->search ? search_models
	                                             : models;
	size_t count = selection->model  ? 1
	               : options->search ? COUNT(search_models)
	                                 : COUNT(models);

	for (size_t i = 0; i < count; i++) {
		int status = model_from_text(names[i], &subject->model);

		subject->model_name = names[i];
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
	struct check_subject subject = {.levels = selection->levels,
	                                .host_text = selection->options->host};
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

#if HAVE_KERNEL

/* The registers that the VMM sees are those of the kernel's profile. */
static int select_kernel(struct selection *selection)
{
	const struct check_options *options = selection->options;
	struct check_kernel *kernel = &selection->kernel;
	bool mediated = vpmu_profile_facts(selection->profile) & VPMU_FACT_MEDIATED;
	int status;

	if (!options->kernel)
		return TOOL_HOLDS;
	if ((options->profile && !mediated) || options->search || options->merge) {
		message("--kernel takes no --profile, --search or --merge: %s (but --profile "
		        "mediated, for its mediated vPMU)",
		        options->kernel);
		return TOOL_BAD;
	}
	status = check_kernel_open(kernel, options->kernel);
	if (status)
		return status;
	memcpy(selection->table.kernel, kernel->label, sizeof(selection->table.kernel));
	selection->profile = vpmu_profile_for_kernel(kernel->release + strlen("linux-"), mediated);
	if (selection->profile)
		return TOOL_HOLDS;
	message("no profile has the registers of %s: %s", kernel->release, options->kernel);
	return TOOL_BAD;
}

#else

static int select_kernel(struct selection *selection)
{
	return TOOL_HOLDS;
}

#endif

int check_select(struct selection *selection)
{
	const struct check_options *options = selection->options;
	int status = select_scope(selection, options->scope);

	if (!status)
		status = select_plan(selection);
	if (!status)
		status = select_profile(selection);
	if (!status)
		status = select_host(selection, options->host);
	if (!status)
		status = select_kernel(selection);
	if (!status)
		status = select_order(selection);
	if (!status)
		status = select_levels(selection, options->level);
	if (!status)
		status = select_life(selection, options->life);
	if (!status)
		status = select_shard(selection, options->shard);
	if (!status)
		status = add_orders(selection);
	if (!status && !selection->table.count) {
		message("no profile has a PMU on this host: --host %s", options->host);
		return TOOL_BAD;
	}
	/* Only now, since the jobs no longer move in memory. */
	for (size_t i = 0; i < selection->table.count; i++) {
		selection->jobs[i].subject.plan = &selection->jobs[i].plan;
		if (options->host)
			selection->jobs[i].subject.host = &selection->jobs[i].host;
	}
	return status;
}
