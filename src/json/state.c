/* SPDX-License-Identifier: MIT */
/* The JSON form of states (docs/json.md: vpmu-state). */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include <base/room.h>
#include <json/room.h>

enum { VERSION = 1 };

/* --- Written ---------------------------------------------------------------------------------- */

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

json_t *states_json(void)
{
	json_t *document = json_document("vpmu-state", VERSION);

	json_object_set_new(document, "vcpus", json_array());
	return document;
}

void states_json_add(json_t *document, uint32_t vcpu, const struct vpmu_state *state)
{
	struct vpmu_layout layout;

	vpmu_layout_init(&layout, &state->model);
	json_array_append_new(json_object_get(document, "vcpus"),
	                      json_pack("{s:I, s:o, s:o}", "vcpu", (json_int_t)vcpu, "model",
	                                model_json(&state->model), "registers",
	                                registers_json(state, &layout)));
}

/* --- Read ------------------------------------------------------------------------------------- */

/* Sets a register's value; `seen` has the values that have been set. */
static void read_register(struct reading *reading, json_t *object, const struct vpmu_layout *layout,
                          struct vpmu_state *state, struct set *seen)
{
	const char *name;
	uint64_t msr, value;
	int place;

	if (!reading_members(reading, object, "name msr value"))
		return;
	name = reading_text(reading, object, "name");
	msr = reading_hex(reading, object, "msr", UINT32_MAX);
	value = reading_hex(reading, object, "value", UINT64_MAX);
	place = vpmu_layout_find(layout, name);
	if (place < 0 || layout->value_of[place] == VPMU_NO_VALUE ||
	    layout->stored[layout->value_of[place]] != place) {
		reading_fail(reading, "the model keeps no value of '%.40s'", name);
		return;
	}
	if (layout->registers[place].msr != msr)
		reading_fail(reading, "%s is MSR 0x%" PRIx32, name, layout->registers[place].msr);
	if (set_has(seen, layout->value_of[place]))
		reading_fail(reading, "%s is there twice", name);
	if (!reading->failed && vpmu_state_set(state, layout, (unsigned)place, value))
		reading_fail(reading, "%s cannot hold its value", name);
	set_add(seen, layout->value_of[place]);
}

static void read_registers(struct reading *reading, json_t *list, size_t vcpu,
                           const struct vpmu_layout *layout, struct vpmu_state *state)
{
	struct set seen = {{0}};
	json_t *item;
	size_t i;

	if (!json_is_array(list))
		reading_fail(reading, "'registers' is not an array");
	vpmu_state_reset(state, layout);
	json_array_foreach(list, i, item)
	{
		if (reading->failed)
			return;
		snprintf(reading->where, sizeof(reading->where), "vcpus[%zu].registers[%zu]", vcpu,
		         i);
		read_register(reading, item, layout, state, &seen);
	}
	for (unsigned at = 0; at < layout->value_count; at++)
		if (!set_has(&seen, at))
			reading_fail(reading, "%s is missing",
			             layout->registers[layout->stored[at]].name);
}

/* Who takes the states, and what the last one's number was. */
struct taking {
	json_state_taker *take;
	void *context;
	uint32_t last;
	bool any;
};

static void pass_on(struct reading *reading, struct taking *taking, uint32_t vcpu,
                    const struct vpmu_state *state)
{
	taking->any = true;
	taking->last = vcpu;
	if (taking->take(taking->context, vcpu, state))
		return;
	reading_fail(reading, "out of memory");
	reading->no_memory = true;
}

static void read_vcpu(struct reading *reading, json_t *object, size_t i, struct taking *taking)
{
	struct vpmu_layout layout;
	struct vpmu_model model;
	struct vpmu_state state;
	uint32_t vcpu;

	snprintf(reading->where, sizeof(reading->where), "vcpus[%zu]", i);
	if (!reading_members(reading, object, "vcpu model registers"))
		return;
	vcpu = (uint32_t)reading_count(reading, object, "vcpu", UINT32_MAX);
	if (taking->any && vcpu <= taking->last)
		reading_fail(reading, "the numbers of the vCPUs do not ascend");
	snprintf(reading->where, sizeof(reading->where), "vcpus[%zu].model", i);
	reading_model(reading, json_object_get(object, "model"), &model);
	if (reading->failed)
		return;
	vpmu_layout_init(&layout, &model);
	snprintf(reading->where, sizeof(reading->where), "vcpus[%zu]", i);
	read_registers(reading, json_object_get(object, "registers"), i, &layout, &state);
	state.model = model;
	if (!reading->failed)
		pass_on(reading, taking, vcpu, &state);
}

/* Another version is no damage; *newer tells. */
static void read_document(struct reading *reading, json_t *document, struct taking *taking,
                          bool *newer)
{
	json_t *vcpus = json_object_get(document, "vcpus"), *item;
	json_t *version = json_object_get(document, "version");
	size_t i;

	if (strcmp(reading_text(reading, document, "format"), "vpmu-state") != 0) {
		reading_fail(reading, "'format' is not \"vpmu-state\"");
		return;
	}
	*newer = json_is_integer(version) && json_integer_value(version) != VERSION;
	if (*newer)
		reading_fail(reading, "of another version than %d", VERSION);
	if (!reading_members(reading, document, "format version vcpus"))
		return;
	reading_count(reading, document, "version", VERSION);
	if (!json_array_size(vcpus) || json_array_size(vcpus) > VPMU_FILE_VCPUS)
		reading_fail(reading, "'vcpus' is not an array of 1 to %d", VPMU_FILE_VCPUS);
	json_array_foreach(vcpus, i, item)
	{
		if (reading->failed)
			return;
		read_vcpu(reading, item, i, taking);
	}
}

enum vpmu_status states_json_read(const char *text, size_t bytes, json_state_taker *take,
                                  void *context, struct json_fault *fault)
{
	struct reading reading = {.fault = fault};
	struct taking taking = {.take = take, .context = context};
	json_t *document = reading_load(&reading, text, bytes);
	bool newer = false;

	if (document)
		read_document(&reading, document, &taking, &newer);
	json_decref(document);
	if (reading.no_memory)
		return VPMU_HOST;
	if (newer)
		return VPMU_INCOMPATIBLE;
	return reading.failed ? VPMU_BAD_DATA : VPMU_OK;
}
