/* SPDX-License-Identifier: MIT */
/* Plans as JSON (docs/json.md: vpmu-plan). */
#include <jansson.h>

#include <json/room.h>

static json_t *write_json(const struct vpmu_write *write, const struct vpmu_layout *layout)
{
	return json_pack("{s:o, s:s, s:o, s:b}", "msr", json_hex(write->msr), "name",
	                 layout->registers[write->place].name, "value", json_hex(write->value),
	                 "clear", write->clear);
}

json_t *plan_json(const struct vpmu_plan *plan, const struct vpmu_layout *layout)
{
	json_t *document = json_document("vpmu-plan", 1), *writes = json_array();

	for (size_t i = 0; i < plan->count; i++)
		json_array_append_new(writes, write_json(&plan->writes[i], layout));
	json_object_set_new(document, "model", json_string(layout->model.name));
	json_object_set_new(document, "level", json_string(vpmu_level_name(plan->level)));
	json_object_set_new(document, "order", json_string(plan->order->name));
	json_object_set_new(document, "one_by_one", json_boolean(plan->order->one_by_one));
	json_object_set_new(document, "skips_equal", json_boolean(plan->order->skips_equal));
	json_object_set_new(document, "writes", writes);
	return document;
}
