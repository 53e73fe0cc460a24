/* SPDX-License-Identifier: MIT */
/*
 * The host's own PMU, simulated: a mediated vPMU loads its registers into it, and a guest reaches
 * it without an exit. It has the registers that vpmu's tables give for such a processor. A
 * perf-based vPMU does not use it.
 */
#ifndef SILICON_H
#define SILICON_H

#include "kernel.h"

enum { SILICON_GP = 8, SILICON_FIXED = 3, SILICON_COUNTERS = SILICON_GP + SILICON_FIXED };

struct vpmu_model;

/* The stack of last branches. */
enum { BRANCHES_PARTS = 3, BRANCHES_ENTRIES = 32 };

struct branches {
	u64 select, newest;
	u64 entry[BRANCHES_PARTS][BRANCHES_ENTRIES];
	u64 format; /* as in IA32_PERF_CAPABILITIES; 0: there is none */
};

/* How many entries a stack of that format has. */
unsigned int branches_of_format(u64 format);

/* Accesses to its registers. False: not one of them, or #GP. */
bool branches_read(const struct branches *branches, u32 msr, u64 *value);
bool branches_write(struct branches *branches, u32 msr, u64 value);

/* What perf does for a new event: intel_pmu_lbr_reset(). */
void branches_reset(struct branches *branches);

/* Who gets its PMIs: LVTPC's vector. */
enum silicon_pmi { PMI_OF_HOST, PMI_OF_GUEST, PMI_MASKED };

struct silicon {
	/* GP counters first. */
	u64 counter[SILICON_COUNTERS], selector[SILICON_GP];
	u64 fixed_ctrl, global_ctrl, status;
	u64 guest_global_ctrl, guest_debugctl; /* the VMCS's fields */
	struct branches branches;
	/* What the PMU has. */
	const struct vpmu_model *processor; /* whose events there are */
	u32 gp, fixed;
	u64 mask; /* the bits of a counter */
	u64 global_bits, status_bits, freeze_bit;
	u32 pmi;                /* enum silicon_pmi */
	bool amd, guest_loaded; /* perf has given it to a guest */
};

/* Makes the PMU of the processor under KVM, which is of this model's vendor. */
void silicon_make(struct silicon *silicon, const struct vpmu_model *processor, u32 gp, u32 fixed,
                  u32 width);

/* RDMSR, WRMSR and RDPMC by KVM itself: a register that does not exist reads 0. */
u64 silicon_read(u32 msr);
bool silicon_write(u32 msr, u64 value); /* false: #GP */
u64 silicon_rdpmc(u32 ecx);

/* The same by a guest, when it does not exit. False: #GP. */
bool silicon_guest_read(u32 msr, u64 *value);
bool silicon_guest_write(u32 msr, u64 value);
bool silicon_guest_rdpmc(u32 ecx, u64 *value);

/* The class that a counter counts at this privilege level of a guest; PERF_CLASSES: it is off. */
unsigned int silicon_class(const struct silicon *silicon, unsigned int counter, unsigned int cpl);

/* Whether the counter counts cycles instead, depending on how many events happen in each: CMASK,
 * INV, EDGE. */
bool silicon_looks_at_cycles(const struct silicon *silicon, unsigned int counter);

/* How many such a counter counts when `events` are spread over `cycles`: after cycle i of n, i/n of
 * the events have happened. For EDGE, no cycle comes before the first. */
u64 silicon_cycles(const struct silicon *silicon, unsigned int counter, u64 events, u64 cycles);

/* Events until the counter wraps. */
u64 silicon_left(const struct silicon *silicon, unsigned int counter);

/* Counts this many more events. True: the counter has wrapped, and asks for a PMI. */
bool silicon_advance(struct silicon *silicon, unsigned int counter, u64 count);

/* What perf does around a guest that owns the counters (perf_load_guest_context() and the others).
 */
void silicon_give(void);
void silicon_take(void);

#endif
