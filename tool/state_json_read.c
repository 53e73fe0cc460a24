/* SPDX-License-Identifier: MIT */
/*
 * Reads the JSON form of states (docs/json.md: vpmu-state), strictly: every member must be there, and
 * no other; what follows from other members must agree with them.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "json.h"
#include "models.h"
#include "number.h"
#include "state.h"

#if HAVE_JANSSON

enum { VERSION = 1, HEX_DIGITS = 18 };

/* --- Reading: members ------------------------------------------------------------------------- */

/* Where in the document reading is, and what was wrong first. */
struct reading {
	char *why; /* STATE_WHY_BYTES */
	char where[64];
	bool failed;
};

__attribute__((format(printf, 2, 3))) static void fail(struct reading *reading, const char *format,
                                                       ...)
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

/* Whether it is an object with just these members. */
static bool has_members(struct reading *reading, json_t *object, const char *names)
{
	const char *key;
	json_t *value;

	if (!json_is_object(object)) {
		fail(reading, "not an object");
		return false;
	}
	json_object_foreach(object, key, value)
		if (!is_word_of(key, names))
			fail(reading, "unknown member '%.40s'", key);
	if (json_object_size(object) < count_words(names))
		fail(reading, "a member is missing (of: %s)", names);
	return !reading->failed;
}

static uint64_t get_count(struct reading *reading, json_t *object, const char *key, uint64_t max)
{
	json_t *value = json_object_get(object, key);

	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    (uint64_t)json_integer_value(value) > max) {
		fail(reading, "'%s' is not a number from 0 to %" PRIu64, key, max);
		return 0;
	}
	return (uint64_t)json_integer_value(value);
}

static uint64_t get_hex(struct reading *reading, json_t *object, const char *key, uint64_t max)
{
	const char *text = json_string_value(json_object_get(object, key));
	uint64_t value = 0;

	if (!text || strncmp(text, "0x", 2) != 0 || strlen(text) > HEX_DIGITS ||
	    !number_parse(text, &value) || value > max)
		fail(reading, "'%s' is not a text from \"0x0\" to \"0x%" PRIx64 "\"", key, max);
	return value;
}

static const char *get_text(struct reading *reading, json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (!text)
		fail(reading, "'%s' is not a text", key);
	return text ? text : "";
}

/* --- Reading: the model ----------------------------------------------------------------------- */

static void read_vendor(struct reading *reading, json_t *object, struct vpmu_model *model)
{
	const char *name = get_text(reading, object, "vendor");

	for (unsigned i = 0; i < VPMU_VENDORS; i++)
		if (!strcmp(model_vendor_name((enum vpmu_vendor)i), name)) {
			model->vendor = (enum vpmu_vendor)i;
			return;
		}
	fail(reading, "unknown vendor '%.40s'", name);
}

static void read_name(struct reading *reading, json_t *object, struct vpmu_model *model)
{
	const char *name = get_text(reading, object, "name");
	size_t length = strlen(name);

	for (size_t i = 0; i < length; i++)
		if (name[i] < ' ' || name[i] > '~')
			fail(reading, "'name' has characters that are not plain ASCII");
	if (length >= sizeof(model->name))
		fail(reading, "'name' is longer than %zu bytes", sizeof(model->name) - 1);
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
		fail(reading, "'features' is not an array");
	json_array_foreach(list, i, item)
		if (json_is_string(item))
			model->features |= feature_bit(json_string_value(item));
	if (!names_features(list, model))
		fail(reading, "'features' has an unknown one, or does not agree with "
			      "'perf_capabilities', or is not in order");
}

static void read_model(struct reading *reading, json_t *object, struct vpmu_model *model)
{
	char why[200];

	memset(model, 0, sizeof(*model));
	if (!has_members(reading, object,
	                 "name vendor signature pmu_version gp_counters gp_width fixed_counters "
	                 "fixed_mask fixed_width features perf_capabilities events_length "
	                 "events_missing"))
		return;
	read_name(reading, object, model);
	read_vendor(reading, object, model);
	model->signature = (uint32_t)get_hex(reading, object, "signature", UINT32_MAX);
	model->version = (uint8_t)get_count(reading, object, "pmu_version", UINT8_MAX);
	model->gp_count = (uint8_t)get_count(reading, object, "gp_counters", UINT8_MAX);
	model->gp_width = (uint8_t)get_count(reading, object, "gp_width", UINT8_MAX);
	model->fixed_mask = (uint32_t)get_hex(reading, object, "fixed_mask", UINT32_MAX);
	model->fixed_width = (uint8_t)get_count(reading, object, "fixed_width", UINT8_MAX);
	model->perf_capabilities = get_hex(reading, object, "perf_capabilities", UINT64_MAX);
	model->events_length = (uint8_t)get_count(reading, object, "events_length", UINT8_MAX);
	model->events_missing = (uint32_t)get_hex(reading, object, "events_missing", UINT32_MAX);
	read_features(reading, object, model);
	if (get_count(reading, object, "fixed_counters", 32) != vpmu_model_fixed_count(model))
		fail(reading, "'fixed_counters' does not agree with 'fixed_mask'");
	if (!reading->failed && vpmu_model_check(model, why, sizeof(why)))
		fail(reading, "no such PMU can exist: %s", why);
}

/* --- Reading: states -------------------------------------------------------------------------- */

/* Sets a register's value; `seen` has a bit for each register that has been set. */
static void read_register(struct reading *reading, json_t *object, const struct vpmu_layout *layout,
                          struct vpmu_state *state, uint64_t *seen)
{
	const char *name;
	uint64_t msr, value;
	int place;

	if (!has_members(reading, object, "name msr value"))
		return;
	name = get_text(reading, object, "name");
	msr = get_hex(reading, object, "msr", UINT32_MAX);
	value = get_hex(reading, object, "value", UINT64_MAX);
	place = vpmu_layout_find(layout, name);
	if (place < 0 || layout->value_of[place] == VPMU_NO_VALUE ||
	    layout->stored[layout->value_of[place]] != place) {
		fail(reading, "the model keeps no value of '%.40s'", name);
		return;
	}
	if (layout->registers[place].msr != msr)
		fail(reading, "%s is MSR 0x%" PRIx32, name, layout->registers[place].msr);
	if (*seen & UINT64_C(1) << layout->value_of[place])
		fail(reading, "%s is there twice", name);
	if (!reading->failed && vpmu_state_set(state, layout, (unsigned)place, value))
		fail(reading, "%s cannot hold its value", name);
	*seen |= UINT64_C(1) << layout->value_of[place];
}

static void read_registers(struct reading *reading, json_t *list, size_t vcpu,
                           const struct vpmu_layout *layout, struct vpmu_state *state)
{
	uint64_t seen = 0;
	json_t *item;
	size_t i;

	if (!json_is_array(list))
		fail(reading, "'registers' is not an array");
	vpmu_state_reset(state, layout);
	json_array_foreach(list, i, item) {
		if (reading->failed)
			return;
		snprintf(reading->where, sizeof(reading->where), "vcpus[%zu].registers[%zu]", vcpu,
		         i);
		read_register(reading, item, layout, state, &seen);
	}
	for (unsigned at = 0; at < layout->value_count; at++)
		if (!(seen & UINT64_C(1) << at))
			fail(reading, "%s is missing",
			     layout->registers[layout->stored[at]].name);
}

static void read_vcpu(struct reading *reading, json_t *object, size_t i, struct state_set *set)
{
	struct vpmu_layout layout;
	struct vpmu_model model;
	struct vpmu_state state;
	uint32_t vcpu;

	snprintf(reading->where, sizeof(reading->where), "vcpus[%zu]", i);
	if (!has_members(reading, object, "vcpu model registers"))
		return;
	vcpu = (uint32_t)get_count(reading, object, "vcpu", UINT32_MAX);
	if (set->count && vcpu <= set->entries[set->count - 1].vcpu)
		fail(reading, "the numbers of the vCPUs do not ascend");
	snprintf(reading->where, sizeof(reading->where), "vcpus[%zu].model", i);
	read_model(reading, json_object_get(object, "model"), &model);
	if (reading->failed)
		return;
	vpmu_layout_init(&layout, &model);
	snprintf(reading->where, sizeof(reading->where), "vcpus[%zu]", i);
	read_registers(reading, json_object_get(object, "registers"), i, &layout, &state);
	state.model = model;
	if (!reading->failed && !state_set_add(set, vcpu, &state))
		fail(reading, "out of memory");
}

/* Another version is no damage; *newer tells. */
static void read_document(struct reading *reading, json_t *document, struct state_set *set,
                          bool *newer)
{
	json_t *vcpus = json_object_get(document, "vcpus"), *item;
	json_t *version = json_object_get(document, "version");
	size_t i;

	if (strcmp(get_text(reading, document, "format"), "vpmu-state") != 0) {
		fail(reading, "'format' is not \"vpmu-state\"");
		return;
	}
	*newer = json_is_integer(version) && json_integer_value(version) != VERSION;
	if (*newer)
		fail(reading, "of another version than %d", VERSION);
	if (!has_members(reading, document, "format version vcpus"))
		return;
	get_count(reading, document, "version", VERSION);
	if (!json_array_size(vcpus) || json_array_size(vcpus) > VPMU_FILE_VCPUS)
		fail(reading, "'vcpus' is not an array of 1 to %d", VPMU_FILE_VCPUS);
	json_array_foreach(vcpus, i, item) {
		if (reading->failed)
			return;
		read_vcpu(reading, item, i, set);
	}
}

enum vpmu_status state_json_read(const char *text, size_t bytes, struct state_set *set, char *why)
{
	struct reading reading = {.why = why};
	json_error_t error;
	json_t *document = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &error);
	bool newer = false;

	*set = (struct state_set){.entries = NULL};
	if (!document) {
		snprintf(why, STATE_WHY_BYTES, "%s: line %d, column %d", error.text, error.line,
		         error.column);
		return VPMU_BAD_DATA;
	}
	read_document(&reading, document, set, &newer);
	json_decref(document);
	if (!reading.failed)
		return VPMU_OK;
	state_set_free(set);
	return newer ? VPMU_INCOMPATIBLE : VPMU_BAD_DATA;
}

#else

enum vpmu_status state_json_read(const char *text, size_t bytes, struct state_set *set, char *why)
{
	return json_lacks() ? VPMU_INTERNAL : VPMU_OK;
}

#endif
