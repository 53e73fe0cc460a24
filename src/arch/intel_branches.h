/* SPDX-License-Identifier: MIT */
/* What the rows of Intel's last branches and PEBS ask of a model: whether it has them, and their
 * bits. */
#ifndef ARCH_INTEL_BRANCHES_H
#define ARCH_INTEL_BRANCHES_H

#include <arch/room_int.h>

bool intel_has_arch_lbr(const struct vpmu_model *model);
bool intel_has_model_lbr(const struct vpmu_model *model);
uint64_t intel_lbr_depth(const struct vpmu_model *model);
bool intel_has_lbr_info(const struct vpmu_model *model);
bool intel_has_debugctl(const struct vpmu_model *model);
bool intel_has_pebs_data(const struct vpmu_model *model);
uint64_t intel_debugctl_bits(const struct vpmu_model *model, unsigned index);
uint64_t intel_lbr_select_bits(const struct vpmu_model *model, unsigned index);
uint64_t intel_lbr_tos_bits(const struct vpmu_model *model, unsigned index);
uint64_t intel_lbr_ctl_bits(const struct vpmu_model *model, unsigned index);
uint64_t intel_lbr_depth_bits(const struct vpmu_model *model, unsigned index);
unsigned intel_address_bits(const struct vpmu_model *model);
unsigned intel_ds_area_bits(const struct vpmu_model *model);
unsigned intel_lbr_from_flags(const struct vpmu_model *model);
unsigned intel_lbr_to_flags(const struct vpmu_model *model);
uint64_t intel_lbr_info_bits(const struct vpmu_model *model, unsigned index);
uint64_t intel_arch_info_bits(const struct vpmu_model *model, unsigned index);
uint64_t intel_pebs_enable_bits(const struct vpmu_model *model, unsigned index);
uint64_t intel_pebs_data_bits(const struct vpmu_model *model, unsigned index);

#endif
