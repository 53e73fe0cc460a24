/* SPDX-License-Identifier: MIT */
/* A local APIC alone, and its registers as a guest and its CPU reach them. */
#ifndef APIC_FIXTURE_H
#define APIC_FIXTURE_H

#include <machine/board/apic.h>

#define MMIO APIC_DEFAULT_BASE

enum {
	ID = 0x20,
	VERSION = 0x30,
	TPR = 0x80,
	PPR = 0xa0,
	EOI = 0xb0,
	LDR = 0xd0,
	DFR = 0xe0,
	SVR = 0xf0,
	ISR = 0x100,
	IRR = 0x200,
	ESR = 0x280,
	ICR = 0x300,
	ICR2 = 0x310,
	LVT_TIMER = 0x320,
	LVT_THERMAL = 0x330,
	LVTPC = 0x340,
	LVT_LINT0 = 0x350,
	LVT_LINT1 = 0x360,
	LVT_ERROR = 0x370,
	INITIAL = 0x380,
	CURRENT = 0x390,
	DIVIDE = 0x3e0,
	SELF_IPI = 0x3f0,
};

enum { PERIODIC = 0x20000, DEADLINE = 0x40000, DIVIDE_1 = 0xb };

struct apic_fixture {
	_Alignas(VPMU_PMU_ALIGN) uint8_t pmu[VPMU_PMU_BYTES];
	struct apic apic;
	uint64_t now;
};

extern struct apic_fixture t;

/* After power-up, at the time 1000. A test that begins so: T(name). */
int apic_fixture_setup(void **state);
#define T(f) cmocka_unit_test_setup(f, apic_fixture_setup)

/* The xAPIC's registers, by their offset in the page. */
uint32_t rd(unsigned offset);
void wr(unsigned offset, uint32_t value);

/* The x2APIC's, by the same offsets. */
enum vpmu_status rdx(unsigned offset, uint64_t *value);
enum vpmu_status wrx(unsigned offset, uint64_t value);

/* Sets IA32_APIC_BASE to a mode: 0, APIC_BASE_EN, … */
enum vpmu_status base(uint64_t mode);

/* Software-enables it. */
void enable(void);

/* The vector that the CPU takes with interrupts on; 0: none. */
int take(void);

/* Lets time pass. */
void at(uint64_t now);

#endif
