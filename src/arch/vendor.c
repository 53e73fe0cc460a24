/* SPDX-License-Identifier: MIT */
/*
 * The vendors: the limits and rules of their models, and where their tables are. Zhaoxin's PMU is
 * like Intel's. Intel's P6 predates the architectural PMU, so it is treated as a vendor of its own.
 */
#include <arch/room_int.h>

static bool fixed_too_early(const struct vpmu_model *model)
{
	return model->fixed_mask && model->version < 2;
}

/* CPUID.0AH ECX, the bitmap, exists from version 5 on (SDM vol. 3B 20.2.5.2). */
static bool fixed_holes_too_early(const struct vpmu_model *model)
{
	return model->version < 5 && model->fixed_mask & (model->fixed_mask + 1);
}

static bool gp_holes_too_early(const struct vpmu_model *model)
{
	return model->version < 5 && model->gp_missing;
}

/* Leaf 0AH, which older guests read, begins with counter 0. */
static bool gp_ends_missing(const struct vpmu_model *model)
{
	return model->gp_missing & 1 || (uint64_t)model->gp_missing << 1 >> model->gp_count;
}

static bool gp_width_wrong(const struct vpmu_model *model)
{
	return !model->gp_count != !model->gp_width;
}

static bool fixed_width_wrong(const struct vpmu_model *model)
{
	return !model->fixed_mask != !model->fixed_width;
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

static bool version_6_too_early(const struct vpmu_model *model)
{
	return model->version < 6 && model->features & VERSION_6_FEATURES;
}

static bool lbr_of_no_depth(const struct vpmu_model *model)
{
	return model->lbr & (model->lbr - 1);
}

static bool lbr_of_two_kinds(const struct vpmu_model *model)
{
	return model->lbr && model_lbr_of_format(model);
}

static bool has_no_other_name(const struct vpmu_model *model)
{
	return model->vendor == VPMU_VENDOR_INTEL && model->other_name;
}

static const char gp_width_words[] = "general-purpose counters have a width, or there are none";

static const struct rule intel_rules[] = {
	{has_no_other_name, "Intel has one name in CPUID"},
	{fixed_too_early, "fixed counters need version 2 or later"},
	{fixed_holes_too_early, "holes between the fixed counters need version 5"},
	{gp_holes_too_early, "holes between the general-purpose counters need version 5"},
	{gp_ends_missing, "the first and the last general-purpose counter exist"},
	{gp_width_wrong, gp_width_words},
	{fixed_width_wrong, "width of fixed counters: 32 to 64, or 0 without any"},
	{missing_beyond_length, "events are missing beyond the length of their bit vector"},
	{capabilities_unseen,
         "IA32_PERF_CAPABILITIES has a value, but PDCM says that there is none"},
	{metrics_without_slots, "IA32_PERF_METRICS needs fixed counter 3"},
	{lbr_of_two_kinds,
         "lbr and lbr-format contradict each other: there is one stack of last branches"},
	{lbr_of_no_depth, "the architectural stack of last branches has 8, 16 or 32 entries"},
	{version_6_too_early, "UMASK2, EQ and RDPMC user disable need version 6"},
};

static void intel_complete(struct vpmu_model *model, unsigned given)
{
	if (model->version < 2 && !(given & GIVEN_FIXED))
		model->fixed_mask = 0;
	if (!model->fixed_mask)
		model->fixed_width = 0;
	else if (!model->fixed_width)
		model->fixed_width = model->gp_width;
	if (!model->gp_count)
		model->gp_width = 0;
	if (!(model->fixed_mask & BIT64(3)) && !(given & GIVEN_METRICS))
		model->perf_capabilities &= ~VPMU_PERF_CAP_METRICS;
	if (model->version < 6 && !(given & GIVEN_VERSION_6))
		model->features &= ~(uint32_t)VERSION_6_FEATURES;
}

/* Before version 5 counters have no holes: what is above the first hole goes. */
static void intel_fit(struct vpmu_model *model)
{
	uint32_t gp = model_gp_bits(model);

	model_set_gp_bits(model, model->version < 5 ? (uint32_t)width_mask(mask_run(gp)) : gp);
	if (!model->gp_count)
		model->gp_width = 0;
	if (model->version < 2)
		model->fixed_mask = 0;
	else if (model->version < 5)
		model->fixed_mask &= (uint32_t)width_mask(mask_run(model->fixed_mask));
	if (!model->fixed_mask)
		model->fixed_width = 0;
	if (!(model->features & VPMU_FEATURE_PDCM))
		model->perf_capabilities = 0;
	if (!(model->fixed_mask & BIT64(3)))
		model->perf_capabilities &= ~VPMU_PERF_CAP_METRICS;
	if (model->version < 6)
		model->features &= ~(uint32_t)VERSION_6_FEATURES;
	model->events_missing &= (uint32_t)width_mask(model->events_length);
}

static bool lbr_without_v2(const struct vpmu_model *model)
{
	return model->lbr && !(model->features & VPMU_FEATURE_PERFMON_V2);
}

static bool has_fixed(const struct vpmu_model *model)
{
	return model->fixed_mask || model->fixed_width;
}

static bool has_architectural(const struct vpmu_model *model)
{
	return model->events_length || model->events_missing || model->perf_capabilities ||
	       model->gp_missing;
}

static bool v2_without_perfcore(const struct vpmu_model *model)
{
	return model->features & VPMU_FEATURE_PERFMON_V2 &&
	       !(model->features & VPMU_FEATURE_PERFCORE);
}

static uint8_t amd_version(const struct vpmu_model *model)
{
	return model->features & VPMU_FEATURE_PERFMON_V2 ? 2 : 1;
}

static bool version_unlike_v2(const struct vpmu_model *model)
{
	return model->version != amd_version(model);
}

/* AMD APM vol. 2 13.2.1: without CPUID 0x80000022 the number of counters is fixed. */
static uint8_t amd_gp_count(const struct vpmu_model *model)
{
	return model->features & VPMU_FEATURE_PERFCORE ? 6 : 4;
}

static bool gp_unlike_features(const struct vpmu_model *model)
{
	return !(model->features & VPMU_FEATURE_PERFMON_V2) &&
	       model->gp_count != amd_gp_count(model);
}

enum { K7_SIGNATURE = 0x600 };

static bool before_k7(const struct vpmu_model *model)
{
	return signature_family(model->signature) < 6;
}

static const struct rule amd_rules[] = {
	{gp_width_wrong, gp_width_words},
	{has_fixed, "AMD has no fixed counters"},
	{has_architectural,
         "AMD has no architectural events, no IA32_PERF_CAPABILITIES, no bitmap of counters"},
	{v2_without_perfcore, "PerfMonV2 needs PERFCORE"},
	{version_unlike_v2, "the version is 2 with PerfMonV2, else 1"},
	{gp_unlike_features, "without PerfMonV2 there are 6 counters with PERFCORE, else 4"},
	{lbr_without_v2, "LbrExtV2 needs PerfMonV2"},
	{before_k7, "the signature's family is before K7 (6), which has no PMU"},
};

static void amd_set_gp(struct vpmu_model *model, uint8_t count)
{
	model->gp_count = count;
	model->gp_width = count ? AMD_WIDTH : 0;
}

static void amd_complete(struct vpmu_model *model, unsigned given)
{
	bool follows = !(given & GIVEN_GP) && gp_unlike_features(model);

	model->version = amd_version(model);
	if (model->version < 2 && !(given & GIVEN_LBR))
		model->lbr = 0;
	amd_set_gp(model, follows ? amd_gp_count(model) : model->gp_count);
}

/*
 * KVM gives a PMU whatever the signature is, so a signature before K7 is raised to K7's.
 *
 * Without PerfMonV2 the number of counters is fixed. A PerfMonV2 processor may have fewer; then the
 * meet keeps only features that need no more counters than that.
 */
static void amd_fit(struct vpmu_model *model)
{
	if (before_k7(model))
		model->signature = K7_SIGNATURE;
	model->version = amd_version(model);
	amd_set_gp(model, model->gp_count);
	if (model->version > 1)
		return;
	if (model->gp_count < amd_gp_count(model))
		model->features = 0;
	if (model->gp_count < amd_gp_count(model))
		model->version = 0;
	amd_set_gp(model, amd_gp_count(model));
}

static bool has_lbr(const struct vpmu_model *model)
{
	return model->lbr;
}

static bool not_of_p6(const struct vpmu_model *model)
{
	return !signature_is_p6(model->signature);
}

static bool has_one_name(const struct vpmu_model *model)
{
	return model->other_name;
}

static const struct rule p6_rules[] = {
	{gp_width_wrong, gp_width_words},
	{has_one_name, "Intel has one name in CPUID"},
	{has_fixed, "P6 has no fixed counters"},
	{has_architectural,
         "P6 has no architectural events, no IA32_PERF_CAPABILITIES, no bitmap of counters"},
	{has_lbr, "no registers of P6's last branches are here"},
	{not_of_p6, "the signature is none of P6's: family 6, model 0 to 0xd"},
};

/* There is no status register. */
static uint64_t p6_status_bits(const struct vpmu_model *model)
{
	return 0;
}

static void p6_complete(struct vpmu_model *model, unsigned given)
{
}

/* All P6 PMUs are alike, so two P6 models have all in common; with less than a P6 has, nothing
 * remains. */
static void p6_fit(struct vpmu_model *model)
{
	if (model->gp_count < P6_COUNTERS || model->gp_width < P6_WIDTH)
		model->version = 0;
}

const struct vendor vendor_intel = {
	.like = LIKE_INTEL,
	.rules = intel_rules,
	.rule_count = ARRAY_SIZE(intel_rules),
	.registers = &intel_registers,
	.events = &intel_events,
	.status_bits = intel_status_bits,
	.complete = intel_complete,
	.fit = intel_fit,
	.read_cpuid = intel_read_cpuid,
	.write_cpuid = intel_write_cpuid,
};

const struct vendor vendor_amd = {
	.like = LIKE_AMD,
	.counts_where_it_goes = true,
	.rules = amd_rules,
	.rule_count = ARRAY_SIZE(amd_rules),
	.registers = &amd_registers,
	.events = &amd_events,
	.status_bits = amd_status_bits,
	.complete = amd_complete,
	.fit = amd_fit,
	.read_cpuid = amd_read_cpuid,
	.write_cpuid = amd_write_cpuid,
};

const struct vendor vendor_p6 = {
	.like = LIKE_P6,
	.rules = p6_rules,
	.rule_count = ARRAY_SIZE(p6_rules),
	.registers = &p6_registers,
	.later = &intel_registers,
	.events = &p6_events,
	.status_bits = p6_status_bits,
	.complete = p6_complete,
	.fit = p6_fit,
	.read_cpuid = p6_read_cpuid,
	.write_cpuid = p6_write_cpuid,
};
