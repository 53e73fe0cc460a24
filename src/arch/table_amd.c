/* SPDX-License-Identifier: MIT */
/*
 * AMD's PMU registers, a row a register. AMD APM vol. 2 13.2; the legacy numbers' names under
 * PERFCORE are those of the processors' programming references (PERF_LEGACY_CTL, _CTR).
 *
 * The first four counters have two MSR numbers. Without PERFCORE only the old number (K7's) exists;
 * with PERFCORE the new number is the register, and the old one an alias. Hence there are two rows
 * for each old number, of which exactly one exists in a model.
 */
#include <arch/room_int.h>

static bool has_perfcore(const struct vpmu_model *model)
{
	return model->features & VPMU_FEATURE_PERFCORE;
}

static bool lacks_perfcore(const struct vpmu_model *model)
{
	return !has_perfcore(model);
}

/* Reserved bits are not included; writes silently clear them. */
static uint64_t selector_bits(const struct vpmu_model *model, unsigned index)
{
	return SEL_EVENT | SEL_UMASK | SEL_USR | SEL_OS | SEL_EDGE | SEL_INT | SEL_EN | SEL_INV |
	       SEL_CMASK | SEL_AMD_EVENT | SEL_AMD_GUEST | SEL_AMD_HOST;
}

static uint64_t global_ctl_bits(const struct vpmu_model *model, unsigned index)
{
	return model_counter_bits(model);
}

static uint64_t freeze_bits(const struct vpmu_model *model, unsigned index)
{
	return DEBUGCTL_FREEZE_PERFMON | (model->lbr ? DEBUGCTL_FREEZE_LBRS : 0);
}

static bool has_lbr(const struct vpmu_model *model)
{
	return model->lbr;
}

static uint64_t lbr_select_bits(const struct vpmu_model *model, unsigned index)
{
	return LBR_SELECT_BITS;
}

static uint64_t lbr_ctl_bits(const struct vpmu_model *model, unsigned index)
{
	return LBR_V2_EN;
}

uint64_t amd_status_bits(const struct vpmu_model *model)
{
	return model_counter_bits(model) | STATUS_CTR_FRZ | (model->lbr ? STATUS_LBR_FRZ : 0);
}

static const struct reg_row rows[] = {
	{
		.name = "DebugCtl",
		.base = MSR_DEBUGCTL,
		.kind = VPMU_KIND_DEBUGCTL,
		.count = REG_ONE,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_NEVER,
		.exists = model_has_global,
		.writable = freeze_bits,
		.reset = row_reset_zero,
	},
	{
		.name = "LbrSelect",
		.base = 0xc000010e,
		.kind = VPMU_KIND_LBR_SELECT,
		.count = REG_ONE,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = has_lbr,
		.writable = lbr_select_bits,
		.reset = row_reset_zero,
	},
	{
		.name = "DebugExtnCtl",
		.base = 0xc000010f,
		.kind = VPMU_KIND_LBR_CTL,
		.count = REG_ONE,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = has_lbr,
		.writable = lbr_ctl_bits,
		.reset = row_reset_zero,
	},
	{
		.name = "PerfCntrGlobalStatus",
		.base = 0xc0000300,
		.kind = VPMU_KIND_GLOBAL_STATUS,
		.count = REG_ONE,
		.guest = VPMU_ACCESS_IGNORED,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = model_has_global,
		.writable = row_status,
		.reset = row_reset_zero,
	},
	{
		.name = "PerfCntrGlobalCtl",
		.base = 0xc0000301,
		.kind = VPMU_KIND_GLOBAL_CTRL,
		.count = REG_ONE,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = model_has_global,
		.writable = global_ctl_bits,
		.reset = row_reset_gp,
	},
	{
		.name = "PerfCntrGlobalStatusClr",
		.base = 0xc0000302,
		.kind = VPMU_KIND_STATUS_CLEAR,
		.count = REG_ONE,
		.guest = VPMU_ACCESS_COMMAND,
		.host = VPMU_ACCESS_COMMAND,
		.level = VPMU_LEVEL_NEVER,
		.exists = model_has_global,
		.writable = row_status,
		.reset = row_reset_zero,
	},
	{
		.name = "PerfCntrGlobalStatusSet",
		.base = 0xc0000303,
		.kind = VPMU_KIND_STATUS_SET,
		.count = REG_ONE,
		.guest = VPMU_ACCESS_COMMAND,
		.host = VPMU_ACCESS_COMMAND,
		.level = VPMU_LEVEL_NEVER,
		.exists = model_has_global,
		.writable = row_status,
		.reset = row_reset_zero,
	},
	{
		.name = "PerfEvtSel%u",
		.base = 0xc0010000,
		.stride = 1,
		.kind = VPMU_KIND_SELECTOR,
		.count = REG_PER_K7,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = lacks_perfcore,
		.writable = selector_bits,
		.reset = row_reset_zero,
	},
	{
		.name = "PERF_LEGACY_CTL%u",
		.base = 0xc0010000,
		.stride = 1,
		.kind = VPMU_KIND_SELECTOR_ALIAS,
		.count = REG_PER_K7,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_NEVER,
		.exists = has_perfcore,
		.writable = selector_bits,
		.reset = row_reset_zero,
	},
	{
		.name = "PerfCtr%u",
		.base = 0xc0010004,
		.stride = 1,
		.kind = VPMU_KIND_COUNTER,
		.count = REG_PER_K7,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = lacks_perfcore,
		.writable = row_gp_value,
		.reset = row_reset_zero,
	},
	{
		.name = "PERF_LEGACY_CTR%u",
		.base = 0xc0010004,
		.stride = 1,
		.kind = VPMU_KIND_COUNTER_ALIAS,
		.count = REG_PER_K7,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_NEVER,
		.exists = has_perfcore,
		.writable = row_gp_value,
		.reset = row_reset_zero,
	},
	{
		.name = "PerfEvtSel%u",
		.base = 0xc0010200,
		.stride = 2,
		.kind = VPMU_KIND_SELECTOR,
		.count = REG_PER_GP,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = has_perfcore,
		.writable = selector_bits,
		.reset = row_reset_zero,
	},
	{
		.name = "PerfCtr%u",
		.base = 0xc0010201,
		.stride = 2,
		.kind = VPMU_KIND_COUNTER,
		.count = REG_PER_GP,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = has_perfcore,
		.writable = row_gp_value,
		.reset = row_reset_zero,
	},
	{
		.name = "LastBranchStackFromIp%u",
		.base = 0xc0010300,
		.stride = 2,
		.kind = VPMU_KIND_LBR_FROM,
		.count = REG_PER_LBR,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = has_lbr,
		.writable = row_all_bits,
		.reset = row_reset_zero,
	},
	{
		.name = "LastBranchStackToIp%u",
		.base = 0xc0010301,
		.stride = 2,
		.kind = VPMU_KIND_LBR_TO,
		.count = REG_PER_LBR,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = has_lbr,
		.writable = row_all_bits,
		.reset = row_reset_zero,
	},
};

const struct reg_table amd_registers = {.rows = rows, .count = ARRAY_SIZE(rows)};
