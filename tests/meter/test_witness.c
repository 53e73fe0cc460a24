/* SPDX-License-Identifier: MIT */
/*
 * The meter against a witness that has no blocks, no room and no prefix: it calls
 * vpmu_pmu_account() after every single instruction. Random blocks, selectors, counters, privilege
 * levels, faults and handlers; after every settle both machines must behave alike from then on, and
 * have delivered the same PMIs at the same instruction.
 */
#include <stdio.h>
#include <string.h>

#include <vpmu/meter.h>

#include "../core/machine.h"

enum { BLOCKS = 8, INSNS = 24, STEPS = 4000, MACHINES = 150 };

/* An emulator's own structure, with the meter's in the middle. */
struct op {
	uint64_t address;
	struct vpmu_insn insn;
	uint32_t more;
};

struct witness {
	struct vpmu_pmu *pmu;
	uint64_t slots, cycles, ref_cycles; /* while they were wanted */
	uint32_t pmi;
	bool overflowed;    /* in the last instruction, */
	unsigned overflows; /* and in how many so far */
};

struct trial {
	uint64_t seed;
	struct vpmu_pmu *pmu;
	struct vpmu_meter meter;
	struct vpmu_rates rates;
	struct witness witness;
	struct op ops[BLOCKS][INSNS];
	struct vpmu_block blocks[BLOCKS];
	unsigned cpl;
	uint32_t pmi;
	bool dynamic; /* lines and branches cost something that is known only afterwards */
	uint64_t limit;
};

static uint64_t below(struct trial *t, uint64_t bound)
{
	return test_random(&t->seed) % bound;
}

/* --- The witness ----------------------------------------------------------------------------- */

static uint64_t complete(uint64_t slots, uint64_t per, uint64_t divider)
{
	return (uint64_t)((unsigned __int128)slots * per / divider);
}

static bool counts_costs(const struct vpmu_pmu *pmu)
{
	/* These, and all that is known only when it has happened: time passes with either. */
	return vpmu_pmu_wanted(pmu) & (VPMU_METER_COSTS | VPMU_CLASS_BIT(VPMU_TOPDOWN_BACKEND) |
	                               ~(VPMU_CLASS_BIT(VPMU_TAKEN_BRANCHES) - 1));
}

/* What is known only when the instruction has happened. */
struct extra {
	struct vpmu_costs costs;
	bool taken;
	uint64_t more[VPMU_MAX_CLASSES]; /* by class */
};

/* The classes that follow from instructions, each by its own words. */
static void count_details(struct vpmu_amounts *one, const struct vpmu_insn *insn, bool taken)
{
	bool far = insn->flags & VPMU_INSN_FAR, conditional = insn->flags & VPMU_INSN_CONDITIONAL;
	bool load = insn->data & VPMU_DATA_LOAD, store = insn->data & VPMU_DATA_STORE;
	bool branch = insn->flags & VPMU_INSN_BRANCH;

	one->of[VPMU_CONDITIONAL_BRANCHES] = conditional;
	one->of[VPMU_NEAR_CALLS] = insn->flags & VPMU_INSN_CALL && !far;
	one->of[VPMU_NEAR_RETURNS] = insn->flags & VPMU_INSN_RETURN && !far;
	one->of[VPMU_FAR_BRANCHES] = far;
	one->of[VPMU_LOADS] = load;
	one->of[VPMU_STORES] = store;
	one->of[VPMU_MEMORY] = load || store;
	one->of[VPMU_LOAD_STORES] = load && store;
	one->of[VPMU_TOPDOWN_RETIRING] = insn->slots ? 1 : 0;
	one->of[VPMU_TOPDOWN_BACKEND] = insn->slots ? insn->slots - 1u : 0;
	one->of[VPMU_TAKEN_BRANCHES] = branch && taken && !far;
	one->of[VPMU_CONDITIONAL_TAKEN] = conditional && taken;
	one->of[VPMU_CONDITIONAL_NOT_TAKEN] = conditional && !taken;
}

static void witness_retires(struct trial *t, const struct vpmu_insn *insn,
                            const struct extra *extra)
{
	struct witness *w = &t->witness;
	struct vpmu_amounts one = {.of = {[VPMU_INSTRUCTIONS] = 1}};
	uint64_t cycles, ref_cycles,
		ref_divider = (uint64_t)t->rates.ref_denominator * t->rates.width;
	uint32_t epoch = vpmu_pmu_epoch(w->pmu);

	one.of[VPMU_BRANCHES] = !!(insn->flags & VPMU_INSN_BRANCH);
	count_details(&one, insn, extra->taken);
	for (unsigned i = VPMU_LLC_LOADS; i < VPMU_CLASSES; i++)
		one.of[i] = extra->more[i];
	if (counts_costs(w->pmu)) {
		one.of[VPMU_SLOTS] = insn->slots + extra->costs.slots;
		one.of[VPMU_BRANCH_MISSES] = extra->costs.branch_misses;
		one.of[VPMU_LLC_REFERENCES] = extra->costs.llc_references;
		one.of[VPMU_LLC_MISSES] = extra->costs.llc_misses;
		w->slots += one.of[VPMU_SLOTS];
		cycles = complete(w->slots, 1, t->rates.width);
		ref_cycles = complete(w->slots, t->rates.ref_numerator, ref_divider);
		one.of[VPMU_CYCLES] = cycles - w->cycles;
		one.of[VPMU_REF_CYCLES] = ref_cycles - w->ref_cycles;
		w->cycles = cycles;
		w->ref_cycles = ref_cycles;
	}
	w->pmi += vpmu_pmu_account(w->pmu, &one, t->cpl).pmi;
	w->overflowed = vpmu_pmu_epoch(w->pmu) != epoch;
	w->overflows += w->overflowed;
}

/* --- Both ------------------------------------------------------------------------------------ */

static void both_write(struct trial *t, uint32_t msr, uint64_t value)
{
	enum vpmu_status a = vpmu_pmu_guest_write(t->pmu, msr, value);
	enum vpmu_status b = vpmu_pmu_guest_write(t->witness.pmu, msr, value);

	assert_int_equal(a, b);
}

static const uint16_t old_events[] = {0xc0, 0x3c, 0x13c, 0xc4, 0xc5, 0x4f2e, 0x412e, 0x1a4};

/* Half of the time one of all that the model has. */
static uint64_t random_event(struct trial *t)
{
	const struct vpmu_model *model = vpmu_pmu_model(t->pmu);
	enum vpmu_class class_;
	uint64_t event;

	if (below(t, 2) && vpmu_model_event(model, below(t, 60), &event, &class_))
		return event;
	if (model->vendor == VPMU_VENDOR_AMD)
		return (const uint16_t[]){0xc0, 0x76, 0xc2, 0xc3}[below(t, 4)];
	return old_events[below(t, ARRAY_SIZE(old_events))];
}

static uint64_t random_selector(struct trial *t)
{
	uint64_t cycles = 0;

	if (below(t, 4) == 0) /* CMASK, INV, EDGE */
		cycles = below(t, 4) << 24 | below(t, 2) << 23 | below(t, 2) << 18;
	return random_event(t) | BIT64(22) | below(t, 4) << 16 | below(t, 2) << 20 | cycles;
}

static void random_write(struct trial *t)
{
	uint32_t i = (uint32_t)below(t, 4);
	uint64_t near = BIT64(48) - 1 - below(t, below(t, 2) ? 20 : 600);

	switch (below(t, 12)) {
	case 0:
	case 1:
		both_write(t, SEL0 + i, random_selector(t));
		both_write(t, K7_SEL0 + i, random_selector(t));
		both_write(t, CORE_SEL0 + 2 * i, random_selector(t));
		break;
	case 2:
		both_write(t, FIXED_CTRL, test_random(&t->seed) & 0xbbbb);
		break;
	case 3:
		both_write(t, GLOBAL_CTRL, test_random(&t->seed) & UINT64_C(0x70000000f));
		both_write(t, AMD_GLOBAL_CTL, test_random(&t->seed) & 0x3f);
		break;
	case 4:
		both_write(t, GLOBAL_CTRL, UINT64_C(0x70000000f));
		both_write(t, AMD_GLOBAL_CTL, 0x3f);
		break;
	case 5:
		both_write(t, OVF_CTRL, UINT64_C(0x70000000f));
		both_write(t, AMD_STATUS_CLR, 0x3f);
		break;
	case 6:
		both_write(t, DEBUGCTL, below(t, 2) ? BIT64(12) : 0);
		break;
	case 7:
		vpmu_pmu_set_lvtpc(t->pmu, 0x400);
		vpmu_pmu_set_lvtpc(t->witness.pmu, 0x400);
		break;
	default:
		both_write(t, FIXED0 + i, near);
		both_write(t, PMC0 + i, below(t, 2) ? near : UINT64_C(0xffffffff) - below(t, 99));
		both_write(t, A_PMC0 + i, near);
		both_write(t, K7_CTR0 + i, near);
		both_write(t, CORE_CTR0 + 2 * i, near);
		break;
	}
}

static void both_behave_alike(struct trial *t)
{
	assert_int_equal(t->pmi, t->witness.pmi);
	assert_true(vpmu_pmu_fingerprint(t->pmu) == vpmu_pmu_fingerprint(t->witness.pmu));
}

/* --- An emulator that uses the meter --------------------------------------------------------- */

static void random_block(struct trial *t, unsigned b)
{
	uint32_t count = 1 + (uint32_t)below(t, INSNS);
	bool trace = below(t, 3) == 0; /* branches in the middle, too */

	for (uint32_t i = 0; i < count; i++) {
		struct vpmu_insn *insn = &t->ops[b][i].insn;
		bool branch = i + 1 == count ? below(t, 4) : trace && below(t, 3) == 0;

		*insn = (struct vpmu_insn){.slots = (uint16_t)below(t, below(t, 4) ? 3 : 40),
		                           .flags = branch ? VPMU_INSN_BRANCH : 0};
		if (branch && below(t, 2))
			insn->flags |= (uint8_t)(1 << below(t, 5)); /* conditional … return */
		if (branch && below(t, 8) == 0)
			insn->flags |= VPMU_INSN_FAR;
		insn->data = (uint8_t)below(t, 4);
		if (t->dynamic && below(t, 3) == 0)
			insn->lines = (uint8_t)(1 + below(t, 2));
		if (below(t, 30) == 0)
			insn->flags = VPMU_INSN_APART;
	}
	assert_int_equal(
		vpmu_block_make(&t->blocks[b], &t->ops[b][0].insn, count, sizeof(t->ops[b][0])),
		VPMU_OK);
}

static void settle(struct trial *t)
{
	uint32_t pmi = vpmu_meter_settle(&t->meter, t->cpl).pmi;

	t->pmi += pmi;
	both_behave_alike(t);
	t->witness.overflowed = false;
	while (below(t, 3) == 0 || (pmi && below(t, 4)))
		random_write(t);
	if (below(t, 8) == 0)
		t->cpl = below(t, 2) ? 3 : 0;
	t->limit = below(t, 4) ? UINT64_MAX : below(t, 100);
	vpmu_meter_refresh(&t->meter, t->cpl, t->limit);
}

/* What a line or a branch adds to the classes of a timing model. */
static void happen(struct trial *t, struct extra *extra, const uint32_t most[VPMU_MAX_CLASSES])
{
	for (unsigned i = VPMU_LLC_LOADS; i < VPMU_CLASSES; i++)
		extra->more[i] += below(t, most[i] + UINT64_C(1));
}

static void report(struct trial *t, const struct vpmu_insn *insn, const struct extra *extra)
{
	if (insn->flags & VPMU_INSN_BRANCH)
		vpmu_meter_branched(&t->meter, insn->flags, extra->taken);
	for (unsigned i = VPMU_LLC_LOADS; t->meter.detailed && i < VPMU_CLASSES; i++)
		t->meter.details.of[i] += extra->more[i];
}

/* The instruction executes. What is dynamic comes out as it does. */
static void retires(struct trial *t, const struct vpmu_insn *insn)
{
	struct extra extra = {.taken = !t->dynamic || below(t, 2)};

	assert_false(t->witness.overflowed); /* somebody should have settled */
	for (unsigned i = 0; t->dynamic && i < insn->lines; i++) {
		extra.costs.slots += below(t, t->rates.line.slots + 1);
		extra.costs.llc_references += below(t, 2);
		extra.costs.llc_misses += below(t, 2);
		happen(t, &extra, t->rates.line_more);
	}
	if (t->dynamic && insn->flags & VPMU_INSN_BRANCH) {
		extra.costs.slots += below(t, t->rates.branch.slots + 1);
		extra.costs.branch_misses += below(t, 2);
		happen(t, &extra, t->rates.branch_more);
	}
	if (t->meter.timed) {
		t->meter.costs.slots += extra.costs.slots;
		t->meter.costs.branch_misses += extra.costs.branch_misses;
		t->meter.costs.llc_references += extra.costs.llc_references;
		t->meter.costs.llc_misses += extra.costs.llc_misses;
		report(t, insn, &extra);
	}
	if (insn->flags & VPMU_INSN_APART)
		vpmu_meter_retire(&t->meter, insn);
	witness_retires(t, insn, &extra);
	if (t->limit != UINT64_MAX)
		t->limit--;
}

/* An overflow is right behind `end`, or in the instruction there, if nothing else ended the part.
 */
static void part_was_not_too_short(struct trial *t, const struct vpmu_block *block, uint32_t end)
{
	static _Alignas(VPMU_PMU_ALIGN) unsigned char copy[VPMU_PMU_BYTES];
	struct witness saved = t->witness;

	if (t->dynamic || t->witness.overflowed || !t->limit || t->meter.room == 1 ||
	    t->meter.wanted >> VPMU_TAKEN_BRANCHES ||
	    vpmu_block_insn(block, end)->flags & VPMU_INSN_APART)
		return;
	memcpy(copy, t->witness.pmu, vpmu_pmu_size());
	witness_retires(t, vpmu_block_insn(block, end), &(struct extra){.taken = true});
	assert_true(t->witness.overflowed);
	memcpy(saved.pmu, copy, vpmu_pmu_size());
	t->witness = saved;
}

static void run_block(struct trial *t, const struct vpmu_block *block)
{
	for (uint32_t first = 0, end, done = 0; first < block->count; first = done) {
		bool whole = !first && vpmu_meter_pay(&t->meter, block);

		end = whole ? block->count : vpmu_meter_prefix(&t->meter, block, first);
		if (end == first) {
			settle(t);
			continue;
		}
		if (!whole)
			vpmu_meter_pay_part(&t->meter, block, first, end);
		done = below(t, 20) ? end : first + (uint32_t)below(t, end - first);
		for (uint32_t i = first; i < done; i++)
			retires(t, vpmu_block_insn(block, i));
		if (done < end) /* a fault: its handler runs first */
			vpmu_meter_rewind(&t->meter, block, done, end);
		else if (end < block->count)
			part_was_not_too_short(t, block, end);
		if (done < block->count)
			settle(t);
	}
}

/* --- Trials ---------------------------------------------------------------------------------- */

static void random_rates(struct trial *t)
{
	t->rates = (struct vpmu_rates){
		.width = 1 + (uint32_t)below(t, 6),
		.ref_numerator = 1 + (uint32_t)below(t, 5),
		.ref_denominator = 1 + (uint32_t)below(t, 5),
	};
	t->dynamic = below(t, 2);
	if (!t->dynamic)
		return;
	t->rates.line =
		(struct vpmu_costs){.slots = below(t, 60), .llc_references = 1, .llc_misses = 1};
	t->rates.branch = (struct vpmu_costs){.slots = below(t, 30), .branch_misses = 1};
	for (unsigned i = VPMU_LLC_LOADS; i < VPMU_CLASSES; i++) {
		t->rates.line_more[i] = (uint32_t)below(t, 3);
		t->rates.branch_more[i] = (uint32_t)below(t, 3);
	}
}

static void trial_on(struct trial *t, const char *profile, const char *model)
{
	t->pmu = machine_on(profile, model);
	t->witness = (struct witness){.pmu = machine_on(profile, model)};
	t->pmi = 0;
	t->cpl = 0;
	random_rates(t);
	assert_int_equal(vpmu_meter_init(&t->meter, t->pmu, &t->rates), VPMU_OK);
	for (unsigned b = 0; b < BLOCKS; b++)
		random_block(t, b);
	settle(t);
	for (unsigned step = 0; step < STEPS; step++) {
		run_block(t, &t->blocks[below(t, BLOCKS)]);
		if (below(t, 30) == 0)
			settle(t);
	}
	settle(t);
}

static void a_meter_equals_paying_one_by_one(void **state)
{
	static const char *const models[] = {"intel-v1",      "intel-v2", "intel-v4",
	                                     "intel-v5",      "amd-k7",   "amd-perfcore",
	                                     "amd-perfmon-v2"};
	static const char *const profiles[] = {"hardware", "hardware", "mediated", "linux-6.1",
	                                       "linux-6.12"};
	static struct trial t;
	unsigned overflows = 0;

	t.seed = test_seed();
	for (unsigned i = 0; i < MACHINES; i++) {
		trial_on(&t, profiles[below(&t, ARRAY_SIZE(profiles))],
		         models[below(&t, ARRAY_SIZE(models))]);
		overflows += t.witness.overflows;
	}
	assert_true(overflows > 10 * MACHINES); /* else it has seen nothing */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_meter_equals_paying_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
