/* SPDX-License-Identifier: MIT */
/* Which PMU a vCPU has, given the CPUID that the VMM set and what its KVM can give. */
#include <cpuid.h>
#include <string.h>

#include <arch/room.h>

#include "room_int.h"

static struct vpmu_cpuid *find_leaf(struct vpmu_cpuid *leaves, size_t count, uint32_t leaf)
{
	for (size_t i = 0; i < count; i++)
		if (leaves[i].leaf == leaf)
			return &leaves[i];
	return NULL;
}

/*
 * KVM's vendor module decides which registers a vCPU has. It follows the host's processor, not the
 * vendor that the VMM's CPUID names.
 */
static void set_vendor(struct vpmu_cpuid *leaves, size_t count, const struct vpmu_model *limit)
{
	struct vpmu_cpuid *to = find_leaf(leaves, count, 0), host[VPMU_CPUID_LEAVES] = {0}, *from;
	size_t host_count = 1;

	if (limit)
		host_count = vpmu_model_to_cpuid(limit, host);
	else
		__get_cpuid(0, &host[0].eax, &host[0].ebx, &host[0].ecx, &host[0].edx);
	from = find_leaf(host, host_count, 0);
	if (!to || !from)
		return;
	to->ebx = from->ebx;
	to->ecx = from->ecx;
	to->edx = from->edx;
}

/* Caps the model at what KVM has (kvm_pmu_refresh). HLE and RTM are the processor's, and not
 * capped. */
static void cap(struct vpmu_model *model, const struct vpmu_model *limit)
{
	struct vpmu_model all = *limit;

	all.features |= VPMU_FEATURE_HLE | VPMU_FEATURE_RTM;
	if (model->features & VPMU_FEATURE_PDCM)
		model->perf_capabilities = limit->perf_capabilities;
	model_cap(model, &all);
}

/* Before version 5 the bitmap of fixed counters is reserved, and KVM does not read it. */
static void drop_bitmap(struct vpmu_cpuid *leaves, size_t count)
{
	struct vpmu_cpuid *perfmon = find_leaf(leaves, count, 0xa);

	if (perfmon)
		perfmon->ecx = 0;
}

bool model_of_cpuid(struct vpmu_model *model, const struct kvm_cpuid2 *cpuid,
                    const struct vpmu_model *limit, struct cpuid_leaves *leaves)
{
	memset(model, 0, sizeof(*model));
	leaves->count = cpuid_pmu_leaves(cpuid, leaves->at);
	set_vendor(leaves->at, leaves->count, limit);
	if (limit && !model_has_fixed_bitmap(limit))
		drop_bitmap(leaves->at, leaves->count);
	if (vpmu_model_from_cpuid(model, leaves->at, leaves->count, 0, NULL, 0))
		return false;
	if (!kvm_knows_pmu(model))
		model_turn_off(model);
	if (limit)
		cap(model, limit);
	return !vpmu_model_check(model, NULL, 0);
}
