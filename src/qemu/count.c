/* SPDX-License-Identifier: MIT */
/*
 * Pays the register machine, and says how far a vCPU may run until it must be paid again.
 *
 * The two rings have separate budgets, since a block adds only to its own ring's count. Counters
 * that count in both rings share what is left: the two budgets together are at most the larger of
 * the two rooms, and the running ring gets three quarters of it. An instruction is at most one
 * branch and one load, so as many instructions as there are branches or loads left are always
 * allowed.
 */
#include "room_int.h"

/* The longest budget, in instructions: no field of `run` overflows within it. */
#define UNLIMITED (UINT64_C(1) << (RUN_FIELD - 1))
/* The lower fields start in the middle, so that taking something back cannot make them borrow from
 * the next field. */
#define BEGIN ((RUN_LOAD + RUN_STORE) << (RUN_FIELD / 2))

enum field { STORES, LOADS, INSNS };

static int64_t field_of(uint64_t run, enum field field)
{
	run &= ~RUN_KICK;
	run >>= field * RUN_FIELD;
	return (int64_t)(field == INSNS ? run : run & width_mask(RUN_FIELD));
}

/* Counted since the last account. Negative when something already paid has been taken back. */
static int64_t taken(const struct cpu *cpu, enum ring ring, enum field field)
{
	return field_of(hot_of(cpu)->run[ring], field) - field_of(cpu->start[ring], field);
}

uint64_t count_retired(const struct cpu *cpu, enum ring ring)
{
	return cpu->retired[ring] + (uint64_t)taken(cpu, ring, INSNS);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static unsigned cpl_of(enum ring ring)
{
	return ring == RING_USER ? 3 : 0;
}

/* Classes that count more than one per instruction. */
static bool is_in_slots(unsigned class_)
{
	return class_ == VPMU_SLOTS || class_ == VPMU_TOPDOWN_BACKEND;
}

static bool follows_from_cost(unsigned class_)
{
	return class_ == VPMU_CYCLES || class_ == VPMU_REF_CYCLES || is_in_slots(class_);
}

static uint64_t insns_of_slots(uint64_t slots, unsigned each)
{
	return slots == UINT64_MAX ? slots : slots / each + (slots % each != 0);
}

/* How many instructions of the ring may run before a counter of instructions, or of what they cost,
 * overflows; UINT64_MAX: no limit. */
static uint64_t insn_room(const struct vpmu_amounts *room)
{
	uint64_t slots;

	if (plugin.options.timing) /* then the model says when (timed.c) */
		return room->of[VPMU_INSTRUCTIONS];
	slots = least(insns_of_slots(room->of[VPMU_SLOTS], QEMU_SLOTS_PER_INSN),
	              insns_of_slots(room->of[VPMU_TOPDOWN_BACKEND], QEMU_SLOTS_PER_INSN - 1));

	return least(least(room->of[VPMU_INSTRUCTIONS], slots),
	             least(room->of[VPMU_CYCLES], room->of[VPMU_REF_CYCLES]));
}

/* In instructions. A planted jump costs some hundred thousand: QEMU translates the page's code anew
 * when it is written, and again when it is taken away. */
#define SPARSE UINT64_C(1000000)

/*
 * Whether PMIs come so often that estimates get no jumps, and their PMIs come at the next block.
 * Linux samples cycles by time: if a sample takes longer than the time between two, Linux makes the
 * periods ever shorter, and the guest hardly gets on.
 */
static bool is_dense(const struct cpu *cpu)
{
	uint64_t now = cpu->retired[RING_KERNEL] + cpu->retired[RING_USER];

	return cpu->stat.pmis && now - cpu->sent_at < SPARSE;
}

/* The same for all classes: an instruction counts at most one of each other class. */
static uint64_t room_of(const struct cpu *cpu, enum ring ring)
{
	struct vpmu_amounts room;
	uint64_t most;

	vpmu_pmu_headroom(cpu->pmu, cpl_of(ring), &room);
	most = insn_room(&room);
	for (unsigned i = 0; i < VPMU_CLASSES; i++)
		if (!follows_from_cost(i))
			most = least(most, room.of[i]);
	return plugin.options.timing ? least(most, timed_room(&room)) : most;
}

/* Only a block's last instruction may be a branch; count_reaches() looks at that. */
unsigned count_until_due(const struct cpu *cpu, const struct block *block)
{
	struct vpmu_amounts room;
	uint64_t most, loads = 0, stores = 0, memory = 0, both = 0;

	vpmu_pmu_headroom(cpu->pmu, cpl_of((enum ring)block->ring), &room);
	most = is_dense(cpu) ? room.of[VPMU_INSTRUCTIONS] : insn_room(&room);
	for (unsigned i = 0; i < block->insns; i++) {
		uint8_t data = block_data(block, i);

		loads += !!(data & VPMU_DATA_LOAD);
		stores += !!(data & VPMU_DATA_STORE);
		memory += !!data;
		both += does_both(data);
		if (i + 1 >= most || loads >= room.of[VPMU_LOADS] ||
		    stores >= room.of[VPMU_STORES] || memory >= room.of[VPMU_MEMORY] ||
		    both >= room.of[VPMU_LOAD_STORES])
			return i + 1;
	}
	return block->insns;
}

/* Without what the timing model pays, which is not known in advance. */
static struct vpmu_amounts amounts_of(const struct qemu_counts *counts, bool with_cost)
{
	struct vpmu_amounts amounts = qemu_amounts(counts);

	for (unsigned i = 0; (plugin.options.timing || !with_cost) && i < VPMU_CLASSES; i++)
		if (follows_from_cost(i))
			amounts.of[i] = 0;
	return amounts;
}

/* Whether these amounts reach an overflow; `past`: something had reached one even before them. */
static bool overflows(const struct cpu *cpu, enum ring ring, const struct vpmu_amounts *amounts,
                      bool *past)
{
	struct vpmu_amounts room;
	bool reaches = false;

	vpmu_pmu_headroom(cpu->pmu, cpl_of(ring), &room);
	for (unsigned i = 0; i < VPMU_CLASSES; i++) {
		reaches |= amounts->of[i] >= room.of[i];
		*past |= !follows_from_cost(i) && amounts->of[i] > room.of[i];
	}
	return reaches;
}

/* Takes what there is to pay. A negative count (a debt) stays until the guest has made up for
 * it. */
static uint64_t take(uint64_t *count)
{
	uint64_t value = (int64_t)*count > 0 ? *count : 0;

	*count -= value;
	return value;
}

static uint64_t take_field(struct cpu *cpu, enum ring ring, enum field field, unsigned extra)
{
	int64_t value = taken(cpu, ring, field) + extra;

	if (value <= 0)
		return 0;
	cpu->start[ring] += (uint64_t)value << field * RUN_FIELD;
	return (uint64_t)value;
}

static void collect(struct cpu *cpu, enum ring ring, unsigned extra, struct qemu_counts *counts)
{
	struct hot *hot = hot_of(cpu);

	*counts = (struct qemu_counts){
		.insns = take_field(cpu, ring, INSNS, extra),
		.loads = take_field(cpu, ring, LOADS, 0),
		.stores = take_field(cpu, ring, STORES, 0),
		.both = take(&hot->both[ring]),
		.not_taken = take(&hot->not_taken[ring]),
	};
	for (unsigned i = 0; i < QEMU_BRANCHES; i++) {
		counts->branches[i] = take(&hot->branches[ring][i]);
		cpu->branched[ring] += counts->branches[i];
	}
	cpu->retired[ring] += counts->insns;
}

static bool is_nothing(const struct vpmu_amounts *amounts)
{
	uint64_t any = 0;

	for (unsigned i = 0; i < VPMU_CLASSES; i++)
		any |= amounts->of[i];
	return !any;
}

static void account_ring(struct cpu *cpu, enum ring ring, unsigned extra)
{
	struct vpmu_amounts amounts;
	struct qemu_counts counts;
	struct vpmu_outcome outcome;
	bool late = false;

	collect(cpu, ring, extra, &counts);
	amounts = amounts_of(&counts, true);
	if (is_nothing(&amounts))
		return;
	if (overflows(cpu, ring, &amounts, &late))
		vpmu_pmu_set_lvtpc(cpu->pmu, pmi_lvtpc(cpu));
	if (cpu->timed)
		outcome = timed_account(cpu, ring, &amounts);
	else
		outcome = vpmu_pmu_account(cpu->pmu, &amounts, cpl_of(ring));
	trace_overflow(cpu, outcome.overflowed);
	cpu->pmi_due += outcome.pmi;
	cpu->stat.masked += outcome.masked;
	cpu->late |= outcome.pmi && late;
}

void count_account(struct cpu *cpu, enum ring ring, unsigned extra)
{
	account_ring(cpu, !ring, 0);
	account_ring(cpu, ring, extra);
}

bool count_reaches(const struct cpu *cpu, const struct block *block)
{
	struct qemu_counts counts = {.insns = block->insns};
	struct vpmu_amounts amounts;
	bool past = false;

	if (block->branch != QEMU_NO_BRANCH)
		counts.branches[block->branch] = 1;
	amounts = amounts_of(&counts, !is_dense(cpu));
	return overflows(cpu, (enum ring)block->ring, &amounts, &past);
}

/* Leaves the counts below what has been paid; what the block adds when it runs makes up for it. */
void count_ahead(struct cpu *cpu, const struct block *block)
{
	uint64_t *run = &hot_of(cpu)->run[block->ring];
	uint64_t *branches = hot_of(cpu)->branches[block->ring];
	bool counts_branch = block->branch != QEMU_NO_BRANCH && plugin.shape & SHAPE_BRANCHES;

	*run += block->insns * RUN_INSN;
	if (counts_branch)
		branches[block->branch]++;
	count_account(cpu, (enum ring)block->ring, 0);
	*run -= block->insns * RUN_INSN;
	if (counts_branch)
		branches[block->branch]--;
}

static void set_budget(struct cpu *cpu, enum ring ring, uint64_t budget)
{
	struct hot *hot = hot_of(cpu);
	uint64_t kick = hot->run[ring] & RUN_KICK;
	uint64_t debt = hot->run[ring] - kick - cpu->start[ring];

	cpu->start[ring] = RUN_LIMIT - least(budget, UNLIMITED) * RUN_INSN + BEGIN;
	hot->run[ring] = (cpu->start[ring] + debt) | kick;
}

void count_arm(struct cpu *cpu, enum ring ring, unsigned planted)
{
	uint64_t mine = room_of(cpu, ring), other = room_of(cpu, !ring);
	uint64_t shared = mine > other ? mine : other;

	timed_refresh(cpu);
	shape_approach(cpu, least(mine, other));
	if (shared != UINT64_MAX)
		mine = least(mine, shared - shared / 4);
	if (planted)
		mine = planted;
	if (shared != UINT64_MAX)
		other = least(other, shared > mine ? shared - mine : 0);
	set_budget(cpu, ring, mine);
	set_budget(cpu, !ring, other);
}

void count_take_back(struct cpu *cpu, enum ring ring, uint8_t data, enum qemu_branch branch)
{
	struct hot *hot = hot_of(cpu);

	hot->run[ring] -= run_of_insn(data);
	hot->both[ring] -= does_both(data) && plugin.shape & SHAPE_MEMORY;
	if (branch != QEMU_NO_BRANCH && plugin.shape & SHAPE_BRANCHES)
		hot->branches[ring][branch]--;
}

void count_remind(struct cpu *cpu)
{
	struct hot *hot = hot_of(cpu);

	hot->run[RING_KERNEL] |= RUN_KICK;
	hot->run[RING_USER] |= RUN_KICK;
}

void count_kick(struct cpu *cpu)
{
	count_remind(cpu);
	shape_look();
}

void count_unkick(struct cpu *cpu)
{
	struct hot *hot = hot_of(cpu);

	hot->run[RING_KERNEL] &= ~RUN_KICK;
	hot->run[RING_USER] &= ~RUN_KICK;
}

bool count_is_due(const struct cpu *cpu)
{
	const struct hot *hot = hot_of(cpu);

	return hot->run[RING_KERNEL] >= RUN_LIMIT || hot->run[RING_USER] >= RUN_LIMIT;
}
