/* SPDX-License-Identifier: MIT */
/*
 * Paying the register machine, and how far a vCPU may run until it must be paid again.
 *
 * The budgets of the two rings are
 * kept apart, since a block adds to its own ring's only. Counters that count both rings share what
 * is left: together the budgets are at most the larger of the two rooms, and the one that runs gets
 * three quarters of it. A branch is an instruction, so as many instructions as branches are left
 * are always allowed.
 */
#include "room_int.h"

/* No limit: far enough from RUN_LIMIT to be positive. */
#define UNLIMITED (UINT64_C(1) << 61)

/* Since the last account. Negative: what was paid for has been taken back since. */
static int64_t taken(const struct cpu *cpu, enum ring ring)
{
	return (int64_t)((hot_of(cpu)->run[ring] & ~RUN_KICK) - cpu->start[ring]);
}

uint64_t count_retired(const struct cpu *cpu, enum ring ring)
{
	return cpu->retired[ring] + (uint64_t)taken(cpu, ring);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static unsigned cpl_of(enum ring ring)
{
	return ring == RING_USER ? 3 : 0;
}

uint64_t count_room(const struct cpu *cpu, enum ring ring)
{
	struct vpmu_amounts room;
	uint64_t slots;

	vpmu_pmu_headroom(cpu->pmu, cpl_of(ring), &room);
	slots = room.of[VPMU_SLOTS];
	slots = slots / QEMU_SLOTS_PER_INSN + (slots % QEMU_SLOTS_PER_INSN != 0);
	return least(least(room.of[VPMU_INSTRUCTIONS], room.of[VPMU_CYCLES]),
	             least(room.of[VPMU_REF_CYCLES],
	                   room.of[VPMU_SLOTS] == UINT64_MAX ? UINT64_MAX : slots));
}

static uint64_t branch_room(const struct cpu *cpu, enum ring ring)
{
	struct vpmu_amounts room;

	vpmu_pmu_headroom(cpu->pmu, cpl_of(ring), &room);
	return room.of[VPMU_BRANCHES];
}

/* Whether such amounts reach an overflow; `past`: and were to stop before this. */
static bool overflows(const struct cpu *cpu, enum ring ring, const struct vpmu_amounts *amounts,
                      bool *past)
{
	struct vpmu_amounts room;
	bool reaches = false;

	vpmu_pmu_headroom(cpu->pmu, cpl_of(ring), &room);
	for (unsigned i = 0; i < VPMU_CLASSES; i++) {
		reaches |= amounts->of[i] >= room.of[i];
		*past |= i != VPMU_SLOTS && amounts->of[i] > room.of[i];
	}
	return reaches;
}

/* What there is to pay. A debt stays until it is made up for. */
static struct vpmu_amounts collect(struct cpu *cpu, enum ring ring, unsigned extra)
{
	struct hot *hot = hot_of(cpu);
	int64_t insns = taken(cpu, ring) + extra, branches = (int64_t)hot->branches[ring];

	insns = insns > 0 ? insns : 0;
	branches = branches > 0 ? branches : 0;
	cpu->retired[ring] += (uint64_t)insns;
	cpu->branched[ring] += (uint64_t)branches;
	cpu->start[ring] += (uint64_t)insns;
	hot->branches[ring] -= (uint64_t)branches;
	return qemu_amounts((uint64_t)insns, (uint64_t)branches);
}

static void account_ring(struct cpu *cpu, enum ring ring, unsigned extra)
{
	struct vpmu_amounts amounts = collect(cpu, ring, extra);
	struct vpmu_outcome outcome;
	bool late = false;

	if (!amounts.of[VPMU_INSTRUCTIONS] && !amounts.of[VPMU_BRANCHES])
		return;
	if (overflows(cpu, ring, &amounts, &late))
		vpmu_pmu_set_lvtpc(cpu->pmu, pmi_lvtpc(cpu));
	outcome = vpmu_pmu_account(cpu->pmu, &amounts, cpl_of(ring));
	cpu->pmi_due += outcome.pmi;
	cpu->stat.masked += outcome.masked;
	cpu->late |= outcome.pmi && late;
}

void count_account(struct cpu *cpu, enum ring ring, unsigned extra)
{
	account_ring(cpu, !ring, 0);
	account_ring(cpu, ring, extra);
}

static void set_budget(struct cpu *cpu, enum ring ring, uint64_t budget)
{
	struct hot *hot = hot_of(cpu);
	uint64_t debt = (uint64_t)taken(cpu, ring), kick = hot->run[ring] & RUN_KICK;

	cpu->start[ring] = RUN_LIMIT - least(budget, UNLIMITED);
	hot->run[ring] = (cpu->start[ring] + debt) | kick;
}

void count_arm(struct cpu *cpu, enum ring ring, bool all)
{
	uint64_t mine = count_room(cpu, ring), other = count_room(cpu, !ring);
	uint64_t shared;

	if (!all)
		mine = least(mine, branch_room(cpu, ring));
	other = least(other, branch_room(cpu, !ring));
	shared = mine > other ? mine : other;
	if (shared != UINT64_MAX) {
		uint64_t part = all ? mine : least(mine, shared - shared / 4);

		mine = part;
		other = least(other, shared - part);
	}
	set_budget(cpu, ring, mine);
	set_budget(cpu, !ring, other);
}

void count_take_back(struct cpu *cpu, enum ring ring, unsigned insns, unsigned branches)
{
	struct hot *hot = hot_of(cpu);

	hot->run[ring] -= insns;
	hot->branches[ring] -= branches;
}

void count_kick(struct cpu *cpu)
{
	struct hot *hot = hot_of(cpu);

	hot->run[RING_KERNEL] |= RUN_KICK;
	hot->run[RING_USER] |= RUN_KICK;
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
