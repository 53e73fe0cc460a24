/* SPDX-License-Identifier: MIT */
/*
 * RDMSR and WRMSR as each kernel's KVM does them (msr-6.1.c; msr-6.12.c from 6.12 on). 0: done;
 * anything else is #GP for the guest and a failure for the VMM.
 */
#ifndef MSR_H
#define MSR_H

#include "host.h"

#define KVM_MSR_RET_UNSUPPORTED 2 /* arch/x86/kvm/x86.h */

int msr_guest_read(struct kvm_vcpu *vcpu, u32 index, u64 *data);
int msr_guest_write(struct kvm_vcpu *vcpu, u32 index, u64 data);
int msr_host_read(struct kvm_vcpu *vcpu, u32 index, u64 *data);
int msr_host_write(struct kvm_vcpu *vcpu, u32 index, u64 data);

/* KVM's load: makes the list of registers that it advertises (kvm_init_msr_list). */
void msr_load(void);

#endif
