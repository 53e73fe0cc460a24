/* SPDX-License-Identifier: MIT */
/* Finds out what PMU this is: CPUID (Intel SDM vol. 3B 20.2, AMD APM vol. 2 13.2), one table row a
 * register layout. */
#include "cpu.h"
#include "pmu.h"
#include "print.h"

static const char *const event_names[EVENTS] = {
	[EVENT_INSTRUCTIONS] = "instructions",
	[EVENT_BRANCHES] = "branches",
	[EVENT_CYCLES] = "cycles",
	[EVENT_REF_CYCLES] = "ref-cycles",
	[EVENT_BRANCH_MISSES] = "branch-misses",
	[EVENT_LLC_REFERENCES] = "llc-references",
	[EVENT_LLC_MISSES] = "llc-misses",
	[EVENT_SLOTS] = "slots",
};

static const uint16_t intel_selectors[EVENTS] = {
	[EVENT_INSTRUCTIONS] = 0x00c0,  [EVENT_BRANCHES] = 0x00c4,
	[EVENT_CYCLES] = 0x003c,        [EVENT_REF_CYCLES] = 0x013c,
	[EVENT_BRANCH_MISSES] = 0x00c5, [EVENT_LLC_REFERENCES] = 0x4f2e,
	[EVENT_LLC_MISSES] = 0x412e,
};

/* Intel's P6 family, before CPUID.0AH. */
static const uint16_t p6_selectors[EVENTS] = {
	[EVENT_INSTRUCTIONS] = 0x00c0,   [EVENT_BRANCHES] = 0x00c4,
	[EVENT_CYCLES] = 0x0079,         [EVENT_BRANCH_MISSES] = 0x00c5,
	[EVENT_LLC_REFERENCES] = 0x0f2e, [EVENT_LLC_MISSES] = 0x012e,
};

/* CPUID.0AH EBX: which bit says that an event is missing. */
static const uint8_t missing_bit[EVENTS] = {
	[EVENT_CYCLES] = 0,         [EVENT_INSTRUCTIONS] = 1, [EVENT_REF_CYCLES] = 2,
	[EVENT_LLC_REFERENCES] = 3, [EVENT_LLC_MISSES] = 4,   [EVENT_BRANCHES] = 5,
	[EVENT_BRANCH_MISSES] = 6,  [EVENT_SLOTS] = 7,
};

static const uint16_t amd_selectors[EVENTS] = {
	[EVENT_INSTRUCTIONS] = 0xc0,
	[EVENT_BRANCHES] = 0xc2,
	[EVENT_CYCLES] = 0x76,
	[EVENT_BRANCH_MISSES] = 0xc3,
};

static const struct pmu_layout intel_layout = {
	.counter_name = "IA32_PMC",
	.counter = 0xc1,
	.selector = 0x186,
	.stride = 1,
	.global_ctrl = 0x38f,
	.status = 0x38e,
	.status_clear = 0x390,
	.status_set = 0x391,
	.selectors = intel_selectors,
	.lvtpc_masks = true,
	.is_intel = true,
	.reserved_faults = true,
};

static const struct pmu_layout p6_layout = {
	.counter_name = "PerfCtr",
	.counter = 0xc1,
	.selector = 0x186,
	.stride = 1,
	.global_ctrl = 0x38f,
	.status = 0x38e,
	.status_clear = 0x390,
	.status_set = 0x391,
	.selectors = p6_selectors,
	.lvtpc_masks = true,
	.is_intel = true,
	.shares_enable = true,
	.reserved_faults = true,
};

static const struct pmu_layout k7_layout = {
	.counter_name = "PerfCtr",
	.counter = 0xc0010004,
	.selector = 0xc0010000,
	.stride = 1,
	.selectors = amd_selectors,
	.counts_where_it_goes = true,
};

static const struct pmu_layout amd_core_layout = {
	.counter_name = "PerfCtr",
	.counter = 0xc0010201,
	.selector = 0xc0010200,
	.stride = 2,
	.global_ctrl = 0xc0000301,
	.status = 0xc0000300,
	.status_clear = 0xc0000302,
	.status_set = 0xc0000303,
	.selectors = amd_selectors,
	.counts_where_it_goes = true,
};

const char *event_name(enum event event)
{
	return event_names[event];
}

/* AuthenticAMD, HygonGenuine */
static bool is_amd(const char *vendor)
{
	return (vendor[0] == 'A' && vendor[1] == 'u') || vendor[0] == 'H';
}

static void find_vendor(struct pmu *pmu)
{
	struct cpuid_registers r = cpuid(0);
	uint32_t parts[3] = {r.ebx, r.edx, r.ecx};

	for (unsigned i = 0; i < 12; i++)
		pmu->vendor[i] = (char)(parts[i / 4] >> (8 * (i % 4)));
}

static void find_intel_fixed(struct pmu *pmu, const struct cpuid_registers *leaf)
{
	if (pmu->version < 2)
		return;
	pmu->fixed_mask = (UINT32_C(1) << (leaf->edx & 0x1f)) - 1;
	if (pmu->version >= 5)
		pmu->fixed_mask |= leaf->ecx;
	pmu->fixed_width = leaf->edx >> 5 & 0xff;
}

/* CPUID.23H.1 EAX: the counters, with holes. */
static uint32_t find_bitmap(const struct pmu *pmu)
{
	if (pmu->version < 5 || cpuid(0).eax < 0x23 || !(cpuid_at(7, 1).eax >> 8 & 1) ||
	    !(cpuid(0x23).eax >> 1 & 1))
		return 0;
	return cpuid_at(0x23, 1).eax;
}

/* Intel's counters do, at their old numbers; Zhaoxin's take all bits, KVM's on Zhaoxin do not. */
static bool find_sign(const struct pmu *pmu)
{
	uint32_t msr = pmu->layout.counter;
	bool sign;

	if (pmu->gp_width <= 32)
		return true;
	wrmsr(msr, 0x80000000);
	sign = rdmsr(msr) != 0x80000000;
	wrmsr(msr, 0);
	return sign || pmu->vendor[0] == 'G';
}

/* Family 6, models before Core Duo's (Intel SDM vol. 3B, P6 family). */
static bool find_p6(struct pmu *pmu)
{
	uint32_t signature = cpuid(1).eax;

	if (pmu->vendor[0] != 'G' || (signature >> 8 & 0xf) != 6 || signature >> 16 & 0xf ||
	    (signature >> 4 & 0xf) >= 0xe)
		return false;
	pmu->layout = p6_layout;
	pmu->version = 1;
	pmu->gp_count = 2;
	pmu->gp_width = 40;
	pmu->sign_extends = true;
	return true;
}

static bool find_intel(struct pmu *pmu)
{
	struct cpuid_registers leaf;

	if (cpuid(0).eax < 0xa)
		return find_p6(pmu);
	leaf = cpuid(0xa);
	pmu->version = leaf.eax & 0xff;
	pmu->gp_count = leaf.eax >> 8 & 0xff;
	pmu->gp_width = leaf.eax >> 16 & 0xff;
	for (unsigned i = 0; i < EVENTS; i++)
		if (missing_bit[i] >= leaf.eax >> 24 || (leaf.ebx >> missing_bit[i] & 1))
			pmu->missing |= UINT32_C(1) << i;
	find_intel_fixed(pmu, &leaf);
	pmu->has_global = pmu->version >= 2;
	pmu->has_status_set = pmu->version >= 4;
	pmu->has_anythread = pmu->version >= 3 && !(leaf.edx >> 15 & 1);
	pmu->has_capabilities = cpuid(1).ecx >> 15 & 1;
	if (pmu->has_capabilities)
		pmu->capabilities = rdmsr(MSR_PERF_CAPABILITIES);
	pmu->full_width = pmu->capabilities >> 13 & 1;
	pmu->layout = intel_layout;
	pmu->gp_others = find_bitmap(pmu) & ~(uint32_t)pmu_gp_bits(pmu);
	if (pmu->version && pmu->gp_count)
		pmu->sign_extends = find_sign(pmu);
	return pmu->version && pmu->gp_count <= MAX_GP;
}

/* K7's counters have no CPUID bit: a machine without them drops the write or raises #GP. */
static bool k7_answers(void)
{
	uint64_t probe = amd_selectors[EVENT_CYCLES], value;

	if (try_wrmsr(k7_layout.selector, probe) || try_rdmsr(k7_layout.selector, &value))
		return false;
	wrmsr(k7_layout.selector, 0);
	return value == probe;
}

static bool find_amd(struct pmu *pmu)
{
	bool perfcore = cpuid(0x80000001).ecx >> 23 & 1;
	struct cpuid_registers leaf = {0};

	if (cpuid(0x80000000).eax >= 0x80000022)
		leaf = cpuid(0x80000022);
	pmu->gp_width = 48;
	pmu->version = 1;
	pmu->gp_count = perfcore ? 6 : 4;
	pmu->layout = perfcore ? amd_core_layout : k7_layout;
	if (perfcore && (leaf.eax & 1)) {
		pmu->version = 2;
		pmu->has_global = true;
		pmu->has_status_set = true;
		pmu->gp_count = leaf.ebx & 0xf;
	}
	return perfcore || k7_answers();
}

bool pmu_find(struct pmu *pmu)
{
	bool found;

	*pmu = (struct pmu){0};
	find_vendor(pmu);
	found = is_amd(pmu->vendor) ? find_amd(pmu) : find_intel(pmu);
	if (!pmu->gp_count)
		pmu->missing = UINT32_MAX; /* no counter has a selector */
	return found;
}

void pmu_describe(const struct pmu *pmu)
{
	unsigned fixed = 0;

	for (unsigned i = 0; i < MAX_FIXED; i++)
		fixed += pmu_has_fixed(pmu, i);
	print("%s, PMU version %u: %u general-purpose counters of %u bits", pmu->vendor,
	      pmu->version, pmu->gp_count, pmu->gp_width);
	if (fixed)
		print(", %u fixed of %u bits", fixed, pmu->fixed_width);
	print("%s\n", pmu->has_global ? "" : ", no global control");
}
