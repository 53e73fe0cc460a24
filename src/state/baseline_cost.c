/* SPDX-License-Identifier: MIT */
/*
 * What a fleet's smaller hosts cost: each number and each bit that some host has and the baseline
 * lacks, with the hosts to blame. Something can be lost although no host lacks it, because the
 * common parts do not make a PMU that can exist; it follows from other costs, and no host is to
 * blame.
 */
#include <state/room_int.h>

/* The costs, counted until the wanted one is found. */
struct search {
	const struct vpmu_baseline *baseline;
	size_t left; /* costs before the wanted one */
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

/* --- Numbers ---------------------------------------------------------------------------------- */

static void describe_number(struct search *search, const char *name, uint8_t has,
                            const struct vpmu_baseline_least *number)
{
	struct text text = text_in(search->cost->text, sizeof(search->cost->text));

	text_add(&text, name);
	text_add(&text, ": ");
	text_add_unsigned(&text, has);
	text_add(&text, ", not ");
	if (number->next && number->next < number->most) {
		text_add_unsigned(&text, number->next);
		text_add(&text, " to ");
	}
	text_add_unsigned(&text, number->most);
}

static void try_number(struct search *search, const char *name, uint8_t has,
                       const struct vpmu_baseline_least *number)
{
	bool blamed = number->least < number->most;

	if (number->most <= has)
		return;
	if (is_it(search, blamed ? number->first : 0, blamed ? number->hosts : 0))
		describe_number(search, name, has, number);
}

static void try_numbers(struct search *search)
{
	const struct vpmu_baseline_least *number = search->baseline->numbers;

	for (size_t i = 0; i < field_count; i++) {
		const struct field_row *row = &field_rows[i];
		uint64_t value = field_get(row, &search->baseline->model);

		if (row->order == FIELD_NUMBER)
			try_number(search, row->text, (uint8_t)value, number++);
		for (unsigned k = 0; k < FIELD_CHOICES && row->choices[k].bits; k++)
			try_number(search, row->choices[k].text,
			           field_choice_get(&row->choices[k], value), number++);
	}
}

/* --- Sets ------------------------------------------------------------------------------------- */

static void describe_bit(struct search *search, const struct field_row *row, uint64_t bit)
{
	struct text text = text_in(search->cost->text, sizeof(search->cost->text));

	text_add(&text, "no ");
	field_describe_bit(row, bit, &text);
}

static void try_set(struct search *search, const struct field_row *row, uint64_t some,
                    const struct vpmu_baseline_lack *lacks)
{
	uint64_t lost = some & ~field_offers(row, &search->baseline->model) & baseline_bits(row);

	for (; lost; lost &= lost - 1) {
		const struct vpmu_baseline_lack *lack = &lacks[__builtin_ctzll(lost)];

		if (is_it(search, lack->first, lack->hosts))
			describe_bit(search, row, lost & -lost);
	}
}

static void try_sets(struct search *search)
{
	const struct vpmu_baseline_lack *lacks = search->baseline->lacks;

	for (size_t i = 0; i < field_count; i++) {
		if (field_rows[i].order != FIELD_SET)
			continue;
		try_set(search, &field_rows[i], search->baseline->some[i], lacks);
		lacks += field_rows[i].size * 8u;
	}
}

bool vpmu_baseline_cost(const struct vpmu_baseline *baseline, size_t i, struct vpmu_cost *cost)
{
	struct search search = {.baseline = baseline, .left = i, .cost = cost};

	if (!baseline || !cost || !baseline->hosts)
		return false;
	try_numbers(&search);
	try_sets(&search);
	return search.found;
}
