/* SPDX-License-Identifier: MIT */
/*
 * The simulated host: the kernel's global variables that say what CPU this is, and the answers to
 * what KVM asks perf about it.
 */
#include "host.h"
#include "pmu.h"

#if !KERNEL_SINCE(7, 3) /* since 7.3 pmu.c defines it */
bool enable_pmu;
#endif
struct kvm_caps kvm_caps;
struct cpuinfo_x86 boot_cpu_data;
struct x86_pmu_lbr vmx_lbr_caps;
struct task_struct *current;

static struct host here;

bool host_has(unsigned int feature)
{
	if (feature == X86_FEATURE_PDCM)
		return here.pdcm;
	if (feature == X86_FEATURE_PEBS)
		return here.pebs;
	return (feature == X86_FEATURE_HLE || feature == X86_FEATURE_RTM) && here.tsx;
}

/* Processors with PEBS for guests have its adaptive format. */
static u64 perf_capabilities(void)
{
	const u64 pebs =
		PEBS_FORMAT(4) | PERF_CAP_PEBS_TRAP | PERF_CAP_ARCH_REG | PERF_CAP_PEBS_BASELINE;

	if (!here.pdcm)
		return 0;
	return PMU_CAP_FW_WRITES | here.lbr_format | (here.pebs ? pebs : 0);
}

/* The counters are in current->silicon. This is for what KVM's module asks before there is any
 * task. */
u64 host_read_msr(u32 index)
{
	if (index == MSR_IA32_PERF_CAPABILITIES)
		return perf_capabilities();
	return current ? silicon_read(index) : 0;
}

int host_write_msr(u32 index, u64 value)
{
	return silicon_write(index, value) ? 0 : 1;
}

#include "cut/vmx_pebs_supported.inc"

/* vmx_set_cpu_caps, svm_set_cpu_caps. Processors with PEBS for guests have five levels of page
 * tables. */
bool host_gives(unsigned int feature)
{
	switch (feature) {
	case X86_FEATURE_PDCM:
		return here.pdcm;
	case X86_FEATURE_PERFMON_V2:
		return here.perfmon_v2;
	case X86_FEATURE_DS:
	case X86_FEATURE_DTES64:
		return vmx_pebs_supported();
	case X86_FEATURE_LA57:
		return here.pebs;
	default:
		return true;
	}
}

static bool is_amd(void)
{
	return boot_cpu_data.x86_vendor == X86_VENDOR_AMD;
}

long static_call_nothing(void)
{
	return 0;
}

/* What kvm_x86_vendor_init is given. */
struct vendor_ops {
	struct kvm_pmu_ops *pmu_ops;
};

#include "cut/vmx_get_perf_capabilities.inc"

void host_load(const struct host *host)
{
	static const u8 cpu_vendors[] = {
		[VENDOR_INTEL] = X86_VENDOR_INTEL,
		[VENDOR_ZHAOXIN] = X86_VENDOR_ZHAOXIN,
		[VENDOR_AMD] = X86_VENDOR_AMD,
	};
	enum vendor vendor = host->vendor;
	/* A copy: kvm_init_pmu_capability takes out what is switched off, and that must not last
	 * beyond this load. */
	struct kvm_pmu_ops pmu_ops = vendor == VENDOR_AMD ? amd_pmu_ops : intel_pmu_ops;
	const struct vendor_ops *ops = &(struct vendor_ops){&pmu_ops};

	boot_cpu_data.x86_vendor = cpu_vendors[vendor];
	here = *host;
	enable_pmu = here.enable_pmu;
#if KERNEL_SINCE(7, 3)
	enable_mediated_pmu = here.mediated;
#endif
	kvm_pmu_ops_update(ops->pmu_ops);
#include "cut/init_pmu_capability.inc"
	memset(&vmx_lbr_caps, 0, sizeof(vmx_lbr_caps));
	/* vmx_set_cpu_caps, svm_set_cpu_caps */
	kvm_caps.supported_perf_cap = vendor == VENDOR_AMD ? 0 : vmx_get_perf_capabilities();
}

bool host_lbrv(void)
{
	return here.lbrv;
}

bool host_mediates(void)
{
#if KERNEL_SINCE(7, 3)
	return enable_mediated_pmu;
#else
	return false;
#endif
}

void perf_get_x86_pmu_capability(struct x86_pmu_capability *cap)
{
	const struct x86_pmu_capability intel = {
		.version = 5,
		.num_counters_gp = (int)here.gp,
		.num_counters_fixed = (int)here.fixed,
		.bit_width_gp = (int)here.width,
		.bit_width_fixed = (int)here.width,
		.events_mask_len = 7,
		.pebs_ept = here.pebs,
#if KERNEL_SINCE(7, 3)
		.mediated = true,
#endif
	};
	const struct x86_pmu_capability amd = {
		.version = here.perfmon_v2 ? 2 : 1,
		.num_counters_gp = (int)here.gp,
		.bit_width_gp = HOST_AMD_WIDTH,
#if KERNEL_SINCE(7, 3)
		.mediated = here.perfmon_v2,
#endif
	};

	*cap = is_amd() ? amd : intel;
}

/* intel_perfmon_event_map, amd_zen_event_map: what KVM asks for. */
u64 perf_get_hw_event_config(int event)
{
	switch (event) {
	case PERF_COUNT_HW_INSTRUCTIONS:
		return 0xc0;
	case PERF_COUNT_HW_CPU_CYCLES:
		return is_amd() ? 0x76 : 0x3c;
	case PERF_COUNT_HW_BRANCH_INSTRUCTIONS:
		return is_amd() ? 0xc2 : 0xc4;
	case PERF_COUNT_HW_REF_CPU_CYCLES:
		return is_amd() ? 0 : 0x300;
	default:
		return 0;
	}
}

/* From Haswell on stacks have a call-stack mode; before, their entries have flags but none of
 * TSX's. */
void x86_perf_get_lbr(struct x86_pmu_lbr *lbr)
{
	enum { FLAGS = 3, INFO = 5, INFO2 = 7 };
	bool info = here.lbr_format == INFO || (here.lbr_format == INFO2 && KERNEL_SINCE(6, 12));

	*lbr = (struct x86_pmu_lbr){.nr = branches_of_format(here.lbr_format)};
	if (!lbr->nr)
		return;
	lbr->from = MSR_LBR_NHM_FROM;
	lbr->to = MSR_LBR_NHM_TO;
	lbr->info = info ? MSR_LBR_INFO_0 : 0;
#if KERNEL_SINCE(6, 12)
	lbr->has_callstack = here.lbr_format != FLAGS;
#endif
}

struct msr_range {
	u32 first, last;
};

static bool in_ranges(const struct msr_range *ranges, size_t count, u32 index)
{
	for (size_t i = 0; i < count; i++)
		if (index >= ranges[i].first && index <= ranges[i].last)
			return true;
	return false;
}

bool host_has_msr(u32 index)
{
	const struct msr_range intel[] = {
		{MSR_IA32_PERFCTR0, MSR_IA32_PERFCTR0 + here.gp - 1},
		{MSR_P6_EVNTSEL0, MSR_P6_EVNTSEL0 + here.gp - 1},
		{MSR_CORE_PERF_FIXED_CTR0, MSR_CORE_PERF_FIXED_CTR0 + here.fixed - 1},
		{MSR_CORE_PERF_FIXED_CTR_CTRL, MSR_CORE_PERF_GLOBAL_OVF_CTRL},
		{MSR_IA32_PEBS_ENABLE, MSR_IA32_PEBS_ENABLE},
		{MSR_IA32_DS_AREA, MSR_IA32_DS_AREA},
		{MSR_PEBS_DATA_CFG, MSR_PEBS_DATA_CFG}, /* the last: of adaptive PEBS */
	};
	const struct msr_range amd[] = {
		{MSR_K7_EVNTSEL0, MSR_K7_PERFCTR3},
		{MSR_F15H_PERF_CTL0, MSR_F15H_PERF_CTR5},
		{MSR_AMD64_PERF_CNTR_GLOBAL_STATUS, MSR_AMD64_PERF_CNTR_GLOBAL_STATUS + 3},
	};

	return is_amd() ? in_ranges(amd, here.perfmon_v2 ? 3 : 2, index)
	                : in_ranges(intel, ARRAY_SIZE(intel) - !here.pebs, index);
}
