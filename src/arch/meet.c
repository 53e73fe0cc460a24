/* SPDX-License-Identifier: MIT */
/*
 * Models as a lattice: what two have in common (meet), and whether a host has all that a guest's
 * model promises (covers). Since the common fields need not make a PMU that can exist, the vendor's
 * fit() then reduces them.
 */
#include <arch/room_int.h>

static uint64_t all_choices(const struct field_row *row)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < FIELD_CHOICES; i++)
		bits |= row->choices[i].bits;
	return bits;
}

/* Bits that say that something is missing are common when either has them. */
static uint64_t set_common(const struct field_row *row, uint64_t a, uint64_t b)
{
	uint64_t common = ((a & b) | ((a | b) & row->inverted)) & ~all_choices(row);

	for (unsigned i = 0; i < FIELD_CHOICES; i++)
		if (!((a ^ b) & row->choices[i].bits))
			common |= a & row->choices[i].bits;
	return common;
}

static uint64_t field_common(const struct field_row *row, uint64_t a, uint64_t b)
{
	switch ((enum field_order)row->order) {
	case FIELD_SAME:
		return a;
	case FIELD_NUMBER:
	case FIELD_SHOWN:
		return a < b ? a : b;
	case FIELD_SET:
		return set_common(row, a, b);
	}
	return 0;
}

/* Takes from each field what both have. *model may then not be one that can exist. */
static void take_common(struct vpmu_model *model, const struct vpmu_model *other)
{
	for (size_t i = 0; i < field_count; i++) {
		const struct field_row *row = &field_rows[i];

		field_set(row, model,
		          field_common(row, field_get(row, model), field_get(row, other)));
	}
}

static void fit(struct vpmu_model *model)
{
	if (model->version)
		vendor_of(model->vendor)->fit(model);
	if (!model->version)
		model_turn_off(model);
}

void model_cap(struct vpmu_model *model, const struct vpmu_model *limit)
{
	uint32_t signature = model->signature;
	uint8_t other_name = model->other_name;

	take_common(model, limit);
	model->signature = signature;
	model->other_name = other_name;
	if (model->version)
		vendor_of(model->vendor)->complete(model, 0);
	fit(model);
}

void model_meet(struct vpmu_model *model, const struct vpmu_model *other)
{
	take_common(model, other);
	fit(model);
}

enum vpmu_status vpmu_model_meet(struct vpmu_model *meet, const struct vpmu_model *a,
                                 const struct vpmu_model *b)
{
	struct vpmu_model model;

	if (!meet || vpmu_model_check(a, NULL, 0) || vpmu_model_check(b, NULL, 0))
		return VPMU_BAD_ARGUMENT;
	if (a->vendor != b->vendor)
		return VPMU_INCOMPATIBLE;
	model = *a;
	model_meet(&model, b);
	*meet = model;
	return VPMU_OK;
}

uint64_t field_lacks(const struct field_row *row, const struct vpmu_model *wanted,
                     const struct vpmu_model *host)
{
	uint64_t want = field_had(row, wanted), has = field_offers(row, host), lacks;

	switch ((enum field_order)row->order) {
	case FIELD_SAME:
		has = field_get(row, host);
		return field_get(row, wanted) == has || want == has ? 0 : UINT64_MAX;
	case FIELD_NUMBER:
		return want > has ? want : 0;
	case FIELD_SHOWN:
		return 0;
	case FIELD_SET:
		break;
	}
	lacks = want & ~has & ~all_choices(row);
	for (unsigned i = 0; i < FIELD_CHOICES; i++)
		if ((want ^ has) & row->choices[i].bits)
			lacks |= want & row->choices[i].bits;
	return lacks;
}

bool vpmu_model_covers(const struct vpmu_model *host, const struct vpmu_model *guest)
{
	if (vpmu_model_check(host, NULL, 0) || vpmu_model_check(guest, NULL, 0))
		return false;
	for (size_t i = 0; i < field_count; i++)
		if (field_lacks(&field_rows[i], guest, host))
			return false;
	return true;
}
