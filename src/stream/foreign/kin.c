/* SPDX-License-Identifier: MIT */
/* What is told of a processor without CPUID, and the model that it makes: by vendor. */
#include <stream/foreign/room_int.h>

/* --- AMD -------------------------------------------------------------------------------------- */

static const char *amd_name(const struct foreign_traits *traits)
{
	if (traits->features & VPMU_FEATURE_PERFMON_V2)
		return "amd-perfmon-v2";
	return traits->features & VPMU_FEATURE_PERFCORE ? "amd-perfcore" : "amd-k7";
}

static const char *amd_base(const struct foreign_traits *traits, const char *known,
                            unsigned *missing)
{
	if (!(traits->known & VPMU_FEATURE_PERFCORE)) {
		*missing |= FOREIGN_UNTOLD_COUNTERS;
		return known;
	}
	if (traits->features & VPMU_FEATURE_PERFMON_V2 && !traits->has_counters)
		*missing |= FOREIGN_UNTOLD_AMD_COUNT;
	return amd_name(traits);
}

/* The rest follows from the features, which the base has. */
static void amd_set_counters(struct vpmu_model *model, const struct foreign_traits *traits)
{
	model->gp_count = (uint8_t)traits->gp_count;
}

static void amd_set_features(struct vpmu_model *model, const struct foreign_traits *traits)
{
}

static unsigned amd_untold(const struct foreign_traits *traits)
{
	return 0;
}

static void amd_add_name(struct text *text, const struct foreign_traits *traits)
{
	text_add(text, amd_name(traits));
}

/* --- Intel, Zhaoxin --------------------------------------------------------------------------- */

enum {
	TSX = VPMU_FEATURE_HLE | VPMU_FEATURE_RTM,
	INTEL_FEATURES = VPMU_FEATURE_PDCM | TSX,
	NEWEST = 5, /* version of vpmu's models */
};

static uint32_t version_of(const struct foreign_traits *traits)
{
	return traits->version > NEWEST ? NEWEST : traits->version;
}

static const char *intel_base(const struct foreign_traits *traits, const char *known,
                              unsigned *missing)
{
	static const char *const bases[NEWEST + 1] = {
		NULL, "intel-v1", "intel-v2", "intel-v3", "intel-v4", "intel-v5",
	};

	if (!traits->has_counters)
		*missing |= FOREIGN_UNTOLD_COUNTERS;
	if (known || !traits->has_counters)
		return known;
	return bases[version_of(traits)];
}

static void intel_set_counters(struct vpmu_model *model, const struct foreign_traits *traits)
{
	model->gp_count = (uint8_t)traits->gp_count;
	model->version = (uint8_t)version_of(traits);
	model->gp_width = (uint8_t)traits->gp_width;
	model->fixed_mask = model->version < 2 ? 0 : traits->fixed_mask;
	model->fixed_width = model->fixed_mask ? model->gp_width : 0;
	if (!(model->fixed_mask & BIT64(3)))
		model->perf_capabilities &= ~VPMU_PERF_CAP_METRICS;
}

static void intel_set_features(struct vpmu_model *model, const struct foreign_traits *traits)
{
	model->features &= ~(traits->known & INTEL_FEATURES);
	model->features |= traits->features & traits->known & INTEL_FEATURES;
	if (!(model->features & VPMU_FEATURE_PDCM))
		model->perf_capabilities = 0;
	else
		model->perf_capabilities |= traits->capabilities;
}

static unsigned intel_untold(const struct foreign_traits *traits)
{
	if (!(traits->known & VPMU_FEATURE_PDCM))
		return FOREIGN_UNTOLD_FEATURES;
	if (traits->features & VPMU_FEATURE_PDCM && !traits->capabilities)
		return FOREIGN_UNTOLD_CAPABILITIES;
	return 0;
}

static void add_switch(struct text *text, const char *key, bool on)
{
	text_add(text, key);
	text_add(text, on ? "=on" : "=off");
}

static void intel_add_name(struct text *text, const struct foreign_traits *traits)
{
	text_add(text, known_pmu(traits->vendor, traits->signature));
	add_switch(text, ",pdcm", false);
	add_switch(text, ",hle", traits->features & VPMU_FEATURE_HLE);
	add_switch(text, ",rtm", traits->features & VPMU_FEATURE_RTM);
}

/* --- Intel's P6 family ------------------------------------------------------------------------ */

/* They all have the same PMU. */
static const char *p6_base(const struct foreign_traits *traits, const char *known,
                           unsigned *missing)
{
	return known;
}

static void p6_set(struct vpmu_model *model, const struct foreign_traits *traits)
{
}

static unsigned p6_untold(const struct foreign_traits *traits)
{
	return 0;
}

static void p6_add_name(struct text *text, const struct foreign_traits *traits)
{
	text_add(text, known_pmu(traits->vendor, traits->signature));
}

/* --- All -------------------------------------------------------------------------------------- */

static const struct kin intel = {
	.features = INTEL_FEATURES,
	.base = intel_base,
	.set_counters = intel_set_counters,
	.set_features = intel_set_features,
	.untold = intel_untold,
	.add_name = intel_add_name,
};

static const struct kin amd = {
	.features = VPMU_FEATURE_PERFCORE | VPMU_FEATURE_PERFMON_V2,
	.always = true,
	.base = amd_base,
	.set_counters = amd_set_counters,
	.set_features = amd_set_features,
	.untold = amd_untold,
	.add_name = amd_add_name,
};

static const struct kin p6 = {
	.always = true,
	.base = p6_base,
	.set_counters = p6_set,
	.set_features = p6_set,
	.untold = p6_untold,
	.add_name = p6_add_name,
};

const struct kin *kin_of(enum vpmu_vendor vendor)
{
	static const struct kin *const kin[VPMU_VENDORS] = {
		[VPMU_VENDOR_INTEL] = &intel,
		[VPMU_VENDOR_ZHAOXIN] = &intel,
		[VPMU_VENDOR_AMD] = &amd,
		[VPMU_VENDOR_INTEL_P6] = &p6,
	};

	return kin[vendor];
}
