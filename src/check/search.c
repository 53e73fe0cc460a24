/* SPDX-License-Identifier: MIT */
/*
 * The search for the shortest order that violates nothing: tries every sequence of steps that
 * writes each kind of register once, preceded by clears of some kinds. Fewer clears are tried
 * first. Each candidate is first tried on the subjects on which earlier ones failed.
 */
#include <stdlib.h>

#include "room_int.h"

#define KIND(name) (BIT32(VPMU_KIND_##name))

/* What every order must write, and what it may clear. Clearing the selectors costs most, since it
 * is a write for each. */
static const struct vpmu_step global_writes[] = {
	{.kinds = KIND(FIXED_COUNTER) | KIND(METRICS) | KIND(COUNTER)},
	{.kinds = KIND(SELECTOR)},
	{.kinds = KIND(FIXED_CTRL)},
	{.kinds = KIND(GLOBAL_STATUS)},
	{.kinds = KIND(GLOBAL_CTRL)},
};
static const struct vpmu_step global_clears[] = {
	{.kinds = KIND(GLOBAL_CTRL), .value = VPMU_STEP_CLEAR},
	{.kinds = KIND(FIXED_CTRL), .value = VPMU_STEP_CLEAR},
	{.kinds = KIND(SELECTOR), .value = VPMU_STEP_CLEAR},
};
static const struct vpmu_step plain_writes[] = {
	{.kinds = KIND(COUNTER)},
	{.kinds = KIND(SELECTOR)},
};
static const struct vpmu_step plain_clears[] = {
	{.kinds = KIND(SELECTOR), .value = VPMU_STEP_CLEAR},
};

/* Sets of clears as bits, the cheapest first. */
static const uint8_t global_sets[] = {0, 1, 2, 3, 4, 5, 6, 7};
static const uint8_t plain_sets[] = {0, 1};

struct searching {
	struct check_explorer *explorer;
	const struct check_subject *subjects;
	size_t subject_count;
	size_t *hardest; /* subjects, the one that failed the last candidate first */
	struct check_search *search;
	void (*progress)(uint64_t tried);
	const struct vpmu_step *pool[CHECK_SEARCH_STEPS];
	unsigned pool_count;
	struct vpmu_step steps[CHECK_SEARCH_STEPS];
	enum vpmu_status status;
};

static void move_to_front(struct searching *searching, size_t i)
{
	size_t subject = searching->hardest[i];

	memmove(searching->hardest + 1, searching->hardest, i * sizeof(*searching->hardest));
	searching->hardest[0] = subject;
}

/* Whether the order violates nothing; looks until the first violation. */
static bool holds(struct searching *searching, const struct vpmu_order *order)
{
	for (size_t i = 0; i < searching->subject_count; i++) {
		struct check_subject subject = searching->subjects[searching->hardest[i]];
		struct check_result result;
		bool bad;

		subject.order = order;
		subject.first_only = true;
		searching->status = check_explore(searching->explorer, &subject, &result);
		searching->search->transitions += result.transitions;
		bad = searching->status || result.violated & CHECK_OF_ORDERS || result.incomplete;
		check_result_clear(&result);
		if (bad) {
			move_to_front(searching, i);
			return false;
		}
	}
	return true;
}

static void try_order(struct searching *searching)
{
	struct check_search *search = searching->search;
	struct vpmu_order order = {
		.name = "candidate",
		.about = "",
		.steps = searching->steps,
		.step_count = searching->pool_count,
	};

	search->tried++;
	if (searching->progress)
		searching->progress(search->tried);
	if (!holds(searching, &order))
		return;
	if (search->count < CHECK_SEARCH_FOUND) {
		struct check_found *found = &search->found[search->count];

		found->step_count = searching->pool_count;
		memcpy(found->steps, searching->steps, sizeof(found->steps));
	}
	search->count++;
}

/* Tries all sequences of the pool, except those with a clear after the write of the same kinds,
 * which it would undo. */
static void permute(struct searching *searching, unsigned at, uint32_t used, uint32_t written)
{
	if (searching->status)
		return;
	if (at == searching->pool_count) {
		try_order(searching);
		return;
	}
	for (unsigned i = 0; i < searching->pool_count; i++) {
		const struct vpmu_step *step = searching->pool[i];
		bool clears = step->value == VPMU_STEP_CLEAR;

		if (used >> i & 1 || (clears && written & step->kinds))
			continue;
		searching->steps[at] = *step;
		permute(searching, at + 1, used | BIT32(i),
		        clears ? written : written | step->kinds);
	}
}

static void choose_pool(struct searching *searching, bool global, uint8_t clears)
{
	const struct vpmu_step *writes = global ? global_writes : plain_writes;
	unsigned count = global ? ARRAY_SIZE(global_writes) : ARRAY_SIZE(plain_writes);
	const struct vpmu_step *all = global ? global_clears : plain_clears;

	searching->pool_count = 0;
	for (unsigned i = 0; clears >> i; i++)
		if (clears >> i & 1)
			searching->pool[searching->pool_count++] = &all[i];
	for (unsigned i = 0; i < count; i++)
		searching->pool[searching->pool_count++] = &writes[i];
}

enum vpmu_status check_search(struct check_explorer *explorer, const struct check_subject *subjects,
                              size_t count, bool global, struct check_search *search,
                              void (*progress)(uint64_t tried))
{
	const uint8_t *sets = global ? global_sets : plain_sets;
	size_t set_count = global ? ARRAY_SIZE(global_sets) : ARRAY_SIZE(plain_sets);
	struct searching searching = {
		.explorer = explorer,
		.subjects = subjects,
		.subject_count = count,
		.hardest = malloc((count ? count : 1) * sizeof(size_t)),
		.search = search,
		.progress = progress,
	};

	*search = (struct check_search){0};
	if (!searching.hardest)
		return VPMU_HOST;
	for (size_t i = 0; i < count; i++)
		searching.hardest[i] = i;
	for (size_t i = 0; i < set_count && !search->count && !searching.status; i++) {
		search->extra = (unsigned)__builtin_popcount(sets[i]);
		choose_pool(&searching, global, sets[i]);
		permute(&searching, 0, 0, 0);
	}
	free(searching.hardest);
	if (searching.status)
		return searching.status;
	return search->count ? VPMU_OK : VPMU_REFUSED;
}
