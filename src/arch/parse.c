/* SPDX-License-Identifier: MIT */
/* Models as people type them: a preset's name and overrides, "intel-v2,gp=8,full-width=off". */
#include <arch/room_int.h>

/* A part of the typed text. */
struct piece {
	const char *s;
	size_t length;
};

/* A model under construction. */
struct draft {
	struct vpmu_model model;
	unsigned given; /* enum given */
	bool off;
	bool in_turn;             /* each override changes what those before it have made */
	struct piece contradicts; /* the last override that needs a PMU, where there is none */
};

/* The last format of PEBS that a model can have. */
enum { PEBS_FORMATS = 4 };

/* A key that sets no field or feature of its own. */
struct short_key {
	const char *usage; /* "gp=N" or "pmu=on|off": what is after '=' tells the kind of value */
	const char *about;
	void (*set)(struct draft *draft, uint64_t value);
	uint64_t max;
	uint8_t of;   /* FOR_… */
	bool is_part; /* sets a part of what another key sets (PDCM, IA32_PERF_CAPABILITIES) */
};

static void set_pmu(struct draft *draft, uint64_t on)
{
	draft->off = !on;
}

static void set_fixed(struct draft *draft, uint64_t count)
{
	draft->model.fixed_mask = (uint32_t)width_mask((unsigned)count);
	draft->given |= GIVEN_FIXED;
}

/* Setting a capability also makes IA32_PERF_CAPABILITIES (PDCM) exist. */
static void set_capability(struct draft *draft, uint64_t bits, uint64_t value)
{
	draft->model.perf_capabilities &= ~bits;
	draft->model.perf_capabilities |= value;
	if (value)
		draft->model.features |= VPMU_FEATURE_PDCM;
}

static void set_lbr_format(struct draft *draft, uint64_t format)
{
	set_capability(draft, VPMU_PERF_CAP_LBR_FORMAT, format);
}

static void set_pebs(struct draft *draft, uint64_t format)
{
	const uint64_t how = VPMU_PERF_CAP_PEBS_TRAP | VPMU_PERF_CAP_PEBS_REGS;
	uint64_t bits = format ? format << PEBS_FORMAT_SHIFT | how : 0;

	if (format >= PEBS_ADAPTIVE)
		bits |= VPMU_PERF_CAP_PEBS_DATA;
	set_capability(draft, VPMU_PERF_CAP_PEBS_FORMAT | VPMU_PERF_CAP_PEBS_DATA | how, bits);
}

enum { KEY_PMU };

static const struct short_key short_keys[] = {
	[KEY_PMU] = {"pmu=on|off", "off: no PMU at all", set_pmu, 1, FOR_ALL, .is_part = false},
	{"fixed=N", "fixed counters", set_fixed, VPMU_MAX_FIXED, FOR_INTEL, .is_part = false},
	{"lbr-format=N", "last branches by model: 3, 4: 16, 5 to 7: 32 entries", set_lbr_format,
         VPMU_PERF_CAP_LBR_FORMAT, FOR_INTEL, .is_part = true},
	{"pebs=N", "PEBS, and the format of its records", set_pebs, PEBS_FORMATS, FOR_INTEL,
         .is_part = true},
};

/* An override: one of these three. */
struct key {
	const struct short_key *brief;
	const struct field_row *field;
	const struct feature_row *feature;
	const char *usage, *about;
	uint8_t of; /* FOR_… */
};

static struct key key_of_field(const struct field_row *row)
{
	return (struct key){
		.field = row, .usage = row->key, .about = row->about, .of = row->key_of};
}

static struct key key_of_feature(const struct feature_row *row)
{
	return (struct key){.feature = row, .usage = row->key, .about = row->about, .of = row->of};
}

/* The i-th override: short keys, fields, features; false past the last. */
static bool key_at(size_t i, struct key *key)
{
	if (i < ARRAY_SIZE(short_keys)) {
		const struct short_key *brief = &short_keys[i];

		*key = (struct key){.brief = brief,
		                    .usage = brief->usage,
		                    .about = brief->about,
		                    .of = brief->of};
		return true;
	}
	i -= ARRAY_SIZE(short_keys);
	for (size_t f = 0; f < field_count; f++)
		if (field_rows[f].key && !i--) {
			*key = key_of_field(&field_rows[f]);
			return true;
		}
	if (i < feature_count)
		*key = key_of_feature(&feature_rows[i]);
	return i < feature_count;
}

const char *vpmu_model_key(size_t i)
{
	struct key key;

	return key_at(i, &key) ? key.usage : NULL;
}

const char *vpmu_model_key_about(size_t i)
{
	struct key key;

	return key_at(i, &key) ? key.about : NULL;
}

/* --- What a key sets -------------------------------------------------------------------------- */

static void set_field(struct draft *draft, const struct field_row *row, uint64_t value)
{
	if (row->type)
		row->type(&draft->model, value);
	else
		field_set(row, &draft->model, value);
	if (row->follow)
		row->follow(&draft->model);
	draft->given |= row->given;
}

/* Setting the first capability makes IA32_PERF_CAPABILITIES exist; without PDCM all capabilities
 * are 0. */
static void set_feature(struct draft *draft, const struct feature_row *row, bool on)
{
	struct vpmu_model *model = &draft->model;

	feature_set(row, model, on);
	if (on && row->offset == offsetof(struct vpmu_model, perf_capabilities))
		model->features |= VPMU_FEATURE_PDCM;
	if (!(model->features & VPMU_FEATURE_PDCM))
		model->perf_capabilities = 0;
	draft->given |= row->given;
}

static void set_key(struct draft *draft, const struct key *key, uint64_t value)
{
	if (key->field)
		set_field(draft, key->field, value);
	else if (key->feature)
		set_feature(draft, key->feature, value);
	else
		key->brief->set(draft, value);
}

/* --- What was typed --------------------------------------------------------------------------- */

/* Splits the text at the first `at`: returns what is before it, and leaves what is after it in
 * *rest. If there is no such character, rest->s becomes NULL. */
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

static bool key_find(struct piece name, struct key *key)
{
	for (size_t i = 0; key_at(i, key); i++)
		if (name_length(key->usage) == name.length && starts_with(key->usage, name))
			return true;
	return false;
}

static enum vpmu_status unknown_key(struct piece name, unsigned like, struct text *why)
{
	const char *between = " ";
	struct key key;

	text_add(why, "unknown option ");
	text_add_quoted(why, name.s, name.length);
	text_add(why, ": known are");
	for (size_t i = 0; key_at(i, &key); i++) {
		if (!(key.of & 1u << like))
			continue;
		text_add(why, between);
		text_add(why, key.usage);
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
	const struct field_on *on = key->field ? &key->field->on[vendor_of(vendor)->like] : NULL;
	uint64_t min = on ? on->min : 0, max = on ? on->max : key->brief->max;
	bool number = text_parse_unsigned(typed.s, typed.length, value);

	if (number && *value >= min && *value <= max)
		return true;
	text_add_bytes(why, key->usage, name_length(key->usage));
	text_add(why, "=");
	text_add_quoted(why, typed.s, typed.length);
	text_add(why, number ? " is out of range: " : " is no number that fits: ");
	range_describe(why, min, max, false);
	text_add(why, " on ");
	text_add(why, vendor_pmu(vendor));
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

/* A CPU without a PMU can have a signature and PDCM, and nothing else. */
static bool goes_without_pmu(const struct key *key)
{
	if (key->feature)
		return key->feature->offset == offsetof(struct vpmu_model, features) &&
		       key->feature->bit == VPMU_FEATURE_PDCM;
	return key->field ? key->field->order == FIELD_SHOWN && key->field->may_be_0
	                  : key->brief == &short_keys[KEY_PMU];
}

/* These keys set something that other keys set a part of. They are applied first, so that the order
 * of overrides does not matter. */
static bool is_broad(const struct key *key)
{
	if (key->feature)
		return key->feature->bit == VPMU_FEATURE_PDCM &&
		       key->feature->offset == offsetof(struct vpmu_model, features);
	/* One is the other's bitmap: of gp=N and gp-mask=N the last counts. */
	if (key->brief)
		return !key->brief->is_part;
	return key->field->follow || key->field->type;
}

static enum vpmu_status apply_override(struct draft *draft, struct piece option, bool broad,
                                       struct text *why)
{
	enum vpmu_vendor vendor = draft->model.vendor;
	struct piece typed = option, name = cut(&option, '=');
	unsigned like = vendor_of(vendor)->like;
	struct key key;
	uint64_t value;

	if (!key_find(name, &key))
		return unknown_key(name, like, why);
	if (!(key.of & 1u << like)) {
		text_add_bytes(why, key.usage, name_length(key.usage));
		text_add(why, " is not an option of ");
		text_add(why, vendor_pmu(vendor));
		return VPMU_INCOMPATIBLE;
	}
	if (!option.s) {
		text_add(why, "a value is missing: ");
		text_add(why, key.usage);
		return VPMU_BAD_ARGUMENT;
	}
	if (!parse_value(&key, vendor, option, &value, why))
		return VPMU_BAD_ARGUMENT;
	if (draft->in_turn || is_broad(&key) == broad)
		set_key(draft, &key, value);
	if (broad && !goes_without_pmu(&key) && (draft->off || !draft->in_turn))
		draft->contradicts = typed;
	return VPMU_OK;
}

static enum vpmu_status apply_all(struct draft *draft, struct piece options, bool broad,
                                  struct text *why)
{
	enum vpmu_status status = VPMU_OK;

	while (options.s && status == VPMU_OK)
		status = apply_override(draft, cut(&options, ','), broad, why);
	return status;
}

/* IA32_PERF_CAPABILITIES is there with PDCM, whatever PMU there is. */
void model_turn_off(struct vpmu_model *model)
{
	struct vpmu_model off = {.vendor = model->vendor,
	                         .signature = model->signature,
	                         .other_name = model->other_name};

	off.features =
		model->features & features_like(vendor_of(model->vendor)->like) & VPMU_FEATURE_PDCM;
	for (size_t i = 0; i < sizeof(off.name); i++)
		off.name[i] = model->name[i];
	*model = off;
}

/* A preset's PDCM belongs to its PMU; with pmu=off it must be set explicitly. */
static enum vpmu_status turn_off(struct draft *draft, struct text *why)
{
	if (draft->contradicts.s) {
		text_add(why, "pmu=off and ");
		text_add_bytes(why, draft->contradicts.s, draft->contradicts.length);
		text_add(why, " contradict each other: without a PMU there is none");
		return VPMU_INCOMPATIBLE;
	}
	if (!(draft->given & GIVEN_PDCM))
		draft->model.features = 0;
	model_turn_off(&draft->model);
	return VPMU_OK;
}

static size_t length_of(const char *s)
{
	size_t length = 0;

	while (s[length])
		length++;
	return length;
}

static enum vpmu_status parse(struct draft draft, struct vpmu_model *model, const char *text,
                              char *why, size_t why_bytes)
{
	struct text reason;
	struct piece rest;
	const struct preset *preset;
	enum vpmu_status status;

	if (!model || !text)
		return argument_missing(why, why_bytes);
	reason = text_in(why, why_bytes);
	rest = (struct piece){text, length_of(text)};
	preset = preset_find(cut(&rest, ','), &reason);
	if (!preset)
		return VPMU_BAD_ARGUMENT;
	draft.model = preset->model;
	status = apply_all(&draft, rest, true, &reason);
	if (status == VPMU_OK && !draft.in_turn)
		status = apply_all(&draft, rest, false, &reason);
	if (status != VPMU_OK)
		return status;
	vendor_of(draft.model.vendor)->complete(&draft.model, draft.given);
	if (draft.off) {
		status = turn_off(&draft, &reason);
		if (status != VPMU_OK)
			return status;
	}
	status = vpmu_model_check(&draft.model, why, why_bytes);
	if (status == VPMU_OK)
		*model = draft.model;
	return status;
}

enum vpmu_status vpmu_model_parse(struct vpmu_model *model, const char *text, char *why,
                                  size_t why_bytes)
{
	return parse((struct draft){0}, model, text, why, why_bytes);
}

enum vpmu_status vpmu_model_parse_in_turn(struct vpmu_model *model, const char *text, char *why,
                                          size_t why_bytes)
{
	return parse((struct draft){.in_turn = true}, model, text, why, why_bytes);
}
