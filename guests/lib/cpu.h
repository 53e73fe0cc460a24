/* SPDX-License-Identifier: MIT */
/* Single instructions as functions, and the try_ ones, which return the exception's vector instead
 * of dying of it (0: none). */
#ifndef GUEST_CPU_H
#define GUEST_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cpuid_registers {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid_registers cpuid_at(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid_registers r;

	asm volatile("cpuid"
	             : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
	             : "a"(leaf), "c"(subleaf));
	return r;
}

static inline struct cpuid_registers cpuid(uint32_t leaf)
{
	return cpuid_at(leaf, 0);
}

static inline void out8(uint16_t port, uint8_t value)
{
	asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t in8(uint16_t port)
{
	uint8_t value;

	asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
	return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
	asm volatile("wrmsr"
	             :
	             : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
	             : "memory");
}

static inline uint64_t read_cr4(void)
{
	uint64_t value;

	asm volatile("mov %%cr4, %0" : "=r"(value));
	return value;
}

static inline void write_cr4(uint64_t value)
{
	asm volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}

#define CR4_PCE UINT64_C(0x100)

/* The vector of the exception that the last try_ function met, 0 for none. Set by trap.c. */
extern volatile int trap_caught;

/* An instruction that may fault at label 1; trap.c goes on at label 2. */
#define MAY_FAULT(instruction)                                                                     \
	"1: " instruction "\n2:\n"                                                                 \
	".pushsection .fixups, \"a\"\n.quad 1b, 2b\n.popsection\n"

static inline int try_rdmsr(uint32_t msr, uint64_t *value)
{
	uint32_t low = 0, high = 0;

	trap_caught = 0;
	asm volatile(MAY_FAULT("rdmsr") : "+a"(low), "+d"(high) : "c"(msr) : "memory");
	*value = (uint64_t)high << 32 | low;
	return trap_caught;
}

static inline int try_wrmsr(uint32_t msr, uint64_t value)
{
	trap_caught = 0;
	asm volatile(MAY_FAULT("wrmsr")
	             :
	             : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
	             : "memory");
	return trap_caught;
}

static inline int try_rdpmc(uint32_t ecx, uint64_t *value)
{
	uint32_t low = 0, high = 0;

	trap_caught = 0;
	asm volatile(MAY_FAULT("rdpmc") : "+a"(low), "+d"(high) : "c"(ecx) : "memory");
	*value = (uint64_t)high << 32 | low;
	return trap_caught;
}

static inline int try_load(const volatile uint8_t *address)
{
	uint8_t value;

	trap_caught = 0;
	asm volatile(MAY_FAULT("movb %1, %0") : "=q"(value) : "m"(*address) : "memory");
	return trap_caught;
}

#endif
