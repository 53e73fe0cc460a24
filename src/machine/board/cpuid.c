/* SPDX-License-Identifier: MIT */
/*
 * CPUID of the machine: what the emulated CPU can execute, which is the same on every model, merged
 * with the leaves that describe the model's PMU. SSE4.2 would work but is not shown, since POPCNT
 * does not, and programs take the one for the other. Intel SDM vol. 2A CPUID; AMD64 APM vol. 3
 * appendix E.
 */
#include <arch/room.h>

#include "room.h"

/* CPUID.1 */
enum { CLFLUSH_64 = 8 << 8, ONE_CPU = 1 << 16 };

#define EDX1_FPU   BIT64(0)
#define EDX1_PSE   BIT64(3)
#define EDX1_TSC   BIT64(4)
#define EDX1_MSR   BIT64(5)
#define EDX1_PAE   BIT64(6)
#define EDX1_MCE   BIT64(7)
#define EDX1_CX8   BIT64(8)
#define EDX1_APIC  BIT64(9)
#define EDX1_MTRR  BIT64(12)
#define EDX1_PGE   BIT64(13)
#define EDX1_MCA   BIT64(14)
#define EDX1_CMOV  BIT64(15)
#define EDX1_PAT   BIT64(16)
#define EDX1_CLFSH BIT64(19)
#define EDX1_MMX   BIT64(23)
#define EDX1_FXSR  BIT64(24)
#define EDX1_SSE   BIT64(25)
#define EDX1_SSE2  BIT64(26)

/* What AMD repeats in 0x80000001 EDX. */
#define EDX1_COMMON                                                                                \
	(EDX1_FPU | EDX1_PSE | EDX1_TSC | EDX1_MSR | EDX1_PAE | EDX1_MCE | EDX1_CX8 | EDX1_APIC |  \
	 EDX1_MTRR | EDX1_PGE | EDX1_MCA | EDX1_CMOV | EDX1_PAT | EDX1_MMX | EDX1_FXSR)

#define ECX1_SSE3     BIT64(0)
#define ECX1_SSSE3    BIT64(9)
#define ECX1_CX16     BIT64(13)
#define ECX1_SSE41    BIT64(19)
#define ECX1_X2APIC   BIT64(21)
#define ECX1_DEADLINE BIT64(24)

#define EAX6_ARAT       BIT64(2) /* the APIC timer never stops */
#define EBX7_TSC_ADJUST BIT64(1)
#define EDX7_SPEC_CTRL  (BIT64(26) | BIT64(27)) /* IBRS and IBPB; STIBP */
#define ECX8_LAHF       BIT64(0)
#define ECX8_PREFETCHW  BIT64(8)
#define EDX8_SYSCALL    BIT64(11)
#define EDX8_NX         BIT64(20)
#define EDX8_RDTSCP     BIT64(27)
#define EDX8_LM         BIT64(29)
#define EBX88_IBPB      BIT64(12)
#define VIRTUAL_BITS    48

enum { MAX_BASIC = 0xb, MAX_EXTENDED = 0x80000008 - (1u << 31) };

struct base_leaf {
	enum whose whose;
	struct vpmu_cpuid leaf;
};

/* The brand string of 0x80000002-4, 48 bytes: these are the first four, the rest is NUL. */
#define NAME_VPMU 0x756d7076u /* "vpmu" */

static const struct base_leaf base[] = {
	{EVERYBODY, {.leaf = 0, .eax = MAX_BASIC}},
	{EVERYBODY,
         {.leaf = 1,
          .ebx = CLFLUSH_64 | ONE_CPU,
          .ecx = ECX1_SSE3 | ECX1_SSSE3 | ECX1_CX16 | ECX1_SSE41 | ECX1_X2APIC | ECX1_DEADLINE,
          .edx = EDX1_COMMON | EDX1_CLFSH | EDX1_SSE | EDX1_SSE2}},
	{EVERYBODY, {.leaf = 6, .eax = EAX6_ARAT}},
	{NOT_AMD, {.leaf = 7, .ebx = EBX7_TSC_ADJUST, .edx = EDX7_SPEC_CTRL}},
	/* Topology: one thread, one core, x2APIC ID 0. */
	{EVERYBODY, {.leaf = 0xb, .subleaf = 0, .ebx = 1, .ecx = 1 << 8}},
	{EVERYBODY, {.leaf = 0xb, .subleaf = 1, .ebx = 1, .ecx = 2 << 8 | 1}},
	{EVERYBODY, {.leaf = 0x80000000, .eax = 0x80000000 + MAX_EXTENDED}},
	{EVERYBODY,
         {.leaf = 0x80000001,
          .ecx = ECX8_LAHF | ECX8_PREFETCHW,
          .edx = EDX8_SYSCALL | EDX8_NX | EDX8_RDTSCP | EDX8_LM}},
	{AMD, {.leaf = 0x80000001, .edx = EDX1_COMMON}},
	{EVERYBODY, {.leaf = 0x80000002, .eax = NAME_VPMU}},
	{EVERYBODY, {.leaf = 0x80000008, .eax = PHYSICAL_BITS | VIRTUAL_BITS << 8}},
	{AMD, {.leaf = 0x80000008, .ebx = EBX88_IBPB}},
};

static bool same(const struct vpmu_cpuid *leaf, uint32_t number, uint32_t subleaf)
{
	return leaf->leaf == number && leaf->subleaf == subleaf;
}

static struct vpmu_cpuid *entry_of(struct machine_cpuid *table, uint32_t leaf, uint32_t subleaf)
{
	for (unsigned i = 0; i < table->count; i++)
		if (same(&table->leaves[i], leaf, subleaf))
			return &table->leaves[i];
	return NULL;
}

/* ORs a leaf into the table, with a new entry if there is none. */
static void merge(struct machine_cpuid *table, const struct vpmu_cpuid *leaf)
{
	struct vpmu_cpuid *to = entry_of(table, leaf->leaf, leaf->subleaf);

	if (!to) {
		if (table->count == ARRAY_SIZE(table->leaves))
			return;
		to = &table->leaves[table->count++];
		*to = (struct vpmu_cpuid){.leaf = leaf->leaf, .subleaf = leaf->subleaf};
	}
	to->eax |= leaf->eax;
	to->ebx |= leaf->ebx;
	to->ecx |= leaf->ecx;
	to->edx |= leaf->edx;
}

/* Leaves 0 and 0x80000000 hold a greatest number. */
static bool is_maximum(const struct vpmu_cpuid *leaf)
{
	return !(leaf->leaf & 0x7fffffff);
}

static void merge_model_leaf(struct machine_cpuid *table, struct vpmu_cpuid leaf)
{
	struct vpmu_cpuid *ours = entry_of(table, leaf.leaf, leaf.subleaf);

	if (is_maximum(&leaf) && ours) {
		ours->eax = leaf_highest(leaf.leaf, ours->eax, leaf.eax);
		leaf.eax = 0;
	}
	merge(table, &leaf);
}

void cpuid_make(struct machine_cpuid *table, const struct vpmu_model *model)
{
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	size_t count = vpmu_model_to_cpuid(model, leaves);

	table->count = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(base); i++)
		if (base[i].whose >> model->vendor & 1)
			merge(table, &base[i].leaf);
	for (size_t i = 0; i < count; i++)
		merge_model_leaf(table, leaves[i]);
}

/* Other leaves ignore ECX. */
static bool has_subleaves(uint32_t leaf)
{
	return leaf == 7 || leaf == 0xb || leaf == 0x23;
}

const struct vpmu_cpuid *cpuid_find(const struct machine_cpuid *table, uint32_t leaf,
                                    uint32_t subleaf)
{
	for (unsigned i = 0; i < table->count; i++)
		if (same(&table->leaves[i], leaf, has_subleaves(leaf) ? subleaf : 0))
			return &table->leaves[i];
	return NULL;
}
