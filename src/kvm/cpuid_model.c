/* SPDX-License-Identifier: MIT */
/* A model in a virtual CPU's CPUID: what must be there for the guest to find just that PMU. */
#include "room_int.h"

/* The bits of a leaf that describe a model; the others stay as they are. */
static const struct model_bits {
	uint32_t leaf;
	uint32_t eax, ebx, ecx, edx;
} model_bits[] = {
	{1, 0, 0, 1u << 15, 0},          /* PDCM */
	{0xa, ~0u, ~0u, ~0u, ~0u},       /* architectural performance monitoring */
	{0x80000001, 0, 0, 1u << 23, 0}, /* PERFCORE */
	{0x80000022, ~0u, ~0u, ~0u, ~0u},
};

static const struct model_bits *bits_of(uint32_t leaf)
{
	static const struct model_bits none;

	for (size_t i = 0; i < ARRAY_SIZE(model_bits); i++)
		if (model_bits[i].leaf == leaf)
			return &model_bits[i];
	return &none;
}

struct kvm_cpuid_entry2 *cpuid_entry(struct kvm_cpuid2 *cpuid, uint32_t leaf)
{
	for (size_t i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == leaf && !cpuid->entries[i].index)
			return &cpuid->entries[i];
	return NULL;
}

static void blend(__u32 *into, uint32_t from, uint32_t bits)
{
	*into = (*into & ~bits) | (from & bits);
}

/* Takes the PMU's bits of the model's leaf. False: it needs an entry, and there is no room. */
static bool put_leaf(struct kvm_cpuid2 *cpuid, size_t room, const struct vpmu_cpuid *leaf)
{
	const struct model_bits *bits = bits_of(leaf->leaf);
	struct kvm_cpuid_entry2 *entry = cpuid_entry(cpuid, leaf->leaf);

	if (!entry) {
		if (cpuid->nent == room)
			return false;
		entry = &cpuid->entries[cpuid->nent++];
		*entry = (struct kvm_cpuid_entry2){.function = leaf->leaf};
	}
	blend(&entry->eax, leaf->eax, bits->eax);
	blend(&entry->ebx, leaf->ebx, bits->ebx);
	blend(&entry->ecx, leaf->ecx, bits->ecx);
	blend(&entry->edx, leaf->edx, bits->edx);
	return true;
}

static bool is_head(uint32_t leaf)
{
	return leaf == 0 || leaf == 0x80000000;
}

/* The highest leaf; and another vendor's name, which with leaf 0 is another family's, too. */
static void put_head(struct kvm_cpuid2 *cpuid, const struct vpmu_model *model,
                     const struct vpmu_cpuid *leaf)
{
	struct kvm_cpuid_entry2 *entry = cpuid_entry(cpuid, leaf->leaf), *basic;

	if (!entry)
		return;
	if (entry->eax < leaf->eax)
		entry->eax = leaf->eax;
	if (entry->ebx == leaf->ebx && entry->ecx == leaf->ecx && entry->edx == leaf->edx)
		return;
	blend(&entry->ebx, leaf->ebx, ~0u);
	blend(&entry->ecx, leaf->ecx, ~0u);
	blend(&entry->edx, leaf->edx, ~0u);
	basic = leaf->leaf ? NULL : cpuid_entry(cpuid, 1);
	if (basic)
		basic->eax = model->signature;
}

enum vpmu_status vpmu_kvm_show_pmu(struct kvm_cpuid2 *cpuid, size_t room,
                                   const struct vpmu_model *model)
{
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	size_t count = vpmu_model_to_cpuid(model, leaves);
	bool fits = count > 0;

	if (!cpuid)
		return VPMU_BAD_ARGUMENT;
	/* What this model has not is taken away from what there was. */
	for (size_t i = 0; i < ARRAY_SIZE(model_bits); i++)
		if (cpuid_entry(cpuid, model_bits[i].leaf))
			put_leaf(cpuid, room, &(struct vpmu_cpuid){.leaf = model_bits[i].leaf});
	for (size_t i = 0; i < count; i++) {
		if (is_head(leaves[i].leaf))
			put_head(cpuid, model, &leaves[i]);
		else if (bits_of(leaves[i].leaf)->leaf)
			fits = put_leaf(cpuid, room, &leaves[i]) && fits;
	}
	return fits ? VPMU_OK : VPMU_BAD_ARGUMENT;
}
