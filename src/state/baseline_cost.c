/* SPDX-License-Identifier: MIT */
/*
 * What a fleet's smaller hosts cost: each number and each bit that some host has and the baseline
 * has not, with the hosts that are to blame. What is lost though no host lacks it (a PMU cannot be
 * put together of everybody's parts) follows from the other costs, and blames nobody.
 */
#include <state/room_int.h>

/* The costs, counted until the wanted one is found. */
struct search {
	const struct vpmu_baseline *baseline;
	struct vpmu_model model; /* the baseline's */
	size_t left;             /* costs before the wanted one */
	struct vpmu_cost *cost;
	bool found;
};

/* Whether this cost is the wanted one. */
static bool is_it(struct search *search, uint64_t first, uint64_t hosts)
{
	if (search->found || search->left--)
		return false;
	search->found = true;
	*search->cost = (struct vpmu_cost){.first = first, .hosts = hosts};
	return true;
}

/* --- Numbers
 * -------------------------------------------------------------------------------------- */

struct number_words {
	enum vpmu_baseline_number number;
	const char *name;
	uint8_t (*has)(const struct vpmu_model *model); /* what the baseline has of it */
};

static uint8_t has_version(const struct vpmu_model *model)
{
	return model->version;
}

static uint8_t has_gp_count(const struct vpmu_model *model)
{
	return model->gp_count;
}

static uint8_t has_gp_width(const struct vpmu_model *model)
{
	return model->gp_width;
}

static uint8_t has_fixed_width(const struct vpmu_model *model)
{
	return model->fixed_width;
}

static uint8_t has_lbr_format(const struct vpmu_model *model)
{
	return model->perf_capabilities & CAPABILITY_LBR_FORMAT;
}

static uint8_t has_pebs_format(const struct vpmu_model *model)
{
	return (uint8_t)((model->perf_capabilities & CAPABILITY_PEBS_FORMAT) >> 8);
}

static const struct number_words number_words[] = {
	{VPMU_BASELINE_VERSION, "version", has_version},
	{VPMU_BASELINE_GP_COUNT, "general-purpose counters", has_gp_count},
	{VPMU_BASELINE_GP_WIDTH, "width of general-purpose counters", has_gp_width},
	{VPMU_BASELINE_FIXED_WIDTH, "width of fixed counters", has_fixed_width},
	{VPMU_BASELINE_LBR_FORMAT, "format of LBR", has_lbr_format},
	{VPMU_BASELINE_PEBS_FORMAT, "format of PEBS", has_pebs_format},
};

static void describe_number(struct search *search, const struct number_words *words,
                            const struct vpmu_baseline_least *number)
{
	struct text text = text_in(search->cost->text, sizeof(search->cost->text));

	text_add(&text, words->name);
	text_add(&text, ": ");
	text_add_unsigned(&text, words->has(&search->model));
	text_add(&text, ", not ");
	if (number->next && number->next < number->most) {
		text_add_unsigned(&text, number->next);
		text_add(&text, " to ");
	}
	text_add_unsigned(&text, number->most);
}

static void try_number(struct search *search, const struct number_words *words)
{
	const struct vpmu_baseline_least *number = &search->baseline->numbers[words->number];
	bool blamed = number->least < number->most;

	if (number->most <= words->has(&search->model))
		return;
	if (is_it(search, blamed ? number->first : 0, blamed ? number->hosts : 0))
		describe_number(search, words, number);
}

/* --- Sets
 * ----------------------------------------------------------------------------------------- */

static uint64_t set_of(const struct vpmu_model *model, enum vpmu_baseline_set set)
{
	switch (set) {
	case VPMU_BASELINE_FIXED_COUNTERS:
		return model->fixed_mask;
	case VPMU_BASELINE_FEATURES:
		return model->features ^ VPMU_FEATURE_ANYTHREAD_GONE;
	case VPMU_BASELINE_EVENTS:
		return model_events(model);
	case VPMU_BASELINE_PERF_CAPABILITIES:
		return model->perf_capabilities;
	case VPMU_BASELINE_SETS:
		break;
	}
	return 0;
}

static void describe_bit(struct search *search, enum vpmu_baseline_set set, unsigned bit)
{
	static const char *const names[VPMU_BASELINE_SETS] = {
		[VPMU_BASELINE_FIXED_COUNTERS] = "fixed counter ",
		[VPMU_BASELINE_FEATURES] = "feature ",
		[VPMU_BASELINE_EVENTS] = "architectural event ",
		[VPMU_BASELINE_PERF_CAPABILITIES] = "IA32_PERF_CAPABILITIES bit ",
	};
	struct text text = text_in(search->cost->text, sizeof(search->cost->text));

	text_add(&text, "no ");
	text_add(&text, names[set]);
	if (set == VPMU_BASELINE_FEATURES)
		text_add(&text, feature_name(UINT32_C(1) << bit));
	else
		text_add_unsigned(&text, bit);
}

static void try_set(struct search *search, enum vpmu_baseline_set set)
{
	uint64_t lost = search->baseline->some[set] & ~set_of(&search->model, set);

	for (; lost; lost &= lost - 1) {
		unsigned bit = (unsigned)__builtin_ctzll(lost);
		const struct vpmu_baseline_lack *lack = &search->baseline->lacks[set][bit];

		if (is_it(search, lack->first, lack->hosts))
			describe_bit(search, set, bit);
	}
}

bool vpmu_baseline_cost(const struct vpmu_baseline *baseline, size_t i, struct vpmu_cost *cost)
{
	struct search search = {.baseline = baseline, .left = i, .cost = cost};

	if (!cost || vpmu_baseline_model(baseline, &search.model))
		return false;
	for (unsigned n = 0; n < ARRAY_SIZE(number_words); n++)
		try_number(&search, &number_words[n]);
	for (unsigned set = 0; set < VPMU_BASELINE_SETS; set++)
		try_set(&search, (enum vpmu_baseline_set)set);
	return search.found;
}
