/* SPDX-License-Identifier: MIT */
/* Searches JSON for CPUID, MSRs and CPU models, wherever in it they are. */
#include "foreign.h"

#include <stdlib.h>
#include <string.h>

#include "foreign_shape.h"
#include "lib/memory.h"

void foreign_json_free(struct foreign_json *json)
{
	msr_table_free(&json->msrs);
	free(json->cpus);
	*json = (struct foreign_json){.format = NULL};
}

#if HAVE_JANSSON

enum { DEPTH = 64, NESTED = 4 };

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
	copy = foreign_json_quote_numbers(text, bytes, &quoted);
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
	if (!foreign_json_take(place, object))
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

/* Several documents one after the other, like QMP's answers. */
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
	copy = foreign_json_quote_numbers(text, bytes, &quoted);
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
