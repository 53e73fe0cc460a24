/* SPDX-License-Identifier: MIT */
/*
 * Profile hardware: what writes and RDPMC do according to the vendors' manuals. Each vendor has a
 * table of rules for the guest; one table is for the host.
 *
 * Host access is for a VMM that sets a state: it can set registers that a guest can only read,
 * commands do nothing, and a value with bits that the register cannot hold is refused rather than
 * cut.
 */
#include <core/room_int.h>

/* Of last branches and of PEBS, by the guest or the host; lbr.c has the entries of the stack. */
#define BRANCH_RULES                                                                               \
	[VPMU_KIND_LBR_CTL] = {.set = set_plain, .excess = EXCESS_FAULTS},                         \
	[VPMU_KIND_LBR_SELECT] = {.set = set_plain, .excess = EXCESS_FAULTS},                      \
	[VPMU_KIND_LBR_TOS] = {.set = set_plain, .excess = EXCESS_FAULTS},                         \
	[VPMU_KIND_LBR_DEPTH] = {.set = set_lbr_depth, .excess = EXCESS_DEPTH}
#define PEBS_RULES                                                                                 \
	[VPMU_KIND_PEBS_ENABLE] = {.set = set_pebs_enable, .excess = EXCESS_FAULTS},               \
	[VPMU_KIND_PEBS_DATA] = {.set = set_plain, .excess = EXCESS_FAULTS},                       \
	[VPMU_KIND_DS_AREA] = {.set = set_plain, .excess = EXCESS_ADDRESS}

/* --- Host access, on every vendor --- */

/* Values that the processor determines cannot be set, but writing back the present value
 * succeeds. */
static enum vpmu_status keep(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value)
{
	return value == pmu->single[reg->kind] ? VPMU_OK : VPMU_REFUSED;
}

static const struct write_rule host_rules[VPMU_KINDS] = {
	[VPMU_KIND_COUNTER] = {.set = set_counter, .excess = EXCESS_FAULTS},
	[VPMU_KIND_COUNTER_ALIAS] = {.set = set_counter, .excess = EXCESS_FAULTS},
	[VPMU_KIND_SELECTOR] = {.set = set_selector, .excess = EXCESS_FAULTS},
	[VPMU_KIND_SELECTOR_ALIAS] = {.set = set_selector, .excess = EXCESS_FAULTS},
	[VPMU_KIND_FIXED_COUNTER] = {.set = set_counter, .excess = EXCESS_FAULTS},
	[VPMU_KIND_FIXED_ALIAS] = {.set = set_counter, .excess = EXCESS_FAULTS},
	[VPMU_KIND_FIXED_CTRL] = {.set = set_fixed_ctrl, .excess = EXCESS_FAULTS},
	[VPMU_KIND_GLOBAL_CTRL] = {.set = set_global_ctrl, .excess = EXCESS_FAULTS},
	[VPMU_KIND_GLOBAL_STATUS] = {.set = set_status, .excess = EXCESS_FAULTS},
	[VPMU_KIND_STATUS_CLEAR] = {.set = do_nothing, .excess = EXCESS_FAULTS},
	[VPMU_KIND_STATUS_SET] = {.set = do_nothing, .excess = EXCESS_FAULTS},
	[VPMU_KIND_CAPABILITIES] = {.set = keep, .excess = EXCESS_FAULTS},
	[VPMU_KIND_METRICS] = {.set = set_metrics, .excess = EXCESS_FAULTS},
	[VPMU_KIND_DEBUGCTL] = {.set = set_plain, .excess = EXCESS_FAULTS},
	[VPMU_KIND_MISC_ENABLE] = {.set = set_plain, .excess = EXCESS_FAULTS},
	BRANCH_RULES,
	PEBS_RULES,
};

/* --- Intel, Zhaoxin: Intel SDM vol. 3B chapter 20 --- */

/* All registers except the counters under their old numbers. */
#define COMMON_RULES                                                                               \
	[VPMU_KIND_COUNTER_ALIAS] = {.set = set_counter, .excess = EXCESS_FAULTS},                 \
	[VPMU_KIND_SELECTOR] = {.set = set_selector, .excess = EXCESS_FAULTS},                     \
	[VPMU_KIND_SELECTOR_ALIAS] = {.set = set_selector, .excess = EXCESS_FAULTS},               \
	[VPMU_KIND_FIXED_COUNTER] = {.set = set_counter, .excess = EXCESS_FAULTS},                 \
	[VPMU_KIND_FIXED_ALIAS] = {.set = set_counter, .excess = EXCESS_FAULTS},                   \
	[VPMU_KIND_FIXED_CTRL] = {.set = set_fixed_ctrl, .excess = EXCESS_FAULTS},                 \
	[VPMU_KIND_GLOBAL_CTRL] = {.set = set_global_ctrl, .excess = EXCESS_FAULTS},               \
	[VPMU_KIND_STATUS_CLEAR] = {.set = clear_status, .excess = EXCESS_FAULTS},                 \
	[VPMU_KIND_STATUS_SET] = {.set = add_status, .excess = EXCESS_FAULTS},                     \
	[VPMU_KIND_METRICS] = {.set = set_metrics, .excess = EXCESS_FAULTS},                       \
	[VPMU_KIND_DEBUGCTL] = {.set = set_plain, .excess = EXCESS_FAULTS},                        \
	[VPMU_KIND_MISC_ENABLE] = {.set = set_plain, .excess = EXCESS_FAULTS}, BRANCH_RULES,       \
	PEBS_RULES

static const struct write_rule intel_rules[VPMU_KINDS] = {
	COMMON_RULES,
	[VPMU_KIND_COUNTER] = {.set = set_low_half, .excess = EXCESS_TAKEN},
};

/* The same, but a counter takes all its bits under its old number, too, since no Zhaoxin has
 * IA32_A_PMC0. Linux writes values of the full width (arch/x86/events/zhaoxin/core.c). */
static const struct write_rule zhaoxin_rules[VPMU_KINDS] = {
	COMMON_RULES,
	[VPMU_KIND_COUNTER] = {.set = set_counter, .excess = EXCESS_DROPPED},
};

/* P6 has the counters' old numbers, and no others for their upper bits: vol. 3B, "Performance
 * monitoring (P6 family processor)". */
static const struct write_rule p6_rules[VPMU_KINDS] = {
	[VPMU_KIND_COUNTER] = {.set = set_low_half, .excess = EXCESS_TAKEN},
	[VPMU_KIND_SELECTOR] = {.set = set_first_or_other, .excess = EXCESS_FAULTS},
};

static const struct write_rule p6_host_rules[VPMU_KINDS] = {
	[VPMU_KIND_COUNTER] = {.set = set_counter, .excess = EXCESS_FAULTS},
	[VPMU_KIND_SELECTOR] = {.set = set_first_or_other, .excess = EXCESS_FAULTS},
};

/* Selectors of RDPMC (Intel SDM vol. 2B RDPMC): ECX[31:16] is the type. No architectural PMU has
 * the "fast" reads of bit 31. */
enum { RDPMC_GP = 0x0000, RDPMC_METRICS = 0x2000, RDPMC_FIXED = 0x4000 };

/* RDPMC user disable (CPUID.23H EBX[2]): a counter that its selector, or its place in
 * IA32_FIXED_CTR_CTRL, hides reads 0 at CPL 1 to 3. */
static bool is_hidden(const struct vpmu_pmu *pmu, unsigned slot)
{
	if (slot < SLOT_FIXED)
		return pmu->selector[slot] & SEL_HIDE;
	return pmu->single[VPMU_KIND_FIXED_CTRL] & FIXED_HIDE << FIXED_BITS * (slot - SLOT_FIXED);
}

static enum vpmu_status intel_rdpmc(const struct vpmu_pmu *pmu, uint32_t ecx, enum reader reader,
                                    uint64_t *value)
{
	uint32_t type = ecx >> 16, index = ecx & 0xffff;

	if (reader == READER_DENIED)
		return VPMU_GP;
	if (type == RDPMC_METRICS && index == 0 && model_has_metrics(&pmu->model)) {
		*value = metrics_value(pmu);
		return VPMU_OK;
	}
	if (type == RDPMC_FIXED && index < VPMU_MAX_FIXED)
		index += SLOT_FIXED;
	else if (type != RDPMC_GP || index >= SLOT_FIXED)
		return VPMU_GP;
	if (!(pmu->slots >> index & 1))
		return VPMU_GP;
	*value =
		reader == READER_USER && is_hidden(pmu, index) ? 0 : pmu->engine->value(pmu, index);
	return VPMU_OK;
}

/*
 * 20.2.4.1: a PMI under IA32_DEBUGCTL.FREEZE_PERFMON_ON_PMI clears GLOBAL_CTRL before version 4,
 * and sets GLOBAL_STATUS.CTR_FRZ from version 4 on, which stops the counters until it is cleared.
 */
static void intel_freeze(struct vpmu_pmu *pmu)
{
	if (pmu->model.version >= 4)
		add_status(pmu, NULL, STATUS_CTR_FRZ);
	else
		set_global_ctrl(pmu, NULL, 0);
}

/* --- AMD: AMD APM vol. 2 13.2 --- */

/* Reserved bits of selectors and counters are dropped, and do not fault. */
static const struct write_rule amd_rules[VPMU_KINDS] = {
	[VPMU_KIND_COUNTER] = {.set = set_counter, .excess = EXCESS_DROPPED},
	[VPMU_KIND_COUNTER_ALIAS] = {.set = set_counter, .excess = EXCESS_DROPPED},
	[VPMU_KIND_SELECTOR] = {.set = set_selector, .excess = EXCESS_DROPPED},
	[VPMU_KIND_SELECTOR_ALIAS] = {.set = set_selector, .excess = EXCESS_DROPPED},
	[VPMU_KIND_GLOBAL_CTRL] = {.set = set_global_ctrl, .excess = EXCESS_DROPPED},
	[VPMU_KIND_STATUS_CLEAR] = {.set = clear_status, .excess = EXCESS_DROPPED},
	[VPMU_KIND_STATUS_SET] = {.set = add_status, .excess = EXCESS_DROPPED},
	[VPMU_KIND_DEBUGCTL] = {.set = set_plain, .excess = EXCESS_FAULTS},
	BRANCH_RULES,
};

static enum vpmu_status amd_rdpmc(const struct vpmu_pmu *pmu, uint32_t ecx, enum reader reader,
                                  uint64_t *value)
{
	if (reader == READER_DENIED || ecx >= pmu->model.gp_count)
		return VPMU_GP;
	*value = pmu->engine->value(pmu, ecx);
	return VPMU_OK;
}

/* DebugCtl.FPCI: PerfCntrGlobalStatus.PMCF is set, which stops the counters until it is cleared. */
static void amd_freeze(struct vpmu_pmu *pmu)
{
	add_status(pmu, NULL, STATUS_CTR_FRZ);
}

/* --- The profile --- */

static enum vpmu_status read_absent(const struct vpmu_pmu *pmu, uint32_t msr, bool host,
                                    uint64_t *value)
{
	return VPMU_NO_REGISTER;
}

static enum vpmu_status write_absent(struct vpmu_pmu *pmu, uint32_t msr, bool host, uint64_t value)
{
	return VPMU_NO_REGISTER;
}

/* Hardware has every register of the table, with the table's bits. */
static bool has(const struct vpmu_host *host, const struct vpmu_register *from, uint64_t *writable)
{
	return true;
}

static bool has_apart(const struct vpmu_profile *profile, const struct vpmu_model *model,
                      struct vpmu_register *reg)
{
	return false;
}

/* Rules of PMUs with Intel's registers. LVTPC: SDM vol. 3A 11.5.1. A counter with IN_TX counts only
 * inside transactions (vol. 3B 20.3.6.5), and no caller accounts any. */
#define LIKE_INTEL_RULES(guest_rules)                                                              \
	{                                                                                          \
		.guest = guest_rules, .host = host_rules, .rdpmc = intel_rdpmc,                    \
		.idle_bits = SEL_IN_TX, .lvtpc_after_pmi = VPMU_LVTPC_MASKED,                      \
		.read_absent = read_absent, .write_absent = write_absent, .has = has,              \
		.has_apart = has_apart, .freeze_bit = STATUS_CTR_FRZ, .freeze = intel_freeze,      \
	}

static const struct rules intel = LIKE_INTEL_RULES(intel_rules);
static const struct rules zhaoxin = LIKE_INTEL_RULES(zhaoxin_rules);

/* Delivery masks LVTPC on Pentium M, and perhaps on others: vol. 3A 11.5.1 names no exception. */
static const struct rules p6 = {
	.guest = p6_rules,
	.host = p6_host_rules,
	.rdpmc = intel_rdpmc,
	.lvtpc_after_pmi = VPMU_LVTPC_MASKED,
	.read_absent = read_absent,
	.write_absent = write_absent,
	.has = has,
	.has_apart = has_apart,
};

/*
 * HostOnly and GuestOnly select host or guest events "when EFER.SVME = 1" (13.2.1, table of
 * HG_ONLY); with both bits set, both count. Without SVM a counter with only one of them counts
 * nothing (Linux 7.3 arch/x86/kvm/svm/pmu.c amd_pmc_is_disabled_in_current_mode).
 */
static const struct rules amd = {
	.guest = amd_rules,
	.host = host_rules,
	.rdpmc = amd_rdpmc,
	.guest_only = SEL_AMD_GUEST,
	.host_only = SEL_AMD_HOST,
	.read_absent = read_absent,
	.write_absent = write_absent,
	.has = has,
	.has_apart = has_apart,
	.freeze_bit = STATUS_CTR_FRZ,
	.freeze = amd_freeze,
};

const struct vpmu_profile profile_hardware = {
	.name = "hardware",
	.about = "what the vendors' manuals say",
	.facts = FACT_EVENTS_OF_CPUID,
	.engine = &engine_hardware,
	.response = &response_hardware,
	.rules =
		{
			[VPMU_VENDOR_INTEL] = &intel,
			[VPMU_VENDOR_ZHAOXIN] = &zhaoxin,
			[VPMU_VENDOR_AMD] = &amd,
			[VPMU_VENDOR_INTEL_P6] = &p6,
		},
};
