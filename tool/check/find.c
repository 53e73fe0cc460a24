/* SPDX-License-Identifier: MIT */
/* vpmu check --search: the shortest orders that violate nothing, and whether `safe` is one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "command.h"
#include "lib/message.h"
#include "lib/number.h"

enum { SHOWN_EVERY = 16, PRINTED = 8 };

static bool has_global(const struct check_subject *subject)
{
	struct vpmu_layout layout;

	check_layout(&layout, subject);
	return layout.has_global;
}

static void show_tried(uint64_t tried)
{
	if (tried % SHOWN_EVERY == 0 && isatty(STDERR_FILENO))
		fprintf(stderr, "\r%" PRIu64 " orders tried ", tried);
}

static void print_step(const struct vpmu_step *step)
{
	static const struct {
		uint32_t kind;
		const char *name;
	} names[] = {
		{1u << VPMU_KIND_COUNTER, "counters"},
		{1u << VPMU_KIND_SELECTOR, "selectors"},
		{1u << VPMU_KIND_FIXED_CTRL, "fixed control"},
		{1u << VPMU_KIND_GLOBAL_STATUS, "status"},
		{1u << VPMU_KIND_GLOBAL_CTRL, "global control"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (step->kinds & names[i].kind)
			printf("%s%s", names[i].name, step->value == VPMU_STEP_CLEAR ? "=0" : "");
}

/* Whether `safe`, as far as the models have its registers, is this sequence of kinds. */
static bool is_safe(const struct check_found *found, bool global)
{
	const struct vpmu_order *safe = vpmu_order_find("safe");
	uint32_t all = 0;
	size_t at = 0;

	for (size_t i = 0; i < found->step_count; i++)
		all |= found->steps[i].kinds;
	for (size_t i = 0; i < safe->step_count; i++) {
		const struct vpmu_step *step = &safe->steps[i];
		uint32_t kinds = step->kinds & all;

		if (!kinds || (step->when == VPMU_WHEN_GLOBAL && !global) ||
		    (step->when == VPMU_WHEN_NO_GLOBAL && global))
			continue;
		/* Fixed counters and counters are one step of a candidate. */
		if (at && found->steps[at - 1].value == step->value &&
		    (found->steps[at - 1].kinds & kinds) == kinds && step->value == VPMU_STEP_STATE)
			continue;
		if (at == found->step_count || found->steps[at].value != step->value ||
		    (found->steps[at].kinds & kinds) != kinds)
			return false;
		at++;
	}
	return at == found->step_count;
}

static int print_found(const struct check_search *search, bool global)
{
	size_t shown = search->count < CHECK_SEARCH_FOUND ? search->count : CHECK_SEARCH_FOUND;
	bool safe_found = false;
	char tried[NUMBER_GROUPED_BYTES], transitions[NUMBER_GROUPED_BYTES];

	printf("%s global control: %zu of %s orders hold, with %u step%s more than one of each; "
	       "%s transitions\n",
	       global ? "with" : "without", search->count, number_grouped(search->tried, tried),
	       search->extra, search->extra == 1 ? "" : "s",
	       number_grouped(search->transitions, transitions));
	for (size_t i = 0; i < shown; i++) {
		bool same = is_safe(&search->found[i], global);

		safe_found |= same;
		if (i >= PRINTED && !same)
			continue;
		printf("  ");
		for (size_t j = 0; j < search->found[i].step_count; j++) {
			printf("%s", j ? ", " : "");
			print_step(&search->found[i].steps[j]);
		}
		printf("%s\n", same ? "   <- safe" : "");
	}
	if (search->count > PRINTED)
		printf("  and others\n");
	printf("safe is %sone of them\n", safe_found ? "" : "not ");
	return safe_found ? TOOL_HOLDS : TOOL_FAILS;
}

static int find(struct check_explorer *explorer, const struct check_job *jobs, size_t count,
                bool global, struct check_search *search)
{
	struct check_subject *subjects = calloc(count ? count : 1, sizeof(*subjects));
	enum vpmu_status status;
	size_t of_kind = 0;

	if (!subjects) {
		message("out of memory");
		return TOOL_LACKS;
	}
	for (size_t i = 0; i < count; i++)
		if (has_global(&jobs[i].subject) == global)
			subjects[of_kind++] = jobs[i].subject;
	status = of_kind ? check_search(explorer, subjects, of_kind, global, search, show_tried)
	                 : VPMU_OK;
	free(subjects);
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K");
	if (!of_kind)
		return TOOL_HOLDS;
	if (status == VPMU_REFUSED) {
		printf("%s global control: no order holds, of %" PRIu64 "\n",
		       global ? "with" : "without", search->tried);
		return TOOL_FAILS;
	}
	if (status) {
		message("cannot search: %s", vpmu_status_text(status));
		return TOOL_LACKS;
	}
	return print_found(search, global);
}

int check_find(const struct check_scope *scope, const struct check_job *jobs, size_t count)
{
	static struct check_search search;
	struct check_explorer *explorer = check_explorer_create(scope, NULL, NULL);
	int with, without;

	if (!explorer) {
		message("out of memory");
		return TOOL_LACKS;
	}
	with = find(explorer, jobs, count, true, &search);
	without = with > TOOL_FAILS ? with : find(explorer, jobs, count, false, &search);
	check_explorer_destroy(explorer);
	return with > without ? with : without;
}
