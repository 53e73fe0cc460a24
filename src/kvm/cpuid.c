/* SPDX-License-Identifier: MIT */
/* CPUID in KVM's format: the leaves that describe a model, and clearing what shows a PMU. */
#include <arch/room.h>

#include "room_int.h"

enum { ANY = -1, ALL = ~0 };

/*
 * The bits that show a guest a PMU, or something that needs one: Intel SDM vol. 2A CPUID, AMD APM
 * vol. 3 appendix E. Sampling hardware is included, since it reports by the PMI.
 */
static const struct pmu_bits {
	uint32_t leaf;
	int subleaf;
	uint32_t eax, ebx, ecx, edx;
} pmu_bits[] = {
	/* PDCM; DTES64, DS-CPL and DS: the debug store, which PEBS and BTS write to. */
	{1, ANY, 0, 0, 1u << 15 | 1u << 2 | 1u << 4, 1u << 21},
	{7, 0, 0, 0, 0, 1u << 19},       /* architectural LBRs */
	{7, 1, 1u << 8, 0, 0, 0},        /* leaf 0x23 */
	{0xa, ANY, ALL, ALL, ALL, ALL},  /* architectural performance monitoring */
	{0x1c, ANY, ALL, ALL, ALL, ALL}, /* architectural LBRs */
	{0x23, ANY, ALL, ALL, ALL, ALL}, /* architectural performance monitoring, extended */
	/* PERFCORE; IBS; the counters of the northbridge and the L3 cache; PerfTsc. */
	{0x80000001, ANY, 0, 0, 1u << 23 | 1u << 10 | 1u << 24 | 1u << 27 | 1u << 28, 0},
	{0x8000001b, ANY, ALL, ALL, ALL, ALL}, /* IBS */
	{0x80000022, ANY, ALL, ALL, ALL, ALL}, /* PerfMonV2, LBR v2 */
};

/* The registers of one leaf, in any array. */
struct registers {
	uint32_t *eax, *ebx, *ecx, *edx;
};

static void hide(uint32_t leaf, uint32_t subleaf, struct registers registers)
{
	for (size_t i = 0; i < ARRAY_SIZE(pmu_bits); i++) {
		const struct pmu_bits *bits = &pmu_bits[i];

		if (bits->leaf != leaf ||
		    (bits->subleaf != ANY && (uint32_t)bits->subleaf != subleaf))
			continue;
		*registers.eax &= ~bits->eax;
		*registers.ebx &= ~bits->ebx;
		*registers.ecx &= ~bits->ecx;
		*registers.edx &= ~bits->edx;
	}
}

/* Whether a guest with these leaves still finds a PMU. */
static enum vpmu_status look_hidden(const struct vpmu_cpuid *leaves, size_t count, char *why,
                                    size_t why_bytes)
{
	struct vpmu_model model;
	enum vpmu_status status = vpmu_model_from_cpuid(&model, leaves, count, 0, why, why_bytes);
	struct text text;

	if (status || !model.version || !kvm_knows_pmu(&model))
		return status;
	text = text_in(why, why_bytes);
	text_add(&text, "no CPUID bit hides the PMU of this vendor's processors: the guest finds ");
	text_add_unsigned(&text, model.gp_count);
	text_add(&text, " counters");
	return VPMU_INCOMPATIBLE;
}

enum vpmu_status vpmu_cpuid_hide_pmu(struct vpmu_cpuid *leaves, size_t count, char *why,
                                     size_t why_bytes)
{
	if (!leaves && count)
		return argument_missing(why, why_bytes);
	for (size_t i = 0; i < count; i++) {
		struct vpmu_cpuid *leaf = &leaves[i];

		hide(leaf->leaf, leaf->subleaf,
		     (struct registers){&leaf->eax, &leaf->ebx, &leaf->ecx, &leaf->edx});
	}
	return look_hidden(leaves, count, why, why_bytes);
}

enum vpmu_status vpmu_kvm_hide_pmu(struct kvm_cpuid2 *cpuid, char *why, size_t why_bytes)
{
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];

	if (!cpuid)
		return argument_missing(why, why_bytes);
	for (size_t i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		hide(entry->function, entry->index,
		     (struct registers){&entry->eax, &entry->ebx, &entry->ecx, &entry->edx});
	}
	return look_hidden(leaves, cpuid_pmu_leaves(cpuid, leaves), why, why_bytes);
}

size_t cpuid_pmu_leaves(const struct kvm_cpuid2 *cpuid, struct vpmu_cpuid *leaves)
{
	size_t count = 0;

	for (size_t i = 0; i < cpuid->nent && count < VPMU_CPUID_LEAVES; i++) {
		const struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		if (!leaf_row_find(entry->function, entry->index))
			continue;
		leaves[count++] = (struct vpmu_cpuid){
			.leaf = entry->function,
			.subleaf = entry->index,
			.eax = entry->eax,
			.ebx = entry->ebx,
			.ecx = entry->ecx,
			.edx = entry->edx,
		};
	}
	return count;
}
