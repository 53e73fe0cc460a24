/* SPDX-License-Identifier: MIT */
/* Intel's last branches and PEBS: which model has which register, with which bits. */
#include "intel_branches.h"

/* The architectural stack, and the model-specific one that the format in IA32_PERF_CAPABILITIES
 * implies. */
bool intel_has_arch_lbr(const struct vpmu_model *model)
{
	return model->lbr;
}

bool intel_has_model_lbr(const struct vpmu_model *model)
{
	return !model->lbr && model_lbr(model);
}

uint64_t intel_lbr_depth(const struct vpmu_model *model)
{
	return model->lbr;
}

static unsigned intel_lbr_format(const struct vpmu_model *model)
{
	return model->perf_capabilities & VPMU_PERF_CAP_LBR_FORMAT;
}

/* SDM vol. 3B 18.12.1 (Skylake). */
bool intel_has_lbr_info(const struct vpmu_model *model)
{
	return intel_has_model_lbr(model) &&
	       (intel_lbr_format(model) == LBR_INFO || intel_lbr_format(model) == LBR_INFO_2);
}

bool intel_has_debugctl(const struct vpmu_model *model)
{
	return model->version >= 2 || intel_has_model_lbr(model);
}

bool intel_has_pebs_data(const struct vpmu_model *model)
{
	return model_has_pebs(model) && model->perf_capabilities & VPMU_PERF_CAP_PEBS_DATA;
}

/* IA32_LBR_CTL has the architectural stack's enable bit. */
uint64_t intel_debugctl_bits(const struct vpmu_model *model, unsigned index)
{
	uint64_t bits = model->version >= 2 ? DEBUGCTL_FREEZE_LBRS | DEBUGCTL_FREEZE_PERFMON : 0;

	return intel_has_model_lbr(model) ? bits | DEBUGCTL_LBR | DEBUGCTL_FREEZE_LBRS : bits;
}

/* Call-stack mode is Haswell's and later (SDM vol. 3B 18.11). */
uint64_t intel_lbr_select_bits(const struct vpmu_model *model, unsigned index)
{
	return intel_lbr_format(model) == LBR_FLAGS ? LBR_SELECT_BITS
	                                            : LBR_SELECT_BITS | LBR_SELECT_CALL_STACK;
}

uint64_t intel_lbr_tos_bits(const struct vpmu_model *model, unsigned index)
{
	return model_lbr(model) - 1;
}

uint64_t intel_lbr_ctl_bits(const struct vpmu_model *model, unsigned index)
{
	return LBR_CTL_BITS;
}

/* A bit for each possible depth; core/lbr.c accepts a value with exactly one of them. */
uint64_t intel_lbr_depth_bits(const struct vpmu_model *model, unsigned index)
{
	return (8 | 16 | 32) & (2 * intel_lbr_depth(model) - 1);
}

/* Processors with the architectural stack have five levels of page tables. */
unsigned intel_address_bits(const struct vpmu_model *model)
{
	return intel_has_arch_lbr(model) ? 57 : 48;
}

/* The servers of Ice Lake, the first with this format of PEBS, have them, too. */
unsigned intel_ds_area_bits(const struct vpmu_model *model)
{
	return model_pebs_format(model) >= PEBS_ADAPTIVE ? 57 : intel_address_bits(model);
}

/* Before MSR_LBR_INFO_x existed, the misprediction flag, and with TSX two more bits, were in the
 * address register; one format has cycles there (SDM vol. 3B 18.4.8.1). */
unsigned intel_lbr_from_flags(const struct vpmu_model *model)
{
	switch (intel_lbr_format(model)) {
	case LBR_FLAGS_TSX:
		return 3;
	case LBR_FLAGS:
	case LBR_TIME:
		return 1;
	default:
		return 0;
	}
}

unsigned intel_lbr_to_flags(const struct vpmu_model *model)
{
	return intel_lbr_format(model) == LBR_TIME ? 16 : 0;
}

uint64_t intel_lbr_info_bits(const struct vpmu_model *model, unsigned index)
{
	return LBR_INFO_MISPREDICTED | LBR_INFO_IN_TX | LBR_INFO_ABORT | LBR_INFO_CYCLES;
}

uint64_t intel_arch_info_bits(const struct vpmu_model *model, unsigned index)
{
	return intel_lbr_info_bits(model, index) | LBR_INFO_VALID | LBR_INFO_KIND;
}

/* SDM vol. 3B 20.6.2.4, 20.8.1: fixed counters with the later records only. */
uint64_t intel_pebs_enable_bits(const struct vpmu_model *model, unsigned index)
{
	return intel_has_pebs_data(model) ? model_counter_bits(model) : model_gp_bits(model);
}

/* SDM vol. 3B 20.9.2.3: groups of a record, and how many last branches. */
uint64_t intel_pebs_data_bits(const struct vpmu_model *model, unsigned index)
{
	return UINT64_C(0xff00000f);
}
