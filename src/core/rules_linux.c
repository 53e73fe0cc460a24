/* SPDX-License-Identifier: MIT */
/*
 * How KVM answers RDMSR, WRMSR and RDPMC in Linux 6.1 and 6.12: which writes fail, what it says to
 * numbers that are no register of the model, and IA32_PERF_CAPABILITIES.
 */
#include <core/room_int.h>

/* --- Registers of the model --- */

/* reprogram_fixed_counters: those whose fields change are in use. */
static enum vpmu_status use_fixed(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value)
{
	uint64_t changed = pmu->single[VPMU_KIND_FIXED_CTRL] ^ value;

	pmu->kvm.in_use |= slots_of_fixed_fields(changed) & pmu->slots;
	return set_fixed_ctrl(pmu, reg, value);
}

/* intel_pmu_set_msr, kvm_pmu_set_msr */
#define INTEL_COMMON                                                                               \
	[VPMU_KIND_COUNTER_ALIAS] = {set_counter, EXCESS_FAULTS, false},                           \
	[VPMU_KIND_FIXED_COUNTER] = {set_counter, EXCESS_DROPPED, true}

static const struct write_rule intel_guest_6_1[VPMU_KINDS] = {
	INTEL_COMMON,
	[VPMU_KIND_COUNTER] = {set_low_half, EXCESS_TAKEN, true},
	[VPMU_KIND_SELECTOR] = {set_selector, EXCESS_IN_CHANGE, true},
	[VPMU_KIND_FIXED_CTRL] = {use_fixed, EXCESS_IN_CHANGE, false},
	[VPMU_KIND_GLOBAL_CTRL] = {set_global_ctrl, EXCESS_IN_CHANGE, false},
	[VPMU_KIND_STATUS_CLEAR] = {clear_status, EXCESS_FAULTS, false},
};

static const struct write_rule intel_host_6_1[VPMU_KINDS] = {
	INTEL_COMMON,
	[VPMU_KIND_COUNTER] = {set_counter, EXCESS_DROPPED, true},
	[VPMU_KIND_SELECTOR] = {set_selector, EXCESS_IN_CHANGE, true},
	[VPMU_KIND_FIXED_CTRL] = {use_fixed, EXCESS_IN_CHANGE, false},
	[VPMU_KIND_GLOBAL_CTRL] = {set_global_ctrl, EXCESS_IN_CHANGE, false},
	[VPMU_KIND_GLOBAL_STATUS] = {set_plain, EXCESS_TAKEN, false},
	[VPMU_KIND_STATUS_CLEAR] = {do_nothing, EXCESS_FAULTS, false},
};

static const struct write_rule intel_guest_6_12[VPMU_KINDS] = {
	INTEL_COMMON,
	[VPMU_KIND_COUNTER] = {set_low_half, EXCESS_TAKEN, true},
	[VPMU_KIND_SELECTOR] = {set_selector, EXCESS_FAULTS, true},
	[VPMU_KIND_FIXED_CTRL] = {use_fixed, EXCESS_FAULTS, false},
	[VPMU_KIND_GLOBAL_CTRL] = {set_global_ctrl, EXCESS_FAULTS, false},
	[VPMU_KIND_STATUS_CLEAR] = {clear_status, EXCESS_FAULTS, false},
};

static const struct write_rule intel_host_6_12[VPMU_KINDS] = {
	INTEL_COMMON,
	[VPMU_KIND_COUNTER] = {set_counter, EXCESS_DROPPED, true},
	[VPMU_KIND_SELECTOR] = {set_selector, EXCESS_FAULTS, true},
	[VPMU_KIND_FIXED_CTRL] = {use_fixed, EXCESS_FAULTS, false},
	[VPMU_KIND_GLOBAL_CTRL] = {set_global_ctrl, EXCESS_FAULTS, false},
	[VPMU_KIND_GLOBAL_STATUS] = {set_plain, EXCESS_FAULTS, false},
	[VPMU_KIND_STATUS_CLEAR] = {do_nothing, EXCESS_FAULTS, false},
};

/* amd_pmu_set_msr, and kvm_pmu_set_msr of 6.12; 6.1 has no register of the last four kinds. */
#define AMD_COMMON                                                                                 \
	[VPMU_KIND_COUNTER] = {set_counter, EXCESS_DROPPED, true},                                 \
	[VPMU_KIND_COUNTER_ALIAS] = {set_counter, EXCESS_DROPPED, true},                           \
	[VPMU_KIND_SELECTOR] = {set_selector, EXCESS_DROPPED, true},                               \
	[VPMU_KIND_SELECTOR_ALIAS] = {set_selector, EXCESS_DROPPED, true},                         \
	[VPMU_KIND_GLOBAL_CTRL] = {set_global_ctrl, EXCESS_DROPPED, false}

static const struct write_rule amd_guest[VPMU_KINDS] = {
	AMD_COMMON,
	[VPMU_KIND_STATUS_CLEAR] = {clear_status, EXCESS_DROPPED, false},
	[VPMU_KIND_STATUS_SET] = {add_status, EXCESS_DROPPED, false},
};

static const struct write_rule amd_host[VPMU_KINDS] = {
	AMD_COMMON,
	[VPMU_KIND_GLOBAL_STATUS] = {set_plain, EXCESS_FAULTS, false},
	[VPMU_KIND_STATUS_CLEAR] = {do_nothing, EXCESS_TAKEN, false},
	[VPMU_KIND_STATUS_SET] = {do_nothing, EXCESS_TAKEN, false},
};

/* KVM's PMU has no DEBUGCTL; IA32_PERF_CAPABILITIES and IA32_MISC_ENABLE have their own rules. */
static bool narrow_intel(const struct vpmu_register *from, uint64_t *writable)
{
	return from->kind != VPMU_KIND_DEBUGCTL && from->kind != VPMU_KIND_MISC_ENABLE &&
	       from->kind != VPMU_KIND_CAPABILITIES;
}

/* Nor has it AMD's freeze, and it clears HostOnly and GuestOnly (amd_pmu_refresh, reserved_bits).
 */
static bool narrow_amd(const struct vpmu_register *from, uint64_t *writable)
{
	if (from->kind == VPMU_KIND_SELECTOR || from->kind == VPMU_KIND_SELECTOR_ALIAS)
		*writable &= ~(SEL_AMD_GUEST | SEL_AMD_HOST);
	else if (from->kind != VPMU_KIND_COUNTER && from->kind != VPMU_KIND_COUNTER_ALIAS)
		*writable &= BIT64(VPMU_MAX_GP) - 1;
	return narrow_intel(from, writable);
}

/* --- Numbers that are no register of the model --- */

enum absent {
	ABSENT_LEGACY,       /* writes are dropped, reads give 0 (kvm_set_msr_common, K7 and P6) */
	ABSENT_ADVERTISED,   /* the host may write 0, and reads 0: KVM_GET_MSR_INDEX_LIST has it */
	ABSENT_CAPABILITIES, /* IA32_PERF_CAPABILITIES */
	ABSENT_MISC_ENABLE,  /* IA32_MISC_ENABLE, of any vendor's guest */
};

struct absent_row {
	uint32_t first, last;
	enum absent what;
	/* Whether KVM takes the number for a register, and then finds no counter behind it. */
	bool (*fails)(const struct vpmu_pmu *pmu);
};

/* CPUID is the VMM's, whatever KVM makes of it. */
static bool has_perfcore(const struct vpmu_pmu *pmu)
{
	return pmu->asked.features & VPMU_FEATURE_PERFCORE;
}

static bool has_pmu(const struct vpmu_pmu *pmu)
{
	return pmu->model.version;
}

#define CAPABILITIES 0x345
#define MISC_ENABLE  0x1a0
#define INTEL_ABSENT(last_global)                                                                  \
	{0xc1, 0xc2, ABSENT_LEGACY, NULL}, {0xc3, 0xc8, ABSENT_ADVERTISED, NULL},                  \
		{0x186, 0x187, ABSENT_LEGACY, NULL}, {0x188, 0x18d, ABSENT_ADVERTISED, NULL},      \
		{MISC_ENABLE, MISC_ENABLE, ABSENT_MISC_ENABLE, NULL},                              \
		{0x309, 0x30b, ABSENT_ADVERTISED, NULL},                                           \
		{CAPABILITIES, CAPABILITIES, ABSENT_CAPABILITIES, NULL},                           \
		{0x38d, last_global, ABSENT_ADVERTISED, NULL},                                     \
		{0x3f1, 0x3f1, ABSENT_ADVERTISED, NULL}, {0x600, 0x600, ABSENT_ADVERTISED, NULL},  \
		{0xc0010000, 0xc0010007, ABSENT_LEGACY, NULL},                                     \
	{                                                                                          \
		0, 0, 0, NULL                                                                      \
	}

static const struct absent_row intel_absent_6_1[] = {INTEL_ABSENT(0x390)};
static const struct absent_row intel_absent_6_12[] = {INTEL_ABSENT(0x38f)};

#define AMD_ABSENT(k7_fails, core_fails)                                                           \
	{0xc1, 0xc2, ABSENT_LEGACY, NULL}, {0x186, 0x187, ABSENT_LEGACY, NULL},                    \
		{MISC_ENABLE, MISC_ENABLE, ABSENT_MISC_ENABLE, NULL},                              \
		{CAPABILITIES, CAPABILITIES, ABSENT_CAPABILITIES, NULL},                           \
		{0xc0010000, 0xc0010007, ABSENT_LEGACY, k7_fails},                                 \
	{                                                                                          \
		0xc0010200, 0xc001020b, ABSENT_ADVERTISED, core_fails                              \
	}

static const struct absent_row amd_absent_6_1[] = {AMD_ABSENT(NULL, NULL), {0, 0, 0, NULL}};
static const struct absent_row amd_absent_6_12[] = {
	AMD_ABSENT(has_pmu, has_perfcore),
	{0xc0000300, 0xc0000303, ABSENT_ADVERTISED, NULL},
	{0, 0, 0, NULL},
};

static enum vpmu_status read_capabilities(const struct vpmu_pmu *pmu, bool host, uint64_t *value)
{
	if (!host && !(pmu->asked.features & VPMU_FEATURE_PDCM))
		return VPMU_GP;
	*value = pmu->single[VPMU_KIND_CAPABILITIES];
	return VPMU_OK;
}

/* vmx_set_msr, kvm_set_msr_common: a subset of what the host supports, and nothing without a PMU.
 */
static bool can_have(const struct vpmu_pmu *pmu, uint64_t capabilities)
{
	uint64_t supported = pmu->model.vendor == VPMU_VENDOR_AMD ? 0 : VPMU_PERF_CAP_FULL_WIDTH;

	return !(capabilities & ~supported) && (!capabilities || pmu->model.version);
}

static enum vpmu_status write_capabilities(struct vpmu_pmu *pmu, bool host, uint64_t value)
{
	bool same = value == pmu->single[VPMU_KIND_CAPABILITIES];

	if (!host)
		return VPMU_GP;
	if (pmu->kvm.has_run && pmu->profile->model_is_final && !same)
		return VPMU_REFUSED;
	if (!can_have(pmu, value))
		return VPMU_REFUSED;
	pmu->single[VPMU_KIND_CAPABILITIES] = value;
	if (!same || !pmu->profile->model_is_final)
		pmu->response->refresh(pmu);
	return VPMU_OK;
}

/* kvm_set_msr_common: what says that there is no PEBS and no BTS cannot change, and a guest's write
 * of "performance monitoring available" is dropped. The other bits are not looked at. */
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

/* VPMU_OK and the number's row; or what KVM says before it looks at what the row is. */
static enum vpmu_status find_absent(const struct vpmu_pmu *pmu, uint32_t msr, bool host,
                                    const struct absent_row **found)
{
	const struct absent_row *row = pmu->rules->absent_rows;

	while (row->last && (msr < row->first || msr > row->last))
		row++;
	*found = row;
	if (!row->last)
		return VPMU_NO_REGISTER;
	if (row->fails && row->fails(pmu))
		return host ? VPMU_REFUSED : VPMU_GP;
	return row->what == ABSENT_ADVERTISED && !host ? VPMU_NO_REGISTER : VPMU_OK;
}

static enum vpmu_status read_absent(const struct vpmu_pmu *pmu, uint32_t msr, bool host,
                                    uint64_t *value)
{
	const struct absent_row *row;
	enum vpmu_status status = find_absent(pmu, msr, host, &row);

	if (status != VPMU_OK)
		return status;
	if (row->what == ABSENT_CAPABILITIES)
		return read_capabilities(pmu, host, value);
	*value = row->what == ABSENT_MISC_ENABLE ? pmu->single[VPMU_KIND_MISC_ENABLE] : 0;
	return VPMU_OK;
}

static enum vpmu_status write_absent(struct vpmu_pmu *pmu, uint32_t msr, bool host, uint64_t value)
{
	const struct absent_row *row;
	enum vpmu_status status = find_absent(pmu, msr, host, &row);

	if (status != VPMU_OK)
		return status;
	if (row->what == ABSENT_CAPABILITIES)
		return write_capabilities(pmu, host, value);
	if (row->what == ABSENT_MISC_ENABLE)
		return write_misc_enable(pmu, host, value);
	return row->what == ABSENT_ADVERTISED && value ? VPMU_NO_REGISTER : VPMU_OK;
}

/* --- RDPMC --- */

/* is_vmware_backdoor_pmc: these succeed at every privilege level, with a time that is not kept
 * here. */
static bool is_vmware_selector(uint32_t ecx)
{
	return ecx >= 0x10000 && ecx <= 0x10002;
}

static enum vpmu_status rdpmc_slot(const struct vpmu_pmu *pmu, uint32_t ecx, unsigned slot,
                                   bool privileged, uint64_t *value)
{
	if (pmu->model.version && is_vmware_selector(ecx)) {
		*value = 0;
		return VPMU_OK;
	}
	if (!privileged || slot >= SLOTS || !(pmu->slots >> slot & 1))
		return VPMU_GP;
	*value = pmu->engine->value(pmu, slot);
	return VPMU_OK;
}

/* A slot that no model has. */
#define NO_SLOT SLOTS

static unsigned gp_slot(uint32_t index)
{
	return index < PMC_GP ? index : NO_SLOT;
}

static unsigned fixed_slot(uint32_t index)
{
	return index < PMC_FIXED ? SLOT_FIXED + index : NO_SLOT;
}

/* Linux 6.1 kvm_pmu_rdpmc: bit 31 asks for the low half, bit 30 for fixed counters, which AMD's
 * ignores. */
static enum vpmu_status rdpmc_6_1(const struct vpmu_pmu *pmu, uint32_t ecx, unsigned slot,
                                  bool privileged, uint64_t *value)
{
	enum vpmu_status status = rdpmc_slot(pmu, ecx, slot, privileged, value);

	if (status == VPMU_OK && ecx >> 31)
		*value &= UINT32_MAX;
	return status;
}

#define RDPMC_INDEX UINT32_C(0x3fffffff)

static enum vpmu_status intel_rdpmc_6_1(const struct vpmu_pmu *pmu, uint32_t ecx, bool privileged,
                                        uint64_t *value)
{
	uint32_t index = ecx & RDPMC_INDEX;

	return rdpmc_6_1(pmu, ecx, ecx >> 30 & 1 ? fixed_slot(index) : gp_slot(index), privileged,
	                 value);
}

/* amd_pmu_refresh does not look at enable_pmu: no MSR leads to the counters, but RDPMC does. */
static enum vpmu_status rdpmc_of_disabled(const struct vpmu_pmu *pmu, uint32_t ecx, bool privileged,
                                          uint64_t *value)
{
	uint32_t counters = has_perfcore(pmu) ? 6 : 4;

	if (!is_vmware_selector(ecx) && (!privileged || (ecx & RDPMC_INDEX) >= counters))
		return VPMU_GP;
	*value = 0;
	return VPMU_OK;
}

static enum vpmu_status amd_rdpmc_6_1(const struct vpmu_pmu *pmu, uint32_t ecx, bool privileged,
                                      uint64_t *value)
{
	if (pmu->kvm.is_disabled)
		return rdpmc_of_disabled(pmu, ecx, privileged, value);
	return rdpmc_6_1(pmu, ecx, gp_slot(ecx & RDPMC_INDEX), privileged, value);
}

/* Linux 6.12 intel_rdpmc_ecx_to_pmc: ECX[31:16] is the type. */
static enum vpmu_status intel_rdpmc_6_12(const struct vpmu_pmu *pmu, uint32_t ecx, bool privileged,
                                         uint64_t *value)
{
	unsigned slot = NO_SLOT;

	if (ecx >> 16 == 0)
		slot = gp_slot(ecx);
	else if (ecx >> 16 == 0x4000)
		slot = fixed_slot(ecx & 0xffff);
	return rdpmc_slot(pmu, ecx, slot, privileged, value);
}

static enum vpmu_status amd_rdpmc_6_12(const struct vpmu_pmu *pmu, uint32_t ecx, bool privileged,
                                       uint64_t *value)
{
	return rdpmc_slot(pmu, ecx, gp_slot(ecx), privileged, value);
}

/* --- The profiles --- */

#define INTEL_RULES(version)                                                                       \
	{                                                                                          \
		.guest = intel_guest_##version, .host = intel_host_##version,                      \
		.rdpmc = intel_rdpmc_##version, .read_absent = read_absent,                        \
		.write_absent = write_absent, .absent_rows = intel_absent_##version,               \
		.narrow = narrow_intel,                                                            \
		.lvtpc_after_pmi = VPMU_LVTPC_MASKED, /* kvm_apic_local_deliver */                 \
	}
#define AMD_RULES(version)                                                                         \
	{                                                                                          \
		.guest = amd_guest, .host = amd_host, .rdpmc = amd_rdpmc_##version,                \
		.read_absent = read_absent, .write_absent = write_absent,                          \
		.absent_rows = amd_absent_##version, .narrow = narrow_amd,                         \
	}

static const struct rules intel_6_1 = INTEL_RULES(6_1), intel_6_12 = INTEL_RULES(6_12);
static const struct rules amd_6_1 = AMD_RULES(6_1), amd_6_12 = AMD_RULES(6_12);

const struct vpmu_profile profile_linux_6_1 = {
	.name = "linux-6.1",
	.engine = &engine_linux,
	.response = &response_linux_6_1,
	.rules = {&intel_6_1, &intel_6_1, &amd_6_1},
	.adapt = kvm_adapt_6_1,
	.filter_matches = filter_matches_6_1,
	.since = 1, /* nothing that vpmu knows of is older */
};

const struct vpmu_profile profile_linux_6_12 = {
	.name = "linux-6.12",
	.engine = &engine_linux,
	.response = &response_linux_6_12,
	.rules = {&intel_6_12, &intel_6_12, &amd_6_12},
	.adapt = kvm_adapt_6_12,
	.filter_matches = filter_matches_6_12,
	.filter_flags = VPMU_FILTER_MASKED,
	.since = 0x602, /* the deferral of reprogramming */
	.model_is_final = true,
};

/* The registers are 6.12's; what is behind them is not. */
const struct vpmu_profile profile_mediated = {
	.name = "mediated",
	.engine = &engine_mediated,
	.response = &response_mediated,
	.rules = {&intel_6_12, &intel_6_12, &amd_6_12},
	.adapt = kvm_adapt_6_12,
	.filter_matches = filter_matches_6_12,
	.filter_flags = VPMU_FILTER_MASKED,
	.since = 1, /* its parameter is only where it is */
	.is_mediated = true,
	.model_is_final = true,
};
