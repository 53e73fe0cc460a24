/* SPDX-License-Identifier: MIT */
/* The tests' register machines and random numbers. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "machine.h"

struct vpmu_pmu *machine_of(const char *model)
{
	return machine_on("hardware", model);
}

struct vpmu_pmu *machine_on(const char *profile, const char *text)
{
	static _Alignas(VPMU_PMU_ALIGN) unsigned char memory[4][VPMU_PMU_BYTES];
	static unsigned next;
	struct vpmu_model model;
	struct vpmu_pmu *pmu;
	char why[160] = "";

	if (vpmu_model_parse(&model, text, why, sizeof(why)) != VPMU_OK)
		fail_msg("%s: %s", text, why);
	pmu = vpmu_pmu_init(memory[next++ % 4], VPMU_PMU_BYTES, &model, vpmu_profile_find(profile));
	assert_non_null(pmu);
	return pmu;
}

uint64_t rd(struct vpmu_pmu *pmu, uint32_t msr)
{
	uint64_t value = 0xdead;

	if (vpmu_pmu_guest_read(pmu, msr, &value) != VPMU_OK)
		fail_msg("RDMSR 0x%x failed", msr);
	return value;
}

void wr(struct vpmu_pmu *pmu, uint32_t msr, uint64_t value)
{
	if (vpmu_pmu_guest_write(pmu, msr, value) != VPMU_OK)
		fail_msg("WRMSR 0x%x 0x%llx failed", msr, (unsigned long long)value);
}

uint64_t test_seed(void)
{
	const char *given = getenv("VPMU_TEST_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);

	printf("# seed %llu (VPMU_TEST_SEED repeats it)\n", (unsigned long long)seed);
	return seed | 1;
}

/* xorshift64*: short, and the same everywhere. */
uint64_t test_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(0x2545f4914f6cdd1d);
}
