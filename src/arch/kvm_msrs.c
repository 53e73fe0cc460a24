/* SPDX-License-Identifier: MIT */
/* The MSRs of a PMU that KVM tells VMMs to save (KVM_GET_MSR_INDEX_LIST), in its sequence. */
#include <arch/room_int.h>

/* Linux 6.12 arch/x86/kvm/x86.c msrs_to_save_pmu, for as many counters as a model may have (the
 * kernel lists 3 fixed, 8 of Intel's and 6 of AMD's), and with IA32_PERF_METRICS. */
const struct vpmu_msr_run kvm_saved_msrs[] = {
	{0x309, VPMU_MAX_FIXED, 1},
	{0x329, 1, 1},
	{0x38d, 3, 1},
	{0x3f1, 1, 1},
	{0x600, 1, 1},
	{0x3f2, 1, 1},
	{0xc1, VPMU_MAX_GP, 1},
	{0x186, VPMU_MAX_GP, 1},
	{0xc0010000, 8, 1},
	{0xc0010200, VPMU_MAX_GP, 2},
	{0xc0010201, VPMU_MAX_GP, 2},
	{0xc0000301, 1, 1},
	{0xc0000300, 1, 1},
	{0xc0000302, 2, 1},
	{0, 0, 0},
};
