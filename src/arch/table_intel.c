/* SPDX-License-Identifier: MIT */
/*
 * Intel's (and Zhaoxin's) PMU registers, a row a register. Names and bits: Intel SDM vol. 4 table
 * 2-2; which version has which: vol. 3B 20.2 (versions 1 to 6). Version 6's CFG_B and CFG_C are
 * left out: they exist only with counter reload and that version's PEBS, which no model has.
 */
#include <arch/room_int.h>

#include "intel_branches.h"

static bool from_version_2(const struct vpmu_model *model)
{
	return model->version >= 2;
}

static bool from_version_4(const struct vpmu_model *model)
{
	return model->version >= 4;
}

static bool from_version_6(const struct vpmu_model *model)
{
	return model->version >= 6;
}

static bool has_capabilities(const struct vpmu_model *model)
{
	return model->features & VPMU_FEATURE_PDCM;
}

/* SDM vol. 3B 20.2.1.1; bits 32 and 33: vol. 3B 20.3.6.5 (IN_TXCP on counter 2 only); bit 34: vol.
 * 3B 20.9.2.1, adaptive PEBS; bits 36, 37 and 47:40: vol. 3B, architectural performance monitoring
 * version 6 (CPUID.23H). */
static uint64_t selector_bits(const struct vpmu_model *model, unsigned index)
{
	uint64_t bits = SEL_EVENT | SEL_UMASK | SEL_USR | SEL_OS | SEL_EDGE | SEL_PC | SEL_INT |
	                SEL_EN | SEL_INV | SEL_CMASK;

	if (model_has_anythread(model))
		bits |= SEL_ANY;
	if (intel_has_pebs_data(model))
		bits |= SEL_ADAPTIVE;
	if (model->features & VPMU_FEATURE_UMASK2)
		bits |= SEL_UMASK2;
	if (model->features & VPMU_FEATURE_EQ)
		bits |= SEL_EQ;
	if (model->features & VPMU_FEATURE_RDPMC_HIDE)
		bits |= SEL_HIDE;
	if (model->features & (VPMU_FEATURE_HLE | VPMU_FEATURE_RTM))
		bits |= index == 2 ? SEL_IN_TX | SEL_IN_TXCP : SEL_IN_TX;
	return bits;
}

static uint64_t fixed_value(const struct vpmu_model *model, unsigned index)
{
	return width_mask(model->fixed_width);
}

static uint64_t fixed_ctrl_bits(const struct vpmu_model *model, unsigned index)
{
	uint64_t each = FIXED_OS | FIXED_USR | FIXED_PMI;
	uint64_t bits = 0;

	if (model_has_anythread(model))
		each |= FIXED_ANY;
	if (intel_has_pebs_data(model))
		each |= FIXED_ADAPTIVE;
	if (model->features & VPMU_FEATURE_RDPMC_HIDE)
		each |= FIXED_HIDE;
	for (unsigned i = 0; i < VPMU_MAX_FIXED; i++)
		if (model->fixed_mask & BIT64(i))
			bits |= each << (i * FIXED_BITS);
	return bits;
}

static uint64_t global_ctrl_bits(const struct vpmu_model *model, unsigned index)
{
	return model_counter_bits(model) | (model_has_metrics(model) ? STATUS_METRICS : 0);
}

/* IA32_PERF_GLOBAL_STATUS_SET cannot set CondChgd (SDM vol. 3B figure 20-13). */
static uint64_t status_set_bits(const struct vpmu_model *model, unsigned index)
{
	return model_status_bits(model) & ~STATUS_COND;
}

/* Eight metrics of eight bits each (SDM vol. 3B 20.3.9.3). */
static uint64_t metrics_bits(const struct vpmu_model *model, unsigned index)
{
	return UINT64_MAX;
}

static uint64_t capabilities_bits(const struct vpmu_model *model, unsigned index)
{
	return model->perf_capabilities;
}

static uint64_t capabilities_value(const struct vpmu_model *model)
{
	return model->perf_capabilities;
}

/*
 * Bit 7: performance monitoring is available; bit 11: branch trace storage is not; bit 12: PEBS is
 * not, on a model without it. KVM starts with 0x1800 and leaves bit 7 to the VMM; a processor with
 * a PMU has it set.
 */
static uint64_t misc_enable_value(const struct vpmu_model *model)
{
	return MISC_EMON |
	       (model_has_pebs(model) ? MISC_NO_PEBS_NO_BTS & ~MISC_NO_PEBS : MISC_NO_PEBS_NO_BTS);
}

uint64_t intel_status_bits(const struct vpmu_model *model)
{
	uint64_t bits = model_counter_bits(model) | STATUS_DS | STATUS_COND;

	if (model_has_metrics(model))
		bits |= STATUS_METRICS;
	if (model->version >= 4)
		bits |= STATUS_LBR_FRZ | STATUS_CTR_FRZ;
	return bits;
}

static const struct reg_row rows[] = {
	{
		.name = "IA32_PMC%u",
		.base = 0xc1,
		.stride = 1,
		.kind = VPMU_KIND_COUNTER,
		.count = REG_PER_GP,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = row_always,
		.writable = row_gp_value,
		.reset = row_reset_zero,
	},
	{
		.name = "IA32_PERFEVTSEL%u",
		.base = 0x186,
		.stride = 1,
		.kind = VPMU_KIND_SELECTOR,
		.count = REG_PER_GP,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = row_always,
		.writable = selector_bits,
		.reset = row_reset_zero,
	},
	{
		.name = "IA32_MISC_ENABLE",
		.base = MSR_MISC_ENABLE,
		.kind = VPMU_KIND_MISC_ENABLE,
		.count = REG_ONE,
		.guest = VPMU_ACCESS_IGNORED,
		.host = VPMU_ACCESS_IGNORED,
		.level = VPMU_LEVEL_NEVER,
		.exists = row_always,
		.writable = row_nothing,
		.reset = misc_enable_value,
	},
	{
		.name = "MSR_LBR_SELECT",
		.base = 0x1c8,
		.kind = VPMU_KIND_LBR_SELECT,
		.count = REG_ONE,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = intel_has_model_lbr,
		.writable = intel_lbr_select_bits,
		.reset = row_reset_zero,
	},
	{
		.name = "MSR_LASTBRANCH_TOS",
		.base = 0x1c9,
		.kind = VPMU_KIND_LBR_TOS,
		.count = REG_ONE,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = intel_has_model_lbr,
		.writable = intel_lbr_tos_bits,
		.reset = row_reset_zero,
	},
	{
		.name = "IA32_DEBUGCTL",
		.base = MSR_DEBUGCTL,
		.kind = VPMU_KIND_DEBUGCTL,
		.count = REG_ONE,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_NEVER,
		.exists = intel_has_debugctl,
		.writable = intel_debugctl_bits,
		.reset = row_reset_zero,
	},
	{
		.name = "IA32_FIXED_CTR%u",
		.base = 0x309,
		.stride = 1,
		.kind = VPMU_KIND_FIXED_COUNTER,
		.count = REG_PER_FIXED,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = from_version_2,
		.writable = fixed_value,
		.reset = row_reset_zero,
	},
	{
		.name = "IA32_PERF_METRICS",
		.base = 0x329,
		.kind = VPMU_KIND_METRICS,
		.count = REG_ONE,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = model_has_metrics,
		.writable = metrics_bits,
		.reset = row_reset_zero,
	},
	{
		.name = "IA32_PERF_CAPABILITIES",
		.base = VPMU_MSR_PERF_CAPABILITIES,
		.kind = VPMU_KIND_CAPABILITIES,
		.count = REG_ONE,
		.guest = VPMU_ACCESS_READ,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_FULL, /* part of the model, as CPUID is: it survives a reset */
		.exists = has_capabilities,
		.writable = capabilities_bits,
		.reset = capabilities_value,
	},
	{
		.name = "IA32_FIXED_CTR_CTRL",
		.base = 0x38d,
		.kind = VPMU_KIND_FIXED_CTRL,
		.count = REG_ONE,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = from_version_2,
		.writable = fixed_ctrl_bits,
		.reset = row_reset_zero,
	},
	{
		.name = "IA32_PERF_GLOBAL_STATUS",
		.base = 0x38e,
		.kind = VPMU_KIND_GLOBAL_STATUS,
		.count = REG_ONE,
		.guest = VPMU_ACCESS_READ,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = from_version_2,
		.writable = row_status,
		.reset = row_reset_zero,
	},
	{
		.name = "IA32_PERF_GLOBAL_CTRL",
		.base = 0x38f,
		.kind = VPMU_KIND_GLOBAL_CTRL,
		.count = REG_ONE,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = from_version_2,
		.writable = global_ctrl_bits,
		.reset = row_reset_gp, /* SDM vol. 3A table 10-1 */
	},
	{
		.name = "IA32_PERF_GLOBAL_OVF_CTRL",
		.base = 0x390,
		.kind = VPMU_KIND_STATUS_CLEAR,
		.count = REG_ONE,
		.guest = VPMU_ACCESS_COMMAND,
		.host = VPMU_ACCESS_COMMAND,
		.level = VPMU_LEVEL_NEVER,
		.exists = from_version_2,
		.writable = row_status,
		.reset = row_reset_zero,
	},
	{
		.name = "IA32_PERF_GLOBAL_STATUS_SET",
		.base = 0x391,
		.kind = VPMU_KIND_STATUS_SET,
		.count = REG_ONE,
		.guest = VPMU_ACCESS_COMMAND,
		.host = VPMU_ACCESS_COMMAND,
		.level = VPMU_LEVEL_NEVER,
		.exists = from_version_4,
		.writable = status_set_bits,
		.reset = row_reset_zero,
	},
	{
		.name = "IA32_PERF_GLOBAL_INUSE",
		.base = 0x392,
		.kind = VPMU_KIND_INUSE,
		.count = REG_ONE,
		.guest = VPMU_ACCESS_READ,
		.host = VPMU_ACCESS_READ,
		.level = VPMU_LEVEL_NEVER, /* follows from the selectors */
		.exists = from_version_4,
		.writable = row_nothing,
		.reset = row_reset_zero,
	},
	{
		.name = "IA32_PEBS_ENABLE",
		.base = 0x3f1,
		.kind = VPMU_KIND_PEBS_ENABLE,
		.count = REG_ONE,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = model_has_pebs,
		.writable = intel_pebs_enable_bits,
		.reset = row_reset_zero,
	},
	{
		.name = "MSR_PEBS_DATA_CFG",
		.base = 0x3f2,
		.kind = VPMU_KIND_PEBS_DATA,
		.count = REG_ONE,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = intel_has_pebs_data,
		.writable = intel_pebs_data_bits,
		.reset = row_reset_zero,
	},
	{
		.name = "IA32_A_PMC%u",
		.base = 0x4c1,
		.stride = 1,
		.kind = VPMU_KIND_COUNTER_ALIAS,
		.count = REG_PER_GP,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_NEVER,
		.exists = model_has_full_width,
		.writable = row_gp_value,
		.reset = row_reset_zero,
	},
	{
		.name = "IA32_DS_AREA",
		.base = 0x600,
		.kind = VPMU_KIND_DS_AREA,
		.count = REG_ONE,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = model_has_pebs,
		.writable = row_all_bits,
		.reset = row_reset_zero,
		.address = intel_ds_area_bits,
	},
	{
		.name = "MSR_LASTBRANCH_%u_FROM_IP",
		.base = 0x680,
		.stride = 1,
		.kind = VPMU_KIND_LBR_FROM,
		.count = REG_PER_LBR,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = intel_has_model_lbr,
		.writable = row_all_bits,
		.reset = row_reset_zero,
		.address = intel_address_bits,
		.flags = intel_lbr_from_flags,
	},
	{
		.name = "MSR_LASTBRANCH_%u_TO_IP",
		.base = 0x6c0,
		.stride = 1,
		.kind = VPMU_KIND_LBR_TO,
		.count = REG_PER_LBR,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = intel_has_model_lbr,
		.writable = row_all_bits,
		.reset = row_reset_zero,
		.address = intel_address_bits,
		.flags = intel_lbr_to_flags,
	},
	{
		.name = "MSR_LBR_INFO_%u",
		.base = 0xdc0,
		.stride = 1,
		.kind = VPMU_KIND_LBR_INFO,
		.count = REG_PER_LBR,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = intel_has_lbr_info,
		.writable = intel_lbr_info_bits,
		.reset = row_reset_zero,
	},
	{
		.name = "IA32_LBR_%u_INFO",
		.base = 0x1200,
		.stride = 1,
		.kind = VPMU_KIND_LBR_INFO,
		.count = REG_PER_LBR,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = intel_has_arch_lbr,
		.writable = intel_arch_info_bits,
		.reset = row_reset_zero,
	},
	{
		.name = "IA32_LBR_CTL",
		.base = 0x14ce,
		.kind = VPMU_KIND_LBR_CTL,
		.count = REG_ONE,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = intel_has_arch_lbr,
		.writable = intel_lbr_ctl_bits,
		.reset = row_reset_zero,
	},
	{
		.name = "IA32_LBR_DEPTH",
		.base = 0x14cf,
		.kind = VPMU_KIND_LBR_DEPTH,
		.count = REG_ONE,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = intel_has_arch_lbr,
		.writable = intel_lbr_depth_bits,
		.reset = intel_lbr_depth,
	},
	{
		.name = "IA32_LBR_%u_FROM_IP",
		.base = 0x1500,
		.stride = 1,
		.kind = VPMU_KIND_LBR_FROM,
		.count = REG_PER_LBR,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = intel_has_arch_lbr,
		.writable = row_all_bits,
		.reset = row_reset_zero,
		.address = intel_address_bits,
	},
	{
		.name = "IA32_LBR_%u_TO_IP",
		.base = 0x1600,
		.stride = 1,
		.kind = VPMU_KIND_LBR_TO,
		.count = REG_PER_LBR,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = intel_has_arch_lbr,
		.writable = row_all_bits,
		.reset = row_reset_zero,
		.address = intel_address_bits,
	},
	{
		.name = "IA32_PMC_GP%u_CTR",
		.base = 0x1900,
		.stride = 4,
		.kind = VPMU_KIND_COUNTER_ALIAS,
		.count = REG_PER_GP,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_NEVER,
		.exists = from_version_6,
		.writable = row_gp_value,
		.reset = row_reset_zero,
	},
	{
		.name = "IA32_PMC_GP%u_CFG_A",
		.base = 0x1901,
		.stride = 4,
		.kind = VPMU_KIND_SELECTOR_ALIAS,
		.count = REG_PER_GP,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_NEVER,
		.exists = from_version_6,
		.writable = selector_bits,
		.reset = row_reset_zero,
	},
	{
		.name = "IA32_PMC_FX%u_CTR",
		.base = 0x1980,
		.stride = 4,
		.kind = VPMU_KIND_FIXED_ALIAS,
		.count = REG_PER_FIXED,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_NEVER,
		.exists = from_version_6,
		.writable = fixed_value,
		.reset = row_reset_zero,
	},
};

const struct reg_table intel_registers = {.rows = rows, .count = ARRAY_SIZE(rows)};
