/* SPDX-License-Identifier: MIT */
/*
 * What src/kvm shows to the rooms above it: the public probe, target and policies; and the leaves
 * of CPUID that make a model.
 */
#ifndef KVM_ROOM_H
#define KVM_ROOM_H

#include <vpmu/kvm.h>

/* Copies the leaves that make a model, at most VPMU_CPUID_LEAVES; returns their number. */
size_t cpuid_pmu_leaves(const struct kvm_cpuid2 *cpuid, struct vpmu_cpuid *leaves);

#endif
