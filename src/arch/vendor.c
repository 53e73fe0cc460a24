/* SPDX-License-Identifier: MIT */
/*
 * The vendors: the limits and rules of their models, and where their tables are. Zhaoxin's PMU is
 * Intel's.
 */
#include <arch/room_int.h>

#define LIMIT(field, text, from, to)                                                               \
	{                                                                                          \
		.what = (text), .offset = offsetof(struct vpmu_model, field), .min = (from),       \
		.max = (to)                                                                        \
	}

static bool fixed_too_early(const struct vpmu_model *model)
{
	return model->fixed_mask && model->version < 2;
}

static bool fixed_too_many(const struct vpmu_model *model)
{
	return model->fixed_mask >> VPMU_MAX_FIXED;
}

/* CPUID.0AH ECX, the bitmap, exists from version 5 on (SDM vol. 3B 20.2.5.2). */
static bool fixed_holes_too_early(const struct vpmu_model *model)
{
	return model->version < 5 && model->fixed_mask & (model->fixed_mask + 1);
}

static bool fixed_width_wrong(const struct vpmu_model *model)
{
	if (!model->fixed_mask)
		return model->fixed_width;
	return model->fixed_width < 32 || model->fixed_width > 64;
}

static bool missing_beyond_length(const struct vpmu_model *model)
{
	return model->events_missing & ~width_mask(model->events_length);
}

static bool capabilities_unseen(const struct vpmu_model *model)
{
	return model->perf_capabilities && !(model->features & VPMU_FEATURE_PDCM);
}

static bool metrics_without_slots(const struct vpmu_model *model)
{
	return model->perf_capabilities & VPMU_PERF_CAP_METRICS && !(model->fixed_mask & BIT64(3));
}

static const struct limit intel_limits[] = {
	LIMIT(version, "version", 1, 5),
	LIMIT(gp_count, "general-purpose counters", 1, 10),
	LIMIT(gp_width, "width of general-purpose counters", 32, 64),
	LIMIT(events_length, "length of the events' bit vector", 0, 32),
};

static const struct rule intel_rules[] = {
	{fixed_too_early, "fixed counters need version 2 or later"},
	{fixed_too_many, "fixed counters: 8 at most"},
	{fixed_holes_too_early, "holes between the fixed counters need version 5"},
	{fixed_width_wrong, "width of fixed counters: 32 to 64, or 0 without any"},
	{missing_beyond_length, "events are missing beyond the length of their bit vector"},
	{capabilities_unseen,
         "IA32_PERF_CAPABILITIES has a value, but PDCM says that there is none"},
	{metrics_without_slots, "IA32_PERF_METRICS needs fixed counter 3"},
};

static void intel_complete(struct vpmu_model *model, unsigned given)
{
	if (model->version < 2 && !(given & GIVEN_FIXED))
		model->fixed_mask = 0;
	if (!model->fixed_mask)
		model->fixed_width = 0;
	else if (!model->fixed_width)
		model->fixed_width = model->gp_width;
	if (!(model->fixed_mask & BIT64(3)) && !(given & GIVEN_METRICS))
		model->perf_capabilities &= ~VPMU_PERF_CAP_METRICS;
}

enum {
	INTEL_FEATURES = VPMU_FEATURE_PDCM | VPMU_FEATURE_ANYTHREAD_GONE | VPMU_FEATURE_HLE |
	                 VPMU_FEATURE_RTM,
	AMD_FEATURES = VPMU_FEATURE_PERFCORE | VPMU_FEATURE_PERFMON_V2,
};

static bool has_fixed(const struct vpmu_model *model)
{
	return model->fixed_mask || model->fixed_width;
}

static bool has_architectural(const struct vpmu_model *model)
{
	return model->events_length || model->events_missing || model->perf_capabilities;
}

static bool v2_without_perfcore(const struct vpmu_model *model)
{
	return (model->features & AMD_FEATURES) == VPMU_FEATURE_PERFMON_V2;
}

static uint8_t amd_version(const struct vpmu_model *model)
{
	return model->features & VPMU_FEATURE_PERFMON_V2 ? 2 : 1;
}

static bool version_unlike_v2(const struct vpmu_model *model)
{
	return model->version != amd_version(model);
}

/* AMD APM vol. 2 13.2.1: without CPUID 0x80000022 the number of counters is a given. */
static uint8_t amd_gp_count(const struct vpmu_model *model)
{
	return model->features & VPMU_FEATURE_PERFCORE ? 6 : 4;
}

static bool gp_unlike_features(const struct vpmu_model *model)
{
	return !(model->features & VPMU_FEATURE_PERFMON_V2) &&
	       model->gp_count != amd_gp_count(model);
}

static bool before_k7(const struct vpmu_model *model)
{
	return signature_family(model->signature) < 6;
}

static const struct limit amd_limits[] = {
	LIMIT(version, "version", 1, 2),
	LIMIT(gp_count, "counters", 1, 15),
	LIMIT(gp_width, "width of counters", 48, 48),
};

static const struct rule amd_rules[] = {
	{has_fixed, "AMD has no fixed counters"},
	{has_architectural, "AMD has no architectural events and no IA32_PERF_CAPABILITIES"},
	{v2_without_perfcore, "PerfMonV2 needs PERFCORE"},
	{version_unlike_v2, "the version is 2 with PerfMonV2, else 1"},
	{gp_unlike_features, "without PerfMonV2 there are 6 counters with PERFCORE, else 4"},
	{before_k7, "the signature's family is before K7 (6), which has no PMU"},
};

static void amd_complete(struct vpmu_model *model, unsigned given)
{
	model->version = amd_version(model);
	if (!(given & GIVEN_GP) && gp_unlike_features(model))
		model->gp_count = amd_gp_count(model);
}

const struct vendor vendor_intel = {
	.features = INTEL_FEATURES,
	.limits = intel_limits,
	.limit_count = ARRAY_SIZE(intel_limits),
	.rules = intel_rules,
	.rule_count = ARRAY_SIZE(intel_rules),
	.registers = &intel_registers,
	.events = &intel_events,
	.status_bits = intel_status_bits,
	.complete = intel_complete,
	.read_cpuid = intel_read_cpuid,
	.write_cpuid = intel_write_cpuid,
};

const struct vendor vendor_amd = {
	.features = AMD_FEATURES,
	.limits = amd_limits,
	.limit_count = ARRAY_SIZE(amd_limits),
	.rules = amd_rules,
	.rule_count = ARRAY_SIZE(amd_rules),
	.registers = &amd_registers,
	.events = &amd_events,
	.status_bits = amd_status_bits,
	.complete = amd_complete,
	.read_cpuid = amd_read_cpuid,
	.write_cpuid = amd_write_cpuid,
};
