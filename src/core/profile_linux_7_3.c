/* SPDX-License-Identifier: MIT */
/*
 * Profile linux-7.3: KVM's vPMU on perf events, as in Linux 7.3. It is 6.12's but for the feature
 * look-ups, which now ask what CPUID and the host both have (guest_cpu_cap_has): without PDCM there
 * is no IA32_PERF_CAPABILITIES for the VMM either, and with PDCM it is there even without a PMU
 * (kvm_set_msr_common, kvm_get_msr_common, vmx_set_msr). The same applies to AMD's PERFCORE and
 * PerfMonV2; but the host under a profile always has PERFCORE.
 */
#include <core/profile_linux.h>

const struct vpmu_profile profile_linux_7_3 = {
	.name = "linux-7.3",
	.about = "6.12's but for IA32_PERF_CAPABILITIES, which needs PDCM",
	.kernel = 0x703,
	.since = 0x703,
	.facts = FACTS_LINUX_7_3,
	.engine = &engine_linux,
	.response = &response_linux_6_12,
	.rules = RULES_LINUX_6_12,
};
