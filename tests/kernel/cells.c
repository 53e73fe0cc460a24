/* SPDX-License-Identifier: MIT */
/*
 * cells VERSION LIBKERNEL TRIES [whole]: the table of vpmu check, made a second time with the
 * kernel's own code, and compared cell by cell. A cell is a model, an order, a prior life and a
 * level. The kernel loses in it when a random put does (trial.h), or when check's counterexample
 * goes on that code as check says. Prints TAP and the table. Lives, states and trials are random;
 * VPMU_TEST_SEED repeats them. whole: check's default scope, and not a small one.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check/room.h>

#include "trial.h"

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

static const char *const models[] = {"intel-v1", "intel-v2",     "intel-v3",
                                     "intel-v4", "intel-v5",     "zhaoxin-v2",
                                     "amd-k7",   "amd-perfcore", "amd-perfmon-v2"};
static const enum vpmu_level levels[] = {VPMU_LEVEL_FULL, VPMU_LEVEL_RESET};

/* What became of an order's cells. */
struct sums {
	unsigned cells, hold, found, shown; /* loses: found by a trial, shown by check's alone */
	unsigned wrong;                     /* the two disagree */
	unsigned long trials, losses;
};

struct table {
	const struct kernel_subject *kernel;
	const struct vpmu_profile *profile;
	const char *profile_name;
	struct check_scope scope;
	struct check_explorer *explorer;
	struct random random;
	unsigned tries;
	struct sums sums;
};

struct cell {
	struct trial_case tried;
	struct vpmu_layout layout;
	struct check_result checked;
	unsigned losses; /* of the trials */
	char what[200];  /* of the last of them */
	uint64_t seed;
};

/* --- What check says -------------------------------------------------------------------------- */

static uint32_t ask_check(struct table *table, struct cell *cell)
{
	struct check_subject subject = {
		.model_name = cell->tried.model,
		.profile_name = table->profile_name,
		.profile = table->profile,
		.order = cell->tried.order,
		.levels = (uint8_t)(1u << cell->tried.level),
		.life = check_life_find(trial_lives[cell->tried.life]),
		.first_only = true,
	};

	if (vpmu_model_parse(&subject.model, cell->tried.model, NULL, 0) ||
	    check_explore(table->explorer, &subject, &cell->checked) || cell->checked.incomplete)
		exit(99);
	return cell->checked.violated & CHECK_OF_ORDERS;
}

static unsigned sum(struct subject_pmis pmis)
{
	return pmis.delivered + pmis.masked;
}

static unsigned run(const struct kernel_subject *kernel, const struct replay_action *action)
{
	uint64_t amounts[VPMU_CLASSES];

	for (unsigned i = 0; i < VPMU_CLASSES; i++)
		amounts[i] = action->argument[i].number;
	return sum(kernel->run(amounts));
}

/* Whether the kernel's answer to the step is the one that check has from its machine. */
static bool answers_so(const struct kernel_subject *kernel, const struct check_step *step)
{
	const union replay_value *of = step->action.argument;
	unsigned pmis = step->got.outcome.pmi + step->got.outcome.masked;
	uint32_t msr = (uint32_t)of[MSR_INDEX].number;
	uint64_t value;

	switch (step->action.verb) {
	case REPLAY_WRMSR:
		return kernel->guest_write(msr, of[MSR_VALUE].number) == !step->got.status;
	case REPLAY_HOST_WRMSR:
		return kernel->host_write(msr, of[MSR_VALUE].number) == !step->got.status;
	case REPLAY_HOST_RDMSR:
		return kernel->host_read(msr, &value) == !step->got.status &&
		       (step->got.status || value == step->got.value);
	case REPLAY_LVTPC:
		kernel->set_lvtpc((uint32_t)of[0].number);
		return true;
	case REPLAY_ENTER:
		return sum(kernel->enter()) == pmis;
	case REPLAY_RUN:
		return run(kernel, &step->action) == pmis;
	case REPLAY_EMULATE:
		kernel->emulate();
		return true;
	case REPLAY_SCHEDULE:
		kernel->schedule();
		return true;
	case REPLAY_FAIL_CREATE:
		kernel->fail_creations((uint32_t)of[0].number);
		return true;
	case REPLAY_EVENT_COUNTS:
		return kernel->events().live == step->got.events.live;
	default:
		return false;
	}
}

/* Whether the kernel goes the whole way of the counterexample, to where it is wrong. */
static bool goes_so(const struct cell *cell, const struct check_trace *trace)
{
	const struct kernel_subject *kernel = cell->tried.kernel;
	bool wrong = false;

	if (!kernel->make(cell->tried.model, NULL, cell->tried.mediated))
		return false;
	for (size_t i = 0; i < trace->count; i++) {
		if (!answers_so(kernel, &trace->steps[i]))
			return false;
		wrong |= trace->steps[i].expects;
	}
	return wrong;
}

static bool is_shown(const struct cell *cell, uint32_t violated)
{
	for (unsigned i = 0; i < CHECK_PROPERTIES; i++)
		if (violated >> i & 1 && !goes_so(cell, cell->checked.shortest[i]))
			return false;
	return true;
}

/* --- What the kernel does --------------------------------------------------------------------- */

/* Half of the trials without an incident. */
static void try_cell(struct table *table, struct cell *cell)
{
	for (unsigned i = 0; i < table->tries; i++) {
		uint64_t seed = random_next(&table->random);
		char what[sizeof(cell->what)];

		cell->tried.incidents = i & 1;
		if (trial_run(&cell->tried, seed, what, sizeof(what)) == TRIAL_SAME)
			continue;
		cell->losses++;
		cell->seed = seed;
		memcpy(cell->what, what, sizeof(what));
	}
	table->sums.trials += table->tries;
	table->sums.losses += cell->losses;
}

static void complain(const struct cell *cell, const char *say)
{
	printf("# %s %s %s, level %s, %s: %u losses, the last 0x%llx: %s\n", cell->tried.model,
	       cell->tried.order->name, trial_lives[cell->tried.life],
	       vpmu_level_name(cell->tried.level), say, cell->losses,
	       (unsigned long long)cell->seed, cell->what);
}

static void compare(struct table *table, struct cell *cell)
{
	uint32_t violated = ask_check(table, cell);
	struct sums *sums = &table->sums;

	sums->cells++;
	try_cell(table, cell);
	if (!violated && !cell->losses) {
		sums->hold++;
	} else if (!violated) {
		sums->wrong++;
		complain(cell, "and check says that it holds");
	} else if (!is_shown(cell, violated)) {
		sums->wrong++;
		complain(cell, "and the counterexample goes otherwise");
	} else if (cell->losses) {
		sums->found++;
	} else {
		sums->shown++;
	}
	check_result_clear(&cell->checked);
}

/* --- The table -------------------------------------------------------------------------------- */

static void all_lives(struct table *table, const struct vpmu_order *order, const char *name,
                      enum vpmu_level level)
{
	struct vpmu_model model;

	for (unsigned life = 0; life < TRIAL_LIVES; life++) {
		struct cell cell = {.tried = {.kernel = table->kernel,
		                              .mediated = vpmu_profile_facts(table->profile) &
		                                          VPMU_FACT_MEDIATED,
		                              .model = name,
		                              .order = order,
		                              .level = level,
		                              .life = (enum trial_life)life}};

		cell.tried.layout = &cell.layout;
		if (vpmu_model_parse(&model, name, NULL, 0) ||
		    vpmu_profile_adapt(table->profile, &model) ||
		    vpmu_layout_init(&cell.layout, &model))
			exit(99);
		compare(table, &cell);
	}
}

static unsigned one_order(struct table *table, const struct vpmu_order *order)
{
	struct sums *sums = &table->sums;

	*sums = (struct sums){0};
	for (size_t m = 0; m < COUNT_OF(models); m++)
		for (size_t l = 0; l < COUNT_OF(levels); l++)
			all_lives(table, order, models[m], levels[l]);
	printf("# %s, %s: %u cells: %u hold, %u lose (%u of them found by trials), %u disagree; "
	       "%lu trials, %lu lost something\n",
	       table->profile_name, order->name, sums->cells, sums->hold, sums->found + sums->shown,
	       sums->found, sums->wrong, sums->trials, sums->losses);
	fflush(stdout);
	return sums->wrong;
}

static bool open_kernel(struct table *table, const char *version, const char *path)
{
	static char name[64];
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	kernel_subject_fn *subject;

	if (!library) {
		fprintf(stderr, "cells: %s\n", dlerror());
		return false;
	}
	*(void **)&subject = dlsym(library, "kernel_subject");
	snprintf(name, sizeof(name), "%s%s", strcmp(version, "mediated") ? "linux-" : "", version);
	table->profile_name = name;
	table->profile = vpmu_profile_find(name);
	if (!subject || !table->profile)
		return false;
	table->kernel = subject();
	return table->kernel->version == SUBJECT_VERSION;
}

/* The trials have no shortage, no repetition and no refusal. */
static struct check_scope scope_of(bool whole)
{
	struct check_scope scope = check_scope_default();

	scope.twice = scope.refused = false;
	scope.incidents = 1u << CHECK_ENTER | 1u << CHECK_SCHEDULE;
	scope.between = 1;
	if (!whole) {
		scope.mixed = 1;
		scope.nodes = 1 << 14;
	}
	return scope;
}

int main(int argc, char **argv)
{
	const struct vpmu_order *order;
	struct table table = {0};
	unsigned long losses = 0;
	size_t count = 0;
	bool bad = false;

	if (argc < 4 || !open_kernel(&table, argv[1], argv[2]))
		return 2;
	table.tries = (unsigned)strtoul(argv[3], NULL, 10);
	table.scope = scope_of(argc > 4);
	table.explorer = check_explorer_create(&table.scope, NULL, NULL);
	printf("# "); /* TAP has it for a remark */
	table.random = random_seeded("cells");
	while ((order = vpmu_order_at(count))) {
		unsigned wrong = one_order(&table, order);

		printf("%sok %zu - %s: check says of order %s what the kernel's code does\n",
		       wrong ? "not " : "", ++count, table.profile_name, order->name);
		bad |= wrong;
		losses += table.sums.losses;
	}
	/* Where no perf event counts on, every order keeps everything. */
	if (vpmu_profile_facts(table.profile) & VPMU_FACT_MEDIATED)
		losses = 1;
	printf("%sok %zu - %s: the trials can see a loss, where there can be one\n1..%zu\n",
	       losses ? "" : "not ", count + 1, table.profile_name, count + 1);
	bad |= !losses;
	check_explorer_destroy(table.explorer);
	return bad;
}
