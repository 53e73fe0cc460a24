/* SPDX-License-Identifier: MIT */
/*
 * Parts of the Linux profiles: what later kernels are based on, and the numbers beyond the model's
 * registers that KVM answers for.
 */
#ifndef CORE_PROFILE_LINUX_H
#define CORE_PROFILE_LINUX_H

#include <core/linux.h>

/* A kernel's rules for Intel's PMUs, made of the given tables; below, the same for AMD's. LVTPC:
 * kvm_apic_local_deliver. */
#define LINUX_INTEL_RULES(of, which, by_guest, by_host, by_rdpmc, rows)                            \
	.module = (of), .guest = (by_guest), .host = (by_host), .rdpmc = (by_rdpmc),               \
	.read_absent = linux_read_absent, .write_absent = linux_write_absent,                      \
	.absent_rows = (rows), .has = (which), .has_apart = linux_has_apart,                       \
	.lvtpc_after_pmi = VPMU_LVTPC_MASKED
#define LINUX_6_12_AMD_RULES                                                                       \
	.module = &module_amd_6_12, .guest = linux_6_12_amd_guest, .host = linux_6_12_amd_host,    \
	.read_absent = linux_read_absent, .write_absent = linux_write_absent,                      \
	.absent_rows = linux_6_12_amd_absent, .has_apart = linux_has_apart

/* The registers of last branches that are not an entry's. */
#define LINUX_LBR_RULES(setter)                                                                    \
	[VPMU_KIND_LBR_SELECT] = {.set = (setter), .excess = EXCESS_TAKEN},                        \
	[VPMU_KIND_LBR_TOS] = {.set = (setter), .excess = EXCESS_TAKEN}

/* What a later kernel is based on. */
extern const struct response response_linux_6_12;
extern const struct write_rule linux_6_12_intel_host[VPMU_KINDS];
extern const struct write_rule linux_6_12_amd_guest[VPMU_KINDS], linux_6_12_amd_host[VPMU_KINDS];
extern const struct absent_row linux_6_12_intel_absent[], linux_6_12_amd_absent[];
enum vpmu_status linux_6_12_intel_rdpmc(const struct vpmu_pmu *pmu, uint32_t ecx,
                                        enum reader reader, uint64_t *value);
enum vpmu_status linux_6_12_amd_rdpmc(const struct vpmu_pmu *pmu, uint32_t ecx, enum reader reader,
                                      uint64_t *value);
extern const struct rules rules_linux_6_12_intel, rules_linux_6_12_amd, rules_linux_6_12_p6;
#define RULES_LINUX_6_12                                                                           \
	{                                                                                          \
		[VPMU_VENDOR_INTEL] = &rules_linux_6_12_intel,                                     \
		[VPMU_VENDOR_ZHAOXIN] = &rules_linux_6_12_intel,                                   \
		[VPMU_VENDOR_AMD] = &rules_linux_6_12_amd,                                         \
		[VPMU_VENDOR_INTEL_P6] = &rules_linux_6_12_p6,                                     \
	}
#define FACTS_LINUX_6_12                                                                           \
	(VPMU_FACT_KVM | VPMU_FACT_PERF_EVENTS | VPMU_FACT_MASKED_FILTER |                         \
	 FACT_CAPABILITIES_FINAL | FACT_REUSES_COUNTING | FACT_COUNTERS_OF_HOST |                  \
	 FACT_LBR_NEEDS_CALL_STACK | FACT_DROPS_BTF | FACT_ADDRESS_OF_HOST)
#define FACTS_LINUX_7_3                                                                            \
	(FACTS_LINUX_6_12 | FACT_CAPABILITIES_NEED_PDCM | FACT_FEATURES_OF_HOST |                  \
	 FACT_LBR_FAULTS | FACT_PINS_FAULT | FACT_PEBS_FROM_VERSION_2)

#define LEGACY(from, to)                                                                           \
	{                                                                                          \
		.first = (from), .last = (to), .what = ABSENT_LEGACY, .fails = linux_never         \
	}
#define ADVERTISED(from, to, where)                                                                \
	{                                                                                          \
		.first = (from), .last = (to), .what = ABSENT_ADVERTISED, .fails = linux_never,    \
		.on = (where)                                                                      \
	}
#define APART(msr, as)                                                                             \
	{                                                                                          \
		.first = (msr), .last = (msr), .what = (as), .fails = linux_never                  \
	}
#define CAPABILITIES                                                                               \
	{                                                                                          \
		.first = VPMU_MSR_PERF_CAPABILITIES, .last = VPMU_MSR_PERF_CAPABILITIES,           \
		.what = ABSENT_CAPABILITIES, .fails = linux_never, .has = linux_has_capabilities   \
	}
#define OF_ANY_VENDOR                                                                              \
	LEGACY(0xc1, 0xc2), LEGACY(0x186, 0x187), APART(MSR_MISC_ENABLE, ABSENT_MISC_ENABLE),      \
		CAPABILITIES, APART(MSR_DEBUGCTL, ABSENT_DEBUGCTL)
#define OF_PEBS(msr, as, which, where)                                                             \
	{                                                                                          \
		.first = (msr), .last = (msr), .what = (as), .fails = linux_never, .has = (which), \
		.on = (where)                                                                      \
	}
/* on_…: on which hosts the fixed counters, MSR_PEBS_DATA_CFG and the rest are advertised. */
#define INTEL_ABSENT(on_fixed, on_adaptive, on_others)                                             \
	OF_ANY_VENDOR, ADVERTISED(0xc3, 0xc8, linux_on_gp), ADVERTISED(0x188, 0x18d, linux_on_gp), \
		ADVERTISED(0x309, 0x30b, on_fixed), ADVERTISED(0x38d, 0x38f, on_others),           \
		OF_PEBS(0x3f1, ABSENT_PEBS_ENABLE, linux_has_pebs_enable, on_others),              \
		ADVERTISED(0x3f2, 0x3f2, on_adaptive),                                             \
		OF_PEBS(0x600, ABSENT_DS_AREA, linux_has_ds_area, on_others),                      \
		LEGACY(0xc0010000, 0xc0010007)
#define ABSENT_END                                                                                 \
	{                                                                                          \
		.what = ABSENT_NOTHING, .fails = linux_never                                       \
	}

#endif
