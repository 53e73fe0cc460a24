/* SPDX-License-Identifier: MIT */
/* Members of JSON objects, and the models that are read out of them. */
#include "state_json.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "memory.h"
#include "models.h"
#include "number.h"

#if HAVE_JANSSON

enum { HEX_DIGITS = 18 };

/* --- Members ---------------------------------------------------------------------------------- */

json_t *reading_load(const char *text, size_t bytes, char *why)
{
	json_error_t error;
	json_t *document = json_parse(text, bytes, &error);

	if (!document && memory_ran_out())
		snprintf(why, STATE_WHY_BYTES, "out of memory");
	else if (!document)
		snprintf(why, STATE_WHY_BYTES, "%s: line %d, column %d", error.text, error.line,
		         error.column);
	return document;
}

void reading_fail(struct reading *reading, const char *format, ...)
{
	char what[200];
	va_list list;

	if (reading->failed)
		return;
	reading->failed = true;
	va_start(list, format);
	vsnprintf(what, sizeof(what), format, list);
	va_end(list);
	snprintf(reading->why, STATE_WHY_BYTES, "%s: %s", what,
	         *reading->where ? reading->where : "the document");
}

/* Whether a key is one of the words, which single blanks separate. */
static bool is_word_of(const char *key, const char *words)
{
	size_t length = strlen(key);

	for (; *words; words += strcspn(words, " "), words += *words == ' ')
		if (strcspn(words, " ") == length && !strncmp(words, key, length))
			return true;
	return false;
}

static size_t count_words(const char *words)
{
	size_t count = 1;

	for (; *words; words++)
		count += *words == ' ';
	return count;
}

bool reading_members(struct reading *reading, json_t *object, const char *names)
{
	size_t known = 0;
	const char *key;
	json_t *value;

	if (!json_is_object(object)) {
		reading_fail(reading, "not an object");
		return false;
	}
	json_object_foreach(object, key, value)
	{
		if (is_word_of(key, names))
			known++;
		else if (!reading->lenient)
			reading_fail(reading, "unknown member '%.40s'", key);
	}
	if (known < count_words(names))
		reading_fail(reading, "a member is missing (of: %s)", names);
	return !reading->failed;
}

uint64_t reading_count(struct reading *reading, json_t *object, const char *key, uint64_t max)
{
	json_t *value = json_object_get(object, key);

	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    (uint64_t)json_integer_value(value) > max) {
		reading_fail(reading, "'%s' is not a number from 0 to %" PRIu64, key, max);
		return 0;
	}
	return (uint64_t)json_integer_value(value);
}

uint64_t reading_hex(struct reading *reading, json_t *object, const char *key, uint64_t max)
{
	const char *text = json_string_value(json_object_get(object, key));
	uint64_t value = 0;

	if (!text || strncmp(text, "0x", 2) != 0 || strlen(text) > HEX_DIGITS ||
	    !number_parse(text, &value) || value > max)
		reading_fail(reading, "'%s' is not a text from \"0x0\" to \"0x%" PRIx64 "\"", key,
		             max);
	return value;
}

const char *reading_text(struct reading *reading, json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (!text)
		reading_fail(reading, "'%s' is not a text", key);
	return text ? text : "";
}

/* --- The model -------------------------------------------------------------------------------- */

static void read_vendor(struct reading *reading, json_t *object, struct vpmu_model *model)
{
	const char *name = reading_text(reading, object, "vendor");

	for (unsigned i = 0; i < VPMU_VENDORS; i++)
		if (!strcmp(model_vendor_name((enum vpmu_vendor)i), name)) {
			model->vendor = (enum vpmu_vendor)i;
			return;
		}
	reading_fail(reading, "unknown vendor '%.40s'", name);
}

static void read_name(struct reading *reading, json_t *object, struct vpmu_model *model)
{
	const char *name = reading_text(reading, object, "name");
	size_t length = strlen(name);

	for (size_t i = 0; i < length; i++)
		if (name[i] < ' ' || name[i] > '~')
			reading_fail(reading, "'name' has characters that are not plain ASCII");
	if (length >= sizeof(model->name))
		reading_fail(reading, "'name' is longer than %zu bytes", sizeof(model->name) - 1);
	else
		memcpy(model->name, name, length + 1);
}

/* The bit of that name, or 0 for what is no bit of its own. */
static uint32_t feature_bit(const char *name)
{
	for (unsigned bit = 0; bit < 32; bit++) {
		struct vpmu_model probe = {.features = UINT32_C(1) << bit};
		const char *found;
		bool has;

		for (size_t i = 0; (found = model_feature(&probe, i, &has)); i++)
			if (has && !strcmp(found, name))
				return probe.features;
	}
	return 0;
}

/* Whether the list names just what the model has. */
static bool names_features(json_t *list, const struct vpmu_model *model)
{
	size_t at = 0;
	const char *name;
	bool has;

	for (size_t i = 0; (name = model_feature(model, i, &has)); i++) {
		const char *said = json_string_value(json_array_get(list, at));

		if (has && (!said || strcmp(said, name) != 0))
			return false;
		at += has;
	}
	return at == json_array_size(list);
}

static void read_features(struct reading *reading, json_t *object, struct vpmu_model *model)
{
	json_t *list = json_object_get(object, "features"), *item;
	size_t i;

	if (!json_is_array(list))
		reading_fail(reading, "'features' is not an array");
	json_array_foreach(list, i, item) if (json_is_string(item)) model->features |=
		feature_bit(json_string_value(item));
	if (!names_features(list, model))
		reading_fail(reading, "'features' has an unknown one, or does not agree with "
		                      "'perf_capabilities', or is not in order");
}

void reading_model(struct reading *reading, json_t *object, struct vpmu_model *model)
{
	char why[200];

	memset(model, 0, sizeof(*model));
	if (!reading_members(
		    reading, object,
		    "name vendor signature pmu_version gp_counters gp_width fixed_counters "
		    "fixed_mask fixed_width features perf_capabilities events_length "
		    "events_missing"))
		return;
	read_name(reading, object, model);
	read_vendor(reading, object, model);
	model->signature = (uint32_t)reading_hex(reading, object, "signature", UINT32_MAX);
	model->version = (uint8_t)reading_count(reading, object, "pmu_version", UINT8_MAX);
	model->gp_count = (uint8_t)reading_count(reading, object, "gp_counters", UINT8_MAX);
	model->gp_width = (uint8_t)reading_count(reading, object, "gp_width", UINT8_MAX);
	model->fixed_mask = (uint32_t)reading_hex(reading, object, "fixed_mask", UINT32_MAX);
	model->fixed_width = (uint8_t)reading_count(reading, object, "fixed_width", UINT8_MAX);
	model->perf_capabilities = reading_hex(reading, object, "perf_capabilities", UINT64_MAX);
	model->events_length = (uint8_t)reading_count(reading, object, "events_length", UINT8_MAX);
	model->events_missing =
		(uint32_t)reading_hex(reading, object, "events_missing", UINT32_MAX);
	read_features(reading, object, model);
	if (reading_count(reading, object, "fixed_counters", 32) != vpmu_model_fixed_count(model))
		reading_fail(reading, "'fixed_counters' does not agree with 'fixed_mask'");
	if (!reading->failed && vpmu_model_check(model, why, sizeof(why)))
		reading_fail(reading, "no such PMU can exist: %s", why);
}

#endif
