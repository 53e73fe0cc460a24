/* SPDX-License-Identifier: MIT */
/*
 * A CPU with a PMU and the smallest board: memory, one port that ends the run, one device register,
 * interrupts that the test asks for. Guests are assembled into the test program by GUEST(); they
 * are position-independent and leave what they found out in memory, where the test looks.
 */
#ifndef CPU_FIXTURE_H
#define CPU_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <machine/cpu.h>
#include <machine/room.h>

#include "guest_bytes.h"

enum {
	FIX_MEMORY = 16 << 20,
	FIX_TABLES = 0x1000, /* page tables: the first 4 GiB, one to one */
	FIX_GDT = 0x8000,
	FIX_TSS = 0x9000,
	FIX_IDT = 0xa000,
	FIX_RESULTS = 0x10000, /* uint64_t, for the guest to write */
	FIX_HANDLERS = 0x20000,
	FIX_CODE = 0x100000,
	FIX_STACK = 0x200000,
	FIX_KERNEL_STACK = 0x210000, /* RSP0 */
	FIX_IST_STACK = 0x220000,    /* IST1 */
	FIX_DATA = 0x400000,

	FIX_CODE64 = 0x08,
	FIX_DATA64 = 0x10,
	FIX_CODE32 = 0x18,
	FIX_USER_DATA = 0x20 | 3,
	FIX_USER_CODE = 0x28 | 3,
	FIX_TSS_SELECTOR = 0x30,

	FIX_EXIT_PORT = 0xf4,
	FIX_PMI_VECTOR = 0x40,
};

/* The common way out, and results. */
#define EXIT    "\n\tmov $0xf4, %dx\n\tout %al, %dx\n99:\tjmp 99b\n"
#define RESULTS "0x10000"

struct fixture {
	struct cpu *cpu;
	struct vpmu_pmu *pmu;
	uint8_t *memory;
	int fd;

	bool exited;
	uint64_t deadline;
	unsigned pmis;
	uint64_t pmi_rips[4096];
	uint64_t pmi_retired[4096];
	bool pmi_pending, nmi_pending; /* delivered as FIX_PMI_VECTOR, as NMI */
	uint64_t device_writes, device_value, device_retired;
	uint64_t cr8;
	uint64_t msr_writes;
	uint32_t last_msr;

	_Alignas(VPMU_PMU_ALIGN) uint8_t pmu_memory[VPMU_PMU_BYTES];
};

/* A CPU with that model's PMU; dies in the test when it cannot be had. */
struct fixture *fix_make(const char *model);
void fix_unmake(struct fixture *f);

/* Puts a guest at FIX_CODE and the CPU there, in 64-bit mode. */
void fix_load(struct fixture *f, const uint8_t *code, const uint8_t *end);
#define FIX_LOAD(f, name) fix_load(f, guest_##name, guest_##name##_end)

/* Puts code at FIX_HANDLERS + 0x100 * vector, with an interrupt gate; ist 0-7. */
void fix_handler(struct fixture *f, unsigned vector, const uint8_t *code, const uint8_t *end,
                 unsigned dpl, unsigned ist);
#define FIX_HANDLER(f, vector, name) fix_handler(f, vector, guest_##name, guest_##name##_end, 0, 0)

/* Runs until the guest has written to the exit port; anything else fails the test. */
void fix_run(struct fixture *f);

/* The i-th result. */
uint64_t fix_result(const struct fixture *f, unsigned i);
void fix_set_result(struct fixture *f, unsigned i, uint64_t value);

/* Makes a counter count from the outside: fixed counter 0 (instructions) from -period, with PMI. */
void fix_sample(struct fixture *f, uint64_t period);

/* Selects an event on GP counter 0, from a start value, at all levels, with PMI. */
void fix_count(struct fixture *f, uint64_t event, uint64_t start);
uint64_t fix_counter(const struct fixture *f);

#endif
