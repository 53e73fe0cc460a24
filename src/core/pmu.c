/* SPDX-License-Identifier: MIT */
/* A register machine's life: init, reset, entry; and small queries. */
#include <core/linux.h>

_Static_assert(sizeof(struct vpmu_pmu) <= VPMU_PMU_BYTES, "the public constant is a promise");
_Static_assert(_Alignof(struct vpmu_pmu) <= VPMU_PMU_ALIGN, "the public constant is a promise");

#define POINTER_TO(name) &profile_##name,
static const struct vpmu_profile *const profiles[] = {PROFILES(POINTER_TO)};
#undef POINTER_TO

const char *vpmu_profile_name(size_t i)
{
	return i < ARRAY_SIZE(profiles) ? profiles[i]->name : NULL;
}

static bool same_text(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

const struct vpmu_profile *vpmu_profile_find(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(profiles); i++)
		if (same_text(profiles[i]->name, name))
			return profiles[i];
	return NULL;
}

const char *vpmu_profile_about(size_t i)
{
	return i < ARRAY_SIZE(profiles) ? profiles[i]->about : NULL;
}

unsigned vpmu_profile_kernel(const struct vpmu_profile *profile)
{
	return profile ? profile->kernel : 0;
}

uint32_t vpmu_profile_facts(const struct vpmu_profile *profile)
{
	return profile ? profile->facts & VPMU_FACTS : 0;
}

/* Reads a number up to 255, and moves *text behind it. 0: there is none. */
static unsigned read_number(const char **text)
{
	unsigned number = 0;

	for (; **text >= '0' && **text <= '9'; ++*text)
		if (number <= UINT8_MAX)
			number = number * 10 + (unsigned)(**text - '0');
	return number <= UINT8_MAX ? number : 0;
}

/* 0x60c for "6.12.117-amd64"; 0 for what is no kernel's release. */
static unsigned kernel_of(const char *release)
{
	unsigned major = read_number(&release);

	if (!major || *release++ != '.' || *release < '0' || *release > '9')
		return 0;
	return major << 8 | read_number(&release);
}

const struct vpmu_profile *vpmu_profile_for_kernel(const char *release, bool mediated)
{
	const struct vpmu_profile *best = NULL;
	unsigned kernel = release ? kernel_of(release) : 0;

	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		const struct vpmu_profile *profile = profiles[i];

		if (!profile->since || profile->since > kernel ||
		    has_fact(profile, VPMU_FACT_MEDIATED) != mediated)
			continue;
		if (!best || profile->since > best->since)
			best = profile;
	}
	return best;
}

size_t vpmu_pmu_size(void)
{
	return sizeof(struct vpmu_pmu);
}

const struct vpmu_model *vpmu_pmu_model(const struct vpmu_pmu *pmu)
{
	return pmu ? &pmu->model : NULL;
}

uint32_t existing_slots(const struct vpmu_profile *profile, const struct vpmu_host *host,
                        const struct vpmu_model *model)
{
	uint64_t gp = model_gp_bits(model);

	if (has_fact(profile, FACT_COUNTERS_OF_HOST))
		gp &= width_mask(host->gp_count);
	return (uint32_t)gp | model->fixed_mask << SLOT_FIXED;
}

void pmu_set_widths(struct vpmu_pmu *pmu, unsigned gp, unsigned fixed)
{
	pmu->mask[0] = width_mask(gp);
	pmu->mask[1] = width_mask(fixed);
}

bool pmu_load_model(struct vpmu_pmu *pmu, const struct vpmu_model *model)
{
	pmu->model = *model;
	pmu->slots = existing_slots(pmu->profile, &pmu->host, &pmu->model);
	pmu->metrics = metrics_slots(&pmu->model);
	pmu_set_widths(pmu, pmu->model.gp_width, pmu->model.fixed_width);
	pmu->kvm.max_period = (int64_t)width_mask(pmu->host.width - 1u);
	pmu->has_global = model_has_global(&pmu->model);
	pmu->identity = fingerprint_identity(pmu);
	return decode_build(pmu);
}

struct vpmu_pmu *vpmu_pmu_init_on(void *memory, size_t size, const struct vpmu_model *model,
                                  const struct vpmu_profile *profile, const struct vpmu_host *host)
{
	struct vpmu_pmu *pmu = memory;

	if (!memory || (uintptr_t)memory % VPMU_PMU_ALIGN || size < sizeof(*pmu))
		return NULL;
	if (kvm_can_have(profile, host, model) != VPMU_OK)
		return NULL;
	__builtin_memset(pmu, 0, sizeof(*pmu));
	pmu->profile = profile;
	pmu->engine = pmu->profile->engine;
	pmu->response = pmu->profile->response;
	pmu->rules = profile->rules[kvm_rules_of(profile, host, model)];
	pmu->lvtpc = VPMU_LVTPC_RESET;
	pmu->left[0] = UINT64_MAX;
	pmu->asked = *model;
	pmu->host = kvm_seen_host(host, model);
	return pmu->engine->power_up(pmu) ? pmu : NULL;
}

struct vpmu_pmu *vpmu_pmu_init(void *memory, size_t size, const struct vpmu_model *model,
                               const struct vpmu_profile *profile)
{
	struct vpmu_host host;

	if (!model || vpmu_host_init(&host, (enum vpmu_vendor)model->vendor))
		return NULL;
	return vpmu_pmu_init_on(memory, size, model, profile, &host);
}

const struct vpmu_host *vpmu_pmu_host(const struct vpmu_pmu *pmu)
{
	return pmu ? &pmu->host : NULL;
}

void vpmu_pmu_reset(struct vpmu_pmu *pmu)
{
	if (pmu)
		pmu->response->reset(pmu);
}

enum vpmu_status vpmu_pmu_set_model(struct vpmu_pmu *pmu, const struct vpmu_model *model)
{
	if (!pmu || !model)
		return VPMU_BAD_ARGUMENT;
	if (vpmu_model_check(model, NULL, 0) != VPMU_OK || model->vendor != pmu->asked.vendor)
		return VPMU_INCOMPATIBLE;
	return pmu->engine->set_model(pmu, model);
}

uint32_t vpmu_pmu_epoch(const struct vpmu_pmu *pmu)
{
	return pmu ? pmu->epoch : 0;
}

struct vpmu_outcome vpmu_pmu_enter(struct vpmu_pmu *pmu)
{
	return pmu ? outcome_out(pmu, pmu->engine->enter(pmu)) : (struct vpmu_outcome){0};
}

struct vpmu_outcome vpmu_pmu_run(struct vpmu_pmu *pmu, const struct vpmu_amounts *amounts,
                                 unsigned cpl)
{
	struct vpmu_outcome entered, ran;

	if (!pmu || !amounts)
		return (struct vpmu_outcome){0};
	entered = vpmu_pmu_enter(pmu);
	ran = vpmu_pmu_account(pmu, amounts, cpl);
	return (struct vpmu_outcome){
		.pmi = entered.pmi + ran.pmi,
		.masked = entered.masked + ran.masked,
		.overflowed = entered.overflowed | ran.overflowed,
	};
}

struct vpmu_outcome vpmu_pmu_emulate(struct vpmu_pmu *pmu, bool branch, unsigned cpl)
{
	if (!pmu)
		return (struct vpmu_outcome){0};
	return outcome_out(pmu, pmu->engine->emulate(pmu, branch, cpl));
}

void vpmu_pmu_schedule(struct vpmu_pmu *pmu)
{
	if (pmu)
		pmu->engine->schedule(pmu);
}

struct vpmu_event_counts vpmu_pmu_events(const struct vpmu_pmu *pmu)
{
	return pmu ? pmu->kvm.counts : (struct vpmu_event_counts){0};
}

enum vpmu_status vpmu_pmu_fail_creations(struct vpmu_pmu *pmu, uint32_t count)
{
	if (!pmu)
		return VPMU_BAD_ARGUMENT;
	if (!has_fact(pmu->profile, VPMU_FACT_PERF_EVENTS))
		return VPMU_REFUSED;
	pmu->kvm.failing_creations = count;
	return VPMU_OK;
}

void vpmu_pmu_set_exclude_host(struct vpmu_pmu *pmu, bool exclude)
{
	if (pmu)
		pmu->kvm.counts_host = !exclude;
}

void vpmu_pmu_see_cycles(struct vpmu_pmu *pmu, bool see)
{
	if (pmu)
		pmu->kvm.sees_cycles = see;
}

void vpmu_pmu_host_run(struct vpmu_pmu *pmu, const struct vpmu_amounts *amounts)
{
	if (!pmu || !amounts)
		return;
	if (!pmu->kvm.counts_host || !has_fact(pmu->profile, VPMU_FACT_PERF_EVENTS))
		return;
	pmu->kvm.host_runs = true;
	pmu->overflowed |= vpmu_pmu_account(pmu, amounts, 0).overflowed;
	pmu->kvm.host_runs = false;
}

enum vpmu_status vpmu_profile_adapt(const struct vpmu_profile *profile, struct vpmu_model *model)
{
	struct vpmu_host host;

	if (!profile || !model)
		return VPMU_BAD_ARGUMENT;
	if (vpmu_host_init(&host, (enum vpmu_vendor)model->vendor) != VPMU_OK)
		return VPMU_INCOMPATIBLE;
	return vpmu_profile_adapt_on(profile, &host, model);
}

enum vpmu_status vpmu_profile_adapt_on(const struct vpmu_profile *profile,
                                       const struct vpmu_host *host, struct vpmu_model *model)
{
	enum vpmu_status status = kvm_can_have(profile, host, model);

	if (status != VPMU_OK)
		return status;
	kvm_adapt(profile, host, model);
	if (has_fact(profile, VPMU_FACT_KVM) && !host->enable_pmu)
		model_turn_off(model);
	return VPMU_OK;
}
