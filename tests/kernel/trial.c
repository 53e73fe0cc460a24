/* SPDX-License-Identifier: MIT */
/* Random lives, states and puts on the kernel's code: see trial.h. */
#include <stdio.h>
#include <string.h>

#include "trial.h"

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

enum { ACTS = 120, RUNS = 6, SEEN = (RUNS + 2) * (VPMU_MAX_STATE + 1) };

const char *const trial_lives[TRIAL_LIVES] = {"fresh",          "running",  "overflow-pending",
                                              "pmi-pending",    "emulated", "paused",
                                              "failed-creation"};

enum verb { WRITES, RUNS_ON, ENTERS, EMULATES, SCHEDULES, FAILS };

struct act {
	enum verb verb;
	uint32_t msr;
	uint64_t value;
};

/* What a guest answers from the put on: all registers, then at the entry and each run the PMIs and
 * all registers. */
struct seen {
	unsigned count;
	uint64_t values[SEEN];
};

struct trial {
	const struct trial_case *tried;
	struct random random;
	struct act life[ACTS];
	unsigned acts;
	uint64_t runs[RUNS];
	bool just_read; /* the state is what a get reads of the life */
	struct vpmu_state state;
	unsigned incidents, raised;
};

static const struct kernel_subject *kernel_of(const struct trial *trial)
{
	return trial->tried->kernel;
}

static bool one_in(struct trial *trial, unsigned n)
{
	return random_next(&trial->random) % n == 0;
}

static const struct vpmu_register *reg_of(const struct trial *trial, unsigned value)
{
	const struct vpmu_layout *layout = trial->tried->layout;

	return &layout->registers[layout->stored[value]];
}

static unsigned reg_count(const struct trial *trial)
{
	return trial->tried->layout->value_count;
}

/* --- Values ----------------------------------------------------------------------------------- */

static uint64_t draw_count(struct trial *trial, uint64_t mask)
{
	uint64_t any = random_next(&trial->random), distance = any >> 8;

	switch (any & 7) {
	case 0:
	case 1:
	case 2:
		return (mask - distance % 16) & mask;
	case 3:
		return (mask - distance % 4000) & mask;
	case 4:
	case 5:
		return distance % 16;
	case 6:
		return 0;
	default:
		return distance & mask;
	}
}

/* No EDGE: the level that its detector has seen is in no register. */
static uint64_t draw_selector(struct trial *trial, uint64_t writable)
{
	static const uint64_t intel[] = {0xc0, 0xc0, 0xc0, 0x3c, 0x13c, 0xc4, 0x4f2e, 0x99};
	static const uint64_t amd[] = {0xc0, 0xc0, 0xc0, 0x76, 0xc2, 0xc3, 0x99};
	bool is_amd = trial->tried->layout->model.vendor == VPMU_VENDOR_AMD;
	uint64_t any = random_next(&trial->random);
	uint64_t value = is_amd ? amd[any % COUNT_OF(amd)] : intel[any % COUNT_OF(intel)];

	any >>= 16;
	if (!(any & 7))
		return 0;
	value |= any & 0x10000;                          /* USR */
	value |= any >> 20 & 7 ? UINT64_C(0x20000) : 0;  /* OS */
	value |= any >> 24 & 1 ? UINT64_C(0x100000) : 0; /* INT */
	value |= any >> 28 & 3 ? UINT64_C(0x400000) : 0; /* EN */
	return value & writable;
}

static uint64_t draw_value(struct trial *trial, const struct vpmu_register *reg)
{
	uint64_t any = random_next(&trial->random);

	switch (reg->kind) {
	case VPMU_KIND_COUNTER:
	case VPMU_KIND_FIXED_COUNTER:
		return draw_count(trial, reg->writable);
	case VPMU_KIND_SELECTOR:
		return draw_selector(trial, reg->writable);
	case VPMU_KIND_FIXED_CTRL:
		return (any & 3 ? any >> 8 : UINT64_C(0xbbb)) & reg->writable;
	case VPMU_KIND_GLOBAL_CTRL:
		return (any & 3 ? UINT64_MAX : any >> 8) & reg->writable;
	case VPMU_KIND_GLOBAL_STATUS: /* counters' bits alone */
		return any & 1 ? 0 : any >> 8 & reg->writable & UINT64_C(0xff00007fff);
	default:
		return 0;
	}
}

static uint64_t draw_run(struct trial *trial)
{
	uint64_t any = random_next(&trial->random);

	return any & 3 ? any >> 8 & 15 : any >> 8 & 4095;
}

/* --- The life --------------------------------------------------------------------------------- */

static void add(struct trial *trial, enum verb verb, uint32_t msr, uint64_t value)
{
	if (trial->acts < ACTS)
		trial->life[trial->acts++] = (struct act){verb, msr, value};
}

static bool is_guests(const struct vpmu_register *reg)
{
	return reg->kind != VPMU_KIND_GLOBAL_STATUS && reg->kind != VPMU_KIND_CAPABILITIES;
}

static void programs(struct trial *trial)
{
	for (unsigned i = 0; i < reg_count(trial); i++)
		if (is_guests(reg_of(trial, i)) && !one_in(trial, 4))
			add(trial, WRITES, reg_of(trial, i)->msr,
			    draw_value(trial, reg_of(trial, i)));
}

static void writes_one(struct trial *trial)
{
	unsigned i = (unsigned)random_next(&trial->random) % reg_count(trial);

	if (is_guests(reg_of(trial, i)))
		add(trial, WRITES, reg_of(trial, i)->msr, draw_value(trial, reg_of(trial, i)));
}

static void goes_on(struct trial *trial)
{
	static const enum verb others[] = {ENTERS, SCHEDULES, EMULATES, FAILS};
	bool plain = trial->tried->life == TRIAL_RUNNING;
	uint64_t any = random_next(&trial->random) % (plain ? 6 : 8);

	if (any < 2)
		add(trial, RUNS_ON, 0, draw_run(trial));
	else if (any < 4)
		writes_one(trial);
	else
		add(trial, others[any - 4], 0, any == 7 ? random_next(&trial->random) & 1 : 0);
}

/* Some counters count instructions and are one before their overflow; one is emulated. */
static void overflows(struct trial *trial, uint64_t interrupt)
{
	for (unsigned i = 0; i < reg_count(trial); i++) {
		const struct vpmu_register *reg = reg_of(trial, i);
		bool chosen = !reg->index || one_in(trial, 2);

		if (reg->kind == VPMU_KIND_SELECTOR && chosen)
			add(trial, WRITES, reg->msr, UINT64_C(0x4300c0) | interrupt);
		if (reg->kind == VPMU_KIND_COUNTER && chosen)
			add(trial, WRITES, reg->msr, UINT64_MAX);
		if (reg->kind == VPMU_KIND_GLOBAL_CTRL)
			add(trial, WRITES, reg->msr, reg->writable);
	}
	add(trial, ENTERS, 0, 0);
	add(trial, EMULATES, 0, 0);
}

static void pauses(struct trial *trial)
{
	bool all = one_in(trial, 2);

	for (unsigned i = 0; i < reg_count(trial); i++) {
		enum vpmu_kind kind = reg_of(trial, i)->kind;

		if ((kind == VPMU_KIND_SELECTOR || kind == VPMU_KIND_FIXED_CTRL ||
		     kind == VPMU_KIND_GLOBAL_CTRL) &&
		    (all || one_in(trial, 2)))
			add(trial, WRITES, reg_of(trial, i)->msr, 0);
	}
	add(trial, ENTERS, 0, 0);
}

static void draw_life(struct trial *trial)
{
	enum trial_life life = trial->tried->life;
	unsigned more = (unsigned)random_next(&trial->random) % 10;

	if (life == TRIAL_FRESH)
		return;
	if (life == TRIAL_FAILED_CREATION)
		add(trial, FAILS, 0, 1 + (random_next(&trial->random) & 1));
	programs(trial);
	add(trial, RUNS_ON, 0, draw_run(trial));
	while (more--)
		goes_on(trial);
	add(trial, FAILS, 0, 0);
	if (life == TRIAL_OVERFLOW_PENDING || life == TRIAL_PMI_PENDING)
		overflows(trial, life == TRIAL_PMI_PENDING ? 0x100000 : 0);
	if (life == TRIAL_EMULATED)
		add(trial, EMULATES, 0, 0);
	if (life == TRIAL_PAUSED)
		pauses(trial);
}

static unsigned sum(struct subject_pmis pmis)
{
	return pmis.delivered + pmis.masked;
}

static unsigned run_so_much(const struct kernel_subject *kernel, uint64_t n)
{
	const uint64_t amounts[VPMU_CLASSES] = {
		[VPMU_INSTRUCTIONS] = n,      [VPMU_CYCLES] = n,
		[VPMU_REF_CYCLES] = n,        [VPMU_BRANCHES] = n / 3,
		[VPMU_BRANCH_MISSES] = n / 9, [VPMU_LLC_REFERENCES] = n / 5,
	};

	return sum(kernel->run(amounts));
}

/* A guest that has had the life; PMIs that came until now are of the past. */
static bool live(struct trial *trial)
{
	const struct kernel_subject *kernel = kernel_of(trial);

	if (!kernel->make(trial->tried->model, NULL, trial->tried->mediated))
		return false;
	for (unsigned i = 0; i < trial->acts; i++) {
		const struct act *act = &trial->life[i];

		switch (act->verb) {
		case WRITES:
			kernel->guest_write(act->msr, act->value);
			break;
		case RUNS_ON:
			run_so_much(kernel, act->value);
			break;
		case ENTERS:
			kernel->enter();
			break;
		case EMULATES:
			kernel->emulate();
			break;
		case SCHEDULES:
			kernel->schedule();
			break;
		case FAILS:
			kernel->fail_creations((uint32_t)act->value);
			break;
		}
	}
	kernel->fail_creations(0);
	return true;
}

/* --- The state -------------------------------------------------------------------------------- */

static bool read_all(struct trial *trial, uint64_t *values)
{
	for (unsigned i = 0; i < reg_count(trial); i++)
		if (!kernel_of(trial)->host_read(reg_of(trial, i)->msr, &values[i]))
			return false;
	return true;
}

/* Reset values; or just read from the vCPU itself, with other counts, with other controls. */
static bool draw_state(struct trial *trial)
{
	unsigned kind = (unsigned)random_next(&trial->random) & 3;

	vpmu_state_reset(&trial->state, trial->tried->layout);
	if (trial->tried->level == VPMU_LEVEL_RESET)
		return true;
	trial->just_read = !kind;
	if (!read_all(trial, trial->state.values))
		return false;
	for (unsigned i = 0; kind && i < reg_count(trial); i++) {
		const struct vpmu_register *reg = reg_of(trial, i);
		bool counts =
			reg->kind == VPMU_KIND_COUNTER || reg->kind == VPMU_KIND_FIXED_COUNTER;

		if (reg->kind != VPMU_KIND_CAPABILITIES &&
		    (kind == 3 || (counts && !one_in(trial, 4)) || (kind == 2 && one_in(trial, 3))))
			trial->state.values[i] = draw_value(trial, reg);
	}
	return true;
}

/* --- The put, and the guest that holds the state ---------------------------------------------- */

static int read_through(void *context, struct vpmu_msr *msrs, unsigned count)
{
	struct trial *trial = context;

	for (unsigned i = 0; i < count; i++)
		if (!kernel_of(trial)->host_read(msrs[i].index, &msrs[i].value))
			return (int)i;
	return (int)count;
}

static void an_incident(struct trial *trial)
{
	if (!trial->incidents || !one_in(trial, 6))
		return;
	trial->incidents--;
	if (one_in(trial, 2))
		trial->raised += sum(kernel_of(trial)->enter());
	else
		kernel_of(trial)->schedule();
}

static int write_through(void *context, const struct vpmu_msr *msrs, unsigned count)
{
	struct trial *trial = context;

	for (unsigned i = 0; i < count; i++) {
		an_incident(trial);
		if (!kernel_of(trial)->host_write(msrs[i].index, msrs[i].value))
			return (int)i;
	}
	return (int)count;
}

static bool put(struct trial *trial)
{
	struct vpmu_target target = {
		.read = read_through, .write = write_through, .context = trial};
	struct vpmu_report report;
	bool done;

	trial->incidents = trial->tried->incidents;
	done = !vpmu_state_put(&trial->state, trial->tried->layout, &target, trial->tried->level,
	                       trial->tried->order, VPMU_POLICY_STOP, &report);
	an_incident(trial);
	return done;
}

static bool write_kind(struct trial *trial, enum vpmu_kind kind, const uint64_t *values)
{
	for (unsigned i = 0; i < reg_count(trial); i++)
		if (reg_of(trial, i)->kind == kind &&
		    !kernel_of(trial)->host_write(reg_of(trial, i)->msr, values ? values[i] : 0))
			return false;
	return true;
}

/* Where nothing has ever counted there is nothing to lose: the counters before what starts them. */
static bool hold(struct trial *trial)
{
	static const enum vpmu_kind kinds[] = {VPMU_KIND_CAPABILITIES,  VPMU_KIND_COUNTER,
	                                       VPMU_KIND_FIXED_COUNTER, VPMU_KIND_SELECTOR,
	                                       VPMU_KIND_FIXED_CTRL,    VPMU_KIND_GLOBAL_STATUS,
	                                       VPMU_KIND_GLOBAL_CTRL};

	if (!kernel_of(trial)->make(trial->tried->model, NULL, trial->tried->mediated) ||
	    !write_kind(trial, VPMU_KIND_GLOBAL_CTRL, NULL))
		return false;
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (!write_kind(trial, kinds[i], trial->state.values))
			return false;
	return true;
}

/* --- What comes of it ------------------------------------------------------------------------- */

static void note_all(struct trial *trial, struct seen *seen)
{
	if (!read_all(trial, &seen->values[seen->count]))
		memset(&seen->values[seen->count], 0xff, reg_count(trial) * sizeof(uint64_t));
	seen->count += reg_count(trial);
}

/* After a reset LVTPC is masked until the guest unmasks it. */
static void go_on(struct trial *trial, struct seen *seen)
{
	const struct kernel_subject *kernel = kernel_of(trial);
	bool reset = trial->tried->level == VPMU_LEVEL_RESET;

	seen->count = 0;
	kernel->set_lvtpc(reset ? VPMU_LVTPC_MASKED : VPMU_LVTPC_RESET);
	note_all(trial, seen);
	seen->values[seen->count++] = sum(kernel->enter());
	note_all(trial, seen);
	for (unsigned i = 0; i < RUNS; i++) {
		kernel->set_lvtpc(VPMU_LVTPC_RESET);
		seen->values[seen->count++] = run_so_much(kernel, trial->runs[i]);
		note_all(trial, seen);
	}
}

static void describe(const struct trial *trial, unsigned at, uint64_t got, uint64_t wanted,
                     char *what, size_t bytes)
{
	unsigned n = reg_count(trial), after = at < n ? 0 : 1 + (at - n) / (n + 1);
	unsigned place = at < n ? at + 1 : (at - n) % (n + 1);

	snprintf(what, bytes, "%s: %s is 0x%llx, and must be 0x%llx",
	         after == 0   ? "after the put"
	         : after == 1 ? "at the entry"
	                      : "when the guest runs",
	         place ? reg_of(trial, place - 1)->name : "the number of PMIs",
	         (unsigned long long)got, (unsigned long long)wanted);
}

/* Whether both are the same, but for PMIs that the life has left for the entry. */
static bool is_like(const struct trial *trial, const struct seen *got, const struct seen *wanted,
                    unsigned owed, char *what, size_t bytes)
{
	unsigned entry = reg_count(trial);

	for (unsigned i = 0; i < wanted->count; i++) {
		uint64_t value = got->values[i] + (i == entry ? trial->raised : 0);
		uint64_t most = wanted->values[i] + (i == entry ? owed : 0);

		if (value >= wanted->values[i] && value <= most)
			continue;
		describe(trial, i, value, wanted->values[i], what, bytes);
		return false;
	}
	return true;
}

/* The PMIs that come at the next entry whatever is put. */
static unsigned owed_by(struct trial *trial)
{
	live(trial);
	kernel_of(trial)->set_lvtpc(VPMU_LVTPC_RESET);
	return sum(kernel_of(trial)->enter());
}

static enum trial_end refused(const char *who, char *what, size_t bytes)
{
	snprintf(what, bytes, "%s is refused", who);
	return TRIAL_REFUSED;
}

/* What was just read from the vCPU may also go on as if nothing had been put. */
static bool as_lived(struct trial *trial, const struct seen *got, char *what, size_t bytes)
{
	static struct seen lived;

	if (!trial->just_read || !live(trial))
		return false;
	go_on(trial, &lived);
	return is_like(trial, got, &lived, 0, what, bytes);
}

enum trial_end trial_run(const struct trial_case *tried, uint64_t seed, char *what, size_t bytes)
{
	static struct trial trial;
	static struct seen got, held;
	char ignored[8];
	unsigned owed;

	trial = (struct trial){.tried = tried, .random = {seed}};
	draw_life(&trial);
	for (unsigned i = 0; i < RUNS; i++)
		trial.runs[i] = draw_run(&trial) << (one_in(&trial, 3) ? 36 : 0);
	if (!live(&trial) || !draw_state(&trial))
		return refused("a read", what, bytes);
	owed = owed_by(&trial);
	live(&trial);
	trial.raised = 0;
	if (!put(&trial))
		return refused("the put", what, bytes);
	go_on(&trial, &got);
	if (!hold(&trial))
		return refused("what holds the state", what, bytes);
	go_on(&trial, &held);
	if (is_like(&trial, &got, &held, owed, what, bytes) ||
	    as_lived(&trial, &got, ignored, sizeof(ignored)))
		return TRIAL_SAME;
	return TRIAL_LOST;
}
