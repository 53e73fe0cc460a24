/* SPDX-License-Identifier: MIT */
/*
 * The fields of a model, a row each, and its features, which are single bits of fields. Parsing,
 * CPUID, limits, equality, meet and covers, the stream, JSON and the judgements loop over them.
 * CPUID: Intel SDM vol. 2A CPUID; AMD APM vol. 3 appendix E.
 */
#include <arch/room_int.h>

#define MEMBER(name)                                                                               \
	.offset = offsetof(struct vpmu_model, name), .size = sizeof(((struct vpmu_model *)0)->name)
#define LEAF(name, from, count)                                                                    \
	.leaf = offsetof(struct leaves, name), .shift = (from), .bits = (count)

/* Without a PMU a P6 counts as Intel: that is what a guest's drivers see. */
static uint64_t vendor_had(const struct vpmu_model *model)
{
	return model->vendor == VPMU_VENDOR_INTEL_P6 && !model->version ? VPMU_VENDOR_INTEL
	                                                                : model->vendor;
}

/* AnyThread exists from version 3 on, unless its bit says that it is gone. */
static uint64_t features_had(const struct vpmu_model *model)
{
	uint64_t features = model->features & ~(uint64_t)VPMU_FEATURE_ANYTHREAD_GONE;

	return model_has_anythread(model) ? features | VPMU_FEATURE_ANYTHREAD_GONE : features;
}

/* SDM vol. 2A CPUID.0AH: an event beyond the length does not exist. */
static uint64_t events_had(const struct vpmu_model *model)
{
	return ~model->events_missing & width_mask(model->events_length);
}

static uint64_t counters_had(const struct vpmu_model *model)
{
	return model_gp_bits(model);
}

static void type_counters(struct vpmu_model *model, uint64_t mask)
{
	model_set_gp_bits(model, (uint32_t)mask);
}

static void all_of_them(struct vpmu_model *model)
{
	model->gp_missing = 0;
}

static void width_of_all(struct vpmu_model *model)
{
	model->fixed_width = model->fixed_mask ? model->gp_width : 0;
}

static void clip_missing(struct vpmu_model *model)
{
	model->events_missing &= (uint32_t)width_mask(model->events_length);
}

const struct field_row field_rows[] = {
	{
		MEMBER(vendor),
		.text = "vendor",
		.json = "vendor",
		.order = FIELD_SAME,
		.had = vendor_had,
		.form = VPMU_FORM_VENDOR,
		.lost = "its drivers are another vendor's",
		.is_vital = true,
	},
	{
		MEMBER(version),
		.text = "version",
		.json = "pmu_version",
		.key = "version=N",
		.about = "architectural version",
		.key_of = FOR_INTEL,
		.order = FIELD_NUMBER,
		.form = VPMU_FORM_NUMBER,
		.lost = "CPUID promises registers that are gone",
		.is_vital = true,
		.on = {[LIKE_INTEL] = {1, 6, LEAF(perfmon.eax, 0, 8)},
                       [LIKE_AMD] = {.min = 1, .max = 2},
                       [LIKE_P6] = {.min = 1, .max = 1}},
	},
	{
		MEMBER(gp_count),
		.text = "general-purpose counters",
		.json = "gp_counters",
		.key = "gp=N",
		.about = "general-purpose counters",
		.key_of = FOR_COUNTED,
		.given = GIVEN_GP,
		.follow = all_of_them,
		.order = FIELD_NUMBER,
		.form = VPMU_FORM_NUMBER,
		.lost = "the others raise #GP",
		.on = {[LIKE_INTEL] = {0, 10, LEAF(perfmon.eax, 8, 8)},
                       [LIKE_AMD] = {0, 15, LEAF(ext_perfmon.ebx, 0, 4)},
                       [LIKE_P6] = {.min = P6_COUNTERS, .max = P6_COUNTERS}},
	},
	{
		MEMBER(gp_width),
		.text = "width of general-purpose counters",
		.json = "gp_width",
		.key = "width=N",
		.about = "bits of all counters",
		.key_of = FOR_COUNTED,
		.follow = width_of_all,
		.order = FIELD_NUMBER,
		.form = VPMU_FORM_NUMBER,
		.lost = "they overflow sooner",
		.may_be_0 = true,
		.on = {[LIKE_INTEL] = {32, 64, LEAF(perfmon.eax, 16, 8)},
                       [LIKE_AMD] = {.min = AMD_WIDTH, .max = AMD_WIDTH},
                       [LIKE_P6] = {.min = P6_WIDTH, .max = P6_WIDTH}},
	},
	{
		MEMBER(fixed_mask),
		.text = "fixed counters",
		.one = "fixed counter ",
		.json = "fixed_mask",
		.key = "fixed-mask=N",
		.about = "which fixed counters: bit i is counter i (version 5)",
		.key_of = FOR_INTEL,
		.given = GIVEN_FIXED,
		.order = FIELD_SET,
		.form = VPMU_FORM_BITS,
		.lost = "they raise #GP",
		.on = {[LIKE_INTEL] = {0, (1 << VPMU_MAX_FIXED) - 1, LEAF(perfmon.ecx, 0, 32)}},
	},
	{
		MEMBER(fixed_width),
		.text = "width of fixed counters",
		.json = "fixed_width",
		.key = "fixed-width=N",
		.about = "bits of fixed counters",
		.key_of = FOR_INTEL,
		.order = FIELD_NUMBER,
		.form = VPMU_FORM_NUMBER,
		.lost = "they overflow sooner",
		.may_be_0 = true,
		.on = {[LIKE_INTEL] = {32, 64, LEAF(perfmon.edx, 5, 8)}},
	},
	{
		MEMBER(features),
		.text = "features",
		.one = "feature ",
		.json = "features",
		.order = FIELD_SET,
		.inverted = VPMU_FEATURE_ANYTHREAD_GONE,
		.had = features_had,
		.form = VPMU_FORM_FEATURES,
		.lost = "CPUID promises what is gone",
	},
	{
		MEMBER(events_length),
		.text = "length of the events' bit vector",
		.json = "events_length",
		.key = "events-length=N",
		.about = "how many architectural events CPUID tells of",
		.key_of = FOR_INTEL,
		.follow = clip_missing,
		.order = FIELD_SHOWN, /* events_missing tells which there are */
		.form = VPMU_FORM_NUMBER,
		.on = {[LIKE_INTEL] = {0, 32, LEAF(perfmon.eax, 24, 8)}},
	},
	{
		MEMBER(events_missing),
		.text = "architectural events",
		.one = "architectural event ",
		.json = "events_missing",
		.key = "events-missing=N",
		.about = "bit i: architectural event i does not exist",
		.key_of = FOR_INTEL,
		.order = FIELD_SET,
		.inverted = UINT32_MAX,
		.had = events_had,
		.form = VPMU_FORM_BITS,
		.lost = "their counters may stay at 0",
		.on = {[LIKE_INTEL] = {0, UINT32_MAX, LEAF(perfmon.ebx, 0, 32)}},
	},
	{
		/* Flags but for two numbers (Intel SDM vol. 4, MSR 0x345). */
		MEMBER(perf_capabilities),
		.text = "IA32_PERF_CAPABILITIES",
		.one = "IA32_PERF_CAPABILITIES bit ",
		.json = "perf_capabilities",
		.order = FIELD_SET,
		.choices = {{UINT64_C(0x3f), "format of LBR"}, {UINT64_C(0xf00), "format of PEBS"}},
		.form = VPMU_FORM_HEX,
		.lost = "it promises what is gone",
	},
	{
		/* A VMM shows the guest any family and model that it likes. */
		MEMBER(signature),
		.text = "signature",
		.json = "signature",
		.key = "signature=N",
		.about = "CPUID.1 EAX: family, model, stepping",
		.key_of = FOR_ALL,
		.order = FIELD_SHOWN,
		.form = VPMU_FORM_HEX,
		.lost = "events that are not architectural may count something else",
		.may_be_0 = true,
		.on = {[LIKE_INTEL] = {0, UINT32_MAX, LEAF(signature.eax, 0, 32)},
                       [LIKE_AMD] = {0, UINT32_MAX, LEAF(signature.eax, 0, 32)},
                       [LIKE_P6] = {0, UINT32_MAX, LEAF(signature.eax, 0, 32)}},
	},
	{
		MEMBER(gp_missing),
		.text = "general-purpose counters of the bitmap",
		.one = "general-purpose counter ",
		.json = "gp_missing",
		.key = "gp-mask=N",
		.about = "which general-purpose counters: bit i is counter i (version 5)",
		.key_of = FOR_INTEL,
		.given = GIVEN_GP,
		.type = type_counters,
		.order = FIELD_SET,
		.inverted = UINT32_MAX,
		.had = counters_had,
		.is_counted = true,
		.form = VPMU_FORM_BITS,
		.lost = "they raise #GP",
		.on = {[LIKE_INTEL] = {.max = 0x3ff}},
	},
	{
		MEMBER(other_name),
		.text = "other name of the vendor",
		.json = "other_name",
		.key = "other-name=N",
		.about = "1: the name in CPUID that its family does not usually have",
		.key_of = FOR_COUNTED,
		.order = FIELD_SHOWN,
		.form = VPMU_FORM_NUMBER,
		.may_be_0 = true,
		.on = {[LIKE_INTEL] = {.max = 1}, [LIKE_AMD] = {.max = 1}},
	},
	{
		MEMBER(lbr),
		.text = "last branches",
		.json = "lbr",
		.key = "lbr=N",
		.about = "last branches: Intel's architectural LBR, AMD's LbrExtV2",
		.key_of = FOR_COUNTED,
		.given = GIVEN_LBR,
		.order = FIELD_NUMBER,
		.form = VPMU_FORM_NUMBER,
		.lost = "their registers raise #GP",
		.may_be_0 = true,
		.on = {[LIKE_INTEL] = {.min = 8, .max = MAX_LBR},
                       [LIKE_AMD] = {1, AMD_LBR, LEAF(ext_perfmon.ebx, 4, 6)}},
	},
};
const size_t field_count = ARRAY_SIZE(field_rows);

#define FEATURE(name)    .offset = offsetof(struct vpmu_model, features), .bit = VPMU_FEATURE_##name
#define CAPABILITY(name) .offset = offsetof(struct vpmu_model, perf_capabilities), .bit = (name)

const struct feature_row feature_rows[] = {
	{FEATURE(PDCM), "pdcm", "pdcm=on|off", "IA32_PERF_CAPABILITIES", "PDCM", FOR_INTEL,
         LEAF(signature.ecx, 15, 1), .given = GIVEN_PDCM},
	{CAPABILITY(VPMU_PERF_CAP_FULL_WIDTH), "full-width", "full-width=on|off",
         "IA32_A_PMC0... take all bits of a counter", "full-width writes", FOR_INTEL},
	{CAPABILITY(VPMU_PERF_CAP_METRICS), "metrics", "metrics=on|off",
         "IA32_PERF_METRICS (with fixed counter 3)", "IA32_PERF_METRICS", FOR_INTEL,
         .given = GIVEN_METRICS},
	{FEATURE(ANYTHREAD_GONE), "anythread-deprecated", "anythread=on|off",
         "off: CPUID says that AnyThread is deprecated", "AnyThread", FOR_INTEL,
         LEAF(perfmon.edx, 15, 1), .is_inverted = true},
	{FEATURE(PERFCORE), "perfcore", "perfcore=on|off", "6 counters at 0xc0010200", "PERFCORE",
         FOR_AMD, LEAF(ext_features.ecx, 23, 1)},
	{FEATURE(PERFMON_V2), "perfmon-v2", "perfmon-v2=on|off",
         "global control, any number of counters", "PerfMonV2", FOR_AMD,
         LEAF(ext_perfmon.eax, 0, 1)},
	{FEATURE(HLE), "hle", "hle=on|off", "hardware lock elision", "HLE", FOR_INTEL,
         LEAF(structured.ebx, 4, 1)},
	{FEATURE(RTM), "rtm", "rtm=on|off", "restricted transactional memory", "RTM", FOR_INTEL,
         LEAF(structured.ebx, 11, 1)},
	{FEATURE(UMASK2), "umask2", "umask2=on|off", "more bits of the unit mask (version 6)",
         "UMASK2", FOR_INTEL, LEAF(arch_perfmon.ebx, 0, 1), .given = GIVEN_VERSION_6},
	{FEATURE(EQ), "eq", "eq=on|off", "CMASK can compare for equality (version 6)", "EQ",
         FOR_INTEL, LEAF(arch_perfmon.ebx, 1, 1), .given = GIVEN_VERSION_6},
	{FEATURE(RDPMC_HIDE), "rdpmc-hide", "rdpmc-hide=on|off",
         "counters can be hidden from RDPMC at CPL 3 (version 6)", "RDPMC user disable", FOR_INTEL,
         LEAF(arch_perfmon.ebx, 2, 1), .given = GIVEN_VERSION_6},
};
const size_t feature_count = ARRAY_SIZE(feature_rows);
