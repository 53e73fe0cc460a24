/* SPDX-License-Identifier: MIT */
/* KVM's calls as this room sees them. */
#ifndef WATCH_KVM_ABI_H
#define WATCH_KVM_ABI_H

#include <stdbool.h>

#include <kvm/room.h>

/* Whether the request's type byte is KVM's. */
static inline bool is_kvm_request(unsigned long request)
{
	return (request >> 8 & 0xff) == KVMIO;
}

/* Linux 6.8; struct kvm_userspace_memory_region2, which begins as its forerunner does. */
#ifndef KVM_SET_USER_MEMORY_REGION2
#define KVM_SET_USER_MEMORY_REGION2 _IOW(KVMIO, 0x49, char[160])
#endif

#ifndef KVM_GUESTDBG_BLOCKIRQ
#define KVM_GUESTDBG_BLOCKIRQ 0x00100000 /* Linux 5.16 */
#endif

/* Linux 6.18: an MSR as a register of KVM_GET_ONE_REG and KVM_SET_ONE_REG; its number is below. */
#define ONE_REG_MSR (KVM_REG_X86 | KVM_REG_SIZE_U64 | UINT64_C(2) << 32)

static inline bool is_one_msr(const struct kvm_one_reg *reg)
{
	return (reg->id & ~(uint64_t)UINT32_MAX) == ONE_REG_MSR;
}

enum {
	MAX_MSRS = 255, /* KVM_GET_MSRS and KVM_SET_MSRS: fewer than MAX_IO_MSRS, 256 */
	MAX_INDICES = 1024,
};

/* Arguments of variable size, with room for all that KVM takes (and union cpuid_room). */
union msrs_room {
	struct kvm_msrs msrs;
	char bytes[sizeof(struct kvm_msrs) + MAX_MSRS * sizeof(struct kvm_msr_entry)];
};
union list_room {
	struct kvm_msr_list list;
	char bytes[sizeof(struct kvm_msr_list) + MAX_INDICES * sizeof(__u32)];
};

#endif
