/* SPDX-License-Identifier: MIT */
/* Models that are read out of documents (docs/json.md), by the table of a model's fields. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include <json/room.h>

static void read_vendor(struct reading *reading, json_t *object, struct vpmu_model *model)
{
	const char *name = reading_text(reading, object, "vendor");

	for (unsigned i = 0; i < VPMU_VENDORS; i++)
		if (!strcmp(vpmu_vendor_name((enum vpmu_vendor)i), name)) {
			model->vendor = (enum vpmu_vendor)i;
			return;
		}
	reading_fail(reading, "unknown vendor '%.40s'", name);
}

static void read_name(struct reading *reading, json_t *object, struct vpmu_model *model)
{
	const char *name = reading_text(reading, object, "name");
	size_t length = strlen(name);

	for (size_t i = 0; i < length; i++)
		if (name[i] < ' ' || name[i] > '~')
			reading_fail(reading, "'name' has characters that are not plain ASCII");
	if (length >= sizeof(model->name))
		reading_fail(reading, "'name' is longer than %zu bytes", sizeof(model->name) - 1);
	else
		memcpy(model->name, name, length + 1);
}

/* The bit of that name, or 0 for what is no bit of its own. */
static uint32_t feature_bit(const char *name)
{
	for (unsigned bit = 0; bit < 32; bit++) {
		struct vpmu_model probe = {.features = UINT32_C(1) << bit};

		for (size_t i = 0; vpmu_feature_name(i); i++)
			if (vpmu_model_feature(&probe, i) && !strcmp(vpmu_feature_name(i), name))
				return probe.features;
	}
	return 0;
}

/* Whether the list names just what the model has. */
static bool names_features(json_t *list, const struct vpmu_model *model)
{
	size_t at = 0;

	for (size_t i = 0; vpmu_feature_name(i); i++) {
		const char *said = json_string_value(json_array_get(list, at));

		if (!vpmu_model_feature(model, i))
			continue;
		if (!said || strcmp(said, vpmu_feature_name(i)) != 0)
			return false;
		at++;
	}
	return at == json_array_size(list);
}

static void read_features(struct reading *reading, json_t *object, struct vpmu_model *model)
{
	json_t *list = json_object_get(object, "features"), *item;
	size_t i;

	if (!json_is_array(list))
		reading_fail(reading, "'features' is not an array");
	json_array_foreach(list, i, item) if (json_is_string(item)) model->features |=
		feature_bit(json_string_value(item));
	if (!names_features(list, model))
		reading_fail(reading, "'features' has an unknown one, or does not agree with "
		                      "'perf_capabilities', or is not in order");
}

/* The most that its member can hold. */
static uint64_t field_max(size_t i)
{
	struct vpmu_model probe = {.version = 0};
	uint64_t max = UINT64_MAX;

	while (vpmu_model_set_field(&probe, i, max))
		max >>= 8;
	return max;
}

static void read_field(struct reading *reading, json_t *object, struct vpmu_model *model, size_t i)
{
	const char *name = vpmu_field_name(i);
	uint64_t max = field_max(i);

	switch (vpmu_field_form(i)) {
	case VPMU_FORM_VENDOR:
		read_vendor(reading, object, model);
		break;
	case VPMU_FORM_NUMBER:
		vpmu_model_set_field(
			model, i,
			reading_count(reading, object, name, max < UINT8_MAX ? max : UINT8_MAX));
		break;
	case VPMU_FORM_HEX:
	case VPMU_FORM_BITS:
		vpmu_model_set_field(model, i, reading_hex(reading, object, name, max));
		break;
	case VPMU_FORM_FEATURES: /* when the others are there, some of which have features, too */
		break;
	}
}

/* "name … fixed_counters": what a model's object must have. */
static const char *member_names(char *names, size_t bytes)
{
	size_t used = (size_t)snprintf(names, bytes, "name");

	for (size_t i = 0; vpmu_field_name(i); i++)
		used += (size_t)snprintf(names + used, bytes - used, " %s", vpmu_field_name(i));
	snprintf(names + used, bytes - used, " fixed_counters");
	return names;
}

/* A field that came later is 0 in an older document. */
static void add_later_fields(json_t *object)
{
	enum { FIELDS_OF_VERSION_1 = 11 };

	for (size_t i = FIELDS_OF_VERSION_1; vpmu_field_name(i); i++)
		if (!json_object_get(object, vpmu_field_name(i)))
			json_object_set_new(object, vpmu_field_name(i), json_hex(0));
}

void reading_model(struct reading *reading, json_t *object, struct vpmu_model *model)
{
	char names[32 * (VPMU_MAX_FIELDS + 2)], why[200];

	memset(model, 0, sizeof(*model));
	add_later_fields(object);
	if (!reading_members(reading, object, member_names(names, sizeof(names))))
		return;
	read_name(reading, object, model);
	for (size_t i = 0; vpmu_field_name(i); i++)
		read_field(reading, object, model, i);
	read_features(reading, object, model);
	if (reading_count(reading, object, "fixed_counters", 32) != vpmu_model_fixed_count(model))
		reading_fail(reading, "'fixed_counters' does not agree with 'fixed_mask'");
	if (!reading->failed && vpmu_model_check(model, why, sizeof(why)))
		reading_fail(reading, "no such PMU can exist: %s", why);
}
