/* SPDX-License-Identifier: MIT */
/*
 * What RDMSR, WRMSR and RDPMC have in common on all kernels: which registers KVM's PMU has, how it
 * answers for numbers that are not registers of the model, and IA32_PERF_CAPABILITIES.
 */
#include <core/linux.h>

/* --- Registers of the model --- */

/* reprogram_fixed_counters: marks the counters whose fields change as in use. */
enum vpmu_status linux_use_fixed(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value)
{
	uint64_t bits = pmu->single[VPMU_KIND_FIXED_CTRL] ^ value;
	uint32_t changed = slots_of_fixed_fields(bits) & pmu->slots;

	pmu->single[VPMU_KIND_FIXED_CTRL] = value;
	pmu->kvm.in_use |= changed;
	pmu->response->changed(pmu, changed);
	return VPMU_OK;
}

/* Those that have rules of their own: the rows of struct absent_row. */
static bool has_kind(const struct vpmu_register *from)
{
	return from->kind != VPMU_KIND_DEBUGCTL && from->kind != VPMU_KIND_MISC_ENABLE &&
	       from->kind != VPMU_KIND_CAPABILITIES && from->kind != VPMU_KIND_PEBS_ENABLE &&
	       from->kind != VPMU_KIND_DS_AREA;
}

/* intel_pmu_refresh, intel_pmu_set_msr. KVM looks for TSX in the guest's CPUID, too, but takes
 * other bits of leaf 7 for it, of which every guest has one: FSGSBASE, TSC_ADJUST, SGX, BMI, AVX2.
 */
bool linux_has_intel(const struct vpmu_host *host, const struct vpmu_register *from,
                     uint64_t *writable)
{
	if (from->kind == VPMU_KIND_SELECTOR && host->tsx)
		*writable |= from->index == 2 ? SEL_IN_TX | SEL_IN_TXCP : SEL_IN_TX;
	return has_kind(from);
}

/* KVM also lacks AMD's freeze, and clears HostOnly and GuestOnly (amd_pmu_refresh,
 * reserved_bits). */
bool linux_has_amd(const struct vpmu_host *host, const struct vpmu_register *from,
                   uint64_t *writable)
{
	if (from->kind == VPMU_KIND_SELECTOR || from->kind == VPMU_KIND_SELECTOR_ALIAS)
		*writable &= ~(SEL_AMD_GUEST | SEL_AMD_HOST);
	else if (from->kind != VPMU_KIND_COUNTER && from->kind != VPMU_KIND_COUNTER_ALIAS)
		*writable &= BIT64(VPMU_MAX_GP) - 1;
	return has_kind(from);
}

bool linux_has_apart(const struct vpmu_profile *profile, const struct vpmu_model *model,
                     struct vpmu_register *reg)
{
	switch (reg->kind) {
	case VPMU_KIND_CAPABILITIES:
		reg->writable = VPMU_PERF_CAP_FULL_WIDTH;
		return true;
	case VPMU_KIND_MISC_ENABLE:
		reg->guest = reg->host = VPMU_ACCESS_READ_WRITE;
		reg->writable = ~(MISC_EMON | MISC_NO_PEBS_NO_BTS); /* by the guest */
		reg->reset = MISC_NO_PEBS_NO_BTS;
		return true;
	case VPMU_KIND_PEBS_ENABLE:
		reg->writable = linux_pebs_bits(profile, model);
		return true;
	case VPMU_KIND_DS_AREA:
		reg->address = (uint8_t)linux_address_bits(profile);
		return true;
	default:
		return false;
	}
}

/* --- Numbers that are no register of the model --- */

/* kvm_init_msr_list: of counters and of selectors from the third on. */
bool linux_on_gp(const struct vpmu_host *host, uint32_t index)
{
	return host->enable_pmu && index + 2 < host->gp_count;
}

/* absent_row.fails of numbers that never stand for a missing counter. */
bool linux_never(const struct vpmu_pmu *pmu)
{
	return false;
}

/* vmx_set_msr, kvm_set_msr_common: accepts any subset of what the host supports, but a format only
 * as it is; before 7.3 only 0 without a PMU. */
bool linux_can_have(const struct vpmu_pmu *pmu, uint64_t capabilities)
{
	uint64_t supported = kvm_capabilities(pmu), other = capabilities ^ supported;

	if (capabilities & ~supported)
		return false;
	if (capabilities & VPMU_PERF_CAP_LBR_FORMAT && other & VPMU_PERF_CAP_LBR_FORMAT)
		return false;
	if (capabilities & VPMU_PERF_CAP_PEBS_FORMAT &&
	    (other & LINUX_PEBS || !kvm_shows_ds(pmu, &pmu->asked)))
		return false;
	return !capabilities || pmu->model.version ||
	       has_fact(pmu->profile, FACT_CAPABILITIES_NEED_PDCM);
}

bool linux_has_capabilities(const struct vpmu_pmu *pmu)
{
	return kvm_features(pmu) & VPMU_FEATURE_PDCM ||
	       !has_fact(pmu->profile, FACT_CAPABILITIES_NEED_PDCM);
}

static enum vpmu_status read_capabilities(const struct vpmu_pmu *pmu, bool host, uint64_t *value)
{
	if (!host && !(kvm_features(pmu) & VPMU_FEATURE_PDCM))
		return VPMU_GP;
	*value = pmu->single[VPMU_KIND_CAPABILITIES];
	return VPMU_OK;
}

static enum vpmu_status write_capabilities(struct vpmu_pmu *pmu, bool host, uint64_t value)
{
	bool same = value == pmu->single[VPMU_KIND_CAPABILITIES];
	bool is_final = has_fact(pmu->profile, FACT_CAPABILITIES_FINAL);

	if (!host)
		return VPMU_GP;
	if (pmu->kvm.has_run && is_final && !same)
		return VPMU_REFUSED;
	if (!linux_can_have(pmu, value))
		return VPMU_REFUSED;
	pmu->single[VPMU_KIND_CAPABILITIES] = value;
	if (!same || !is_final)
		pmu->response->refresh(pmu);
	return VPMU_OK;
}

/* kvm_set_msr_common: the bits "PEBS unavailable" and "BTS unavailable" cannot change, and a
 * guest's write of "performance monitoring available" is dropped. Other bits are not checked. */
static enum vpmu_status write_misc_enable(struct vpmu_pmu *pmu, bool host, uint64_t value)
{
	uint64_t *now = &pmu->single[VPMU_KIND_MISC_ENABLE];

	if (!host && (*now ^ value) & MISC_NO_PEBS_NO_BTS)
		return VPMU_GP;
	if (!host)
		value = (value & ~MISC_EMON) | (*now & MISC_EMON);
	*now = value;
	return VPMU_OK;
}

/* How this machine answers for the row's numbers. */
static enum absent absent_what(const struct vpmu_pmu *pmu, const struct absent_row *row,
                               uint32_t msr)
{
	if (row->has && row->has(pmu))
		return row->what;
	if (row->on && !row->on(&pmu->host, msr - row->first))
		return ABSENT_NOTHING;
	return row->has ? ABSENT_ADVERTISED : row->what;
}

/* VPMU_OK, and in *what how KVM answers for the number; or an error that KVM returns before it
 * looks. */
static enum vpmu_status find_absent(const struct vpmu_pmu *pmu, uint32_t msr, bool host,
                                    enum absent *what)
{
	const struct absent_row *row = pmu->rules->absent_rows;

	while (row->what != ABSENT_NOTHING && (msr < row->first || msr > row->last))
		row++;
	*what = absent_what(pmu, row, msr);
	if (*what == ABSENT_NOTHING)
		return VPMU_NO_REGISTER;
	if (row->fails(pmu))
		return host ? VPMU_REFUSED : VPMU_GP;
	return *what == ABSENT_ADVERTISED && !host ? VPMU_NO_REGISTER : VPMU_OK;
}

enum vpmu_status linux_read_absent(const struct vpmu_pmu *pmu, uint32_t msr, bool host,
                                   uint64_t *value)
{
	static const uint8_t kept_as[] = {
		[ABSENT_MISC_ENABLE] = VPMU_KIND_MISC_ENABLE,
		[ABSENT_DEBUGCTL] = VPMU_KIND_DEBUGCTL,
		[ABSENT_PEBS_ENABLE] = VPMU_KIND_PEBS_ENABLE,
		[ABSENT_DS_AREA] = VPMU_KIND_DS_AREA,
	};
	enum absent what;
	enum vpmu_status status = find_absent(pmu, msr, host, &what);

	if (status != VPMU_OK)
		return status;
	if (what == ABSENT_CAPABILITIES)
		return read_capabilities(pmu, host, value);
	*value = kept_as[what] ? pmu->single[kept_as[what]] : 0;
	return VPMU_OK;
}

enum vpmu_status linux_write_absent(struct vpmu_pmu *pmu, uint32_t msr, bool host, uint64_t value)
{
	enum absent what;
	enum vpmu_status status = find_absent(pmu, msr, host, &what);

	if (status != VPMU_OK)
		return status;
	switch (what) {
	case ABSENT_CAPABILITIES:
		return write_capabilities(pmu, host, value);
	case ABSENT_MISC_ENABLE:
		return write_misc_enable(pmu, host, value);
	case ABSENT_DEBUGCTL:
		return pmu->rules->module->write_debugctl(pmu, host, value);
	case ABSENT_PEBS_ENABLE:
		return linux_write_pebs_enable(pmu, host, value);
	case ABSENT_DS_AREA:
		return linux_write_ds_area(pmu, host, value);
	case ABSENT_ADVERTISED:
		return value ? VPMU_NO_REGISTER : VPMU_OK;
	case ABSENT_NOTHING:
	case ABSENT_LEGACY:
		break;
	}
	return VPMU_OK;
}

/* --- RDPMC --- */

enum vpmu_status linux_rdpmc_slot(const struct vpmu_pmu *pmu, uint32_t ecx, unsigned slot,
                                  enum reader reader, uint64_t *value)
{
	if (pmu->model.version && linux_is_vmware_selector(ecx)) {
		*value = 0;
		return VPMU_OK;
	}
	if (reader == READER_DENIED || slot >= SLOTS || !(pmu->slots >> slot & 1))
		return VPMU_GP;
	*value = pmu->engine->value(pmu, slot);
	return VPMU_OK;
}
