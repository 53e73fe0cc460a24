/* SPDX-License-Identifier: MIT */
/* Looks through JSON for CPUID, MSRs and CPU models, wherever in it they are. */
#include "foreign.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "lib/memory.h"

void foreign_json_free(struct foreign_json *json)
{
	msr_table_free(&json->msrs);
	free(json->cpus);
	*json = (struct foreign_json){.format = NULL};
}

#if HAVE_JANSSON

enum { DEPTH = 64, NESTED = 4, CPUS = 4096 };

/* Where the search is. */
struct place {
	struct foreign_json *json;
	char *why;
	bool wrong, no_memory;
	unsigned nested;    /* JSON in texts of JSON */
	uint32_t cpu, next; /* the vCPU that is looked at, and the next without a number */
	bool has_number;
};

static void wrong(struct place *place, const char *what)
{
	if (!place->wrong)
		snprintf(place->why, STATE_WHY_BYTES, "vCPU %" PRIu32 ": %s", place->cpu, what);
	place->wrong = true;
}

/* --- Numbers ---------------------------------------------------------------------------------- */

/* Jansson's integers end at 2^63 - 1, those of MSRs do not: longer ones become texts. */
static char *quote_long_numbers(const char *text, size_t bytes, size_t *quoted)
{
	char *out = memory_get(bytes + bytes / 4 + 3);
	bool in_text = false;
	size_t used = 0;

	for (size_t at = 0; out && at < bytes;) {
		size_t digits = 0;

		bool quotes;

		while (!in_text && at + digits < bytes && isdigit((unsigned char)text[at + digits]))
			digits++;
		/* Not of a fraction, or with one. */
		quotes = digits >= 19 && at && strchr(" \t\r\n:,[", text[at - 1]) &&
		         (at + digits == bytes || !strchr(".eE", text[at + digits]));
		if (quotes)
			out[used++] = '"';
		memcpy(out + used, text + at, digits ? digits : 1);
		used += digits ? digits : 1;
		if (quotes)
			out[used++] = '"';
		if (in_text && text[at] == '\\' && at + 1 < bytes)
			out[used++] = text[++at];
		else if (text[at] == '"')
			in_text = !in_text;
		at += digits ? digits : 1;
	}
	*quoted = used;
	return out;
}

/* "0b0101" of CPU templates; an 'x' is a bit that is not told. */
static bool read_binary(const char *text, uint64_t *value)
{
	size_t digits = strspn(text, "01_");

	for (*value = 0; digits && *text; text++)
		if (*text != '_')
			*value = *value << 1 | (unsigned)(*text - '0');
	return digits && !*text;
}

static bool read_number(json_t *item, uint64_t *value)
{
	const char *text = json_string_value(item);
	char *end = NULL;

	if (json_is_integer(item) && json_integer_value(item) >= 0) {
		*value = (uint64_t)json_integer_value(item);
		return true;
	}
	if (!text || !isdigit((unsigned char)*text))
		return false;
	if (!strncmp(text, "0b", 2))
		return read_binary(text + 2, value);
	if (strlen(text) > 20)
		return false;
	*value = strtoull(text, &end, strncmp(text, "0x", 2) ? 10 : 16);
	return !*end;
}

static bool member(json_t *object, const char *key, uint64_t *value, uint64_t most)
{
	return read_number(json_object_get(object, key), value) && *value <= most;
}

/* --- What is found ---------------------------------------------------------------------------- */

static struct json_cpu *cpu_of(struct place *place)
{
	struct foreign_json *json = place->json;
	struct json_cpu *cpus;

	for (size_t i = 0; i < json->cpu_count; i++)
		if (json->cpus[i].number == place->cpu)
			return &json->cpus[i];
	if (json->cpu_count == CPUS) {
		wrong(place, "too many vCPUs");
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
	if (!member(object, "index", &msr, UINT32_MAX) ||
	    !member(object, "data", &value, UINT64_MAX))
		wrong(place, "an MSR whose 'index' or 'data' is no such number");
	else
		take_msr(place, msr, value);
	return true;
}

/* {"addr": "0x186", "bitmap": "0b0101"}, of a CPU template. */
static bool is_template_msr(struct place *place, json_t *object)
{
	uint64_t msr, value;

	if (!member(object, "addr", &msr, UINT32_MAX) || !json_object_get(object, "bitmap"))
		return false;
	if (member(object, "bitmap", &value, UINT64_MAX))
		take_msr(place, msr, value);
	return true;
}

/* {"function": 10, "index": 0, "eax": …}, kvm_cpuid_entry2. */
static bool is_leaf(struct place *place, json_t *object)
{
	uint64_t function, index = 0, eax, ebx, ecx, edx;

	if (!member(object, "function", &function, UINT32_MAX) || !json_object_get(object, "eax"))
		return false;
	if (!member(object, "eax", &eax, UINT32_MAX) || !member(object, "ebx", &ebx, UINT32_MAX) ||
	    !member(object, "ecx", &ecx, UINT32_MAX) || !member(object, "edx", &edx, UINT32_MAX)) {
		wrong(place, "a leaf of CPUID without four registers of 32 bits");
		return true;
	}
	member(object, "index", &index, UINT32_MAX);
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

	if (!member(object, "leaf", &number, UINT32_MAX) || !json_is_array(modifiers))
		return false;
	member(object, "subleaf", &subleaf, UINT32_MAX);
	leaf.leaf = (uint32_t)number;
	leaf.subleaf = (uint32_t)subleaf;
	json_array_foreach(modifiers, i, item)
	{
		const char *name = json_string_value(json_object_get(item, "register"));
		uint32_t *const registers[] = {&leaf.eax, &leaf.ebx, &leaf.ecx, &leaf.edx};

		if (!name || strlen(name) != 3 || name[0] != 'e' || name[2] != 'x' ||
		    name[1] < 'a' || name[1] > 'd')
			continue;
		if (member(item, "bitmap", &value, UINT32_MAX))
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
	if (member(props, "family", &family, UINT16_MAX) && member(props, "model", &model, 255) &&
	    member(props, "stepping", &stepping, 15)) {
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

/* --- The search ------------------------------------------------------------------------------- */

static void search(struct place *place, json_t *item, unsigned depth);

/* A text that is JSON, as Cloud Hypervisor saves its parts. */
static void search_text(struct place *place, const char *text, size_t bytes)
{
	json_error_t error;
	json_t *inner;
	size_t quoted;
	char *copy;

	if (bytes < 2 || (text[0] != '{' && text[0] != '[') || place->nested == NESTED)
		return;
	copy = quote_long_numbers(text, bytes, &quoted);
	place->no_memory |= !copy;
	inner = copy ? json_parse(copy, quoted, &error) : NULL;
	free(copy);
	if (!inner)
		return;
	place->nested++;
	search(place, inner, 0);
	place->nested--;
	json_decref(inner);
}

/* The same as a list of its bytes. */
static void search_bytes(struct place *place, json_t *list)
{
	size_t bytes = json_array_size(list), i;
	char *text = memory_get(bytes);
	json_t *item;

	place->no_memory |= !text;
	json_array_foreach(list, i, item)
	{
		if (!text || !json_is_integer(item) || json_integer_value(item) < 1 ||
		    json_integer_value(item) > 255)
			break;
		text[i] = (char)json_integer_value(item);
	}
	if (text && i == bytes)
		search_text(place, text, bytes);
	free(text);
}

/* Whether the object is a vCPU's, by the names that its parts have. */
static bool is_vcpu(json_t *object)
{
	static const char *const keys[] = {"msrs", "saved_msrs", "msr_modifiers"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (json_object_get(object, keys[i]))
			return true;
	return false;
}

static bool all_digits(const char *key)
{
	return *key && strspn(key, "0123456789") == strlen(key) && strlen(key) < 6;
}

static void search_members(struct place *place, json_t *object, unsigned depth)
{
	const struct place before = *place;
	const char *key;
	json_t *value;

	if (is_vcpu(object) && !place->has_number)
		place->cpu = place->next++;
	json_object_foreach(object, key, value)
	{
		uint32_t cpu = place->cpu;
		bool had = place->has_number;

		/* Cloud Hypervisor's snapshots of vCPUs are named by their numbers. */
		if (all_digits(key)) {
			place->cpu = (uint32_t)strtoul(key, NULL, 10);
			place->has_number = true;
		}
		search(place, value, depth + 1);
		place->cpu = cpu;
		place->has_number = had;
	}
	place->cpu = before.cpu;
}

static void search_object(struct place *place, json_t *object, unsigned depth)
{
	if (is_msr(place, object) || is_leaf(place, object) || is_template_msr(place, object) ||
	    is_template_leaf(place, object) || is_qmp(place, object))
		return;
	search_members(place, object, depth);
}

static void search(struct place *place, json_t *item, unsigned depth)
{
	json_t *part;
	size_t i;

	if (place->wrong || place->no_memory || depth == DEPTH)
		return;
	if (json_is_object(item))
		search_object(place, item, depth);
	else if (json_is_string(item))
		search_text(place, json_string_value(item), json_string_length(item));
	else if (json_is_array(item) && json_integer_value(json_array_get(item, 0)) == '{')
		search_bytes(place, item);
	else if (json_is_array(item))
		json_array_foreach(item, i, part) search(place, part, depth + 1);
}

/* --- The document ----------------------------------------------------------------------------- */

static const char *format_of(const struct foreign_json *json)
{
	if (json->has_traits && !json->msrs.count && !json->cpu_count)
		return "QMP's model expansion";
	return json->msrs.count || json->cpu_count ? "snapshot of vCPUs" : NULL;
}

static enum vpmu_status finish(struct place *place)
{
	struct foreign_json *json = place->json;

	if (place->no_memory) {
		snprintf(place->why, STATE_WHY_BYTES, "out of memory");
		return VPMU_HOST;
	}
	if (place->wrong)
		return VPMU_BAD_DATA;
	msr_table_sort(&json->msrs);
	json->format = format_of(json);
	for (size_t i = 0; i < json->cpu_count; i++) {
		struct json_cpu *cpu = &json->cpus[i];
		const uint64_t *value =
			msr_table_find(&json->msrs, cpu->number, VPMU_MSR_PERF_CAPABILITIES);

		cpu->leaves.has_capabilities = value;
		cpu->leaves.capabilities = value ? *value : 0;
	}
	if (json->format)
		return VPMU_OK;
	snprintf(place->why, STATE_WHY_BYTES,
	         "it looks like JSON, with neither CPUID nor MSRs nor a CPU model in it");
	return VPMU_NO_REGISTER;
}

/* One document behind the other, as QMP's answers are. */
static enum vpmu_status search_all(struct place *place, const char *text, size_t bytes)
{
	size_t used = 0, part;

	while (used < bytes && !place->wrong && !place->no_memory) {
		json_error_t error = {.text = ""};
		json_t *document = json_parse_next(text + used, bytes - used, &part, &error);

		if (!document) {
			snprintf(place->why, STATE_WHY_BYTES,
			         "it is no JSON: %.200s, %d bytes behind offset %zu", error.text,
			         error.position, used);
			return VPMU_BAD_DATA;
		}
		search(place, document, 0);
		json_decref(document);
		used += part;
		while (used < bytes && strchr(" \t\r\n", text[used]) && text[used])
			used++;
	}
	return VPMU_OK;
}

enum vpmu_status foreign_json_read(const char *text, size_t bytes, struct foreign_json *json,
                                   char *why)
{
	struct place place = {.json = json, .why = why};
	enum vpmu_status status = VPMU_OK;
	size_t quoted;
	char *copy;

	*json = (struct foreign_json){.format = NULL};
	copy = quote_long_numbers(text, bytes, &quoted);
	place.no_memory = !copy;
	if (copy)
		status = search_all(&place, copy, quoted);
	free(copy);
	if (status && memory_ran_out())
		place.no_memory = true;
	if (!status || place.no_memory)
		status = finish(&place);
	if (status)
		foreign_json_free(json);
	return status;
}

#else

enum vpmu_status foreign_json_read(const char *text, size_t bytes, struct foreign_json *json,
                                   char *why)
{
	*json = (struct foreign_json){.format = NULL};
	return json_lacks() ? VPMU_INTERNAL : VPMU_OK;
}

#endif
