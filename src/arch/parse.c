/* SPDX-License-Identifier: MIT */
/* Models as people type them: a preset's name and overrides, "intel-v2,gp=8,full-width=off". */
#include <arch/room_int.h>

/* A model under construction. */
struct draft {
	struct vpmu_model model;
	unsigned given; /* enum given */
	bool off;
};

enum {
	FOR_INTEL = 1 << VPMU_VENDOR_INTEL | 1 << VPMU_VENDOR_ZHAOXIN,
	FOR_AMD = 1 << VPMU_VENDOR_AMD,
	FOR_ALL = FOR_INTEL | FOR_AMD
};

enum { NO_FIELD = UINT8_MAX };

/* One override. Its range is that of the field in the vendor's limits, or min to max. */
struct key {
	const char *usage; /* "gp=N" or "pmu=on|off": what is after '=' tells the kind of value */
	const char *about;
	void (*set)(struct draft *draft, uint64_t value);
	uint64_t min, max;
	uint8_t field; /* of struct vpmu_model, for its limit; else NO_FIELD */
	uint8_t vendors;
};

static void set_pmu(struct draft *draft, uint64_t on)
{
	draft->off = !on;
}

static void set_version(struct draft *draft, uint64_t version)
{
	draft->model.version = (uint8_t)version;
}

static void set_gp(struct draft *draft, uint64_t count)
{
	draft->model.gp_count = (uint8_t)count;
	draft->given |= GIVEN_GP;
}

static void set_fixed_mask(struct draft *draft, uint64_t mask)
{
	draft->model.fixed_mask = (uint32_t)mask;
	draft->given |= GIVEN_FIXED;
}

static void set_fixed(struct draft *draft, uint64_t count)
{
	set_fixed_mask(draft, width_mask((unsigned)count));
}

static void set_fixed_width(struct draft *draft, uint64_t width)
{
	draft->model.fixed_width = (uint8_t)width;
}

static void set_width(struct draft *draft, uint64_t width)
{
	draft->model.gp_width = (uint8_t)width;
	set_fixed_width(draft, width);
}

static void set_feature(struct draft *draft, uint32_t feature, bool on)
{
	if (on)
		draft->model.features |= feature;
	else
		draft->model.features &= ~feature;
}

static void set_pdcm(struct draft *draft, uint64_t on)
{
	set_feature(draft, VPMU_FEATURE_PDCM, on);
	if (!on)
		draft->model.perf_capabilities = 0;
}

static void set_capability(struct draft *draft, uint64_t bit, bool on)
{
	if (on) {
		set_pdcm(draft, true);
		draft->model.perf_capabilities |= bit;
	} else {
		draft->model.perf_capabilities &= ~bit;
	}
}

static void set_full_width(struct draft *draft, uint64_t on)
{
	set_capability(draft, VPMU_PERF_CAP_FULL_WIDTH, on);
}

static void set_metrics(struct draft *draft, uint64_t on)
{
	set_capability(draft, VPMU_PERF_CAP_METRICS, on);
	draft->given |= GIVEN_METRICS;
}

static void set_anythread(struct draft *draft, uint64_t on)
{
	set_feature(draft, VPMU_FEATURE_ANYTHREAD_GONE, !on);
}

static void set_hle(struct draft *draft, uint64_t on)
{
	set_feature(draft, VPMU_FEATURE_HLE, on);
}

static void set_rtm(struct draft *draft, uint64_t on)
{
	set_feature(draft, VPMU_FEATURE_RTM, on);
}

static void set_perfcore(struct draft *draft, uint64_t on)
{
	set_feature(draft, VPMU_FEATURE_PERFCORE, on);
}

static void set_perfmon_v2(struct draft *draft, uint64_t on)
{
	set_feature(draft, VPMU_FEATURE_PERFMON_V2, on);
}

static void set_events_length(struct draft *draft, uint64_t length)
{
	draft->model.events_length = (uint8_t)length;
	draft->model.events_missing &= width_mask((unsigned)length);
}

static void set_events_missing(struct draft *draft, uint64_t missing)
{
	draft->model.events_missing = (uint32_t)missing;
}

static void set_signature(struct draft *draft, uint64_t signature)
{
	draft->model.signature = (uint32_t)signature;
}

#define FIELD(name) offsetof(struct vpmu_model, name)

static const struct key keys[] = {
	{"pmu=on|off", "off: no PMU at all", set_pmu, 0, 1, NO_FIELD, FOR_ALL},
	{"version=N", "architectural version", set_version, 0, 0, FIELD(version), FOR_INTEL},
	{"gp=N", "general-purpose counters", set_gp, 0, 0, FIELD(gp_count), FOR_ALL},
	{"fixed=N", "fixed counters", set_fixed, 0, VPMU_MAX_FIXED, NO_FIELD, FOR_INTEL},
	{"fixed-mask=N", "which fixed counters: bit i is counter i (version 5)", set_fixed_mask, 0,
         0xff, NO_FIELD, FOR_INTEL},
	{"width=N", "bits of all counters", set_width, 0, 0, FIELD(gp_width), FOR_ALL},
	{"fixed-width=N", "bits of fixed counters", set_fixed_width, 0, 0, FIELD(gp_width),
         FOR_INTEL},
	{"full-width=on|off", "IA32_A_PMC0... take all bits of a counter", set_full_width, 0, 1,
         NO_FIELD, FOR_INTEL},
	{"metrics=on|off", "IA32_PERF_METRICS (with fixed counter 3)", set_metrics, 0, 1, NO_FIELD,
         FOR_INTEL},
	{"pdcm=on|off", "IA32_PERF_CAPABILITIES", set_pdcm, 0, 1, NO_FIELD, FOR_INTEL},
	{"anythread=on|off", "off: CPUID says that AnyThread is deprecated", set_anythread, 0, 1,
         NO_FIELD, FOR_INTEL},
	{"hle=on|off", "hardware lock elision", set_hle, 0, 1, NO_FIELD, FOR_INTEL},
	{"rtm=on|off", "restricted transactional memory", set_rtm, 0, 1, NO_FIELD, FOR_INTEL},
	{"events-length=N", "how many architectural events CPUID tells of", set_events_length, 0, 0,
         FIELD(events_length), FOR_INTEL},
	{"events-missing=N", "bit i: architectural event i does not exist", set_events_missing, 0,
         UINT32_MAX, NO_FIELD, FOR_INTEL},
	{"perfcore=on|off", "6 counters at 0xc0010200", set_perfcore, 0, 1, NO_FIELD, FOR_AMD},
	{"perfmon-v2=on|off", "global control, any number of counters", set_perfmon_v2, 0, 1,
         NO_FIELD, FOR_AMD},
	{"signature=N", "CPUID.1 EAX: family, model, stepping", set_signature, 0, UINT32_MAX,
         NO_FIELD, FOR_ALL},
};

const char *vpmu_model_key(size_t i)
{
	return i < ARRAY_SIZE(keys) ? keys[i].usage : NULL;
}

const char *vpmu_model_key_about(size_t i)
{
	return i < ARRAY_SIZE(keys) ? keys[i].about : NULL;
}

/* A piece of what was typed. */
struct piece {
	const char *s;
	size_t length;
};

/* Cuts the piece at the first such character: the front is returned, what is behind the character
 * stays. Without the character there is no rest: its s is NULL. */
static struct piece cut(struct piece *rest, char at)
{
	struct piece front = {rest->s, 0};

	while (front.length < rest->length && rest->s[front.length] != at)
		front.length++;
	if (front.length == rest->length) {
		*rest = (struct piece){NULL, 0};
	} else {
		rest->s += front.length + 1;
		rest->length -= front.length + 1;
	}
	return front;
}

static size_t name_length(const char *usage)
{
	size_t length = 0;

	while (usage[length] && usage[length] != '=')
		length++;
	return length;
}

static bool is_switch(const struct key *key)
{
	return key->usage[name_length(key->usage) + 1] == 'o';
}

static const struct preset *preset_find(struct piece name, struct text *why)
{
	for (size_t i = 0; i < preset_count; i++)
		if (text_is(name.s, name.length, presets[i].model.name))
			return &presets[i];
	text_add(why, "unknown model ");
	text_add_quoted(why, name.s, name.length);
	text_add(why, ": known are");
	for (size_t i = 0; i < preset_count; i++) {
		text_add(why, i ? ", " : " ");
		text_add(why, presets[i].model.name);
	}
	return NULL;
}

static bool starts_with(const char *usage, struct piece name)
{
	for (size_t i = 0; i < name.length; i++)
		if (usage[i] != name.s[i])
			return false;
	return true;
}

static const struct key *key_find(struct piece name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		size_t length = name_length(keys[i].usage);

		if (length == name.length && starts_with(keys[i].usage, name))
			return &keys[i];
	}
	return NULL;
}

static enum vpmu_status unknown_key(struct piece name, enum vpmu_vendor vendor, struct text *why)
{
	const char *between = " ";

	text_add(why, "unknown option ");
	text_add_quoted(why, name.s, name.length);
	text_add(why, ": known are");
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!(keys[i].vendors & 1u << vendor))
			continue;
		text_add(why, between);
		text_add(why, keys[i].usage);
		between = ", ";
	}
	return VPMU_BAD_ARGUMENT;
}

static bool parse_switch(struct piece typed, uint64_t *value)
{
	*value = text_is(typed.s, typed.length, "on");
	return *value || text_is(typed.s, typed.length, "off");
}

/* "gp=12 is out of range: 1 to 10 on an Intel PMU" */
static bool parse_number(const struct key *key, enum vpmu_vendor vendor, struct piece typed,
                         uint64_t *value, struct text *why)
{
	const struct limit *limit = vendor_limit(vendor_of(vendor), key->field);
	uint64_t min = limit ? limit->min : key->min;
	uint64_t max = limit ? limit->max : key->max;
	bool number = text_parse_unsigned(typed.s, typed.length, value);

	if (number && *value >= min && *value <= max)
		return true;
	text_add_bytes(why, key->usage, name_length(key->usage));
	text_add(why, "=");
	text_add_quoted(why, typed.s, typed.length);
	text_add(why, number ? " is out of range: " : " is no number that fits: ");
	range_describe(why, min, max);
	text_add(why, " on ");
	text_add(why, vendor_name(vendor));
	return false;
}

static bool parse_value(const struct key *key, enum vpmu_vendor vendor, struct piece typed,
                        uint64_t *value, struct text *why)
{
	if (!is_switch(key))
		return parse_number(key, vendor, typed, value, why);
	if (parse_switch(typed, value))
		return true;
	text_add_bytes(why, key->usage, name_length(key->usage));
	text_add(why, "=");
	text_add_quoted(why, typed.s, typed.length);
	text_add(why, ": give on or off");
	return false;
}

static enum vpmu_status apply_override(struct draft *draft, struct piece option, struct text *why)
{
	enum vpmu_vendor vendor = draft->model.vendor;
	struct piece name = cut(&option, '=');
	const struct key *key = key_find(name);
	uint64_t value;

	if (!key)
		return unknown_key(name, vendor, why);
	if (!(key->vendors & 1u << vendor)) {
		text_add_bytes(why, key->usage, name_length(key->usage));
		text_add(why, " is not an option of ");
		text_add(why, vendor_name(vendor));
		return VPMU_INCOMPATIBLE;
	}
	if (!option.s) {
		text_add(why, "a value is missing: ");
		text_add(why, key->usage);
		return VPMU_BAD_ARGUMENT;
	}
	if (!parse_value(key, vendor, option, &value, why))
		return VPMU_BAD_ARGUMENT;
	key->set(draft, value);
	return VPMU_OK;
}

void model_turn_off(struct vpmu_model *model)
{
	struct vpmu_model off = {.vendor = model->vendor, .signature = model->signature};

	for (size_t i = 0; i < sizeof(off.name); i++)
		off.name[i] = model->name[i];
	*model = off;
}

static size_t length_of(const char *s)
{
	size_t length = 0;

	while (s[length])
		length++;
	return length;
}

enum vpmu_status vpmu_model_parse(struct vpmu_model *model, const char *text, char *why,
                                  size_t why_bytes)
{
	struct text reason = text_in(why, why_bytes);
	struct piece rest = {text, length_of(text)};
	const struct preset *preset;
	struct draft draft = {0};
	enum vpmu_status status;

	preset = preset_find(cut(&rest, ','), &reason);
	if (!preset)
		return VPMU_BAD_ARGUMENT;
	draft.model = preset->model;
	while (rest.s) {
		status = apply_override(&draft, cut(&rest, ','), &reason);
		if (status != VPMU_OK)
			return status;
	}
	vendor_of(draft.model.vendor)->complete(&draft.model, draft.given);
	if (draft.off)
		model_turn_off(&draft.model);
	status = vpmu_model_check(&draft.model, why, why_bytes);
	if (status == VPMU_OK)
		*model = draft.model;
	return status;
}
