/* SPDX-License-Identifier: MIT */
/* The local APIC by its page of registers (Intel SDM vol. 3A 10.4). */
#include "apic.h"
#include "cpu.h"

enum {
	APIC_BASE_ENABLE = 1 << 11,
	APIC_TPR = 0x80,
	APIC_EOI = 0xb0,
	APIC_SPURIOUS = 0xf0,
	APIC_LVTPC = 0x340,
	SPURIOUS_ENABLE = 0x100,
	SPURIOUS_VECTOR = 0xff,
};

static volatile uint32_t *apic_register(unsigned offset)
{
	return (volatile uint32_t *)((rdmsr(MSR_APIC_BASE) & 0xfffff000) + offset);
}

void apic_start(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE);
	*apic_register(APIC_SPURIOUS) = SPURIOUS_ENABLE | SPURIOUS_VECTOR;
	*apic_register(APIC_TPR) = 0;
}

uint32_t apic_lvtpc(void)
{
	return *apic_register(APIC_LVTPC);
}

void apic_set_lvtpc(uint32_t value)
{
	*apic_register(APIC_LVTPC) = value;
}

void apic_eoi(void)
{
	*apic_register(APIC_EOI) = 0;
}
