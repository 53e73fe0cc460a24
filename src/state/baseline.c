/* SPDX-License-Identifier: MIT */
/*
 * A fleet's baseline: of every number the least, of every set the bits that all hosts have; then
 * what a PMU can be of that. Hosts are added one at a time, and nothing is kept of one but its mark
 * on the numbers and bits.
 */
#include <state/room_int.h>

/* --- Adding a host
 * -------------------------------------------------------------------------------- */

static void add_number(struct vpmu_baseline_least *least, uint8_t value, uint64_t host)
{
	if (!least->hosts || value < least->least) {
		uint8_t next = least->hosts ? least->least : 0;

		*least = (struct vpmu_baseline_least){.first = host,
		                                      .hosts = 1,
		                                      .least = value,
		                                      .most = least->most,
		                                      .next = next};
	} else if (value == least->least) {
		least->hosts++;
	} else if (!least->next || value < least->next) {
		least->next = value;
	}
	if (value > least->most)
		least->most = value;
}

static void add_set(struct vpmu_baseline *baseline, enum vpmu_baseline_set set, uint64_t bits,
                    uint64_t host)
{
	uint64_t lacking = ~bits & baseline_set_bits[set];

	baseline->all[set] = baseline->hosts ? baseline->all[set] & bits : bits;
	baseline->some[set] |= bits;
	for (; lacking; lacking &= lacking - 1) {
		struct vpmu_baseline_lack *lack = &baseline->lacks[set][__builtin_ctzll(lacking)];

		if (!lack->hosts++)
			lack->first = host;
	}
}

const uint64_t baseline_set_bits[VPMU_BASELINE_SETS] = {
	[VPMU_BASELINE_FIXED_COUNTERS] = (1 << VPMU_MAX_FIXED) - 1,
	[VPMU_BASELINE_FEATURES] = VPMU_FEATURE_PDCM | VPMU_FEATURE_ANYTHREAD_GONE |
                                   VPMU_FEATURE_PERFCORE | VPMU_FEATURE_PERFMON_V2 |
                                   VPMU_FEATURE_HLE | VPMU_FEATURE_RTM,
	[VPMU_BASELINE_EVENTS] = UINT32_MAX,
	[VPMU_BASELINE_PERF_CAPABILITIES] = ~CAPABILITY_FORMATS,
};

/* AnyThread: there, or not to be missed because the version has none. */
static uint64_t features_turned(const struct vpmu_model *model)
{
	uint64_t features = model->features ^ VPMU_FEATURE_ANYTHREAD_GONE;

	return model->version < 3 ? features | VPMU_FEATURE_ANYTHREAD_GONE : features;
}

static void add_sets(struct vpmu_baseline *baseline, const struct vpmu_model *model, uint64_t host)
{
	add_set(baseline, VPMU_BASELINE_FIXED_COUNTERS, model->fixed_mask, host);
	add_set(baseline, VPMU_BASELINE_FEATURES, features_turned(model), host);
	add_set(baseline, VPMU_BASELINE_EVENTS, model_events(model), host);
	add_set(baseline, VPMU_BASELINE_PERF_CAPABILITIES,
	        model->perf_capabilities & ~CAPABILITY_FORMATS, host);
}

static uint8_t format_of(const struct vpmu_model *model, uint64_t field)
{
	return (uint8_t)((model->perf_capabilities & field) / (field & -field));
}

static void add_numbers(struct vpmu_baseline_least *numbers, const struct vpmu_model *model,
                        uint64_t host)
{
	add_number(&numbers[VPMU_BASELINE_VERSION], model->version, host);
	add_number(&numbers[VPMU_BASELINE_GP_COUNT], model->gp_count, host);
	add_number(&numbers[VPMU_BASELINE_GP_WIDTH], model->gp_width, host);
	add_number(&numbers[VPMU_BASELINE_EVENTS_LENGTH], model->events_length, host);
	add_number(&numbers[VPMU_BASELINE_LBR_FORMAT], format_of(model, CAPABILITY_LBR_FORMAT),
	           host);
	add_number(&numbers[VPMU_BASELINE_PEBS_FORMAT], format_of(model, CAPABILITY_PEBS_FORMAT),
	           host);
	/* No fixed counters have no width. */
	if (model->fixed_mask)
		add_number(&numbers[VPMU_BASELINE_FIXED_WIDTH], model->fixed_width, host);
}

enum vpmu_status vpmu_baseline_add(struct vpmu_baseline *baseline, const struct vpmu_model *model,
                                   uint64_t host, char *why, size_t why_bytes)
{
	struct text text = text_in(why, why_bytes);

	if (!baseline)
		return argument_missing(why, why_bytes);
	if (vpmu_model_check(model, why, why_bytes))
		return VPMU_BAD_ARGUMENT;
	if (baseline->hosts && model->vendor != baseline->vendor) {
		text_add(&text, "of another vendor than the first: they have no PMU in common");
		return VPMU_INCOMPATIBLE;
	}
	add_numbers(baseline->numbers, model, host);
	add_sets(baseline, model, host);
	if (!baseline->hosts) {
		baseline->vendor = model->vendor;
		baseline->signature = model->signature;
	}
	baseline->signatures_differ |= model->signature != baseline->signature;
	if (model->signature < baseline->signature)
		baseline->signature = model->signature;
	baseline->hosts++;
	return VPMU_OK;
}

/* --- What can be of it
 * ---------------------------------------------------------------------------- */

static uint8_t least(const struct vpmu_baseline *baseline, enum vpmu_baseline_number number)
{
	return baseline->numbers[number].least;
}

/* A format that is not the same everywhere is none. */
static uint64_t common_format(const struct vpmu_baseline *baseline,
                              enum vpmu_baseline_number number, uint64_t field)
{
	const struct vpmu_baseline_least *format = &baseline->numbers[number];

	return format->least == format->most ? format->least * (field & -field) : 0;
}

static uint64_t common_capabilities(const struct vpmu_baseline *baseline)
{
	return baseline->all[VPMU_BASELINE_PERF_CAPABILITIES] |
	       common_format(baseline, VPMU_BASELINE_LBR_FORMAT, CAPABILITY_LBR_FORMAT) |
	       common_format(baseline, VPMU_BASELINE_PEBS_FORMAT, CAPABILITY_PEBS_FORMAT);
}

enum vpmu_status vpmu_baseline_model(const struct vpmu_baseline *baseline, struct vpmu_model *model)
{
	struct vpmu_model none = {.name = "baseline"};

	if (!baseline || !model || !baseline->hosts)
		return VPMU_BAD_ARGUMENT;
	none.vendor = baseline->vendor;
	none.signature = baseline->signature;
	*model = none;
	if (!least(baseline, VPMU_BASELINE_VERSION))
		return VPMU_OK;
	model->version = least(baseline, VPMU_BASELINE_VERSION);
	model->gp_count = least(baseline, VPMU_BASELINE_GP_COUNT);
	model->gp_width = least(baseline, VPMU_BASELINE_GP_WIDTH);
	model->fixed_width = least(baseline, VPMU_BASELINE_FIXED_WIDTH);
	model->fixed_mask = (uint32_t)baseline->all[VPMU_BASELINE_FIXED_COUNTERS];
	model->features =
		(uint32_t)baseline->all[VPMU_BASELINE_FEATURES] ^ VPMU_FEATURE_ANYTHREAD_GONE;
	model->events_length = least(baseline, VPMU_BASELINE_EVENTS_LENGTH);
	model->events_missing =
		(uint32_t)(~baseline->all[VPMU_BASELINE_EVENTS] & width_mask(model->events_length));
	model->perf_capabilities = common_capabilities(baseline);
	model_fit(model);
	if (!model->version)
		*model = none;
	return vpmu_model_check(model, NULL, 0) ? VPMU_INTERNAL : VPMU_OK;
}
