/* SPDX-License-Identifier: MIT */
/*
 * What KVM makes of the model that a VMM asks for, on a host of any vendor; and what changes the
 * model: creation, KVM_SET_CPUID2, KVM_PMU_CAP_DISABLE.
 */
#include <core/linux.h>

/* Whether KVM gives guests the host's last branches: x86_perf_get_lbr(),
 * vmx_get_perf_capabilities(). LBR_FLAGS is the format of those without a call-stack mode. */
static bool gives_lbr(const struct vpmu_profile *profile, const struct vpmu_host *host)
{
	struct vpmu_model model = {.perf_capabilities = host->lbr_format};

	if (has_fact(profile, VPMU_FACT_MEDIATED) || !model_lbr(&model))
		return false;
	return !has_fact(profile, FACT_LBR_NEEDS_CALL_STACK) || host->lbr_format != LBR_FLAGS;
}

/* vmx_get_perf_capabilities */
static uint64_t capabilities_intel(const struct vpmu_profile *profile, const struct vpmu_host *host)
{
	uint64_t capabilities = VPMU_PERF_CAP_FULL_WIDTH;

	if (host->pdcm && gives_lbr(profile, host))
		capabilities |= host->lbr_format;
	if (host->pdcm && kvm_gives_pebs(profile, host))
		capabilities |= LINUX_PEBS;
	return capabilities;
}

/* The most that KVM gives: kvm_init_pmu_capability, intel_pmu_refresh, amd_pmu_refresh. */
static struct vpmu_model limit_intel(const struct vpmu_profile *profile,
                                     const struct vpmu_host *host)
{
	bool has_pdcm = host->pdcm || !has_fact(profile, FACT_FEATURES_OF_HOST);

	return (struct vpmu_model){
		.version = 2,
		.gp_count = host->gp_count,
		.gp_width = host->width,
		.fixed_mask = (uint32_t)width_mask(host->fixed_count),
		.fixed_width = host->width,
		.features = has_pdcm ? VPMU_FEATURE_PDCM : 0,
		.events_length = 7,
		.perf_capabilities = capabilities_intel(profile, host),
	};
}

static struct vpmu_model limit_amd_6_1(const struct vpmu_profile *profile,
                                       const struct vpmu_host *host)
{
	return (struct vpmu_model){
		.version = 1,
		.gp_count = AMD_COUNTERS,
		.gp_width = 48,
		.features = VPMU_FEATURE_PERFCORE,
	};
}

static struct vpmu_model limit_amd_6_12(const struct vpmu_profile *profile,
                                        const struct vpmu_host *host)
{
	struct vpmu_model limit = limit_amd_6_1(profile, host);

	limit.gp_count = host->gp_count;
	if (has_fact(profile, FACT_FEATURES_OF_HOST) && !host->perfmon_v2)
		return limit;
	limit.version = 2;
	limit.features |= VPMU_FEATURE_PERFMON_V2;
	return limit;
}

uint64_t kvm_capabilities(const struct vpmu_pmu *pmu)
{
	const struct module *module = pmu->rules->module;

	if (!pmu->host.enable_pmu || !module->capabilities)
		return 0;
	return module->capabilities(pmu->profile, &pmu->host);
}

/* The four K7 counters that AMD's CPUID cannot hide. */
static void show_k7(struct vpmu_model *model)
{
	if (model->version)
		return;
	model->version = 1;
	model->gp_count = 4;
	model->gp_width = 48;
}

/* What of these bits of IA32_PERF_CAPABILITIES vmx_set_msr() takes: a format of last branches only
 * as the host's, and one of PEBS only with the host's other bits about PEBS. */
static uint64_t takes_intel(uint64_t asked, uint64_t supported)
{
	uint64_t other = asked ^ supported;

	if (other & VPMU_PERF_CAP_LBR_FORMAT)
		asked &= ~VPMU_PERF_CAP_LBR_FORMAT;
	if (other & LINUX_PEBS)
		asked &= ~VPMU_PERF_CAP_PEBS_FORMAT;
	return asked & supported;
}

/* AnyThread's CPUID bit has no meaning in version 2. */
static void adapt_intel(struct vpmu_model *model, const struct vpmu_model *limit)
{
	model->perf_capabilities = takes_intel(model->perf_capabilities, limit->perf_capabilities);
	model_cap(model, limit);
	model->features &= ~(uint32_t)VPMU_FEATURE_ANYTHREAD_GONE;
}

static void show_nothing(struct vpmu_model *model)
{
}

static void adapt_amd(struct vpmu_model *model, const struct vpmu_model *limit)
{
	show_k7(model);
	model_cap(model, limit);
}

const struct module module_intel = {
	.limit = limit_intel,
	.mediated_needs = offsetof(struct vpmu_host, pdcm),
	.capabilities = capabilities_intel,
	.write_debugctl = linux_write_debugctl,
	.adapt = adapt_intel,
	.show = show_nothing,
	.event_number = SEL_EVENT,
	.ref_cycles = 0x0300,
	.in_tx = SEL_IN_TX,
	.in_txcp = SEL_IN_TXCP,
};

/* intel_pmu_refresh: without CPUID.0AH there is no PMU. */
static struct vpmu_model limit_p6(const struct vpmu_profile *profile, const struct vpmu_host *host)
{
	return (struct vpmu_model){0};
}

const struct module module_p6 = {
	.limit = limit_p6,
	.mediated_needs = offsetof(struct vpmu_host, pdcm),
	.capabilities = capabilities_intel,
	.write_debugctl = linux_write_debugctl,
	.adapt = adapt_intel,
	.show = model_turn_off,
	.event_number = SEL_EVENT,
};

const struct module module_amd_6_1 = {
	.limit = limit_amd_6_1,
	.write_debugctl = linux_write_debugctl_amd,
	.adapt = adapt_amd,
	.show = show_k7,
	.event_number = SEL_EVENT | SEL_AMD_EVENT,
};

const struct module module_amd_6_12 = {
	.limit = limit_amd_6_12,
	.mediated_needs = offsetof(struct vpmu_host, perfmon_v2),
	.write_debugctl = linux_write_debugctl_amd,
	.adapt = adapt_amd,
	.show = show_k7,
	.event_number = SEL_EVENT | SEL_AMD_EVENT,
};

/* By which vendor's rules a guest's PMU behaves: [host's vendor][guest's vendor]. kvm_intel treats
 * an AMD guest like one of a P6, which has no CPUID.0AH; kvm_amd treats an Intel guest like one of
 * a K7. */
static const uint8_t rules_of[VPMU_VENDORS][VPMU_VENDORS] = {
	[VPMU_VENDOR_INTEL] = {[VPMU_VENDOR_INTEL] = VPMU_VENDOR_INTEL,
                               [VPMU_VENDOR_ZHAOXIN] = VPMU_VENDOR_INTEL,
                               [VPMU_VENDOR_AMD] = VPMU_VENDOR_INTEL_P6,
                               [VPMU_VENDOR_INTEL_P6] = VPMU_VENDOR_INTEL_P6},
	[VPMU_VENDOR_ZHAOXIN] = {[VPMU_VENDOR_INTEL] = VPMU_VENDOR_ZHAOXIN,
                                 [VPMU_VENDOR_ZHAOXIN] = VPMU_VENDOR_ZHAOXIN,
                                 [VPMU_VENDOR_AMD] = VPMU_VENDOR_INTEL_P6,
                                 [VPMU_VENDOR_INTEL_P6] = VPMU_VENDOR_INTEL_P6},
	[VPMU_VENDOR_AMD] = {[VPMU_VENDOR_INTEL] = VPMU_VENDOR_AMD,
                             [VPMU_VENDOR_ZHAOXIN] = VPMU_VENDOR_AMD,
                             [VPMU_VENDOR_AMD] = VPMU_VENDOR_AMD,
                             [VPMU_VENDOR_INTEL_P6] = VPMU_VENDOR_AMD},
};

enum vpmu_vendor kvm_rules_of(const struct vpmu_profile *profile, const struct vpmu_host *host,
                              const struct vpmu_model *model)
{
	unsigned vendor = has_fact(profile, VPMU_FACT_KVM) ? rules_of[host->vendor][model->vendor]
	                                                   : model->vendor;

	return (enum vpmu_vendor)vendor;
}

bool kvm_is_own(const struct vpmu_host *host, const struct vpmu_model *model)
{
	return kvm_module_of((enum vpmu_vendor)host->vendor) ==
	       kvm_module_of((enum vpmu_vendor)model->vendor);
}

/* Only AMD's CPUID has SVM. */
struct vpmu_host kvm_seen_host(const struct vpmu_host *host, const struct vpmu_model *model)
{
	struct vpmu_host seen = *host;

	seen.svm &= kvm_is_own(host, model);
	return seen;
}

enum vpmu_status kvm_can_have(const struct vpmu_profile *profile, const struct vpmu_host *host,
                              const struct vpmu_model *model)
{
	const struct module *module;

	if (!profile || !host || !model)
		return VPMU_BAD_ARGUMENT;
	if (vpmu_model_check(model, NULL, 0) != VPMU_OK || !host_is_valid(host))
		return VPMU_INCOMPATIBLE;
	module = profile->rules[kvm_rules_of(profile, host, model)]->module;
	return !has_fact(profile, VPMU_FACT_MEDIATED) || host_mediates(host, module)
	               ? VPMU_OK
	               : VPMU_INCOMPATIBLE;
}

void kvm_adapt(const struct vpmu_profile *profile, const struct vpmu_host *host,
               struct vpmu_model *model)
{
	const struct module *module = profile->rules[kvm_rules_of(profile, host, model)]->module;
	struct vpmu_model limit;

	if (!module)
		return;
	if (!kvm_is_own(host, model)) /* KVM reads none of its CPUID leaves: no signature */
		*model = (struct vpmu_model){.vendor = host->vendor};
	limit = module->limit(profile, host);
	module->adapt(model, &limit);
}

uint32_t kvm_features(const struct vpmu_pmu *pmu)
{
	uint32_t features = pmu->asked.features;

	if (has_fact(pmu->profile, FACT_FEATURES_OF_HOST) && !pmu->host.pdcm)
		features &= ~(uint32_t)VPMU_FEATURE_PDCM;
	return features;
}

bool kvm_load_model(struct vpmu_pmu *pmu)
{
	struct vpmu_model model = pmu->asked;

	model.perf_capabilities =
		kvm_features(pmu) & VPMU_FEATURE_PDCM ? pmu->single[VPMU_KIND_CAPABILITIES] : 0;
	kvm_adapt(pmu->profile, &pmu->host, &model);
	if (pmu->kvm.is_disabled)
		model_turn_off(&model);
	return pmu_load_model(pmu, &model);
}

/* What the VMM writes to IA32_PERF_CAPABILITIES: what it wants of what there is. */
static uint64_t wanted_capabilities(const struct vpmu_pmu *pmu)
{
	uint64_t supported = kvm_capabilities(pmu);

	if (!(pmu->asked.features & VPMU_FEATURE_PDCM))
		return supported;
	return takes_intel(pmu->asked.perf_capabilities, supported);
}

/* kvm_arch_vcpu_create, then the VMM's KVM_SET_CPUID2 and, if it does not want all capabilities,
 * its write of IA32_PERF_CAPABILITIES. */
static bool make_vcpu(struct vpmu_pmu *pmu)
{
	uint64_t *capabilities = &pmu->single[VPMU_KIND_CAPABILITIES];
	uint64_t wanted = wanted_capabilities(pmu);

	*capabilities = kvm_capabilities(pmu);
	if (!pmu->response->refresh(pmu))
		return false;
	if (wanted == *capabilities || !linux_can_have(pmu, wanted))
		return true;
	*capabilities = wanted;
	return pmu->response->refresh(pmu);
}

bool kvm_power_up(struct vpmu_pmu *pmu)
{
	pmu->single[VPMU_KIND_MISC_ENABLE] = MISC_NO_PEBS_NO_BTS;
	pmu->kvm.is_disabled = !pmu->host.enable_pmu;
	return make_vcpu(pmu);
}

/* kvm_init_pmu_capability: KVM shows guests no higher version. */
enum { SHOWN_VERSION = 2 };

struct vpmu_model kvm_leaves_of(const struct vpmu_pmu *pmu, const struct vpmu_model *from)
{
	const struct module *module = pmu->profile->rules[from->vendor]->module;
	struct vpmu_model model = *from;

	if (!module)
		return model;
	model.perf_capabilities = kvm_shows_ds(pmu, from) ? VPMU_PERF_CAP_PEBS_FORMAT : 0;
	if (model.version > SHOWN_VERSION)
		model.version = SHOWN_VERSION;
	module->show(&model);
	return model;
}

static bool same_leaves(const struct vpmu_pmu *pmu, const struct vpmu_model *a,
                        const struct vpmu_model *b)
{
	struct vpmu_model one = kvm_leaves_of(pmu, a), other = kvm_leaves_of(pmu, b);

	return vpmu_model_equal(&one, &other);
}

/* kvm_set_cpuid: after KVM_RUN only the same CPUID is accepted. */
enum vpmu_status kvm_set_model(struct vpmu_pmu *pmu, const struct vpmu_model *model)
{
	if (pmu->kvm.has_run)
		return same_leaves(pmu, &pmu->asked, model) ? VPMU_OK : VPMU_REFUSED;
	pmu->asked = *model;
	return pmu->response->refresh(pmu) ? VPMU_OK : VPMU_INTERNAL;
}

enum vpmu_status vpmu_pmu_disable(struct vpmu_pmu *pmu)
{
	if (!pmu)
		return VPMU_BAD_ARGUMENT;
	if (!has_fact(pmu->profile, VPMU_FACT_KVM) || pmu->kvm.has_run || !pmu->host.enable_pmu)
		return VPMU_REFUSED;
	pmu->kvm.is_disabled = true;
	pmu->kvm.keeps_lbr = false; /* in KVM this comes before the vCPU */
	return make_vcpu(pmu) ? VPMU_OK : VPMU_INTERNAL;
}
