/* SPDX-License-Identifier: MIT */
/* Writes the JSON form of states (docs/json.md: vpmu-state). */
#include "json.h"
#include "lib/message.h"
#include "model.h"
#include "state/state.h"

#if HAVE_JANSSON

enum { VERSION = 1 };

static json_t *registers_json(const struct vpmu_state *state, const struct vpmu_layout *layout)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < layout->value_count; i++) {
		const struct vpmu_register *reg = &layout->registers[layout->stored[i]];

		json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "name", reg->name, "msr",
		                                      json_hex(reg->msr), "value",
		                                      json_hex(state->values[i])));
	}
	return list;
}

static json_t *set_json(const struct state_set *set)
{
	json_t *document = json_document("vpmu-state", VERSION), *vcpus = json_array();

	for (size_t i = 0; i < set->count; i++) {
		const struct state_entry *entry = &set->entries[i];
		struct vpmu_layout layout;

		vpmu_layout_init(&layout, &entry->state.model);
		json_array_append_new(vcpus, json_pack("{s:I, s:o, s:o}", "vcpu",
		                                       (json_int_t)entry->vcpu, "model",
		                                       model_json(&entry->state.model), "registers",
		                                       registers_json(&entry->state, &layout)));
	}
	json_object_set_new(document, "vcpus", vcpus);
	return document;
}

bool state_json_write(const struct state_set *set, FILE *stream)
{
	return json_write(set_json(set), stream);
}

#else

bool state_json_write(const struct state_set *set, FILE *stream)
{
	return !json_lacks();
}

#endif
