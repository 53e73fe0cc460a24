/* SPDX-License-Identifier: MIT */
/*
 * What the profiles of Linux's kernels are made of: what a later kernel is based on, and the
 * numbers that KVM answers for beyond the registers of the model.
 */
#ifndef CORE_PROFILE_LINUX_H
#define CORE_PROFILE_LINUX_H

#include <core/linux.h>

/* What a later kernel is based on. */
extern const struct response response_linux_6_12;
extern const struct rules rules_linux_6_12_intel, rules_linux_6_12_amd;
#define RULES_LINUX_6_12                                                                           \
	{                                                                                          \
		[VPMU_VENDOR_INTEL] = &rules_linux_6_12_intel,                                     \
		[VPMU_VENDOR_ZHAOXIN] = &rules_linux_6_12_intel,                                   \
		[VPMU_VENDOR_AMD] = &rules_linux_6_12_amd,                                         \
	}
#define FACTS_LINUX_6_12                                                                           \
	(VPMU_FACT_KVM | VPMU_FACT_PERF_EVENTS | VPMU_FACT_MASKED_FILTER | FACT_CAPABILITIES_FINAL)
#define FACTS_LINUX_7_3 (FACTS_LINUX_6_12 | FACT_CAPABILITIES_NEED_PDCM)

#define LEGACY(first, last)                                                                        \
	{                                                                                          \
		(first), (last), ABSENT_LEGACY, linux_never                                        \
	}
#define ADVERTISED(first, last)                                                                    \
	{                                                                                          \
		(first), (last), ABSENT_ADVERTISED, linux_never                                    \
	}
#define OF_ANY_VENDOR                                                                              \
	LEGACY(0xc1, 0xc2), LEGACY(0x186, 0x187),                                                  \
		{MSR_MISC_ENABLE, MSR_MISC_ENABLE, ABSENT_MISC_ENABLE, linux_never},               \
	{                                                                                          \
		VPMU_MSR_PERF_CAPABILITIES, VPMU_MSR_PERF_CAPABILITIES, ABSENT_CAPABILITIES,       \
			linux_never                                                                \
	}
#define INTEL_ABSENT                                                                               \
	OF_ANY_VENDOR, ADVERTISED(0xc3, 0xc8), ADVERTISED(0x188, 0x18d), ADVERTISED(0x309, 0x30b), \
		ADVERTISED(0x38d, 0x38f), ADVERTISED(0x3f1, 0x3f1), ADVERTISED(0x600, 0x600),      \
		LEGACY(0xc0010000, 0xc0010007)
#define ABSENT_END                                                                                 \
	{                                                                                          \
		0, 0, ABSENT_NOTHING, linux_never                                                  \
	}

#endif
