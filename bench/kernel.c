/* SPDX-License-Identifier: MIT */
/* The Linux profiles compared with the kernels' own code: the same WRMSR and RDMSR on both, in
 * turn. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpmu/vpmu.h>

#include "../src/kernel/pairs.h"
#include "bench.h"

static _Alignas(VPMU_PMU_ALIGN) unsigned char memory[VPMU_PMU_BYTES];

struct kernel {
	const char *profile, *version; /* "linux-6.12", "6.12" */
	pairs_start_fn *start;
	pairs_run_fn *run;
};

/* False: there is no library, because build-reference has not been run. */
static bool kernel_load(struct kernel *kernel, const char *build)
{
	char path[1024];
	void *library;

	snprintf(path, sizeof(path), "%s/tests/kernel/reference/libkernel-%s.so", build,
	         kernel->version);
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return false;
	kernel->start = (pairs_start_fn *)dlsym(library, "pairs_start");
	kernel->run = (pairs_run_fn *)dlsym(library, "pairs_run");
	return kernel->start && kernel->run;
}

static struct vpmu_pmu *start(const char *profile, enum pairs_kind kind)
{
	struct vpmu_model model;
	struct vpmu_pmu *pmu = NULL;

	if (vpmu_model_parse(&model, "intel-v2", NULL, 0) == VPMU_OK)
		pmu = vpmu_pmu_init(memory, sizeof(memory), &model, vpmu_profile_find(profile));
	if (!pmu) {
		fprintf(stderr, "bench: no register machine for intel-v2 on %s\n", profile);
		exit(1);
	}
	if (kind != PAIRS_COUNTING)
		return pmu;
	for (uint32_t i = 0; i < 4; i++)
		vpmu_pmu_guest_write(pmu, 0x186 + i, PAIRS_SELECTOR);
	vpmu_pmu_guest_write(pmu, 0x38f, PAIRS_GLOBAL_CTRL);
	vpmu_pmu_enter(pmu);
	return pmu;
}

static uint64_t run(struct vpmu_pmu *pmu, enum pairs_kind kind, unsigned long pairs)
{
	uint64_t value = 0, sum = 0;

	for (unsigned long i = 0; i < pairs; i++) {
		struct pair pair = pair_at(kind, i);

		vpmu_pmu_guest_write(pmu, pair.msr, pair.value);
		vpmu_pmu_guest_read(pmu, pair.msr, &value);
		sum += value;
	}
	return sum;
}

/* One round of each; both must give the same answers. */
static void measure(const struct kernel *kernel, enum pairs_kind kind, unsigned long pairs,
                    struct figures *theirs, struct figures *ours)
{
	struct vpmu_pmu *pmu = start(kernel->profile, kind);
	uint64_t their_sum, our_sum;
	double begin;

	kernel->start(kind);
	begin = seconds_of(0);
	their_sum = kernel->run(kind, pairs);
	figures_add(theirs, (double)pairs / (seconds_of(0) - begin));
	begin = seconds_of(0);
	our_sum = run(pmu, kind, pairs);
	figures_add(ours, (double)pairs / (seconds_of(0) - begin));
	if (their_sum != our_sum)
		bench_fails("what was read differs");
}

static void compare(const struct bench *bench, const struct kernel *kernel, enum pairs_kind kind)
{
	static const char *const names[PAIRS_KINDS] = {
		[PAIRS_IDLE] = "counters and selectors",
		[PAIRS_COUNTING] = "counters that count",
		[PAIRS_CONTROL] = "control registers",
	};
	unsigned long pairs = bench->quick ? 1000 : 5000000;
	struct figures theirs = {0}, ours = {0}, ratio;
	char what[64];

	for (unsigned i = 0; i < bench->rounds; i++)
		measure(kernel, kind, pairs, &theirs, &ours);
	ratio = figures_ratio(&ours, &theirs);
	snprintf(what, sizeof(what), "%s, the kernel's code", names[kind]);
	figures_print(what, &theirs, 1e6, "M pairs/s", NULL);
	snprintf(what, sizeof(what), "%s, vpmu", names[kind]);
	figures_print(what, &ours, 1e6, "M pairs/s", NULL);
	figures_print("  vpmu/kernel", &ratio, 1, "x", ">= 2");
}

void bench_kernel(const struct bench *bench)
{
	const char *name;

	for (size_t i = 0; (name = vpmu_profile_name(i)); i++) {
		struct kernel kernel = {.profile = name};

		if (!(vpmu_profile_facts(vpmu_profile_find(name)) & VPMU_FACT_PERF_EVENTS))
			continue;
		kernel.version = strchr(name, '-') + 1;
		printf("\nWRMSR + RDMSR on %s (intel-v2)\n", name);
		if (!kernel_load(&kernel, bench->build)) {
			printf("  its code is not built: tests/kernel/build-reference does that\n");
			continue;
		}
		for (unsigned kind = 0; kind < PAIRS_KINDS; kind++)
			compare(bench, &kernel, kind);
	}
}
