/* SPDX-License-Identifier: MIT */
/* Models as JSON (docs/json.md: vpmu-models, vpmu-model). */
#include "command.h"
#include "json.h"
#include "models.h"
#include "models_json.h"

#if HAVE_JANSSON

static json_t *features_json(const struct vpmu_model *model)
{
	json_t *list = json_array();
	const char *name;
	bool has;

	for (size_t i = 0; (name = model_feature(model, i, &has)); i++)
		if (has)
			json_array_append_new(list, json_string(name));
	return list;
}

json_t *model_json(const struct vpmu_model *model)
{
	return json_pack("{s:s, s:s, s:o, s:i, s:i, s:i, s:i, s:o, s:i, s:o, s:o, s:i, s:o}",
	                 "name", model->name, "vendor", model_vendor_name(model->vendor),
	                 "signature", json_hex(model->signature), "pmu_version", model->version,
	                 "gp_counters", model->gp_count, "gp_width", model->gp_width,
	                 "fixed_counters", (int)vpmu_model_fixed_count(model), "fixed_mask",
	                 json_hex(model->fixed_mask), "fixed_width", model->fixed_width, "features",
	                 features_json(model), "perf_capabilities",
	                 json_hex(model->perf_capabilities), "events_length", model->events_length,
	                 "events_missing", json_hex(model->events_missing));
}

static json_t *register_json(const struct vpmu_register *reg)
{
	return json_pack("{s:o, s:s, s:s, s:i, s:i, s:o, s:o, s:s, s:s, s:s}", "msr",
	                 json_hex(reg->msr), "name", reg->name, "kind", model_kind_name(reg->kind),
	                 "index", reg->index, "width", reg->width, "writable",
	                 json_hex(reg->writable), "reset", json_hex(reg->reset), "guest",
	                 model_access_name(reg->guest), "host", model_access_name(reg->host),
	                 "level", model_level_name(reg->level));
}

static json_t *event_json(const struct vpmu_model *model, const struct model_event *event)
{
	char name[SELECTOR_NAME_BYTES];

	if (event->fixed)
		return json_pack("{s:s, s:i}", "class", vpmu_class_name(event->class_),
		                 "fixed_counter", (int)event->which);
	selector_event_name(model, event->which, name);
	return json_pack("{s:s, s:o, s:s*}", "class", vpmu_class_name(event->class_), "selector",
	                 json_hex(event->which), "name", *name ? name : NULL);
}

json_t *leaf_json(const struct vpmu_cpuid *leaf)
{
	return json_pack("{s:o, s:i, s:o, s:o, s:o, s:o}", "leaf", json_hex(leaf->leaf), "subleaf",
	                 (int)leaf->subleaf, "eax", json_hex(leaf->eax), "ebx", json_hex(leaf->ebx),
	                 "ecx", json_hex(leaf->ecx), "edx", json_hex(leaf->edx));
}

int models_print_list_json(void)
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
	return json_print(document);
}

int models_print_model_json(const struct model_facts *facts)
{
	json_t *document = json_document("vpmu-model", 1), *registers = json_array(),
	       *events = json_array(), *leaves = json_array();

	for (size_t i = 0; i < facts->register_count; i++)
		json_array_append_new(registers, register_json(&facts->registers[i]));
	for (size_t i = 0; i < facts->event_count; i++)
		json_array_append_new(events, event_json(&facts->model, &facts->events[i]));
	for (size_t i = 0; i < facts->leaf_count; i++)
		json_array_append_new(leaves, leaf_json(&facts->leaves[i]));
	json_object_set_new(document, "model", model_json(&facts->model));
	json_object_set_new(document, "registers", registers);
	json_object_set_new(document, "events", events);
	json_object_set_new(document, "cpuid", leaves);
	return json_print(document);
}

#else

int models_print_list_json(void)
{
	return json_lacks() ? TOOL_LACKS : TOOL_HOLDS;
}

int models_print_model_json(const struct model_facts *facts)
{
	return json_lacks() ? TOOL_LACKS : TOOL_HOLDS;
}

#endif
