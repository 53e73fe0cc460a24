/* SPDX-License-Identifier: MIT */
/*
 * PEBS on the Linux profiles: on the hosts that have it for guests (x86_pmu.pebs_ept) the processor
 * writes a guest's records while the guest runs, and KVM has the registers, and a perf event with
 * precise_ip for each counter of IA32_PEBS_ENABLE. No records are written here; each overflow is a
 * full buffer. KVM looks at IA32_PERF_CAPABILITIES for IA32_PEBS_ENABLE and at CPUID for
 * IA32_DS_AREA, and not at the PMU, which may be gone.
 */
#include <core/linux.h>

bool kvm_gives_pebs(const struct vpmu_profile *profile, const struct vpmu_host *host)
{
	return host->pebs && host->enable_pmu && !has_fact(profile, VPMU_FACT_MEDIATED);
}

/* A VMM shows a guest what KVM_GET_SUPPORTED_CPUID has (vmx_set_cpu_caps). */
bool kvm_shows_ds(const struct vpmu_pmu *pmu, const struct vpmu_model *asked)
{
	return model_has_pebs(asked) && kvm_gives_pebs(pmu->profile, &pmu->host);
}

bool kvm_is_precise(const struct vpmu_pmu *pmu, unsigned slot)
{
	return pmu->single[VPMU_KIND_PEBS_ENABLE] & BIT64(slot_global_bit(slot));
}

/* intel_is_valid_msr, vcpu_get_perf_capabilities */
bool linux_has_pebs_enable(const struct vpmu_pmu *pmu)
{
	return kvm_features(pmu) & VPMU_FEATURE_PDCM &&
	       pmu->single[VPMU_KIND_CAPABILITIES] & VPMU_PERF_CAP_PEBS_FORMAT;
}

bool linux_has_ds_area(const struct vpmu_pmu *pmu)
{
	return kvm_shows_ds(pmu, &pmu->asked);
}

/* pebs_enable_rsvd, pebs_enable_mask: nothing without a PMU. */
uint64_t linux_pebs_bits(const struct vpmu_profile *profile, const struct vpmu_model *model)
{
	unsigned first = has_fact(profile, FACT_PEBS_FROM_VERSION_2) ? 2 : 1;

	return model_has_pebs(model) && model->version >= first ? model_gp_bits(model) : 0;
}

/* Every processor that gives guests PEBS has five levels of page tables; a guest here has four. */
unsigned linux_address_bits(const struct vpmu_profile *profile)
{
	return has_fact(profile, FACT_ADDRESS_OF_HOST) ? 57 : 48;
}

/* intel_pmu_set_msr. A reset leaves the value, and so does another CPUID. */
enum vpmu_status linux_write_pebs_enable(struct vpmu_pmu *pmu, bool host, uint64_t value)
{
	uint64_t *now = &pmu->single[VPMU_KIND_PEBS_ENABLE], changed = *now ^ value;

	if (!changed && has_fact(pmu->profile, FACT_PEBS_IN_CHANGE))
		return VPMU_OK;
	if (value & ~linux_pebs_bits(pmu->profile, &pmu->model))
		return host ? VPMU_REFUSED : VPMU_GP;
	*now = value;
	pmu->response->changed(pmu, slots_of_global_bits(changed) & pmu->slots);
	return VPMU_OK;
}

enum vpmu_status linux_write_ds_area(struct vpmu_pmu *pmu, bool host, uint64_t value)
{
	if (address_excess(value, linux_address_bits(pmu->profile), 0))
		return host ? VPMU_REFUSED : VPMU_GP;
	pmu->single[VPMU_KIND_DS_AREA] = value;
	return VPMU_OK;
}
