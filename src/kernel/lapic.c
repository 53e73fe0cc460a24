/* SPDX-License-Identifier: MIT */
/*
 * The local APIC: keeps LVTPC, and delivers a PMI with the kernel's own kvm_apic_local_deliver and
 * __apic_accept_irq, cut out of lapic.c. What is delivered is only counted.
 */
#include "kvm_stub.h"

#define apic_enabled(apic)             true
#define kvm_apic_hw_enabled(apic)      true
#define kvm_lapic_get_reg(apic, index) ((apic)->lvtpc)
#define kvm_inject_nmi(vcpu)           ((void)0)
#define kvm_inject_smi(vcpu)           0
#define kvm_vcpu_kick(vcpu)            ((void)0)
#define smp_wmb()                      ((void)0)
#define trace_kvm_apic_accept_irq(...) ((void)0)

enum { KVM_APIC_INIT, KVM_APIC_SIPI };

/* Who has received an IPI or the RTC's interrupt. A local interrupt needs neither. */
struct dest_map {
	unsigned long map[1];
	u8 vectors[1];
};
struct rtc_status;

static void kvm_x86_deliver_interrupt(struct kvm_lapic *apic, int mode, int trig_mode, int vector)
{
	(void)apic, (void)mode, (void)trig_mode, (void)vector;
}

static void kvm_lapic_set_reg(struct kvm_lapic *apic, int reg, u32 value)
{
	(void)reg;
	apic->lvtpc = value;
}

/* Vector bits are spread over registers 0x10 apart. */
static bool apic_test_vector(int vector, const u8 *regs)
{
	return regs[(vector >> 5 << 4) + (vector >> 3 & 3)] >> (vector & 7) & 1;
}

static void apic_set_vector(int vector, u8 *regs)
{
	regs[(vector >> 5 << 4) + (vector >> 3 & 3)] |= 1 << (vector & 7);
}

static void apic_clear_vector(int vector, u8 *regs)
{
	regs[(vector >> 5 << 4) + (vector >> 3 & 3)] &= ~(1 << (vector & 7));
}

/* The names before 7.3. */
#define kvm_lapic_set_vector   apic_set_vector
#define kvm_lapic_clear_vector apic_clear_vector

#define kvm_apic_local_deliver deliver
#include "cut/apic_accept_irq.inc"
#include "cut/apic_local_deliver.inc"
#undef kvm_apic_local_deliver

int kvm_apic_local_deliver(struct kvm_lapic *apic, int lvt_type)
{
	bool masked = apic->lvtpc & APIC_LVT_MASKED;
	int delivered = deliver(apic, lvt_type);

	apic->delivered += delivered;
	apic->dropped += masked;
	return delivered;
}
