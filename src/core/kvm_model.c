/* SPDX-License-Identifier: MIT */
/*
 * What KVM makes of the model that a VMM asks for, on a host of the same vendor; and the life
 * around it: creation, KVM_SET_CPUID2, KVM_PMU_CAP_DISABLE.
 */
#include <core/linux.h>

/* kvm_caps.supported_perf_cap of a host without LBR and PEBS. */
#define HOST_CAPABILITIES VPMU_PERF_CAP_FULL_WIDTH

/* The most that KVM gives: kvm_init_pmu_capability, intel_pmu_refresh, amd_pmu_refresh. */
static const struct vpmu_model host_intel = {
	.version = 2,
	.gp_count = PMC_GP,
	.gp_width = 48,
	.fixed_mask = (1 << PMC_FIXED) - 1,
	.fixed_width = 48,
	.features = VPMU_FEATURE_PDCM,
	.events_length = 7,
	.perf_capabilities = HOST_CAPABILITIES,
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

/* Of a signature: the family's first four bits, and K7's. */
enum { FAMILY = 0xf00, K7_FAMILY = 0x600 };

/* The PMU that no leaf of AMD's hides. */
static void become_k7(struct vpmu_model *model)
{
	model->version = 1;
	model->gp_count = 4;
	model->gp_width = 48;
}

/* AnyThread's bit says nothing in version 2. */
static void adapt_intel(struct vpmu_model *model)
{
	model_cap(model, &host_intel);
	model->features &= ~(uint32_t)VPMU_FEATURE_ANYTHREAD_GONE;
}

static void adapt_amd(struct vpmu_model *model, const struct vpmu_model *host)
{
	if (!model->version)
		become_k7(model);
	model_cap(model, host);
	/* KVM does not look at the signature; no earlier one goes with these counters. */
	if ((model->signature & FAMILY) < K7_FAMILY)
		model->signature = K7_FAMILY;
}

void kvm_adapt_6_1(struct vpmu_model *model)
{
	if (model->vendor == VPMU_VENDOR_AMD)
		adapt_amd(model, &host_amd_6_1);
	else
		adapt_intel(model);
}

void kvm_adapt_6_12(struct vpmu_model *model)
{
	if (model->vendor == VPMU_VENDOR_AMD)
		adapt_amd(model, &host_amd_6_12);
	else
		adapt_intel(model);
}

bool kvm_load_model(struct vpmu_pmu *pmu)
{
	struct vpmu_model model = pmu->asked;

	model.perf_capabilities =
		model.features & VPMU_FEATURE_PDCM ? pmu->single[VPMU_KIND_CAPABILITIES] : 0;
	pmu->profile->adapt(&model);
	if (pmu->kvm.is_disabled)
		model_turn_off(&model);
	return pmu_load_model(pmu, &model);
}

/* kvm_arch_vcpu_create, then the VMM's KVM_SET_CPUID2 and, for a model without full-width writes,
 * its write of IA32_PERF_CAPABILITIES. */
bool kvm_power_up(struct vpmu_pmu *pmu)
{
	bool amd = pmu->asked.vendor == VPMU_VENDOR_AMD;
	uint64_t capabilities = amd ? 0 : HOST_CAPABILITIES;

	if (pmu->asked.features & VPMU_FEATURE_PDCM)
		capabilities &= pmu->asked.perf_capabilities;
	pmu->single[VPMU_KIND_CAPABILITIES] = capabilities;
	pmu->single[VPMU_KIND_MISC_ENABLE] = MISC_NO_PEBS_NO_BTS;
	return pmu->response->refresh(pmu);
}

struct vpmu_model kvm_leaves_of(const struct vpmu_model *from)
{
	struct vpmu_model model = *from;

	model.perf_capabilities = 0;
	if (model.version > 2)
		model.version = 2;
	if (model.vendor == VPMU_VENDOR_AMD && !model.version)
		become_k7(&model);
	return model;
}

static bool same_leaves(const struct vpmu_model *a, const struct vpmu_model *b)
{
	struct vpmu_model one = kvm_leaves_of(a), other = kvm_leaves_of(b);

	return vpmu_model_equal(&one, &other);
}

/* kvm_set_cpuid: after KVM_RUN only the same again. */
enum vpmu_status kvm_set_model(struct vpmu_pmu *pmu, const struct vpmu_model *model)
{
	if (pmu->kvm.has_run)
		return same_leaves(&pmu->asked, model) ? VPMU_OK : VPMU_REFUSED;
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
