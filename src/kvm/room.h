/* SPDX-License-Identifier: MIT */
/*
 * What src/kvm shows to the rooms above it: the public probe, target and policies; the CPUID leaves
 * that describe a model; and the calls that these use.
 */
#ifndef KVM_ROOM_H
#define KVM_ROOM_H

#include <linux/kvm.h>

#include <vpmu/kvm.h>

/* Constants that are newer than the kernel headers on the build host. */
#ifndef KVM_CAP_PMU_CAPABILITY
#define KVM_CAP_PMU_CAPABILITY 212
#define KVM_PMU_CAP_DISABLE    (1 << 0)
#endif
#ifndef KVM_CAP_PMU_EVENT_MASKED_EVENTS
#define KVM_CAP_PMU_EVENT_MASKED_EVENTS 226
#endif

/* Copies the leaves that describe a model, at most VPMU_CPUID_LEAVES; returns their number. */
size_t cpuid_pmu_leaves(const struct kvm_cpuid2 *cpuid, struct vpmu_cpuid *leaves);

/* --- Calls of /dev/kvm, of a VM, of a virtual CPU --------------------------------------------- */

#define KVM_DEVICE "/dev/kvm"

/* The calls themselves, or the kernel's for NULL. */
const struct vpmu_kvm_calls *calls_or_kernel(const struct vpmu_kvm_calls *calls);

/* ioctl() that goes on after a signal: its result, or a negative errno. */
int kvm_call(const struct vpmu_kvm_calls *calls, int fd, unsigned long request, void *argument);

/* The same for a request that takes a number. */
int kvm_call_number(const struct vpmu_kvm_calls *calls, int fd, unsigned long request,
                    unsigned long argument);

enum { CPUID_ENTRIES = 256 }; /* KVM_MAX_CPUID_ENTRIES */

/* struct kvm_cpuid2 with room for all entries; some 10 KiB. */
union cpuid_room {
	struct kvm_cpuid2 cpuid;
	char bytes[sizeof(struct kvm_cpuid2) + CPUID_ENTRIES * sizeof(struct kvm_cpuid_entry2)];
};

/* KVM_GET_SUPPORTED_CPUID: 0, or a negative errno. */
int cpuid_supported(const struct vpmu_kvm_calls *calls, int kvm_fd, union cpuid_room *room);

/* The entry of a leaf, subleaf 0; NULL: there is none. */
struct kvm_cpuid_entry2 *cpuid_entry(struct kvm_cpuid2 *cpuid, uint32_t leaf);

#endif
