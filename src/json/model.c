/* SPDX-License-Identifier: MIT */
/* Models, and what belongs to them, as JSON (docs/json.md: vpmu-models, vpmu-model). */
#include <jansson.h>
#include <string.h>

#include <json/room.h>

static json_t *features_json(const struct vpmu_model *model)
{
	json_t *list = json_array();

	for (size_t i = 0; vpmu_feature_name(i); i++)
		if (vpmu_model_feature(model, i))
			json_array_append_new(list, json_string(vpmu_feature_name(i)));
	return list;
}

static json_t *field_json(const struct vpmu_model *model, size_t i)
{
	uint64_t value = vpmu_model_field(model, i);

	switch (vpmu_field_form(i)) {
	case VPMU_FORM_VENDOR:
		return json_string(vpmu_vendor_name((enum vpmu_vendor)value));
	case VPMU_FORM_NUMBER:
		return json_integer((json_int_t)value);
	case VPMU_FORM_FEATURES:
		return features_json(model);
	case VPMU_FORM_HEX:
	case VPMU_FORM_BITS:
		break;
	}
	return json_hex(value);
}

json_t *model_json(const struct vpmu_model *model)
{
	json_t *object = json_pack("{s:s}", "name", model->name);

	for (size_t i = 0; vpmu_field_name(i); i++)
		json_object_set_new(object, vpmu_field_name(i), field_json(model, i));
	json_object_set_new(object, "fixed_counters",
	                    json_integer((json_int_t)vpmu_model_fixed_count(model)));
	return object;
}

json_t *register_json(const struct vpmu_register *reg)
{
	const char *level = vpmu_level_name(reg->level);

	return json_pack("{s:o, s:s, s:s, s:i, s:i, s:o, s:o, s:s, s:s, s:s}", "msr",
	                 json_hex(reg->msr), "name", reg->name, "kind", vpmu_kind_name(reg->kind),
	                 "index", reg->index, "width", reg->width, "writable",
	                 json_hex(reg->writable), "reset", json_hex(reg->reset), "guest",
	                 vpmu_access_name(reg->guest), "host", vpmu_access_name(reg->host), "level",
	                 level ? level : "never");
}

json_t *leaf_json(const struct vpmu_cpuid *leaf)
{
	return json_pack("{s:o, s:i, s:o, s:o, s:o, s:o}", "leaf", json_hex(leaf->leaf), "subleaf",
	                 (int)leaf->subleaf, "eax", json_hex(leaf->eax), "ebx", json_hex(leaf->ebx),
	                 "ecx", json_hex(leaf->ecx), "edx", json_hex(leaf->edx));
}

/* A switch is a Boolean; what has names is one; the rest are numbers. */
static json_t *host_value(size_t i, unsigned value)
{
	const char *word = vpmu_host_word(i, value);

	if (!word)
		return json_integer(value);
	return strstr(vpmu_host_key(i), "=on|off") ? json_boolean(value) : json_string(word);
}

json_t *under_profile_json(const struct vpmu_host *host)
{
	json_t *object = json_object();
	unsigned value;

	for (size_t i = 0; vpmu_host_key(i); i++)
		if (vpmu_host_get(host, i, &value))
			json_object_set_new(object, vpmu_host_name(i), host_value(i, value));
	return object;
}

json_t *models_json(void)
{
	json_t *document = json_document("vpmu-models", 1), *list = json_array();
	struct vpmu_model model;
	const char *name;

	for (size_t i = 0; (name = vpmu_preset_name(i)); i++) {
		json_t *item;

		if (vpmu_model_parse(&model, name, NULL, 0))
			continue;
		item = model_json(&model);
		json_object_set_new(item, "about", json_string(vpmu_preset_about(i)));
		json_array_append_new(list, item);
	}
	json_object_set_new(document, "models", list);
	return document;
}
