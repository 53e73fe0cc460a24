/* SPDX-License-Identifier: MIT */
/* Puts a model into a virtual CPU's CPUID, so that the guest finds exactly that PMU. */
#include <arch/room.h>

#include "room_int.h"

static struct kvm_cpuid_entry2 *find(struct kvm_cpuid2 *cpuid, uint32_t leaf, uint32_t subleaf)
{
	for (size_t i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == leaf && cpuid->entries[i].index == subleaf)
			return &cpuid->entries[i];
	return NULL;
}

struct kvm_cpuid_entry2 *cpuid_entry(struct kvm_cpuid2 *cpuid, uint32_t leaf)
{
	return find(cpuid, leaf, 0);
}

static void blend(__u32 *into, uint32_t from, uint32_t bits)
{
	*into = (*into & ~bits) | (from & bits);
}

/* Adds an entry of zeros for the leaf; NULL: there is no room. */
static struct kvm_cpuid_entry2 *add(struct kvm_cpuid2 *cpuid, size_t room,
                                    const struct leaf_row *row)
{
	struct kvm_cpuid_entry2 *entry;

	if (cpuid->nent == room)
		return NULL;
	entry = &cpuid->entries[cpuid->nent++];
	*entry = (struct kvm_cpuid_entry2){
		.function = row->leaf,
		.index = row->subleaf,
		.flags = leaf_has_subleaves(row->leaf) ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
	};
	return entry;
}

/* Copies the PMU's bits from the model's leaf. False: an entry is missing, and there is no room for
 * it. */
static bool put_leaf(struct kvm_cpuid2 *cpuid, size_t room, const struct leaf_row *row,
                     const struct vpmu_cpuid *leaf)
{
	struct kvm_cpuid_entry2 *entry = find(cpuid, row->leaf, row->subleaf);

	if (!entry && row->is_maximum && !leaf->eax)
		return true;
	if (!entry)
		entry = add(cpuid, room, row);
	if (!entry)
		return false;
	if (row->is_maximum && entry->eax < leaf->eax)
		entry->eax = leaf->eax;
	blend(&entry->eax, leaf->eax, row->eax);
	blend(&entry->ebx, leaf->ebx, row->ebx);
	blend(&entry->ecx, leaf->ecx, row->ecx);
	blend(&entry->edx, leaf->edx, row->edx);
	return true;
}

static bool is_head(uint32_t leaf)
{
	return leaf == 0 || leaf == 0x80000000;
}

/* Sets the highest leaf and, if the vendor differs, the vendor string and the signature. */
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
	const struct vpmu_cpuid none = {0};
	size_t count = vpmu_model_to_cpuid(model, leaves);
	const struct leaf_row *row;
	bool fits = count > 0;

	if (!cpuid)
		return VPMU_BAD_ARGUMENT;
	/* Bits of the PMU that the model lacks are cleared. */
	for (size_t i = 0; (row = leaf_row_at(i)); i++)
		if (find(cpuid, row->leaf, row->subleaf))
			put_leaf(cpuid, room, row, &none);
	for (size_t i = 0; i < count; i++) {
		row = leaf_row_find(leaves[i].leaf, leaves[i].subleaf);
		if (is_head(leaves[i].leaf))
			put_head(cpuid, model, &leaves[i]);
		else if (row)
			fits = put_leaf(cpuid, room, row, &leaves[i]) && fits;
	}
	return fits ? VPMU_OK : VPMU_BAD_ARGUMENT;
}
