/* SPDX-License-Identifier: MIT */
/* A register machine for a test, and short words for what tests do with it. */
#ifndef TESTS_CORE_MACHINE_H
#define TESTS_CORE_MACHINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <core/room_int.h>

#include "../profiles.h"

#define RUN(...) ((struct vpmu_amounts){.of = {__VA_ARGS__}})

/* A machine of the model, in one of a few places that the tests share; fails the test if there
 * cannot be one. */
struct vpmu_pmu *machine_of(const char *model);

/* The same on a profile. */
struct vpmu_pmu *machine_on(const char *profile, const char *model);

/* Guest accesses that must succeed. */
uint64_t rd(struct vpmu_pmu *pmu, uint32_t msr);
void wr(struct vpmu_pmu *pmu, uint32_t msr, uint64_t value);

/* A seed from VPMU_TEST_SEED, or the clock; printed, so that a failure can be had again. */
uint64_t test_seed(void);
uint64_t test_random(uint64_t *state);

enum {
	PMC0 = 0xc1,
	SEL0 = 0x186,
	A_PMC0 = 0x4c1,
	FIXED0 = 0x309,
	FIXED_CTRL = 0x38d,
	STATUS = 0x38e,
	GLOBAL_CTRL = 0x38f,
	OVF_CTRL = 0x390,
	STATUS_SET = 0x391,
	INUSE = 0x392,
	CAPABILITIES = 0x345,
	DEBUGCTL = 0x1d9,
};
#define AMD_STATUS     0xc0000300u
#define AMD_GLOBAL_CTL 0xc0000301u
#define AMD_STATUS_CLR 0xc0000302u
#define AMD_STATUS_SET 0xc0000303u
#define AMD_SEL0       0xc0010200u
#define AMD_CTR0       0xc0010201u
#define K7_SEL0        0xc0010000u
#define K7_CTR0        0xc0010004u
#define CORE_SEL0      0xc0010200u
#define CORE_CTR0      0xc0010201u

/* Selectors: enabled, both modes. */
#define SEL_ON       UINT64_C(0x430000)
#define SEL_ON_INT   UINT64_C(0x530000)
#define INSTRUCTIONS UINT64_C(0xc0)
#define CORE_CYCLES  UINT64_C(0x3c)
#define BRANCHES     UINT64_C(0xc4)

#endif
