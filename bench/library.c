/* SPDX-License-Identifier: MIT */
/* The register machine, called through libvpmu.so as a VMM or an emulator calls it. */
#include <stdio.h>
#include <stdlib.h>

#include <vpmu/vpmu.h>

#include "bench.h"

enum { MSR_PMC0 = 0xc1, MSR_SELECTOR0 = 0x186, MSR_FIXED_CTRL = 0x38d, MSR_GLOBAL_CTRL = 0x38f };

static _Alignas(VPMU_PMU_ALIGN) unsigned char memory[VPMU_PMU_BYTES];

static struct vpmu_pmu *make(const char *name)
{
	struct vpmu_model model;
	struct vpmu_pmu *pmu = NULL;

	if (vpmu_model_parse(&model, name, NULL, 0) == VPMU_OK)
		pmu = vpmu_pmu_init(memory, sizeof(memory), &model, vpmu_profile_find("hardware"));
	if (!pmu) {
		fprintf(stderr, "bench: no register machine for %s\n", name);
		exit(1);
	}
	return pmu;
}

/* Programs this many GP and fixed counters. Returns the value of GLOBAL_CTRL that starts them. */
static uint64_t program(struct vpmu_pmu *pmu, unsigned gp, unsigned fixed)
{
	static const uint64_t selectors[] = {0x4300c0, 0x4300c4, 0x43003c, 0x4300c5};

	for (unsigned i = 0; i < gp; i++)
		vpmu_pmu_guest_write(pmu, MSR_SELECTOR0 + i, selectors[i % 4]);
	vpmu_pmu_guest_write(pmu, MSR_FIXED_CTRL, fixed ? 0x333 : 0);
	return ((UINT64_C(1) << gp) - 1) | ((UINT64_C(1) << fixed) - 1) << 32;
}

/* WRMSR and RDMSR of counters and selectors in turn; every value changes. */
static double pairs_a_second(unsigned long pairs)
{
	struct vpmu_pmu *pmu = make("intel-v2");
	uint64_t value, sum = 0;
	double start = seconds_of(0), took;

	for (unsigned long i = 0; i < pairs; i++) {
		uint32_t msr = (i & 4 ? MSR_SELECTOR0 : MSR_PMC0) + (i & 3);

		vpmu_pmu_guest_write(pmu, msr, i & 0xffff);
		if (vpmu_pmu_guest_read(pmu, msr, &value) == VPMU_OK)
			sum += value;
	}
	took = seconds_of(0) - start;
	if (!sum)
		bench_fails("nothing was read back");
	return (double)pairs / took;
}

/* WRMSR and RDMSR of GLOBAL_CTRL that start 8 + 3 counters, and stop them, in turn. */
static double switches_a_second(unsigned long pairs)
{
	struct vpmu_pmu *pmu = make("intel-v4");
	uint64_t all = program(pmu, 8, 3), value, sum = 0;
	double start = seconds_of(0), took;

	for (unsigned long i = 0; i < pairs; i++) {
		vpmu_pmu_guest_write(pmu, MSR_GLOBAL_CTRL, i & 1 ? 0 : all);
		if (vpmu_pmu_guest_read(pmu, MSR_GLOBAL_CTRL, &value) == VPMU_OK)
			sum ^= value;
	}
	took = seconds_of(0) - start;
	if (sum != (pairs / 2 & 1 ? all : 0))
		bench_fails("what was read is not what was written");
	return (double)pairs / took;
}

/* Accounts blocks of 10 instructions and a branch, with this many GP and fixed counters running. */
static double accounts_a_second(unsigned long calls, unsigned gp, unsigned fixed)
{
	struct vpmu_amounts block = {.of = {[VPMU_INSTRUCTIONS] = 10,
	                                    [VPMU_CYCLES] = 4,
	                                    [VPMU_REF_CYCLES] = 4,
	                                    [VPMU_BRANCHES] = 1}};
	struct vpmu_pmu *pmu = make("intel-v2");
	uint32_t pmis = 0;
	double start, took;

	vpmu_pmu_guest_write(pmu, MSR_GLOBAL_CTRL, program(pmu, gp, fixed));
	start = seconds_of(0);
	for (unsigned long i = 0; i < calls; i++)
		pmis += vpmu_pmu_account(pmu, &block, 0).pmi;
	took = seconds_of(0) - start;
	if (pmis)
		bench_fails("something overflowed");
	return (double)calls / took;
}

void bench_library(const struct bench *bench)
{
	unsigned long calls = bench->quick ? 1000 : 20000000;
	struct figures pairs = {0}, switches = {0}, all = {0}, one = {0}, none = {0};

	for (unsigned i = 0; i < bench->rounds; i++) {
		figures_add(&pairs, pairs_a_second(calls));
		figures_add(&switches, switches_a_second(calls));
		figures_add(&all, accounts_a_second(calls, 4, 3));
		figures_add(&one, accounts_a_second(calls, 1, 0));
		figures_add(&none, accounts_a_second(calls, 0, 0));
	}
	printf("The register machine (intel-v2, %zu bytes; at most %d)\n", vpmu_pmu_size(),
	       VPMU_PMU_BYTES);
	figures_print("WRMSR + RDMSR", &pairs, 1e6, "M pairs/s", ">= 40");
	figures_print("GLOBAL_CTRL, 8 + 3 counters on and off (intel-v4)", &switches, 1e6,
	              "M pairs/s", ">= 40");
	figures_print("accounting a block, 4 + 3 counters running", &all, 1e6, "M/s", ">= 200");
	figures_print("accounting a block, 1 counter running", &one, 1e6, "M/s", ">= 200");
	figures_print("accounting a block, none running", &none, 1e6, "M/s", ">= 200");
}
