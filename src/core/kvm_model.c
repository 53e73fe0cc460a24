/* SPDX-License-Identifier: MIT */
/*
 * What KVM makes of the model that a VMM asks for, on a host of the same vendor with 8 GP and 3
 * fixed counters (Intel, version 5) or PerfMonV2 with 6 (AMD), 48 bits; and the life around it:
 * creation, KVM_SET_CPUID2, KVM_PMU_CAP_DISABLE.
 */
#include <core/room_int.h>

enum { HOST_WIDTH = 48, HOST_AMD_GP = 6, K7_GP = 4, HOST_EVENTS = 7 };

/* Of a signature: the family's first four bits, and K7's. */
enum { FAMILY = 0xf00, K7_FAMILY = 0x600 };

/* kvm_caps.supported_perf_cap of a host without LBR and PEBS. */
#define HOST_CAPABILITIES VPMU_PERF_CAP_FULL_WIDTH

static uint8_t least(unsigned a, unsigned b)
{
	return (uint8_t)(a < b ? a : b);
}

/* kvm_init_pmu_capability, intel_pmu_refresh */
static void adapt_intel(struct vpmu_model *model)
{
	unsigned fixed = least(vpmu_model_fixed_count(model), PMC_FIXED);

	model->version = least(model->version, 2);
	model->gp_count = least(model->gp_count, PMC_GP);
	model->gp_width = least(model->gp_width, HOST_WIDTH);
	model->fixed_mask = model->version > 1 ? (uint32_t)BIT64(fixed) - 1 : 0;
	model->fixed_width = model->fixed_mask ? least(model->fixed_width, HOST_WIDTH) : 0;
	model->events_length = least(model->events_length, HOST_EVENTS);
	model->events_missing &= (uint32_t)width_mask(model->events_length);
	model->features &= VPMU_FEATURE_PDCM;
	model->perf_capabilities &= HOST_CAPABILITIES;
}

/* amd_pmu_refresh: there is no leaf that hides an AMD PMU, so a model without one has K7's. */
static void adapt_amd(struct vpmu_model *model, bool has_perfmon_v2)
{
	if (!has_perfmon_v2)
		model->features &= ~(uint32_t)VPMU_FEATURE_PERFMON_V2;
	model->version = model->features & VPMU_FEATURE_PERFMON_V2 ? 2 : 1;
	if (model->version > 1)
		model->gp_count = least(model->gp_count, HOST_AMD_GP);
	else
		model->gp_count = model->features & VPMU_FEATURE_PERFCORE ? HOST_AMD_GP : K7_GP;
	model->gp_width = HOST_WIDTH;
	/* KVM does not look at the signature; no earlier one goes with these counters. */
	if ((model->signature & FAMILY) < K7_FAMILY)
		model->signature = K7_FAMILY;
}

void kvm_adapt_6_1(struct vpmu_model *model)
{
	if (model->vendor == VPMU_VENDOR_AMD)
		adapt_amd(model, false);
	else
		adapt_intel(model);
}

void kvm_adapt_6_12(struct vpmu_model *model)
{
	if (model->vendor == VPMU_VENDOR_AMD)
		adapt_amd(model, true);
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

/* What KVM_SET_CPUID2 sees of a model: version 2 at most, no MSR, and AMD's without a PMU as K7. */
static struct vpmu_model in_leaves(const struct vpmu_model *from)
{
	struct vpmu_model model = *from;

	model.perf_capabilities = 0;
	model.version = least(model.version, 2);
	if (model.vendor == VPMU_VENDOR_AMD && !model.version) {
		model.version = 1;
		model.gp_count = K7_GP;
		model.gp_width = HOST_WIDTH;
	}
	return model;
}

static bool same_leaves(const struct vpmu_model *a, const struct vpmu_model *b)
{
	struct vpmu_model one = in_leaves(a), other = in_leaves(b);

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
	if (!pmu->response->refresh || pmu->kvm.has_run)
		return VPMU_REFUSED;
	pmu->kvm.is_disabled = true;
	return pmu->response->refresh(pmu) ? VPMU_OK : VPMU_INTERNAL;
}
