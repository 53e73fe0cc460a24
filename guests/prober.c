/* SPDX-License-Identifier: MIT */
/*
 * Reads and writes what may and may not be read and written: RDPMC, reserved bits, widths,
 * registers that this model does not have, registers with two numbers, and the overflow status.
 */
#include "cpu.h"
#include "guest.h"
#include "measure.h"
#include "print.h"

#define SOME_VALUE UINT64_C(0x12345678)

static void check_read(uint32_t msr, uint64_t wanted)
{
	uint64_t value;
	int vector = try_rdmsr(msr, &value);

	check(!vector && value == wanted, "MSR 0x%x reads 0x%lx (vector %d), not 0x%lx", msr, value,
	      vector, wanted);
}

static void check_write(uint32_t msr, uint64_t value)
{
	int vector = try_wrmsr(msr, value);

	check(!vector, "MSR 0x%x: writing 0x%lx raises vector %d", msr, value, vector);
}

static void check_write_faults(uint32_t msr, uint64_t value)
{
	int vector = try_wrmsr(msr, value);

	check(vector == VECTOR_GP, "MSR 0x%x: writing 0x%lx raises vector %d, not #GP", msr, value,
	      vector);
}

static void check_absent(uint32_t msr)
{
	uint64_t value;
	int vector = try_rdmsr(msr, &value);

	check(vector == VECTOR_GP, "MSR 0x%x: reading raises vector %d, not #GP", msr, vector);
	check_write_faults(msr, 0);
}

/* --- RDPMC ------------------------------------------------------------------------------------ */

/* One RDPMC as an argument of call_user(). */
struct rdpmc_call {
	uint32_t ecx;
	int vector;
	uint64_t value;
};

static void do_rdpmc(void *argument)
{
	struct rdpmc_call *call = argument;

	call->vector = try_rdpmc(call->ecx, &call->value);
}

static struct rdpmc_call rdpmc_in(bool user, uint32_t ecx)
{
	struct rdpmc_call call = {.ecx = ecx};

	if (user)
		call_user(do_rdpmc, &call);
	else
		do_rdpmc(&call);
	return call;
}

static void check_rdpmc(bool user, uint32_t ecx, uint64_t wanted)
{
	struct rdpmc_call call = rdpmc_in(user, ecx);

	check(!call.vector && call.value == wanted, "RDPMC 0x%x gives 0x%lx (vector %d), not 0x%lx",
	      ecx, call.value, call.vector, wanted);
}

static void check_rdpmc_faults(bool user, uint32_t ecx)
{
	struct rdpmc_call call = rdpmc_in(user, ecx);

	check(call.vector == VECTOR_GP, "RDPMC 0x%x raises vector %d, not #GP", ecx, call.vector);
}

enum { RDPMC_FIXED = 0x40000000 };

static void rdpmc_every_counter(const struct pmu *pmu, bool user)
{
	for (unsigned i = 0; i < pmu->gp_count; i++) {
		pmu_set_counter(pmu, i, SOME_VALUE + i);
		check_rdpmc(user, i, SOME_VALUE + i);
	}
	for (unsigned i = 0; i < MAX_FIXED; i++) {
		if (!pmu_has_fixed(pmu, i)) {
			check_rdpmc_faults(user, RDPMC_FIXED + i);
			continue;
		}
		wrmsr(MSR_FIXED_CTR0 + i, SOME_VALUE + i);
		check_rdpmc(user, RDPMC_FIXED + i, SOME_VALUE + i);
	}
}

static void probe_rdpmc(const struct pmu *pmu, const char *group, bool user, bool pce)
{
	uint64_t cr4 = read_cr4();

	check_begin(group);
	write_cr4(pce ? cr4 | CR4_PCE : cr4 & ~CR4_PCE);
	if (user && !pce) {
		for (unsigned i = 0; i < pmu->gp_count; i++)
			check_rdpmc_faults(user, i);
	} else {
		rdpmc_every_counter(pmu, user);
	}
	check_rdpmc_faults(user, pmu->gp_count);
	check_rdpmc_faults(user, 0x1fff);
	check_rdpmc_faults(user, 0x10000000);
	check_rdpmc_faults(user, 0xffffffff);
	write_cr4(cr4);
	check_end();
	pmu_clear(pmu);
}

/* ECX bit 31: some processors and hypervisors read 32 bits then, the others fault. */
static void probe_rdpmc_fast(const struct pmu *pmu)
{
	uint64_t all = bits_below(pmu->gp_width);
	struct rdpmc_call call;

	check_begin("RDPMC with bit 31");
	if (!pmu->gp_count) {
		check_end();
		return;
	}
	pmu_set_counter(pmu, 0, all);
	call = rdpmc_in(false, 0x80000000);
	check(call.vector == VECTOR_GP || (!call.vector && call.value == (all & 0xffffffff)),
	      "gives 0x%lx (vector %d)", call.value, call.vector);
	check_end();
	pmu_clear(pmu);
}

/* --- Widths ----------------------------------------------------------------------------------- */

static void width_of_gp(const struct pmu *pmu, unsigned i)
{
	uint64_t all = bits_below(pmu->gp_width);
	uint32_t msr = pmu_counter(pmu, i);

	check_write(msr, UINT64_MAX);
	check_read(msr, all);
	check_write(msr, 0x7fffffff);
	check_read(msr, 0x7fffffff);
	check_write(msr, 0x80000000);
	check_read(msr, pmu->sign_extends ? UINT64_C(0xffffffff80000000) & all : 0x80000000);
	check_write(msr, UINT64_C(0x555500000001));
	check_read(msr, pmu->sign_extends ? 1 : UINT64_C(0x555500000001) & all);
}

static void width_of_alias(const struct pmu *pmu, unsigned i)
{
	uint64_t all = bits_below(pmu->gp_width);
	uint32_t msr = MSR_PMC0_FULL + i;

	check_write(msr, all);
	check_read(msr, all);
	check_read(pmu_counter(pmu, i), all);
	check_write(msr, 0x80000000);
	check_read(msr, 0x80000000);
	check_read(pmu_counter(pmu, i), 0x80000000);
	for (unsigned bit = pmu->gp_width; bit < 64; bit++)
		check_write_faults(msr, UINT64_C(1) << bit);
	check_read(msr, 0x80000000);
}

/* Beyond a fixed counter's width processors fault and KVM masks. */
static void width_of_fixed(const struct pmu *pmu, unsigned i)
{
	uint64_t all = bits_below(pmu->fixed_width), value = 0;
	uint32_t msr = MSR_FIXED_CTR0 + i;

	check_write(msr, all);
	check_read(msr, all);
	check_write(msr, 0x80000000);
	check_read(msr, 0x80000000);
	if (pmu->fixed_width < 64 && !try_wrmsr(msr, UINT64_MAX))
		check(!try_rdmsr(msr, &value) && value == all,
		      "MSR 0x%x holds 0x%lx, beyond its width", msr, value);
}

static void probe_widths(const struct pmu *pmu)
{
	pmu_clear(pmu);
	check_begin("general-purpose counters hold their width");
	for (unsigned i = 0; i < pmu->gp_count; i++)
		width_of_gp(pmu, i);
	check_end();
	check_begin("full-width writes, #GP beyond the width");
	for (unsigned i = 0; pmu->full_width && i < pmu->gp_count; i++)
		width_of_alias(pmu, i);
	check_end();
	check_begin("fixed counters hold their width");
	for (unsigned i = 0; i < MAX_FIXED; i++)
		if (pmu_has_fixed(pmu, i))
			width_of_fixed(pmu, i);
	check_end();
	pmu_clear(pmu);
}

/* --- Reserved bits ---------------------------------------------------------------------------- */

/* Writes each bit alone: those in `taken` must read back; the others must raise #GP or, on a
 * PMU that drops them, read back as 0. `unsure` bits are left out. */
static void probe_bits(const struct pmu *pmu, uint32_t msr, uint64_t taken, uint64_t unsure)
{
	for (unsigned i = 0; i < 64; i++) {
		uint64_t bit = UINT64_C(1) << i;

		if (bit & unsure)
			continue;
		if (!(bit & taken) && pmu->layout.reserved_faults) {
			check_write_faults(msr, bit);
			continue;
		}
		check_write(msr, bit);
		check_read(msr, bit & taken);
	}
	check_write(msr, 0);
}

/* EQ, RDPMC user disable and UMASK2 depend on CPUID.23H EBX, from version 6 on. */
#define SELECT_UNSURE_6 (UINT64_C(3) << 36 | UINT64_C(0xff) << 40)
#define FIXED_UNSURE_6  (UINT64_C(0x22222222) << 32)

/* Adaptive PEBS: which groups are in the records of a counter. */
#define CAPABILITIES_ADAPTIVE (UINT64_C(1) << 14)
#define SELECT_ADAPTIVE       (UINT64_C(1) << 34)

static bool has_adaptive(const struct pmu *pmu)
{
	return pmu->layout.is_intel && pmu->has_capabilities &&
	       pmu->capabilities & CAPABILITIES_ADAPTIVE;
}

/* IN_TX and IN_TXCP depend on TSX; AMD's bits above 32 on the family, and bit 19 is ignored there.
 */
static uint64_t selector_unsure(const struct pmu *pmu)
{
	if (pmu->layout.is_intel)
		return UINT64_C(3) << 32 | (pmu->version >= 6 ? SELECT_UNSURE_6 : 0);
	return UINT64_C(0xffffffff00000000) | UINT64_C(1) << 19;
}

static void probe_selectors(const struct pmu *pmu)
{
	uint64_t taken = UINT64_C(0xffdfffff);

	if (pmu->has_anythread)
		taken |= SELECT_ANY;
	if (has_adaptive(pmu))
		taken |= SELECT_ADAPTIVE;
	check_begin("selectors: reserved bits");
	for (unsigned i = 0; i < pmu->gp_count; i++)
		probe_bits(pmu, pmu_selector(pmu, i), taken, selector_unsure(pmu));
	check_end();
}

/* Bits that depend on more than counters: 48, performance metrics; 58 and up, other parts. */
#define GLOBAL_UNSURE (UINT64_C(1) << 48 | UINT64_C(0x3f) << 58)

static void probe_global(const struct pmu *pmu)
{
	uint64_t fixed = 0, each = pmu->has_anythread ? 0xf : 0xb;

	if (has_adaptive(pmu))
		each |= UINT64_C(1) << 32;
	for (unsigned i = 0; i < MAX_FIXED; i++)
		if (pmu_has_fixed(pmu, i))
			fixed |= each << (4 * i);
	check_begin("IA32_FIXED_CTR_CTRL: reserved bits");
	if (pmu->fixed_mask)
		probe_bits(pmu, MSR_FIXED_CTR_CTRL, fixed, pmu->version >= 6 ? FIXED_UNSURE_6 : 0);
	check_end();
	check_begin("global control: reserved bits");
	if (pmu->has_global)
		probe_bits(pmu, pmu->layout.global_ctrl, pmu_global_mask(pmu),
		           GLOBAL_UNSURE | pmu->gp_others);
	check_end();
}

/* --- Registers that are not there, and registers with two numbers ----------------------------- */

static void absent_intel(const struct pmu *pmu)
{
	for (unsigned i = pmu->gp_count; i < 8; i++) {
		if (pmu->gp_others >> i & 1)
			continue;
		check_absent(pmu_counter(pmu, i));
		check_absent(MSR_PMC0_FULL + i);
	}
	for (unsigned i = pmu->gp_count; i < 4; i++)
		if (!(pmu->gp_others >> i & 1))
			check_absent(pmu_selector(pmu, i));
	for (unsigned i = 0; i < MAX_FIXED; i++)
		if (!pmu_has_fixed(pmu, i))
			check_absent(MSR_FIXED_CTR0 + i);
	if (!pmu->full_width)
		check_absent(MSR_PMC0_FULL);
	if (pmu->version < 2)
		check_absent(MSR_FIXED_CTR_CTRL);
	if (!pmu->has_status_set)
		check_absent(pmu->layout.status_set);
	if (!pmu->has_capabilities)
		check_absent(MSR_PERF_CAPABILITIES);
	else
		check_write_faults(MSR_PERF_CAPABILITIES, pmu->capabilities);
}

static void probe_absent(const struct pmu *pmu)
{
	const struct pmu_layout *layout = &pmu->layout;

	check_begin("registers that this model does not have");
	if (layout->is_intel) {
		absent_intel(pmu);
	} else if (layout->stride == 1) {
		check_absent(0xc0010200);
		check_absent(0xc0010201);
	} else {
		check_absent(pmu_selector(pmu, pmu->gp_count));
		check_absent(pmu_counter(pmu, pmu->gp_count));
	}
	if (!pmu->has_global && layout->global_ctrl) {
		check_absent(layout->global_ctrl);
		check_absent(layout->status);
		check_absent(layout->status_clear);
	}
	check_end();
}

enum { K7_COUNTERS = 4 };

static void check_same(uint32_t a, uint32_t b, uint64_t value)
{
	check_write(a, value);
	check_read(b, value);
	check_write(b, value + 1);
	check_read(a, value + 1);
	check_write(a, 0);
}

static void probe_aliases(const struct pmu *pmu)
{
	check_begin("K7's numbers and PERFCORE's: one register");
	if (!pmu->layout.is_intel && pmu->layout.stride == 2) {
		for (uint32_t i = 0; i < K7_COUNTERS && i < pmu->gp_count; i++) {
			check_same(0xc0010000 + i, pmu_selector(pmu, i), 0x76 + i);
			check_same(0xc0010004 + i, pmu_counter(pmu, i), SOME_VALUE + i);
		}
	}
	check_end();
}

/* --- Status ----------------------------------------------------------------------------------- */

static uint64_t status_of_counters(const struct pmu *pmu)
{
	return rdmsr(pmu->layout.status) & pmu_global_mask(pmu);
}

/* Lets a counter overflow, without a PMI. */
static void overflow(const struct pmu *pmu, unsigned i)
{
	struct counter counter = {false, (uint8_t)i, EVENT_INSTRUCTIONS, SELECT_OS};
	const struct workload *loop = &workloads[WORKLOAD_LOOP];
	struct plan plan;

	pmu_set_counter(pmu, i, -UINT64_C(100));
	plan_counters(pmu, &counter, 1, &plan);
	measure_run(plan.start, plan.stop, plan.writes, loop->body, 100);
	check_equal(counter_read(pmu, &counter),
	            measure_exact(pmu, loop, 100, 1, EVENT_INSTRUCTIONS) - 100,
	            "the counter after overflowing");
}

static void status_of_one(const struct pmu *pmu, unsigned i)
{
	uint64_t bit = UINT64_C(1) << i;

	pmu_clear(pmu);
	overflow(pmu, i);
	if (!pmu->has_global)
		return;
	check_equal(status_of_counters(pmu), bit, "status after the overflow");
	check_write(pmu->layout.status_clear, pmu_global_mask(pmu) & ~bit);
	check_equal(status_of_counters(pmu), bit, "status after clearing the others");
	check_read(pmu->layout.status_clear, 0);
	check_write(pmu->layout.status_clear, bit);
	check_equal(status_of_counters(pmu), 0, "status after clearing it");
}

/* A write of status itself changes nothing, whether it faults (Intel) or not. */
static void status_is_read_only(const struct pmu *pmu)
{
	int vector = try_wrmsr(pmu->layout.status, 1);

	check(vector == (pmu->layout.reserved_faults ? VECTOR_GP : vector),
	      "writing status raises vector %d", vector);
	check_equal(status_of_counters(pmu), 0, "status after a write");
}

static void status_set(const struct pmu *pmu)
{
	uint64_t all = pmu_global_mask(pmu), one = all & -all;

	check_write(pmu->layout.status_set, all);
	check_equal(status_of_counters(pmu), all, "status after setting all");
	check_write(pmu->layout.status_clear, one);
	check_equal(status_of_counters(pmu), all & ~one, "status after clearing one");
	check_write(pmu->layout.status_clear, all);
	check_equal(status_of_counters(pmu), 0, "status after clearing all");
}

static void probe_status(const struct pmu *pmu)
{
	check_begin("overflow: counters wrap, status is set and cleared");
	for (unsigned i = 0; i < pmu_gp_for(pmu, EVENT_INSTRUCTIONS); i++)
		status_of_one(pmu, i);
	pmu_clear(pmu);
	if (pmu->has_global)
		status_is_read_only(pmu);
	check_end();
	check_begin("status set by its own register");
	if (pmu->has_status_set)
		status_set(pmu);
	check_end();
	pmu_clear(pmu);
}

/* --- Enabling --------------------------------------------------------------------------------- */

/* Neither the selector nor global control alone makes a counter count. */
static void probe_enables(const struct pmu *pmu)
{
	check_begin("a counter needs both its enable bits");
	for (unsigned i = 0; pmu->has_global && i < pmu_gp_for(pmu, EVENT_INSTRUCTIONS); i++) {
		const struct workload *loop = &workloads[WORKLOAD_LOOP];
		struct counter counter = {false, (uint8_t)i, EVENT_INSTRUCTIONS, SELECT_OS};
		struct plan plan;

		pmu_clear(pmu);
		plan_counters(pmu, &counter, 1, &plan);
		loop->body(100);
		check_equal(counter_read(pmu, &counter), 0, "the counter, globally off");
		wrmsr(pmu_selector(pmu, i), rdmsr(pmu_selector(pmu, i)) & ~SELECT_EN);
		measure_run(plan.start, plan.stop, plan.writes, loop->body, 100);
		check_equal(counter_read(pmu, &counter), 0, "the counter, off in its selector");
	}
	check_end();
	pmu_clear(pmu);
}

enum guest_exit guest_main(const struct pmu *pmu)
{
	pmu_describe(pmu);
	pmu_clear(pmu);
	probe_rdpmc(pmu, "RDPMC in ring 0, CR4.PCE set", false, true);
	probe_rdpmc(pmu, "RDPMC in ring 0, CR4.PCE clear", false, false);
	probe_rdpmc(pmu, "RDPMC in ring 3, CR4.PCE set", true, true);
	probe_rdpmc(pmu, "RDPMC in ring 3, CR4.PCE clear", true, false);
	probe_rdpmc_fast(pmu);
	probe_widths(pmu);
	probe_selectors(pmu);
	probe_global(pmu);
	probe_absent(pmu);
	probe_aliases(pmu);
	probe_status(pmu);
	probe_enables(pmu);
	return check_verdict();
}
