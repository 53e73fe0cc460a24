/* SPDX-License-Identifier: MIT */
/* Fields and features: access by number, and descriptions in words. */
#include <arch/room_int.h>

/* --- Features --------------------------------------------------------------------------------- */

static const struct field_row *field_at(unsigned offset)
{
	size_t i = 0;

	while (field_rows[i].offset != offset)
		i++;
	return &field_rows[i];
}

void feature_set(const struct feature_row *feature, struct vpmu_model *model, bool on)
{
	const struct field_row *row = field_at(feature->offset);
	uint64_t value = field_get(row, model) & ~feature->bit;

	field_set(row, model, on != feature->is_inverted ? value | feature->bit : value);
}

uint32_t features_like(unsigned like)
{
	uint64_t features = 0;

	for (size_t i = 0; i < feature_count; i++)
		if (feature_rows[i].of & 1u << like &&
		    feature_rows[i].offset == offsetof(struct vpmu_model, features))
			features |= feature_rows[i].bit;
	return (uint32_t)features;
}

uint32_t features_all(void)
{
	return features_like(LIKE_INTEL) | features_like(LIKE_AMD);
}

const char *vpmu_feature_name(size_t i)
{
	return i < feature_count ? feature_rows[i].name : NULL;
}

bool vpmu_model_feature(const struct vpmu_model *model, size_t i)
{
	return model && i < feature_count &&
	       field_get(field_at(feature_rows[i].offset), model) & feature_rows[i].bit;
}

/* --- Fields ----------------------------------------------------------------------------------- */

const char *vpmu_field_name(size_t i)
{
	return i < field_count ? field_rows[i].json : NULL;
}

const char *vpmu_field_text(size_t i)
{
	return i < field_count ? field_rows[i].text : NULL;
}

enum vpmu_field_form vpmu_field_form(size_t i)
{
	return i < field_count ? (enum vpmu_field_form)field_rows[i].form : VPMU_FORM_HEX;
}

uint64_t vpmu_model_field(const struct vpmu_model *model, size_t i)
{
	return model && i < field_count ? field_get(&field_rows[i], model) : 0;
}

enum vpmu_status vpmu_model_set_field(struct vpmu_model *model, size_t i, uint64_t value)
{
	if (!model || i >= field_count || !field_set(&field_rows[i], model, value))
		return VPMU_BAD_ARGUMENT;
	return VPMU_OK;
}

/* --- In words --------------------------------------------------------------------------------- */

static void add_feature(struct text *text, uint64_t bit)
{
	for (size_t i = 0; i < feature_count; i++)
		if (feature_rows[i].offset == offsetof(struct vpmu_model, features) &&
		    feature_rows[i].bit == bit)
			text_add(text, feature_rows[i].text);
}

static void add_bit(const struct field_row *row, uint64_t bit, struct text *text)
{
	if (row->form == VPMU_FORM_FEATURES)
		add_feature(text, bit);
	else
		text_add_unsigned(text, (unsigned)__builtin_ctzll(bit));
}

void field_describe(const struct field_row *row, uint64_t value, struct text *text)
{
	const char *separator = "";

	switch ((enum vpmu_field_form)row->form) {
	case VPMU_FORM_VENDOR:
		text_add(text, vpmu_vendor_name((enum vpmu_vendor)value));
		return;
	case VPMU_FORM_NUMBER:
		text_add_unsigned(text, value);
		return;
	case VPMU_FORM_HEX:
		text_add_hex(text, value);
		return;
	case VPMU_FORM_BITS:
	case VPMU_FORM_FEATURES:
		break;
	}
	for (; value; value &= value - 1) {
		text_add(text, separator);
		add_bit(row, value & -value, text);
		separator = ", ";
	}
}

void field_describe_bit(const struct field_row *row, uint64_t bit, struct text *text)
{
	text_add(text, row->one);
	add_bit(row, bit, text);
}
