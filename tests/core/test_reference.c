/* SPDX-License-Identifier: MIT */
/*
 * The register machine against a reference that knows no lanes, no totals and no headroom: it lets
 * every single event happen by itself, in the order of moments, and asks the registers each time.
 */
#include <stdio.h>
#include <string.h>

#include "machine.h"

enum { GP = 4, ALL = GP + 3, CLASSES = 5, MASK_BITS = 48 };

static const uint16_t selector_of_class[CLASSES] = {0xc0, 0x3c, 0x13c, 0xc4, 0xc5};

struct reference {
	uint64_t value[ALL], selector[GP], fixed_ctrl, global_ctrl, status, debugctl;
	uint32_t lvtpc;
	unsigned pmi, masked;
	bool streamlined;
};

static unsigned class_of(const struct reference *ref, unsigned i)
{
	unsigned class_ = 0;

	if (i >= GP)
		return i - GP;
	while (class_ < CLASSES && selector_of_class[class_] != (ref->selector[i] & 0xffff))
		class_++;
	return class_;
}

static bool runs(const struct reference *ref, unsigned i, unsigned cpl)
{
	uint64_t global = i < GP ? BIT64(i) : BIT64(32 + i - GP);
	uint64_t field = i < GP ? 0 : ref->fixed_ctrl >> 4 * (i - GP);

	if (!(ref->global_ctrl & global) || ref->status & BIT64(59))
		return false;
	if (i >= GP)
		return field & (cpl ? 2 : 1);
	return ref->selector[i] & BIT64(22) && ref->selector[i] & BIT64(cpl ? 16 : 17);
}

static bool wants_pmi(const struct reference *ref, unsigned i)
{
	return i < GP ? ref->selector[i] & BIT64(20) : ref->fixed_ctrl >> (4 * (i - GP) + 3) & 1;
}

static void overflowed(struct reference *ref, const bool *which)
{
	bool pmi = false;

	for (unsigned i = 0; i < ALL; i++) {
		if (!which[i])
			continue;
		ref->status |= i < GP ? BIT64(i) : BIT64(32 + i - GP);
		pmi |= wants_pmi(ref, i);
	}
	if (!pmi)
		return;
	if (ref->debugctl & BIT64(12) && ref->streamlined)
		ref->status |= BIT64(59);
	else if (ref->debugctl & BIT64(12))
		ref->global_ctrl = 0;
	if (ref->lvtpc & 0x10000) {
		ref->masked++;
		return;
	}
	ref->pmi++;
	ref->lvtpc |= 0x10000;
}

/* All that happens at moment at/scale: bit c of happens: an event of class c. */
static void tick(struct reference *ref, unsigned happens, unsigned cpl)
{
	bool which[ALL] = {0}, any = false;

	for (unsigned i = 0; i < ALL; i++) {
		unsigned class_ = class_of(ref, i);

		if (class_ == CLASSES || !(happens >> class_ & 1) || !runs(ref, i, cpl))
			continue;
		ref->value[i] = (ref->value[i] + 1) & (BIT64(MASK_BITS) - 1);
		which[i] = !ref->value[i];
		any |= which[i];
	}
	if (any)
		overflowed(ref, which);
}

/* The amounts divide 5040, so that every moment is a whole number of 5040ths. */
enum { SCALE = 5040 };

static void reference_run(struct reference *ref, const struct vpmu_amounts *amounts, unsigned cpl)
{
	for (unsigned at = 1; at <= SCALE; at++) {
		unsigned happens = 0;

		for (unsigned c = 0; c < CLASSES; c++)
			if (amounts->of[c] && at % (SCALE / amounts->of[c]) == 0)
				happens |= 1u << c;
		if (happens)
			tick(ref, happens, cpl);
	}
}

static void compare(struct vpmu_pmu *pmu, const struct reference *ref, unsigned step)
{
	for (unsigned i = 0; i < ALL; i++)
		if (rd(pmu, i < GP ? PMC0 + i : FIXED0 + i - GP) != ref->value[i])
			fail_msg("step %u: counter %u is 0x%llx, should be 0x%llx", step, i,
			         (unsigned long long)rd(pmu, i < GP ? PMC0 + i : FIXED0 + i - GP),
			         (unsigned long long)ref->value[i]);
	assert_int_equal(rd(pmu, STATUS), ref->status);
	assert_int_equal(rd(pmu, GLOBAL_CTRL), ref->global_ctrl);
	assert_int_equal(vpmu_pmu_lvtpc(pmu), ref->lvtpc);
}

/* One random write, to both. */
static void random_write(struct vpmu_pmu *pmu, struct reference *ref, uint64_t *seed)
{
	unsigned i = (unsigned)(test_random(seed) % ALL);
	uint64_t near = (BIT64(MASK_BITS) - test_random(seed) % 64) & (BIT64(MASK_BITS) - 1);

	switch (test_random(seed) % 8) {
	case 0:
		ref->global_ctrl = test_random(seed) & UINT64_C(0x70000000f);
		wr(pmu, GLOBAL_CTRL, ref->global_ctrl);
		break;
	case 1:
		ref->fixed_ctrl = test_random(seed) & 0xbbb;
		wr(pmu, FIXED_CTRL, ref->fixed_ctrl);
		break;
	case 2:
		wr(pmu, OVF_CTRL, ref->status);
		ref->status = 0;
		break;
	case 3:
		ref->lvtpc ^= 0x10000;
		vpmu_pmu_set_lvtpc(pmu, ref->lvtpc);
		break;
	case 4:
		ref->debugctl = test_random(seed) % 4 ? 0 : BIT64(12);
		wr(pmu, DEBUGCTL, ref->debugctl);
		break;
	case 5:
		ref->selector[i % GP] = (test_random(seed) & 0x530000) |
		                        selector_of_class[test_random(seed) % CLASSES];
		wr(pmu, SEL0 + i % GP, ref->selector[i % GP]);
		break;
	default:
		ref->value[i] = near;
		wr(pmu, i < GP ? A_PMC0 + i : FIXED0 + i - GP, near);
		break;
	}
}

static struct vpmu_amounts random_amounts(uint64_t *seed)
{
	static const uint16_t divisors[] = {0, 1, 2, 3, 4, 5, 6, 7, 10, 12, 30, 63, 90, 180};
	struct vpmu_amounts amounts = {0};

	for (unsigned c = 0; c < CLASSES; c++)
		amounts.of[c] = divisors[test_random(seed) % ARRAY_SIZE(divisors)];
	return amounts;
}

static void random_programs_on(const char *model, bool streamlined, uint64_t seed)
{
	struct vpmu_pmu *pmu = machine_of(model);
	struct reference ref = {.lvtpc = 0x400, .global_ctrl = 0xf, .streamlined = streamlined};

	for (unsigned step = 0; step < 4000; step++) {
		struct vpmu_amounts amounts = random_amounts(&seed);
		unsigned cpl = test_random(&seed) % 2 ? 3 : 0;
		struct vpmu_outcome outcome;

		random_write(pmu, &ref, &seed);
		ref.pmi = ref.masked = 0;
		reference_run(&ref, &amounts, cpl);
		outcome = vpmu_pmu_run(pmu, &amounts, cpl);
		assert_int_equal(outcome.pmi, ref.pmi);
		assert_int_equal(outcome.masked, ref.masked);
		compare(pmu, &ref, step);
	}
}

static void random_programs_equal_the_reference(void **state)
{
	uint64_t seed = test_seed();

	random_programs_on("intel-v2", false, seed);
	random_programs_on("intel-v4,gp=4,fixed=3", true, seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_programs_equal_the_reference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
