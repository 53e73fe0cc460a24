/* SPDX-License-Identifier: MIT */
/*
 * What KVM makes of the model that a VMM asks for, on a host of the same vendor; and the life
 * around it: creation, KVM_SET_CPUID2, KVM_PMU_CAP_DISABLE.
 */
#include <core/linux.h>

/* The most that KVM gives: kvm_init_pmu_capability, intel_pmu_refresh, amd_pmu_refresh. */
static const struct vpmu_model host_intel = {
	.version = 2,
	.gp_count = PMC_GP,
	.gp_width = 48,
	.fixed_mask = (1 << PMC_FIXED) - 1,
	.fixed_width = 48,
	.features = VPMU_FEATURE_PDCM,
	.events_length = 7,
	.perf_capabilities = VPMU_PERF_CAP_FULL_WIDTH, /* no LBR, no PEBS */
};
static const struct vpmu_model host_amd_6_1 = {
	.version = 1,
	.gp_count = 6,
	.gp_width = 48,
	.features = VPMU_FEATURE_PERFCORE,
};
static const struct vpmu_model host_amd_6_12 = {
	.version = 2,
	.gp_count = 6,
	.gp_width = 48,
	.features = VPMU_FEATURE_PERFCORE | VPMU_FEATURE_PERFMON_V2,
};

/* The PMU that no leaf of AMD's hides. */
static void show_k7(struct vpmu_model *model)
{
	if (model->version)
		return;
	model->version = 1;
	model->gp_count = 4;
	model->gp_width = 48;
}

/* AnyThread's bit says nothing in version 2. */
static void adapt_intel(struct vpmu_model *model, const struct vpmu_model *host)
{
	model_cap(model, host);
	model->features &= ~(uint32_t)VPMU_FEATURE_ANYTHREAD_GONE;
}

static void show_nothing(struct vpmu_model *model)
{
}

static void adapt_amd(struct vpmu_model *model, const struct vpmu_model *host)
{
	show_k7(model);
	model_cap(model, host);
}

const struct module module_intel = {
	.host = &host_intel,
	.adapt = adapt_intel,
	.show = show_nothing,
	.event_number = SEL_EVENT,
	.ref_cycles = 0x0300,
};

const struct module module_amd_6_1 = {
	.host = &host_amd_6_1,
	.adapt = adapt_amd,
	.show = show_k7,
	.event_number = SEL_EVENT | SEL_AMD_EVENT,
};

const struct module module_amd_6_12 = {
	.host = &host_amd_6_12,
	.adapt = adapt_amd,
	.show = show_k7,
	.event_number = SEL_EVENT | SEL_AMD_EVENT,
};

bool kvm_load_model(struct vpmu_pmu *pmu)
{
	struct vpmu_model model = pmu->asked;

	model.perf_capabilities =
		model.features & VPMU_FEATURE_PDCM ? pmu->single[VPMU_KIND_CAPABILITIES] : 0;
	pmu->rules->module->adapt(&model, pmu->rules->module->host);
	if (pmu->kvm.is_disabled)
		model_turn_off(&model);
	return pmu_load_model(pmu, &model);
}

/* kvm_arch_vcpu_create, then the VMM's KVM_SET_CPUID2 and, for a model without full-width writes,
 * its write of IA32_PERF_CAPABILITIES. */
bool kvm_power_up(struct vpmu_pmu *pmu)
{
	uint64_t capabilities = pmu->rules->module->host->perf_capabilities;

	if (pmu->asked.features & VPMU_FEATURE_PDCM)
		capabilities &= pmu->asked.perf_capabilities;
	pmu->single[VPMU_KIND_CAPABILITIES] = capabilities;
	pmu->single[VPMU_KIND_MISC_ENABLE] = MISC_NO_PEBS_NO_BTS;
	return pmu->response->refresh(pmu);
}

/* kvm_init_pmu_capability: version 2 at most is shown. */
struct vpmu_model kvm_leaves_of(const struct vpmu_pmu *pmu, const struct vpmu_model *from)
{
	const struct module *module = pmu->rules->module;
	struct vpmu_model model = *from;

	if (!module)
		return model;
	model.perf_capabilities = 0;
	if (model.version > module->host->version)
		model.version = module->host->version;
	module->show(&model);
	return model;
}

static bool same_leaves(const struct vpmu_pmu *pmu, const struct vpmu_model *a,
                        const struct vpmu_model *b)
{
	struct vpmu_model one = kvm_leaves_of(pmu, a), other = kvm_leaves_of(pmu, b);

	return vpmu_model_equal(&one, &other);
}

/* kvm_set_cpuid: after KVM_RUN only the same again. */
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
	if (!has_fact(pmu->profile, VPMU_FACT_KVM) || pmu->kvm.has_run)
		return VPMU_REFUSED;
	pmu->kvm.is_disabled = true;
	return pmu->response->refresh(pmu) ? VPMU_OK : VPMU_INTERNAL;
}
