/* SPDX-License-Identifier: MIT */
/* The register machine against the oracle: random accesses, runs and filters on the profiles
 * hardware and mediated. */
#include <stdio.h>
#include <string.h>

#include "machine.h"
#include "oracle.h"

_Static_assert((int)HAPPENS_INSTRUCTION == (int)VPMU_INSTRUCTIONS &&
                       (int)HAPPENS_CYCLE == (int)VPMU_CYCLES &&
                       (int)HAPPENS_REF_CYCLE == (int)VPMU_REF_CYCLES &&
                       (int)HAPPENS_BRANCH == (int)VPMU_BRANCHES &&
                       (int)HAPPENS_BRANCH_MISS == (int)VPMU_BRANCH_MISSES &&
                       (int)HAPPENS_LLC_REFERENCE == (int)VPMU_LLC_REFERENCES &&
                       (int)HAPPENS_LLC_MISS == (int)VPMU_LLC_MISSES &&
                       (int)HAPPENS_SLOT == (int)VPMU_SLOTS,
               "the oracle's order is vpmu's");

/* Name, version, GP counters; fixed counters. */
#define INTEL(model, of, gps, fixeds, ...)                                                         \
	{                                                                                          \
		.name = model, .version = of, .gp = gps, .fixed = fixeds, __VA_ARGS__              \
	}
#define AMD(model, of, gps, ...)                                                                   \
	{                                                                                          \
		.name = model, .amd = true, .version = of, .gp = gps, __VA_ARGS__                  \
	}

static const struct oracle_model models[] = {
	INTEL("intel-v1", 1, 2, 0),
	INTEL("intel-v2", 2, 4, 3, .full_width = true),
	INTEL("intel-v2,gp=1,fixed=1,width=40", 2, 1, 1, .full_width = true, .width = 40),
	INTEL("intel-v2,full-width=off,width=32", 2, 4, 3, .width = 32),
	INTEL("intel-v2,events-missing=0x2", 2, 4, 3, .full_width = true, .missing = 0x2),
	INTEL("zhaoxin-v2", 2, 4, 3, .takes_all_bits = true),
	INTEL("intel-v3", 3, 4, 3, .full_width = true, .any_thread = true),
	INTEL("intel-v4", 4, 8, 3, .full_width = true, .any_thread = true),
	INTEL("intel-v4,rtm=on", 4, 8, 3, .full_width = true, .any_thread = true, .tsx = true),
	INTEL("intel-v5,events-length=8", 5, 8, 4, .full_width = true, .slots_event = true),
	AMD("amd-k7", 1, 4),
	AMD("amd-perfcore", 1, 6, .perfcore = true),
	AMD("amd-perfmon-v2", 2, 6, .perfcore = true),
	AMD("amd-perfmon-v2,gp=2", 2, 2, .perfcore = true),
	INTEL("intel-v1", 1, 2, 0, .mediated = true),
	INTEL("intel-v2", 2, 4, 3, .full_width = true, .mediated = true),
	INTEL("intel-v2,events-missing=0x2", 2, 4, 3, .full_width = true, .missing = 0x2,
              .mediated = true),
	INTEL("intel-v2,gp=1,fixed=1,width=40", 2, 1, 1, .full_width = true, .width = 40,
              .mediated = true),
	INTEL("intel-v2,full-width=off,gp=8,width=32", 2, 8, 3, .width = 32, .mediated = true),
	INTEL("intel-v5", 2, 8, 3, .full_width = true, .mediated = true),
	AMD("amd-k7", 1, 4, .mediated = true),
	AMD("amd-perfcore", 1, 6, .perfcore = true, .mediated = true),
	AMD("amd-perfmon-v2", 2, 6, .perfcore = true, .mediated = true),
	AMD("amd-perfmon-v2,gp=4", 2, 4, .perfcore = true, .mediated = true),
};

/* Both machines, and what drives them. */
struct pair {
	struct vpmu_pmu *pmu;
	struct oracle oracle;
	struct vpmu_filter filter;
	uint64_t seed;
	unsigned step;
	char last[160]; /* what was done to them */
};

#define FAIL(pair, what, got, expected)                                                            \
	fail_msg("%s on %s, step %u, after %s: %s is 0x%llx, should be 0x%llx",                    \
	         (pair)->oracle.model.name,                                                        \
	         (pair)->oracle.model.mediated ? "mediated" : "hardware", (pair)->step,            \
	         (pair)->last, what, (unsigned long long)(got), (unsigned long long)(expected))

static uint64_t below(struct pair *pair, uint64_t end)
{
	return test_random(&pair->seed) % end;
}

static enum vpmu_status as_status(enum oracle_answer answer)
{
	static const enum vpmu_status status[] = {
		[ORACLE_OK] = VPMU_OK,
		[ORACLE_GP] = VPMU_GP,
		[ORACLE_REFUSED] = VPMU_REFUSED,
		[ORACLE_NO_REGISTER] = VPMU_NO_REGISTER,
	};

	return status[answer];
}

/* --- What is done to both --- */

/* Numbers where the registers are, and a few beside them. */
static uint32_t random_msr(struct pair *pair)
{
	static const uint32_t intel[] = {0xc1, 0x186, 0x309, 0x4c1},
			      amd[] = {0xc0010000, 0xc0010200};
	static const uint32_t intel_one[] = {0x38d, 0x38d, 0x38e, 0x38f, 0x38f,
	                                     0x390, 0x391, 0x392, 0x1d9, 0x393};
	static const uint32_t amd_one[] = {0xc0000300, 0xc0000301, 0xc0000301, 0xc0000302,
	                                   0xc0000303, 0x1d9,      0xc0000304};

	if (pair->oracle.model.amd && below(pair, 3))
		return amd[below(pair, 2)] + (uint32_t)below(pair, below(pair, 3) ? 8 : 13);
	if (pair->oracle.model.amd)
		return amd_one[below(pair, ARRAY_SIZE(amd_one))];
	if (below(pair, 3))
		return intel[below(pair, 4)] + (uint32_t)below(pair, below(pair, 3) ? 3 : 9);
	return intel_one[below(pair, ARRAY_SIZE(intel_one))];
}

static uint64_t random_selector(struct pair *pair)
{
	static const uint64_t intel[] = {0xc0, 0xc0,   0x3c,   0x13c, 0xc4,
	                                 0xc5, 0x4f2e, 0x412e, 0x1a4, 0x1c2};
	static const uint64_t amd[] = {0xc0, 0xc0, 0x76, 0xc2, 0xc3, 0x1c0, UINT64_C(0x1000000c0)};
	uint64_t event = pair->oracle.model.amd ? amd[below(pair, ARRAY_SIZE(amd))]
	                                        : intel[below(pair, ARRAY_SIZE(intel))];
	uint64_t value = event | 0x430000 | (below(pair, 2) << 20);

	if (!below(pair, 3)) /* EDGE, INV, CMASK */
		value |= below(pair, 2) << 18 | below(pair, 2) << 23 | below(pair, 4) << 24;
	if (!below(pair, 4))
		value &= ~(below(pair, 4) << 16);
	/* Not of the event: which there are beside these is test_processors.c's subject. */
	if (!below(pair, 12))
		value ^= UINT64_C(1) << (16 + below(pair, 16) + (below(pair, 3) ? 0 : 20));
	return below(pair, 12) ? value : 0;
}

static uint64_t random_value(struct pair *pair, uint32_t msr)
{
	uint64_t top = UINT64_C(1) << pair->oracle.model.width;

	if ((msr & ~UINT32_C(0xf)) == 0x180 || (msr >= 0xc0010000 && msr < 0xc0010004) ||
	    (msr >= 0xc0010200 && !(msr & 1)))
		return random_selector(pair);
	if (!below(pair, 16))
		return test_random(&pair->seed);
	switch (msr) {
	case 0x38d:
		return test_random(&pair->seed) & 0xbbbb;
	case 0x38e:
	case 0x38f:
	case 0x390:
	case 0x391:
		return test_random(&pair->seed) &
		       (below(pair, 4) ? UINT64_C(0x70000000f) : UINT64_C(0xcc00000f000000ff));
	case 0x1d9:
		return below(pair, 2) << 12 | below(pair, 2) << 11;
	case 0xc0000300:
	case 0xc0000301:
	case 0xc0000302:
	case 0xc0000303:
		return test_random(&pair->seed) &
		       (below(pair, 4) ? 0x3f : UINT64_C(0x80000000000007f));
	default:
		return (top - below(pair, 200)) & (below(pair, 8) ? top - 1 : UINT64_MAX);
	}
}

static void write_both(struct pair *pair)
{
	uint32_t msr = random_msr(pair);
	uint64_t value = random_value(pair, msr);
	bool host = !below(pair, 3);
	enum vpmu_status expected = as_status(oracle_write(&pair->oracle, msr, host, value)), got;

	/* What KVM says to other numbers is not the oracle's. */
	if (expected == VPMU_NO_REGISTER && pair->oracle.model.mediated)
		return;
	snprintf(pair->last, sizeof(pair->last), "%s 0x%x 0x%llx", host ? "host-wrmsr" : "wrmsr",
	         msr, (unsigned long long)value);
	if (!host && vpmu_pmu_guest_can_write(pair->pmu, msr, value) != expected)
		FAIL(pair, "can_write", vpmu_pmu_guest_can_write(pair->pmu, msr, value), expected);
	got = host ? vpmu_pmu_host_write(pair->pmu, msr, value)
	           : vpmu_pmu_guest_write(pair->pmu, msr, value);
	if (got != expected)
		FAIL(pair, "the answer", got, expected);
}

static void read_both(struct pair *pair, uint32_t msr, bool host)
{
	uint64_t value = 0, right;
	enum vpmu_status expected = as_status(oracle_read(&pair->oracle, msr, host, &right)), got;

	if (expected == VPMU_NO_REGISTER && pair->oracle.model.mediated)
		return;
	got = host ? vpmu_pmu_host_read(pair->pmu, msr, &value)
	           : vpmu_pmu_guest_read(pair->pmu, msr, &value);
	if (got != expected || value != right) {
		char name[24];

		snprintf(name, sizeof(name), "0x%x", msr);
		FAIL(pair, name, got == VPMU_OK ? value : got, right);
	}
}

static void rdpmc_both(struct pair *pair)
{
	static const uint32_t kinds[] = {0,          0,          0x40000000, 0x40000000,
	                                 0x80000000, 0x20000000, 0x50000};
	uint32_t ecx = kinds[below(pair, ARRAY_SIZE(kinds))] | (uint32_t)below(pair, 10);
	unsigned cpl = below(pair, 2) ? 3 : 0;
	bool pce = below(pair, 2);
	uint64_t value = 0, right = 0;
	enum vpmu_status expected =
				 as_status(oracle_rdpmc(&pair->oracle, ecx, !cpl || pce, &right)),
			 got;

	got = vpmu_pmu_rdpmc(pair->pmu, ecx, cpl, pce, &value);
	if (got != expected || value != right)
		FAIL(pair, "RDPMC", got == VPMU_OK ? value : got, right);
}

static void expect_outcome(struct pair *pair, struct vpmu_outcome outcome, unsigned pmi,
                           unsigned masked, uint64_t overflowed)
{
	if (outcome.pmi != pmi)
		FAIL(pair, "pmi", outcome.pmi, pmi);
	if (outcome.masked != masked)
		FAIL(pair, "masked", outcome.masked, masked);
	if (outcome.overflowed != overflowed)
		FAIL(pair, "overflowed", outcome.overflowed, overflowed);
}

static void run_both(struct pair *pair)
{
	static const unsigned most[] = {1, 2, 5, 20, 150, 150};
	struct vpmu_amounts amounts = {0};
	bool enters = below(pair, 4);
	unsigned cpl = below(pair, 3) ? 0 : 3, end = most[below(pair, ARRAY_SIZE(most))];
	unsigned pmi = 0, masked = 0;

	for (unsigned class_ = 0; class_ < HAPPENINGS; class_++)
		amounts.of[class_] = class_ < 2 || below(pair, 2) ? below(pair, end + 1) : 0;
	snprintf(pair->last, sizeof(pair->last), "%s of %llu instructions, %llu cycles at CPL %u",
	         enters ? "run" : "account", (unsigned long long)amounts.of[VPMU_INSTRUCTIONS],
	         (unsigned long long)amounts.of[VPMU_CYCLES], cpl);
	if (enters) {
		oracle_enter(&pair->oracle);
		pmi = pair->oracle.pmi;
		masked = pair->oracle.masked;
	}
	oracle_account(&pair->oracle, amounts.of, cpl);
	expect_outcome(pair,
	               enters ? vpmu_pmu_run(pair->pmu, &amounts, cpl)
	                      : vpmu_pmu_account(pair->pmu, &amounts, cpl),
	               pair->oracle.pmi + pmi, pair->oracle.masked + masked,
	               pair->oracle.overflowed);
}

static void filter_both(struct pair *pair)
{
	struct oracle_filter filter = {
		.exists = below(pair, 4), .deny = below(pair, 2), .masked = below(pair, 2)};

	if (!pair->oracle.model.mediated)
		return;
	filter.fixed = (uint32_t)below(pair, 16);
	filter.count = (unsigned)below(pair, 5);
	pair->filter = (struct vpmu_filter){
		.action = filter.deny ? VPMU_FILTER_DENY : VPMU_FILTER_ALLOW,
		.flags = filter.masked ? VPMU_FILTER_MASKED : 0,
		.fixed_bitmap = filter.fixed,
		.count = filter.count,
	};
	for (unsigned i = 0; i < filter.count; i++) {
		filter.event[i] = random_selector(pair) & UINT64_C(0xffff);
		if (filter.masked)
			filter.event[i] |= (below(pair, 2) ? UINT64_C(0xff) : below(pair, 256))
			                           << 56 |
			                   (uint64_t)!below(pair, 4) << 55;
		else if (!below(pair, 8))
			filter.event[i] |= UINT64_C(1) << below(pair, 64);
		pair->filter.events[i] = filter.event[i];
	}
	snprintf(pair->last, sizeof(pair->last), "a filter of %u events", filter.count);
	assert_int_equal(vpmu_pmu_set_filter(pair->pmu, filter.exists ? &pair->filter : NULL),
	                 VPMU_OK);
	oracle_set_filter(&pair->oracle, &filter);
}

static void lvtpc_both(struct pair *pair)
{
	pair->oracle.lvtpc = below(pair, 3) ? 0x400 : 0x10400;
	vpmu_pmu_set_lvtpc(pair->pmu, pair->oracle.lvtpc);
}

static void emulate_both(struct pair *pair)
{
	bool branch = below(pair, 2);
	unsigned cpl = below(pair, 3) ? 0 : 3;

	snprintf(pair->last, sizeof(pair->last), "emulate%s at CPL %u", branch ? " branch" : "",
	         cpl);
	oracle_emulate(&pair->oracle, branch, cpl);
	expect_outcome(pair, vpmu_pmu_emulate(pair->pmu, branch, cpl), pair->oracle.pmi,
	               pair->oracle.masked, pair->oracle.overflowed);
}

static void enter_both(struct pair *pair)
{
	snprintf(pair->last, sizeof(pair->last), "enter");
	oracle_enter(&pair->oracle);
	expect_outcome(pair, vpmu_pmu_enter(pair->pmu), pair->oracle.pmi, pair->oracle.masked,
	               pair->oracle.overflowed);
}

static void step_both(struct pair *pair)
{
	switch (below(pair, 40)) {
	case 0:
		filter_both(pair);
		break;
	case 1:
		lvtpc_both(pair);
		break;
	case 2:
	case 3:
		emulate_both(pair);
		break;
	case 4:
		enter_both(pair);
		break;
	case 5:
		if (!below(pair, 8)) {
			oracle_reset(&pair->oracle);
			vpmu_pmu_reset(pair->pmu);
			snprintf(pair->last, sizeof(pair->last), "reset");
		}
		vpmu_pmu_schedule(pair->pmu); /* neither profile cares */
		break;
	default:
		if (below(pair, 3))
			write_both(pair);
		else
			run_both(pair);
	}
}

/* Every register of either, and what is beside them. */
static void compare(struct pair *pair)
{
	static const uint32_t runs[][2] = {{0xc1, 9},       {0x186, 9},      {0x309, 5},
	                                   {0x38d, 7},      {0x4c1, 9},      {0x1d9, 1},
	                                   {0xc0000300, 5}, {0xc0010000, 8}, {0xc0010200, 14}};
	bool host = below(pair, 2);

	for (unsigned i = 0; i < ARRAY_SIZE(runs); i++)
		for (uint32_t at = 0; at < runs[i][1]; at++)
			read_both(pair, runs[i][0] + at, host);
	rdpmc_both(pair);
	if (vpmu_pmu_lvtpc(pair->pmu) != pair->oracle.lvtpc)
		FAIL(pair, "LVTPC", vpmu_pmu_lvtpc(pair->pmu), pair->oracle.lvtpc);
}

static void every_model_equals_the_oracle(void **state)
{
	uint64_t seed = test_seed();

	for (size_t i = 0; i < ARRAY_SIZE(models); i++) {
		static struct pair pair;

		pair.seed = seed + i * 2;
		pair.pmu = machine_on(models[i].mediated ? "mediated" : "hardware", models[i].name);
		oracle_init(&pair.oracle, &models[i]);
		for (pair.step = 0; pair.step < 4000; pair.step++) {
			step_both(&pair);
			compare(&pair);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_model_equals_the_oracle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
