/* SPDX-License-Identifier: MIT */
/* A PMU in software: program a counter, let a guest run 1000 instructions, take the interrupt. */
#include <stdio.h>
#include <vpmu/vpmu.h>

int main(void)
{
	static _Alignas(VPMU_PMU_ALIGN) unsigned char memory[VPMU_PMU_BYTES];
	struct vpmu_amounts ran = {.of = {[VPMU_INSTRUCTIONS] = 1000, [VPMU_CYCLES] = 700}};
	struct vpmu_model model;
	uint64_t count = 0;

	if (vpmu_model_parse(&model, "intel-v2", NULL, 0) != VPMU_OK)
		return 1;
	struct vpmu_pmu *pmu =
		vpmu_pmu_init(memory, sizeof(memory), &model, vpmu_profile_find("hardware"));
	vpmu_pmu_guest_write(pmu, 0x186, 0x5300c0); /* IA32_PERFEVTSEL0: instructions, with PMI */
	vpmu_pmu_guest_write(pmu, 0x0c1, -600);     /* IA32_PMC0: 600 before it overflows */
	vpmu_pmu_guest_write(pmu, 0x38f, 1);        /* IA32_PERF_GLOBAL_CTRL: counter 0 runs */
	struct vpmu_outcome outcome = vpmu_pmu_run(pmu, &ran, 0);
	vpmu_pmu_rdpmc(pmu, 0, 0, false, &count);
	printf("%u PMI, and %u instructions since\n", outcome.pmi, (unsigned)count);
	return 0;
}
