/* SPDX-License-Identifier: MIT */
/* The shapes that MSRs, leaves of CPUID and CPU models have in other programs' JSON. */
#include "foreign_shape.h"

#if HAVE_JANSSON

#include <inttypes.h>
#include <string.h>

#include "lib/memory.h"

enum { CPUS = 4096 };

void foreign_json_wrong(struct place *place, const char *what)
{
	if (!place->wrong)
		snprintf(place->why, STATE_WHY_BYTES, "vCPU %" PRIu32 ": %s", place->cpu, what);
	place->wrong = true;
}

static struct json_cpu *cpu_of(struct place *place)
{
	struct foreign_json *json = place->json;
	struct json_cpu *cpus;

	for (size_t i = 0; i < json->cpu_count; i++)
		if (json->cpus[i].number == place->cpu)
			return &json->cpus[i];
	if (json->cpu_count == CPUS) {
		foreign_json_wrong(place, "too many vCPUs");
		return NULL;
	}
	if (json->cpu_count == json->cpu_room) {
		size_t room = 2 * json->cpu_room + 16;

		cpus = memory_resize(json->cpus, room * sizeof(*cpus));
		place->no_memory |= !cpus;
		if (!cpus)
			return NULL;
		json->cpus = cpus;
		json->cpu_room = room;
	}
	json->cpus[json->cpu_count] = (struct json_cpu){.number = place->cpu};
	return &json->cpus[json->cpu_count++];
}

static void take_leaf(struct place *place, const struct vpmu_cpuid *leaf)
{
	struct json_cpu *cpu = cpu_of(place);

	if (cpu)
		foreign_leaves_add(&cpu->leaves, leaf);
}

static void take_msr(struct place *place, uint64_t msr, uint64_t value)
{
	const struct foreign_msr taken = {place->cpu, (uint32_t)msr, value};

	place->no_memory |= !msr_table_take(&place->json->msrs, &taken);
}

/* {"index": 390, "data": 5439606}, kvm_msr_entry. */
static bool is_msr(struct place *place, json_t *object)
{
	uint64_t msr, value;

	if (!json_object_get(object, "index") || !json_object_get(object, "data"))
		return false;
	if (!foreign_json_member(object, "index", &msr, UINT32_MAX) ||
	    !foreign_json_member(object, "data", &value, UINT64_MAX))
		foreign_json_wrong(place, "an MSR whose 'index' or 'data' is no such number");
	else
		take_msr(place, msr, value);
	return true;
}

/* {"addr": "0x186", "bitmap": "0b0101"}, of a CPU template. */
static bool is_template_msr(struct place *place, json_t *object)
{
	uint64_t msr, value;

	if (!foreign_json_member(object, "addr", &msr, UINT32_MAX) ||
	    !json_object_get(object, "bitmap"))
		return false;
	if (foreign_json_member(object, "bitmap", &value, UINT64_MAX))
		take_msr(place, msr, value);
	return true;
}

/* {"function": 10, "index": 0, "eax": …}, kvm_cpuid_entry2. */
static bool is_leaf(struct place *place, json_t *object)
{
	uint64_t function, index = 0, eax, ebx, ecx, edx;

	if (!foreign_json_member(object, "function", &function, UINT32_MAX) ||
	    !json_object_get(object, "eax"))
		return false;
	if (!foreign_json_member(object, "eax", &eax, UINT32_MAX) ||
	    !foreign_json_member(object, "ebx", &ebx, UINT32_MAX) ||
	    !foreign_json_member(object, "ecx", &ecx, UINT32_MAX) ||
	    !foreign_json_member(object, "edx", &edx, UINT32_MAX)) {
		foreign_json_wrong(place, "a leaf of CPUID without four registers of 32 bits");
		return true;
	}
	foreign_json_member(object, "index", &index, UINT32_MAX);
	take_leaf(place, &(struct vpmu_cpuid){(uint32_t)function, (uint32_t)index, (uint32_t)eax,
	                                      (uint32_t)ebx, (uint32_t)ecx, (uint32_t)edx});
	return true;
}

/* {"leaf": "0xa", "subleaf": "0x0", "modifiers": [{"register": "eax", "bitmap": "0b…"}]} */
static bool is_template_leaf(struct place *place, json_t *object)
{
	struct vpmu_cpuid leaf = {.leaf = 0};
	json_t *modifiers = json_object_get(object, "modifiers"), *item;
	uint64_t number, subleaf = 0, value;
	size_t i;

	if (!foreign_json_member(object, "leaf", &number, UINT32_MAX) || !json_is_array(modifiers))
		return false;
	foreign_json_member(object, "subleaf", &subleaf, UINT32_MAX);
	leaf.leaf = (uint32_t)number;
	leaf.subleaf = (uint32_t)subleaf;
	json_array_foreach(modifiers, i, item)
	{
		const char *name = json_string_value(json_object_get(item, "register"));
		uint32_t *const registers[] = {&leaf.eax, &leaf.ebx, &leaf.ecx, &leaf.edx};

		if (!name || strlen(name) != 3 || name[0] != 'e' || name[2] != 'x' ||
		    name[1] < 'a' || name[1] > 'd')
			continue;
		if (foreign_json_member(item, "bitmap", &value, UINT32_MAX))
			*registers[name[1] - 'a'] = (uint32_t)value;
	}
	take_leaf(place, &leaf);
	return true;
}

/* --- QMP -------------------------------------------------------------------------------------- */

static void read_qmp_features(json_t *props, struct foreign_traits *traits)
{
	const char *key;
	json_t *value;

	json_object_foreach(props, key, value)
	{
		uint32_t feature = foreign_feature(key, strlen(key));

		if (!feature || !json_is_boolean(value))
			continue;
		traits->known |= feature;
		if (json_is_true(value))
			traits->features |= feature;
	}
}

/* {"model": {"name": "base", "props": {"family": 6, "pmu": true, …}}} */
static bool is_qmp(struct place *place, json_t *object)
{
	json_t *props = json_object_get(object, "props"), *pmu = json_object_get(props, "pmu");
	const char *vendor = json_string_value(json_object_get(props, "vendor"));
	const char *name = json_string_value(json_object_get(object, "name"));
	struct foreign_traits traits = {.known = 0};
	uint64_t family, model, stepping;

	if (!json_is_object(props) || !name)
		return false;
	foreign_name(name, strlen(name), &traits);
	traits.has_name = false;
	if (vendor)
		traits.has_vendor = foreign_vendor(vendor, strlen(vendor), &traits.vendor);
	if (foreign_json_member(props, "family", &family, UINT16_MAX) &&
	    foreign_json_member(props, "model", &model, 255) &&
	    foreign_json_member(props, "stepping", &stepping, 15)) {
		traits.has_signature = true;
		traits.signature =
			foreign_signature((uint32_t)family, (uint32_t)model, (uint32_t)stepping);
	}
	read_qmp_features(props, &traits);
	traits.has_pmu = json_is_boolean(pmu);
	traits.pmu = json_is_true(pmu);
	place->json->has_traits = true;
	place->json->traits = traits;
	return true;
}

bool foreign_json_take(struct place *place, json_t *object)
{
	return is_msr(place, object) || is_leaf(place, object) || is_template_msr(place, object) ||
	       is_template_leaf(place, object) || is_qmp(place, object);
}

#endif
