/* SPDX-License-Identifier: MIT */
/* What `vpmu models` shows, as JSON (docs/json.md: vpmu-models, vpmu-model). */
#include "command.h"
#include "json/json.h"
#include "models.h"

#if HAVE_JANSSON

static json_t *event_json(const struct vpmu_model *model, const struct model_event *event)
{
	char name[SELECTOR_NAME_BYTES];

	if (event->fixed)
		return json_pack("{s:s, s:b, s:i}", "class", vpmu_class_name(event->class_),
		                 "exact", vpmu_class_is_exact(event->class_), "fixed_counter",
		                 (int)event->which);
	selector_event_name(model, event->which, name);
	return json_pack("{s:s, s:b, s:o, s:s*}", "class", vpmu_class_name(event->class_), "exact",
	                 vpmu_class_is_exact(event->class_), "selector", json_hex(event->which),
	                 "name", *name ? name : NULL);
}

int models_print_list_json(void)
{
	return json_print(models_json());
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
	if (facts->has_host)
		json_object_set_new(document, "host", under_profile_json(&facts->host));
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
