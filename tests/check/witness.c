/* SPDX-License-Identifier: MIT */
/* Random lives and states, a put of them, and the machine that holds the state beside it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpmu/simulate.h>

#include "witness.h"

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

enum { STEPS_MAX = 12, RUNS = 6 };

const char *const ordeal_names[ORDEALS] = {"fresh",    "running", "overflow-pending", "pmi-pending",
                                           "emulated", "paused",  "failed-creation"};

struct machine {
	_Alignas(VPMU_PMU_ALIGN) unsigned char memory[VPMU_PMU_BYTES];
};

struct trial {
	const struct case_ *tried;
	struct random random;
	struct vpmu_layout layout;
	struct machine live, ideal, apart;
	struct vpmu_state state;
	unsigned incidents, raised;
	bool tell;
	char *what;
	size_t what_bytes;
};

static struct vpmu_pmu *pmu(struct machine *machine)
{
	return (struct vpmu_pmu *)machine->memory;
}

static bool one_in(struct trial *trial, unsigned n)
{
	return random_next(&trial->random) % n == 0;
}

static const struct vpmu_register *reg_of(const struct trial *trial, unsigned value)
{
	return &trial->layout.registers[trial->layout.stored[value]];
}

static bool counts(enum vpmu_kind kind)
{
	return kind == VPMU_KIND_COUNTER || kind == VPMU_KIND_FIXED_COUNTER;
}

/* --- Values --- */

static uint64_t draw_count(struct trial *trial, uint64_t mask)
{
	uint64_t any = random_next(&trial->random);

	switch (any >> 32 & 7) {
	case 0:
	case 1:
	case 2:
		return (mask - any % 20) & mask;
	case 3:
		return (mask - any % 3000) & mask;
	case 4:
	case 5:
		return any % 20;
	case 6:
		return 0;
	default:
		return random_next(&trial->random) & mask;
	}
}

/* Without EDGE: the level that its detector has seen is in no register. */
static uint64_t draw_selector(struct trial *trial, uint64_t writable)
{
	static const uint64_t intel[] = {0xc0, 0xc0, 0xc0, 0x3c, 0x13c, 0xc4, 0x4f2e, 0x99};
	static const uint64_t amd[] = {0xc0, 0xc0, 0xc0, 0x76, 0xc2, 0xc3, 0x99};
	bool is_amd = trial->layout.model.vendor == VPMU_VENDOR_AMD;
	uint64_t any = random_next(&trial->random);
	uint64_t event = is_amd ? amd[any % COUNT_OF(amd)] : intel[any % COUNT_OF(intel)];
	uint64_t bits = any >> 32 & 0x10000; /* USR */

	bits |= any >> 56 & 7 ? UINT64_C(0x20000) : 0;  /* OS */
	bits |= any >> 48 & 1 ? UINT64_C(0x100000) : 0; /* INT */
	bits |= any >> 40 & 3 ? UINT64_C(0x400000) : 0; /* EN */
	if (any >> 61 == 0)
		return 0;
	if (any >> 61 == 1)
		bits |= random_next(&trial->random) & UINT64_C(0xff800000); /* CMASK, INV */
	return (bits | event) & writable;
}

/* One in so many has not all of it. */
static uint64_t draw_mostly(struct trial *trial, uint64_t writable, unsigned n)
{
	return one_in(trial, n) ? random_next(&trial->random) & writable : writable;
}

static uint64_t draw_value(struct trial *trial, unsigned value)
{
	const struct vpmu_register *reg = reg_of(trial, value);

	switch (reg->kind) {
	case VPMU_KIND_COUNTER:
	case VPMU_KIND_FIXED_COUNTER:
		return draw_count(trial, reg->writable);
	case VPMU_KIND_SELECTOR:
		return draw_selector(trial, reg->writable);
	case VPMU_KIND_FIXED_CTRL:
		return one_in(trial, 3) ? 0xbb & reg->writable
		                        : random_next(&trial->random) & reg->writable;
	case VPMU_KIND_GLOBAL_CTRL:
		return draw_mostly(trial, reg->writable, 4);
	case VPMU_KIND_GLOBAL_STATUS:
		return one_in(trial, 2) ? 0
		                        : random_next(&trial->random) & reg->writable &
		                                  UINT64_C(0xff00007fff);
	default:
		return reg->reset;
	}
}

static struct vpmu_amounts draw_amounts(struct trial *trial)
{
	uint64_t any = random_next(&trial->random);
	uint64_t n = any % 3 ? any >> 32 & 15 : any >> 32 & 2047;
	struct vpmu_amounts amounts = {{0}};

	amounts.of[VPMU_INSTRUCTIONS] = n;
	amounts.of[VPMU_CYCLES] = any >> 48 & 1 ? n : n / 2 + (any >> 50 & 31);
	amounts.of[VPMU_REF_CYCLES] = amounts.of[VPMU_CYCLES];
	amounts.of[VPMU_BRANCHES] = n / 3;
	amounts.of[VPMU_BRANCH_MISSES] = n / 9;
	amounts.of[VPMU_LLC_REFERENCES] = n / 5;
	return amounts;
}

/* --- The life --- */

static void guest_writes(struct trial *trial, unsigned value, uint64_t number)
{
	if (trial->tell)
		fprintf(stderr, "wrmsr 0x%x 0x%llx\n", reg_of(trial, value)->msr,
		        (unsigned long long)number);
	vpmu_pmu_guest_write(pmu(&trial->live), reg_of(trial, value)->msr, number);
}

static void runs(struct trial *trial, struct machine *machine)
{
	struct vpmu_amounts amounts = draw_amounts(trial);

	if (trial->tell)
		fprintf(stderr,
		        "run instructions=%llu cycles=%llu ref-cycles=%llu branches=%llu "
		        "branch-misses=%llu llc-references=%llu\n",
		        (unsigned long long)amounts.of[VPMU_INSTRUCTIONS],
		        (unsigned long long)amounts.of[VPMU_CYCLES],
		        (unsigned long long)amounts.of[VPMU_REF_CYCLES],
		        (unsigned long long)amounts.of[VPMU_BRANCHES],
		        (unsigned long long)amounts.of[VPMU_BRANCH_MISSES],
		        (unsigned long long)amounts.of[VPMU_LLC_REFERENCES]);
	vpmu_pmu_run(pmu(machine), &amounts, 0);
}

static void enters(struct trial *trial)
{
	struct vpmu_outcome outcome = vpmu_pmu_enter(pmu(&trial->live));

	if (trial->tell)
		fprintf(stderr, "enter\n");
	trial->raised += outcome.pmi + outcome.masked;
}

static void emulates(struct trial *trial)
{
	if (trial->tell)
		fprintf(stderr, "emulate\n");
	vpmu_pmu_emulate(pmu(&trial->live), false, 0);
}

static void schedules(struct trial *trial)
{
	if (trial->tell)
		fprintf(stderr, "schedule\n");
	vpmu_pmu_schedule(pmu(&trial->live));
}

static void fails(struct trial *trial, unsigned count)
{
	if (trial->tell)
		fprintf(stderr, "fail-create %u\n", count);
	vpmu_pmu_fail_creations(pmu(&trial->live), count);
}

static void guest_programs(struct trial *trial)
{
	for (unsigned i = 0; i < trial->layout.value_count; i++)
		if (!one_in(trial, 4) && reg_of(trial, i)->kind != VPMU_KIND_GLOBAL_STATUS &&
		    reg_of(trial, i)->kind != VPMU_KIND_CAPABILITIES)
			guest_writes(trial, i, draw_value(trial, i));
}

static void guest_writes_one(struct trial *trial)
{
	unsigned i = (unsigned)random_next(&trial->random) % trial->layout.value_count;

	if (reg_of(trial, i)->kind != VPMU_KIND_CAPABILITIES)
		guest_writes(trial, i, draw_value(trial, i));
}

static void something_happens(struct trial *trial)
{
	bool plain = trial->tried->ordeal == ORDEAL_RAN;

	switch (random_next(&trial->random) % (plain ? 6 : 9)) {
	case 0:
	case 1:
		runs(trial, &trial->live);
		break;
	case 2:
	case 3:
		guest_writes_one(trial);
		break;
	case 4:
		enters(trial);
		break;
	case 5:
		schedules(trial);
		break;
	case 6:
		fails(trial, 1 + (unsigned)random_next(&trial->random) % 3);
		break;
	case 7:
		fails(trial, 0);
		break;
	default:
		emulates(trial);
		break;
	}
}

/* Counters that count instructions, one before their overflow; then one is emulated. */
static void overflows_by_emulation(struct trial *trial, bool pmi)
{
	const struct vpmu_layout *layout = &trial->layout;

	for (unsigned i = 0; i < layout->value_count; i++) {
		const struct vpmu_register *reg = reg_of(trial, i);
		bool chosen = reg->index == 0 || one_in(trial, 2);

		if (reg->kind == VPMU_KIND_SELECTOR && chosen)
			guest_writes(trial, i, UINT64_C(0x4300c0) | (pmi ? 0x100000 : 0));
		if (reg->kind == VPMU_KIND_COUNTER && chosen)
			guest_writes(trial, i, one_in(trial, 4) ? reg->writable : UINT64_MAX);
		if (reg->kind == VPMU_KIND_GLOBAL_CTRL)
			guest_writes(trial, i, reg->writable);
	}
	enters(trial);
	emulates(trial);
}

static void guest_stops(struct trial *trial)
{
	bool all = one_in(trial, 2);

	for (unsigned i = 0; i < trial->layout.value_count; i++) {
		enum vpmu_kind kind = reg_of(trial, i)->kind;
		bool control = kind == VPMU_KIND_SELECTOR || kind == VPMU_KIND_FIXED_CTRL ||
		               kind == VPMU_KIND_GLOBAL_CTRL;

		if (control && (all || one_in(trial, 2)))
			guest_writes(trial, i, 0);
	}
	enters(trial);
}

static void live(struct trial *trial)
{
	enum ordeal ordeal = trial->tried->ordeal;
	unsigned steps = (unsigned)random_next(&trial->random) % STEPS_MAX;

	if (ordeal == ORDEAL_NONE)
		return;
	if (ordeal == ORDEAL_STARVED)
		fails(trial, 1 + (unsigned)random_next(&trial->random) % 3);
	guest_programs(trial);
	runs(trial, &trial->live);
	for (unsigned i = 0; i < steps; i++)
		something_happens(trial);
	fails(trial, 0);
	if (ordeal == ORDEAL_OVERFLOW || ordeal == ORDEAL_PMI)
		overflows_by_emulation(trial, ordeal == ORDEAL_PMI);
	if (ordeal == ORDEAL_EMULATED)
		emulates(trial);
	if (ordeal == ORDEAL_PAUSED)
		guest_stops(trial);
}

/* --- The state --- */

static void read_all(struct trial *trial, struct machine *machine, uint64_t *values)
{
	for (unsigned i = 0; i < trial->layout.value_count; i++)
		if (vpmu_pmu_host_read(pmu(machine), reg_of(trial, i)->msr, &values[i]))
			values[i] = 0;
}

/* Just read from the vCPU itself; its controls with other counts; or anything. */
static void draw_state(struct trial *trial)
{
	unsigned kind = (unsigned)random_next(&trial->random) % 4;

	vpmu_state_reset(&trial->state, &trial->layout);
	if (trial->tried->level == VPMU_LEVEL_RESET)
		return;
	read_all(trial, &trial->live, trial->state.values);
	for (unsigned i = 0; kind && i < trial->layout.value_count; i++) {
		enum vpmu_kind what = reg_of(trial, i)->kind;
		bool redrawn = what != VPMU_KIND_CAPABILITIES &&
		               (kind > 2 || (counts(what) && !one_in(trial, 4)) ||
		                (kind > 1 && one_in(trial, 3)));

		if (redrawn)
			trial->state.values[i] = draw_value(trial, i);
	}
}

/* --- The put --- */

static int read_through(void *context, struct vpmu_msr *msrs, unsigned count)
{
	struct trial *trial = context;

	for (unsigned i = 0; i < count; i++)
		if (vpmu_pmu_host_read(pmu(&trial->live), msrs[i].index, &msrs[i].value))
			return (int)i;
	return (int)count;
}

static void an_incident(struct trial *trial)
{
	if (!trial->incidents || !one_in(trial, 6))
		return;
	trial->incidents--;
	if (one_in(trial, 2))
		enters(trial);
	else
		schedules(trial);
}

static int write_through(void *context, const struct vpmu_msr *msrs, unsigned count)
{
	struct trial *trial = context;

	for (unsigned i = 0; i < count; i++) {
		an_incident(trial);
		if (trial->tell)
			fprintf(stderr, "host-wrmsr 0x%x 0x%llx\n", msrs[i].index,
			        (unsigned long long)msrs[i].value);
		if (vpmu_pmu_host_write(pmu(&trial->live), msrs[i].index, msrs[i].value))
			return (int)i;
	}
	return (int)count;
}

static bool put(struct trial *trial)
{
	struct vpmu_target target = {
		.read = read_through, .write = write_through, .context = trial};
	struct vpmu_report report;
	bool done = !vpmu_state_put(&trial->state, &trial->layout, &target, trial->tried->level,
	                            trial->tried->order, VPMU_POLICY_STOP, &report);

	an_incident(trial);
	return done;
}

/* On a machine on which nothing ever ran nothing can be wrong: first the counters, then what lets
 * them count. */
static bool hold(struct trial *trial)
{
	static const enum vpmu_kind kinds[] = {VPMU_KIND_CAPABILITIES,  VPMU_KIND_COUNTER,
	                                       VPMU_KIND_FIXED_COUNTER, VPMU_KIND_METRICS,
	                                       VPMU_KIND_SELECTOR,      VPMU_KIND_FIXED_CTRL,
	                                       VPMU_KIND_GLOBAL_STATUS};

	for (unsigned k = 0; k < COUNT_OF(kinds); k++)
		for (unsigned i = 0; i < trial->layout.value_count; i++) {
			if (reg_of(trial, i)->kind == VPMU_KIND_GLOBAL_CTRL && !k)
				vpmu_pmu_host_write(pmu(&trial->ideal), reg_of(trial, i)->msr, 0);
			if (reg_of(trial, i)->kind == kinds[k] &&
			    vpmu_pmu_host_write(pmu(&trial->ideal), reg_of(trial, i)->msr,
			                        trial->state.values[i]))
				return false;
		}
	for (unsigned i = 0; i < trial->layout.value_count; i++) {
		bool set = false;

		for (unsigned k = 0; k < COUNT_OF(kinds); k++)
			set |= reg_of(trial, i)->kind == kinds[k];
		if (!set && vpmu_pmu_host_write(pmu(&trial->ideal), reg_of(trial, i)->msr,
		                                trial->state.values[i]))
			return false;
	}
	return true;
}

/* --- What comes of it --- */

static bool wrong(struct trial *trial, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(trial->what, trial->what_bytes, format, list);
	va_end(list);
	return false;
}

static bool same_values(struct trial *trial, const uint64_t *expected, const char *when)
{
	uint64_t values[VPMU_MAX_STATE];

	read_all(trial, &trial->live, values);
	for (unsigned i = 0; i < trial->layout.value_count; i++)
		if (values[i] != expected[i])
			return wrong(trial, "%s %s reads 0x%llx, not 0x%llx", when,
			             reg_of(trial, i)->name, (unsigned long long)values[i],
			             (unsigned long long)expected[i]);
	return true;
}

static bool as_held(struct trial *trial, const char *when)
{
	uint64_t values[VPMU_MAX_STATE];

	read_all(trial, &trial->ideal, values);
	return same_values(trial, values, when);
}

static unsigned pmis(struct vpmu_outcome outcome)
{
	return outcome.pmi + outcome.masked;
}

/* PMIs that the life left: they come at the next entry, and no put can take them back. */
static unsigned owed(struct trial *trial)
{
	memcpy(trial->apart.memory, trial->live.memory, vpmu_pmu_size());
	return pmis(vpmu_pmu_enter(pmu(&trial->apart)));
}

static bool enters_as_held(struct trial *trial, unsigned owed)
{
	unsigned expected = pmis(vpmu_pmu_enter(pmu(&trial->ideal))), got;

	if (trial->tell)
		fprintf(stderr, "enter\n");
	got = trial->raised + pmis(vpmu_pmu_enter(pmu(&trial->live)));
	if (got < expected || got > expected + owed)
		return wrong(trial, "%u PMIs at the entry, not %u", got, expected);
	return as_held(trial, "entered,");
}

static bool runs_as_held(struct trial *trial)
{
	struct vpmu_amounts amounts = draw_amounts(trial);
	unsigned a, b;

	if (one_in(trial, 3))
		for (unsigned i = 0; i < VPMU_CLASSES; i++)
			amounts.of[i] <<= 36;
	if (trial->tell)
		fprintf(stderr,
		        "lvtpc 0x400\nrun instructions=%llu cycles=%llu ref-cycles=%llu "
		        "branches=%llu branch-misses=%llu llc-references=%llu\n",
		        (unsigned long long)amounts.of[VPMU_INSTRUCTIONS],
		        (unsigned long long)amounts.of[VPMU_CYCLES],
		        (unsigned long long)amounts.of[VPMU_REF_CYCLES],
		        (unsigned long long)amounts.of[VPMU_BRANCHES],
		        (unsigned long long)amounts.of[VPMU_BRANCH_MISSES],
		        (unsigned long long)amounts.of[VPMU_LLC_REFERENCES]);
	vpmu_pmu_set_lvtpc(pmu(&trial->live), VPMU_LVTPC_RESET);
	vpmu_pmu_set_lvtpc(pmu(&trial->ideal), VPMU_LVTPC_RESET);
	a = pmis(vpmu_pmu_run(pmu(&trial->live), &amounts, 0));
	b = pmis(vpmu_pmu_run(pmu(&trial->ideal), &amounts, 0));
	if (a != b)
		return wrong(trial, "%u PMIs when the guest runs, not %u", a, b);
	return as_held(trial, "when the guest has run");
}

static bool goes_on(struct trial *trial, unsigned owed)
{
	uint32_t lvtpc =
		trial->tried->level == VPMU_LEVEL_RESET ? VPMU_LVTPC_MASKED : VPMU_LVTPC_RESET;

	vpmu_pmu_set_lvtpc(pmu(&trial->live), lvtpc);
	vpmu_pmu_set_lvtpc(pmu(&trial->ideal), lvtpc);
	if (!same_values(trial, trial->state.values, "after the put") ||
	    !enters_as_held(trial, owed))
		return false;
	for (unsigned i = 0; i < RUNS; i++)
		if (!runs_as_held(trial))
			return false;
	return true;
}

static bool make(struct trial *trial, struct machine *machine)
{
	return vpmu_pmu_init(machine->memory, sizeof(machine->memory), &trial->tried->model,
	                     trial->tried->profile);
}

bool ordeal_exists(const struct vpmu_profile *profile, enum ordeal ordeal)
{
	return vpmu_profile_facts(profile) & VPMU_FACT_PERF_EVENTS || ordeal != ORDEAL_STARVED;
}

bool witness_agrees(const struct case_ *tried, uint64_t seed, char *what, size_t what_bytes)
{
	static struct trial trial;
	unsigned left;

	trial = (struct trial){.tried = tried, .random = {seed}, .what = what};
	trial.what_bytes = what_bytes;
	trial.tell = getenv("WITNESS_TELL");
	if (!make(&trial, &trial.live) || !make(&trial, &trial.ideal) ||
	    vpmu_layout_init(&trial.layout, vpmu_pmu_model(pmu(&trial.live))))
		return wrong(&trial, "no such machine");
	live(&trial);
	draw_state(&trial);
	if (!hold(&trial))
		return wrong(&trial, "a write that holds a state is refused");
	left = owed(&trial);
	trial.raised = 0;
	trial.incidents = tried->incidents;
	if (trial.tell)
		fprintf(stderr, "# put\n");
	if (!put(&trial))
		return wrong(&trial, "the put is refused");
	return goes_on(&trial, left);
}
