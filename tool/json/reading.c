/* SPDX-License-Identifier: MIT */
/* Reads the JSON form of states (docs/json.md: vpmu-state), and the model out of a host's report.
 */
#include <inttypes.h>
#include <string.h>

#include <base/room.h>

#include "lib/memory.h"
#include "reading.h"

#if HAVE_JANSSON

enum { VERSION = 1 };

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

static void read_vcpu(struct reading *reading, json_t *object, size_t i, struct state_set *set)
{
	struct vpmu_layout layout;
	struct vpmu_model model;
	struct vpmu_state state;
	uint32_t vcpu;

	snprintf(reading->where, sizeof(reading->where), "vcpus[%zu]", i);
	if (!reading_members(reading, object, "vcpu model registers"))
		return;
	vcpu = (uint32_t)reading_count(reading, object, "vcpu", UINT32_MAX);
	if (set->count && vcpu <= set->entries[set->count - 1].vcpu)
		reading_fail(reading, "the numbers of the vCPUs do not ascend");
	snprintf(reading->where, sizeof(reading->where), "vcpus[%zu].model", i);
	reading_model(reading, json_object_get(object, "model"), &model);
	if (reading->failed)
		return;
	vpmu_layout_init(&layout, &model);
	snprintf(reading->where, sizeof(reading->where), "vcpus[%zu]", i);
	read_registers(reading, json_object_get(object, "registers"), i, &layout, &state);
	state.model = model;
	if (!reading->failed && !state_set_add(set, vcpu, &state)) {
		reading_fail(reading, "out of memory");
		reading->no_memory = true;
	}
}

/* Another version is no damage; *newer tells. */
static void read_document(struct reading *reading, json_t *document, struct state_set *set,
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
		read_vcpu(reading, item, i, set);
	}
}

enum vpmu_status state_json_read(const char *text, size_t bytes, struct state_set *set, char *why)
{
	struct reading reading = {.why = why};
	json_t *document = reading_load(text, bytes, why);
	bool newer = false;

	*set = (struct state_set){.entries = NULL};
	if (!document)
		return memory_ran_out() ? VPMU_HOST : VPMU_BAD_DATA;
	read_document(&reading, document, set, &newer);
	json_decref(document);
	if (!reading.failed)
		return VPMU_OK;
	state_set_free(set);
	if (reading.no_memory)
		return VPMU_HOST;
	return newer ? VPMU_INCOMPATIBLE : VPMU_BAD_DATA;
}

/* The kernel's profile, where a doctor has seen a kernel. */
static void read_kernel(json_t *document, struct state_report *report)
{
	const char *kernel =
		json_string_value(json_object_get(json_object_get(document, "host"), "kernel"));
	json_t *mediated = json_object_get(json_object_get(document, "kvm"), "mediated");

	report->is_doctor = true;
	if (kernel)
		report->profile = vpmu_profile_for_kernel(kernel, json_is_true(mediated));
}

/* Why a report cannot be used: it is not a report, or the host's model was unknown. */
static void read_report(struct reading *reading, json_t *document, struct state_report *report)
{
	const char *format = reading_text(reading, document, "format");

	if (strcmp(format, "vpmu-doctor") != 0 && strcmp(format, "vpmu-model") != 0) {
		reading_fail(reading, "'format' is neither \"vpmu-doctor\" nor \"vpmu-model\"");
		return;
	}
	if (reading_count(reading, document, "version", VERSION) != VERSION)
		reading_fail(reading, "of another version than %d", VERSION);
	if (!json_object_get(document, "model"))
		reading_fail(reading, "there is no 'model': the host's PMU was not known");
	if (reading->failed)
		return;
	snprintf(reading->where, sizeof(reading->where), "model");
	reading_model(reading, json_object_get(document, "model"), &report->model);
	if (!strcmp(format, "vpmu-doctor"))
		read_kernel(document, report);
}

enum vpmu_status state_json_report(const char *text, size_t bytes, struct state_report *report,
                                   char *why)
{
	struct reading reading = {.why = why, .lenient = true};
	json_t *document = reading_load(text, bytes, why);

	*report = (struct state_report){.profile = NULL};
	if (!document)
		return memory_ran_out() ? VPMU_HOST : VPMU_BAD_DATA;
	read_report(&reading, document, report);
	json_decref(document);
	return reading.failed ? VPMU_BAD_DATA : VPMU_OK;
}

#else

enum vpmu_status state_json_read(const char *text, size_t bytes, struct state_set *set, char *why)
{
	return json_lacks() ? VPMU_INTERNAL : VPMU_OK;
}

enum vpmu_status state_json_report(const char *text, size_t bytes, struct state_report *report,
                                   char *why)
{
	return json_lacks() ? VPMU_INTERNAL : VPMU_OK;
}

#endif
