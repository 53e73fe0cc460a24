/* SPDX-License-Identifier: MIT */
/*
 * Two models side by side: what the target's is less, and what of the state's model a virtual CPU
 * there can have.
 */
#include <state/room_int.h>

/* --- What a model is, in comparable numbers ------------------------------------------------------
 */

uint32_t model_events(const struct vpmu_model *model)
{
	return ~model->events_missing & (uint32_t)width_mask(model->events_length);
}

uint64_t capabilities_common(uint64_t wanted, uint64_t host)
{
	static const uint64_t formats[] = {CAPABILITY_LBR_FORMAT, CAPABILITY_PEBS_FORMAT};
	uint64_t common = wanted & host & ~CAPABILITY_FORMATS;

	for (unsigned i = 0; i < ARRAY_SIZE(formats); i++)
		if ((wanted & formats[i]) == (host & formats[i]))
			common |= wanted & formats[i];
	return common;
}

/* AnyThread's bit says that it is gone: turned round, so that a bit set is always more. */
static uint64_t features_of(const struct vpmu_model *model)
{
	return model->features ^ VPMU_FEATURE_ANYTHREAD_GONE;
}

/* --- Fields of the model
 * -------------------------------------------------------------------------- */

typedef enum vpmu_take judge_fn(uint64_t from, uint64_t to);

static enum vpmu_take judge_vendor(uint64_t from, uint64_t to)
{
	return from == to ? VPMU_TAKES : VPMU_CANNOT_TAKE;
}

static enum vpmu_take judge_number(uint64_t from, uint64_t to)
{
	return to >= from ? VPMU_TAKES : VPMU_TAKES_CHANGED;
}

static enum vpmu_take judge_version(uint64_t from, uint64_t to)
{
	return from && !to ? VPMU_CANNOT_TAKE : judge_number(from, to);
}

static enum vpmu_take judge_set(uint64_t from, uint64_t to)
{
	return from & ~to ? VPMU_TAKES_CHANGED : VPMU_TAKES;
}

static enum vpmu_take judge_capabilities(uint64_t from, uint64_t to)
{
	return capabilities_common(from, to) == from ? VPMU_TAKES : VPMU_TAKES_CHANGED;
}

/* A VMM shows the guest any family and model that it likes. */
static enum vpmu_take judge_signature(uint64_t from, uint64_t to)
{
	return VPMU_TAKES;
}

/* AnyThread only exists from version 3 on; below, its feature bit says nothing. */
static uint64_t comparable_features(const struct vpmu_model *model, const struct vpmu_model *other)
{
	uint64_t features = features_of(model);

	if (model->version < 3 || other->version < 3)
		features &= ~(uint64_t)VPMU_FEATURE_ANYTHREAD_GONE;
	return features;
}

static void compare_field(struct vpmu_compat *compat, enum vpmu_compat_field field, uint64_t from,
                          uint64_t to, judge_fn *judge)
{
	enum vpmu_take take = judge(from, to);

	if (take == VPMU_TAKES && (field != VPMU_FIELD_SIGNATURE || from == to))
		return;
	compat->differences[compat->difference_count++] = (struct vpmu_compat_difference){
		.field = field,
		.take = take,
		.from = from,
		.to = to,
	};
	if (take > compat->take)
		compat->take = take;
}

void compare_models(struct vpmu_compat *compat, const struct vpmu_model *a,
                    const struct vpmu_model *b)
{
	compare_field(compat, VPMU_FIELD_VENDOR, a->vendor, b->vendor, judge_vendor);
	compare_field(compat, VPMU_FIELD_VERSION, a->version, b->version, judge_version);
	compare_field(compat, VPMU_FIELD_GP_COUNT, a->gp_count, b->gp_count, judge_number);
	compare_field(compat, VPMU_FIELD_GP_WIDTH, a->gp_width, b->gp_width, judge_number);
	compare_field(compat, VPMU_FIELD_FIXED_COUNTERS, a->fixed_mask, b->fixed_mask, judge_set);
	compare_field(compat, VPMU_FIELD_FIXED_WIDTH, a->fixed_width, b->fixed_width, judge_number);
	compare_field(compat, VPMU_FIELD_FEATURES, comparable_features(a, b),
	              comparable_features(b, a), judge_set);
	compare_field(compat, VPMU_FIELD_EVENTS, model_events(a), model_events(b), judge_set);
	compare_field(compat, VPMU_FIELD_PERF_CAPABILITIES, a->perf_capabilities,
	              b->perf_capabilities, judge_capabilities);
	compare_field(compat, VPMU_FIELD_SIGNATURE, a->signature, b->signature, judge_signature);
}

/* --- What can be of a mixture --------------------------------------------------------------------
 */

/* Before version 5 fixed counters have no holes: what is above the first hole goes. */
static uint32_t without_holes(uint32_t mask)
{
	return mask & (mask ^ (mask + 1));
}

static void fit_intel(struct vpmu_model *model)
{
	if (model->version < 2)
		model->fixed_mask = 0;
	else if (model->version < 5)
		model->fixed_mask = without_holes(model->fixed_mask);
	if (!model->fixed_mask)
		model->fixed_width = 0;
	if (model->version < 3)
		model->features &= ~(uint32_t)VPMU_FEATURE_ANYTHREAD_GONE;
	if (!(model->features & VPMU_FEATURE_PDCM))
		model->perf_capabilities = 0;
	if (!(model->fixed_mask & BIT64(3)))
		model->perf_capabilities &= ~VPMU_PERF_CAP_METRICS;
}

/*
 * Without PerfMonV2 the number of counters is a given: 6 with PERFCORE, else 4. A PerfMonV2 host
 * may have fewer, and then the fleet has only what needs fewer.
 */
static void fit_amd(struct vpmu_model *model)
{
	enum { PERFCORE_COUNTERS = 6, K7_COUNTERS = 4 };

	model->features &= VPMU_FEATURE_PERFCORE | VPMU_FEATURE_PERFMON_V2;
	if (model->features & VPMU_FEATURE_PERFMON_V2) {
		model->version = 2;
		return;
	}
	model->version = 1;
	if (model->gp_count < PERFCORE_COUNTERS)
		model->features = 0;
	if (model->gp_count < K7_COUNTERS)
		model->version = 0;
	model->gp_count = model->features ? PERFCORE_COUNTERS : K7_COUNTERS;
}

void model_fit(struct vpmu_model *model)
{
	static void (*const fit[VPMU_VENDORS])(struct vpmu_model *) = {
		[VPMU_VENDOR_INTEL] = fit_intel,
		[VPMU_VENDOR_ZHAOXIN] = fit_intel,
		[VPMU_VENDOR_AMD] = fit_amd,
	};

	fit[model->vendor](model);
}

static uint8_t least(uint8_t a, uint8_t b)
{
	return a < b ? a : b;
}

/* Of each number the less, of each set what both have. */
static struct vpmu_model common_model(const struct vpmu_model *wanted,
                                      const struct vpmu_model *host)
{
	struct vpmu_model model = *wanted;
	uint32_t either = wanted->features | host->features;

	model.version = least(wanted->version, host->version);
	model.gp_count = least(wanted->gp_count, host->gp_count);
	model.gp_width = least(wanted->gp_width, host->gp_width);
	model.fixed_mask &= host->fixed_mask;
	model.fixed_width = least(wanted->fixed_width, host->fixed_width);
	model.features &= host->features | VPMU_FEATURE_ANYTHREAD_GONE;
	/* Below version 3 there is no AnyThread that could be gone. */
	if (model.version >= 3)
		model.features |= either & VPMU_FEATURE_ANYTHREAD_GONE;
	model.events_length = least(wanted->events_length, host->events_length);
	model.events_missing |= host->events_missing;
	model.events_missing &= (uint32_t)width_mask(model.events_length);
	model.perf_capabilities =
		capabilities_common(wanted->perf_capabilities, host->perf_capabilities);
	return model;
}

struct vpmu_model vpmu_compat_model(const struct vpmu_model *wanted, const struct vpmu_model *host)
{
	struct vpmu_model model = {0};
	uint32_t lost;

	if (!wanted || !host)
		return model;
	if (vpmu_model_check(wanted, NULL, 0) || vpmu_model_check(host, NULL, 0) ||
	    wanted->vendor != host->vendor || !wanted->version || !host->version)
		return *host;
	model = common_model(wanted, host);
	/* How many counters there are without PerfMonV2 is the host's, no CPUID bit's. */
	if (model.vendor == VPMU_VENDOR_AMD && !(model.features & VPMU_FEATURE_PERFMON_V2))
		model.gp_count = host->gp_count;
	if (vpmu_model_check(&model, NULL, 0))
		model_fit(&model);
	lost = wanted->features & host->features & VPMU_FEATURE_PERFCORE & ~model.features;
	if (!model.version || lost || vpmu_model_check(&model, NULL, 0))
		return *host;
	return model;
}
