/* SPDX-License-Identifier: MIT */
/*
 * How much of each event class the plugin's counts amount to. Without a timing model an instruction
 * costs one cycle. The tool uses this file, too, to say what a count of the plugin is worth.
 */
#include <qemu/room.h>

static uint64_t insns(const struct qemu_counts *c)
{
	return c->insns;
}

static uint64_t slots(const struct qemu_counts *c)
{
	return c->insns * QEMU_SLOTS_PER_INSN;
}

/* An instruction fills one slot of its cycle; the others count as waiting for it. */
static uint64_t waited(const struct qemu_counts *c)
{
	return c->insns * (QEMU_SLOTS_PER_INSN - 1);
}

static uint64_t branches(const struct qemu_counts *c)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < QEMU_BRANCHES; i++)
		sum += c->branches[i];
	return sum;
}

static uint64_t conditional(const struct qemu_counts *c)
{
	return c->branches[QEMU_CONDITIONAL];
}

static uint64_t calls(const struct qemu_counts *c)
{
	return c->branches[QEMU_CALL];
}

static uint64_t returns(const struct qemu_counts *c)
{
	return c->branches[QEMU_RETURN];
}

static uint64_t far_branches(const struct qemu_counts *c)
{
	return c->branches[QEMU_FAR];
}

static uint64_t loads(const struct qemu_counts *c)
{
	return c->loads;
}

static uint64_t stores(const struct qemu_counts *c)
{
	return c->stores;
}

static uint64_t memory(const struct qemu_counts *c)
{
	return c->loads + c->stores - c->both;
}

static uint64_t load_stores(const struct qemu_counts *c)
{
	return c->both;
}

static uint64_t not_taken(const struct qemu_counts *c)
{
	return c->not_taken;
}

static uint64_t conditional_taken(const struct qemu_counts *c)
{
	return conditional(c) - c->not_taken;
}

static uint64_t taken(const struct qemu_counts *c)
{
	return branches(c) - far_branches(c) - c->not_taken;
}

static uint64_t (*const of_class[VPMU_CLASSES])(const struct qemu_counts *) = {
	[VPMU_INSTRUCTIONS] = insns,
	[VPMU_CYCLES] = insns,
	[VPMU_REF_CYCLES] = insns,
	[VPMU_SLOTS] = slots,
	[VPMU_BRANCHES] = branches,
	[VPMU_CONDITIONAL_BRANCHES] = conditional,
	[VPMU_NEAR_CALLS] = calls,
	[VPMU_NEAR_RETURNS] = returns,
	[VPMU_FAR_BRANCHES] = far_branches,
	[VPMU_LOADS] = loads,
	[VPMU_STORES] = stores,
	[VPMU_MEMORY] = memory,
	[VPMU_LOAD_STORES] = load_stores,
	[VPMU_TOPDOWN_RETIRING] = insns,
	[VPMU_TOPDOWN_BACKEND] = waited,
	[VPMU_TAKEN_BRANCHES] = taken,
	[VPMU_CONDITIONAL_TAKEN] = conditional_taken,
	[VPMU_CONDITIONAL_NOT_TAKEN] = not_taken,
};

struct vpmu_amounts qemu_amounts(const struct qemu_counts *counts)
{
	struct vpmu_amounts amounts = {0};

	for (unsigned i = 0; i < VPMU_CLASSES; i++)
		if (of_class[i])
			amounts.of[i] = of_class[i](counts);
	return amounts;
}

enum qemu_counting qemu_counting(enum vpmu_class class_)
{
	if ((unsigned)class_ >= VPMU_CLASSES || !of_class[class_])
		return QEMU_COUNTS_NOTHING;
	return vpmu_class_is_exact(class_) ? QEMU_COUNTS : QEMU_ESTIMATES;
}
