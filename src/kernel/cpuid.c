/* SPDX-License-Identifier: MIT */
/*
 * A model as CPUID leaves, and KVM's look-ups in them. The leaves are in a fixed order, so two
 * models have equal leaves exactly when they show the guest the same.
 */
#include "guest.h"

enum cpuid_reg { REG_EAX, REG_EBX, REG_ECX, REG_EDX };

/* Where the features are that the PMU files ask for; 6.12 keeps this in reverse_cpuid.h. */
static const struct {
	unsigned int feature;
	u32 function;
	enum cpuid_reg reg;
	unsigned int bit;
} feature_bits[] = {
	{X86_FEATURE_DS, 1, REG_EDX, 21},
	{X86_FEATURE_DTES64, 1, REG_ECX, 2},
	{X86_FEATURE_PDCM, 1, REG_ECX, 15},
	{X86_FEATURE_PERFCTR_CORE, 0x80000001, REG_ECX, 23},
	{X86_FEATURE_SVM, 0x80000001, REG_ECX, 2},
	{X86_FEATURE_PERFMON_V2, 0x80000022, REG_EAX, 0},
};

/* The vendor string in EBX, EDX, ECX. */
static const u32 vendor_names[][3] = {
	[VENDOR_INTEL] = {0x756e6547, 0x49656e69, 0x6c65746e},
	[VENDOR_ZHAOXIN] = {0x68532020, 0x68676e61, 0x20206961},
	[VENDOR_AMD] = {0x68747541, 0x69746e65, 0x444d4163},
};

static struct kvm_cpuid_entry2 vendor_leaf(const struct model *model)
{
	const u32 *name = vendor_names[model->vendor];

	return (struct kvm_cpuid_entry2){.ebx = name[0], .edx = name[1], .ecx = name[2]};
}

/* KVM_GET_SUPPORTED_CPUID shows at most version 2 (kvm_init_pmu_capability). */
static struct kvm_cpuid_entry2 perfmon_leaf(const struct model *model)
{
	struct kvm_cpuid_entry2 leaf = {.function = 0xa};
	u32 version = min(model->version, 2u), fixed = version > 1 ? model->fixed : 0;

	if (model->is_p6)
		leaf.function = 2; /* the highest */
	if (model->vendor == VENDOR_AMD || !version)
		return leaf;
	leaf.eax = version | model->gp << 8 | model->mask_length << 24;
	if (model->gp || fixed)
		leaf.eax |= model->width << 16;
	leaf.ebx = model->unavailable;
	leaf.edx = fixed | (fixed ? model->width << 5 : 0);
	return leaf;
}

void cpuid_build(const struct model *asked, struct kvm_cpuid_entry2 *leaves)
{
	const struct model none = {.vendor = asked->vendor};
	const struct model *model = asked->pmu ? asked : &none;
	u32 pdcm = model->pdcm || model->full_width;
	u32 ds = model->pebs && host_gives(X86_FEATURE_DS);

	memset(leaves, 0, CPUID_ENTRIES * sizeof(*leaves));
	leaves[0] = vendor_leaf(model);
	leaves[1].function = 1;
	leaves[1].ecx = pdcm << 15 | ds << 2;
	leaves[1].edx = ds << 21;
	leaves[2].function = 7;
	leaves[2].ebx = 1 << 1; /* TSC_ADJUST, as VMMs show */
	leaves[3] = perfmon_leaf(model);
	leaves[4].function = 0x80000001;
	leaves[4].ecx = model->perfctr_core << 23 | asked->svm << 2;
	leaves[5].function = 0x80000022;
	leaves[5].eax = model->perfmon_v2;
	leaves[5].ebx = model->perfmon_v2 ? model->gp : 0;
}

struct kvm_cpuid_entry2 *kvm_find_cpuid_entry(struct kvm_vcpu *vcpu, u32 function)
{
	for (int i = 0; i < CPUID_ENTRIES; i++)
		if (vcpu->arch.cpuid_entries[i].function == function)
			return &vcpu->arch.cpuid_entries[i];
	return NULL;
}

struct kvm_cpuid_entry2 *kvm_find_cpuid_entry_index(struct kvm_vcpu *vcpu, u32 function, u32 index)
{
	return index ? NULL : kvm_find_cpuid_entry(vcpu, function);
}

bool guest_cpuid_has(struct kvm_vcpu *vcpu, unsigned int feature)
{
	for (size_t i = 0; i < ARRAY_SIZE(feature_bits); i++) {
		struct kvm_cpuid_entry2 *leaf;

		if (feature_bits[i].feature != feature)
			continue;
		leaf = kvm_find_cpuid_entry(vcpu, feature_bits[i].function);
		return leaf && (&leaf->eax)[feature_bits[i].reg] >> feature_bits[i].bit & 1;
	}
	return false;
}
