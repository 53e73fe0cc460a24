/* SPDX-License-Identifier: MIT */
/*
 * KVM's calls as this room sees them. Only this header includes <linux/kvm.h>; what older headers
 * lack is defined here (numbers of the kernel's ABI, which do not change).
 */
#ifndef WATCH_KVM_ABI_H
#define WATCH_KVM_ABI_H

#include <linux/kvm.h>
#include <stdbool.h>

#ifndef KVM_CAP_PMU_EVENT_MASKED_EVENTS
#define KVM_CAP_PMU_EVENT_MASKED_EVENTS 226
#endif

/* The type byte of a request: KVM's, or not worth a second look. */
static inline bool is_kvm_request(unsigned long request)
{
	return (request >> 8 & 0xff) == KVMIO;
}

enum {
	MAX_MSRS = 255, /* KVM_GET_MSRS and KVM_SET_MSRS: fewer than MAX_IO_MSRS, 256 */
	MAX_CPUID = 256,
	MAX_INDICES = 1024,
};

/* Arguments of variable size, with room for all that KVM takes. */
union msrs_room {
	struct kvm_msrs msrs;
	char bytes[sizeof(struct kvm_msrs) + MAX_MSRS * sizeof(struct kvm_msr_entry)];
};
union cpuid_room {
	struct kvm_cpuid2 cpuid;
	char bytes[sizeof(struct kvm_cpuid2) + MAX_CPUID * sizeof(struct kvm_cpuid_entry2)];
};
union list_room {
	struct kvm_msr_list list;
	char bytes[sizeof(struct kvm_msr_list) + MAX_INDICES * sizeof(__u32)];
};

#endif
