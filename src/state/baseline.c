/* SPDX-License-Identifier: MIT */
/*
 * A fleet's baseline: the meet of all hosts' models and, for each number and bit, which host was
 * the first to lower it and how many did. Hosts are added one at a time; their models are not kept.
 */
#include <state/room_int.h>

static void add_number(struct vpmu_baseline_least *least, uint8_t value, uint64_t host)
{
	if (!least->hosts || value < least->least) {
		uint8_t next = least->hosts ? least->least : 0;

		*least = (struct vpmu_baseline_least){.first = host,
		                                      .hosts = 1,
		                                      .least = value,
		                                      .most = least->most,
		                                      .next = next};
	} else if (value == least->least) {
		least->hosts++;
	} else if (!least->next || value < least->next) {
		least->next = value;
	}
	if (value > least->most)
		least->most = value;
}

/* Numbers are kept in the order of their rows. A host without fixed counters has no width for
 * them. */
static void add_numbers(struct vpmu_baseline *baseline, const struct vpmu_model *model,
                        uint64_t host)
{
	struct vpmu_baseline_least *number = baseline->numbers;

	for (size_t i = 0; i < field_count; i++) {
		const struct field_row *row = &field_rows[i];
		uint64_t value = field_get(row, model);

		if (row->order == FIELD_NUMBER && (value || !row->may_be_0))
			add_number(number, (uint8_t)value, host);
		number += row->order == FIELD_NUMBER;
		for (unsigned k = 0; k < FIELD_CHOICES && row->choices[k].bits; k++)
			add_number(number++, field_choice_get(&row->choices[k], value), host);
	}
}

uint64_t baseline_bits(const struct field_row *row)
{
	uint64_t bits = row->form == VPMU_FORM_FEATURES ? features_all() : row->on[LIKE_INTEL].max;

	if (!bits)
		bits = width_mask(row->size * 8u);
	for (unsigned k = 0; k < FIELD_CHOICES; k++)
		bits &= ~row->choices[k].bits;
	return bits;
}

static void add_sets(struct vpmu_baseline *baseline, const struct vpmu_model *model, uint64_t host)
{
	struct vpmu_baseline_lack *lacks = baseline->lacks;

	for (size_t i = 0; i < field_count; i++) {
		const struct field_row *row = &field_rows[i];
		uint64_t lacking = ~field_offers(row, model) & baseline_bits(row);

		if (row->order != FIELD_SET)
			continue;
		baseline->some[i] |= field_had(row, model);
		for (; lacking; lacking &= lacking - 1) {
			struct vpmu_baseline_lack *lack = &lacks[__builtin_ctzll(lacking)];

			if (!lack->hosts++)
				lack->first = host;
		}
		lacks += row->size * 8u;
	}
}

enum vpmu_status vpmu_baseline_add(struct vpmu_baseline *baseline, const struct vpmu_model *model,
                                   uint64_t host, char *why, size_t why_bytes)
{
	struct text text = text_in(why, why_bytes);

	if (!baseline)
		return argument_missing(why, why_bytes);
	if (vpmu_model_check(model, why, why_bytes))
		return VPMU_BAD_ARGUMENT;
	if (!baseline->hosts)
		baseline->model = *model;
	if (model->vendor != baseline->model.vendor) {
		text_add(&text, "of another vendor than the first: they have no PMU in common");
		return VPMU_INCOMPATIBLE;
	}
	baseline->signatures_differ |= model->signature != baseline->model.signature;
	model_meet(&baseline->model, model);
	add_numbers(baseline, model, host);
	add_sets(baseline, model, host);
	baseline->hosts++;
	return VPMU_OK;
}

enum vpmu_status vpmu_baseline_model(const struct vpmu_baseline *baseline, struct vpmu_model *model)
{
	if (!baseline || !model || !baseline->hosts)
		return VPMU_BAD_ARGUMENT;
	*model = baseline->model;
	text_add(&(struct text){.start = model->name, .size = sizeof(model->name)}, "baseline");
	return VPMU_OK;
}
