/* SPDX-License-Identifier: MIT */
/* Whether a model can exist, and what follows from one. */
#include <arch/room_int.h>

const struct vendor *vendor_of(enum vpmu_vendor vendor)
{
	static const struct vendor *const vendors[VPMU_VENDORS] = {
		[VPMU_VENDOR_INTEL] = &vendor_intel,
		[VPMU_VENDOR_ZHAOXIN] = &vendor_intel,
		[VPMU_VENDOR_AMD] = &vendor_amd,
		[VPMU_VENDOR_INTEL_P6] = &vendor_p6,
	};

	return vendors[vendor];
}

static const struct {
	const char *name, *pmu;
} vendor_words[VPMU_VENDORS] = {
	[VPMU_VENDOR_INTEL] = {"Intel", "an Intel PMU"},
	[VPMU_VENDOR_ZHAOXIN] = {"Zhaoxin", "a Zhaoxin PMU"},
	[VPMU_VENDOR_AMD] = {"AMD", "an AMD PMU"},
	[VPMU_VENDOR_INTEL_P6] = {"Intel P6", "an Intel P6 PMU"},
};

const char *vpmu_vendor_name(enum vpmu_vendor vendor)
{
	return (unsigned)vendor < VPMU_VENDORS ? vendor_words[vendor].name : NULL;
}

const char *vendor_pmu(enum vpmu_vendor vendor)
{
	return vendor_words[vendor].pmu;
}

uint32_t model_gp_bits(const struct vpmu_model *model)
{
	return (uint32_t)width_mask(model->gp_count) & ~model->gp_missing;
}

void model_set_gp_bits(struct vpmu_model *model, uint32_t mask)
{
	model->gp_count = mask ? (uint8_t)(32 - __builtin_clz(mask)) : 0;
	model->gp_missing = (uint32_t)width_mask(model->gp_count) & ~mask;
}

uint64_t model_counter_bits(const struct vpmu_model *model)
{
	return model_gp_bits(model) | (uint64_t)model->fixed_mask << GLOBAL_FIXED_BIT;
}

uint64_t model_status_bits(const struct vpmu_model *model)
{
	return model_has_global(model) ? vendor_of(model->vendor)->status_bits(model) : 0;
}

bool model_has_global(const struct vpmu_model *model)
{
	return model->version >= 2;
}

bool model_has_fixed_bitmap(const struct vpmu_model *model)
{
	return model->version >= 5;
}

bool model_has_anythread(const struct vpmu_model *model)
{
	return model->version >= 3 && !(model->features & VPMU_FEATURE_ANYTHREAD_GONE);
}

bool model_has_full_width(const struct vpmu_model *model)
{
	return model->features & VPMU_FEATURE_PDCM &&
	       model->perf_capabilities & VPMU_PERF_CAP_FULL_WIDTH;
}

bool vpmu_model_counts_where_it_goes(const struct vpmu_model *model)
{
	return model && (unsigned)model->vendor < VPMU_VENDORS &&
	       vendor_of(model->vendor)->counts_where_it_goes;
}

bool model_has_metrics(const struct vpmu_model *model)
{
	return model->fixed_mask & BIT64(3) && model->perf_capabilities & VPMU_PERF_CAP_METRICS;
}

/* The number of entries is that of the processors that have the format (SDM vol. 3B 18.4.8; Linux
 * arch/x86/events/intel/lbr.c). */
unsigned model_lbr_of_format(const struct vpmu_model *model)
{
	static const uint8_t of_format[VPMU_PERF_CAP_LBR_FORMAT + 1] = {
		[LBR_FLAGS] = 16, [LBR_FLAGS_TSX] = 16, [LBR_INFO] = 32,
		[LBR_TIME] = 32,  [LBR_INFO_2] = 32,
	};

	return of_format[model->perf_capabilities & VPMU_PERF_CAP_LBR_FORMAT];
}

unsigned model_lbr(const struct vpmu_model *model)
{
	return model->lbr ? model->lbr : model_lbr_of_format(model);
}

bool model_has_pebs(const struct vpmu_model *model)
{
	return model->perf_capabilities & VPMU_PERF_CAP_PEBS_FORMAT;
}

unsigned model_pebs_format(const struct vpmu_model *model)
{
	return (unsigned)(model->perf_capabilities & VPMU_PERF_CAP_PEBS_FORMAT) >>
	       PEBS_FORMAT_SHIFT;
}

/* SDM vol. 3B, "Precise Event Based Sampling" of Nehalem, Haswell and Skylake. */
unsigned vpmu_model_pebs_bytes(const struct vpmu_model *model)
{
	static const uint8_t of_format[] = {[1] = 0xb0, [2] = 0xc0, [3] = 0xc8};
	unsigned format;

	if (!model || !model_has_global(model) ||
	    !(model->perf_capabilities & VPMU_PERF_CAP_PEBS_TRAP))
		return 0;
	format = model_pebs_format(model);
	return format < ARRAY_SIZE(of_format) ? of_format[format] : 0;
}

unsigned signature_family(uint32_t signature)
{
	unsigned family = signature >> 8 & 0xf;

	/* Intel SDM vol. 2A CPUID, figure 3-6. */
	return family == 0xf ? family + (signature >> 20 & 0xff) : family;
}

unsigned signature_model(uint32_t signature)
{
	return (signature >> 4 & 0xf) | (signature >> 12 & 0xf0);
}

/* Model 0xe (Core Duo) is the first with an architectural PMU. */
bool signature_is_p6(uint32_t signature)
{
	return signature_family(signature) == 6 && signature_model(signature) < 0xe;
}

unsigned vpmu_model_fixed_count(const struct vpmu_model *model)
{
	unsigned count = 0;

	if (!model)
		return 0;
	for (uint32_t mask = model->fixed_mask; mask; mask &= mask - 1)
		count++;
	return count;
}

/* Every byte behind the name is a field's, or reserved (tests/arch/test_field.c). */
bool vpmu_model_equal(const struct vpmu_model *a, const struct vpmu_model *b)
{
	uint64_t differ = 0, one, other;

	if (!a || !b)
		return false;
	for (size_t at = VPMU_NAME_BYTES; at < sizeof(*a); at += sizeof(one)) {
		__builtin_memcpy(&one, (const char *)a + at, sizeof(one));
		__builtin_memcpy(&other, (const char *)b + at, sizeof(other));
		differ |= one ^ other;
	}
	return !differ;
}
_Static_assert(sizeof(struct vpmu_model) % sizeof(uint64_t) == 0, "a model is words");

uint64_t model_hash(const struct vpmu_model *model)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < field_count; i++)
		hash = hash_mix(hash, field_get(&field_rows[i], model));
	return hash;
}

unsigned mask_run(uint32_t mask)
{
	return (unsigned)__builtin_ctzll(~(uint64_t)mask);
}

static void add_number(struct text *text, uint64_t value, bool hex)
{
	if (hex)
		text_add_hex(text, value);
	else
		text_add_unsigned(text, value);
}

void range_describe(struct text *text, uint64_t min, uint64_t max, bool hex)
{
	add_number(text, min, hex);
	if (min != max) {
		text_add(text, " to ");
		add_number(text, max, hex);
	}
}

static bool is_off(const struct vpmu_model *model)
{
	struct vpmu_model off = *model;

	model_turn_off(&off);
	return vpmu_model_equal(model, &off);
}

static bool name_ends(const struct vpmu_model *model)
{
	for (size_t i = 0; i < sizeof(model->name); i++)
		if (!model->name[i])
			return true;
	return false;
}

static bool is_within(const struct field_row *row, const struct field_on *on, uint64_t value)
{
	return !on->max || (row->may_be_0 && !value) || (value >= on->min && value <= on->max);
}

static bool within_limits(const struct vpmu_model *model, struct text *why)
{
	for (size_t i = 0; i < field_count; i++) {
		const struct field_row *row = &field_rows[i];
		const struct field_on *on = &row->on[vendor_of(model->vendor)->like];
		uint64_t value = field_get(row, model);
		bool hex = row->form != VPMU_FORM_NUMBER;

		if (is_within(row, on, value))
			continue;
		text_add(why, row->text);
		text_add(why, ": ");
		add_number(why, value, hex);
		text_add(why, " is out of range, ");
		range_describe(why, on->min, on->max, hex);
		text_add(why, " on ");
		text_add(why, vendor_pmu(model->vendor));
		return false;
	}
	return true;
}

/* The first reason against the model, or NULL; texts of limits are made in why. */
static const char *reason_against(const struct vpmu_model *model)
{
	const struct vendor *vendor = vendor_of(model->vendor);

	if (model->features & ~features_like(vendor->like))
		return "a feature that this vendor's processors do not have";
	for (size_t i = 0; i < vendor->rule_count; i++)
		if (vendor->rules[i].broken(model))
			return vendor->rules[i].why;
	return NULL;
}

static bool reserved_is_0(const struct vpmu_model *model)
{
	uint32_t any = 0;

	for (size_t i = 0; i < ARRAY_SIZE(model->reserved_bytes); i++)
		any |= model->reserved_bytes[i];
	for (size_t i = 0; i < ARRAY_SIZE(model->reserved); i++)
		any |= model->reserved[i];
	return !any;
}

static const char *identity_reason(const struct vpmu_model *model)
{
	if ((unsigned)model->vendor >= VPMU_VENDORS)
		return "unknown vendor";
	if (!name_ends(model))
		return "the model's name does not end";
	if (!model->version && !is_off(model))
		return "version 0 is no PMU at all, but counters or features are set";
	return reserved_is_0(model) ? NULL : "a field that this vpmu does not know is set";
}

enum vpmu_status vpmu_model_check(const struct vpmu_model *model, char *why, size_t why_bytes)
{
	struct text text = text_in(why, why_bytes);
	const char *reason;

	if (!model)
		return argument_missing(why, why_bytes);
	reason = identity_reason(model);
	if (!reason && !model->version)
		return VPMU_OK;
	if (!reason) {
		if (!within_limits(model, &text))
			return VPMU_INCOMPATIBLE;
		reason = reason_against(model);
	}
	if (!reason)
		return VPMU_OK;
	text_add(&text, reason);
	return VPMU_INCOMPATIBLE;
}
