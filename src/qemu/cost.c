/* SPDX-License-Identifier: MIT */
/*
 * What the plugin counts of each class: there is no timing model here, an instruction costs a
 * cycle. The tool asks, too, what a count of the plugin is worth.
 */
#include "room.h"

static const struct cost {
	uint8_t insns, branches; /* how much of the class an instruction and a branch are */
	bool exact;
} costs[VPMU_CLASSES] = {
	[VPMU_INSTRUCTIONS] = {.insns = 1, .exact = true},
	[VPMU_BRANCHES] = {.branches = 1, .exact = true},
	[VPMU_CYCLES] = {.insns = 1},
	[VPMU_REF_CYCLES] = {.insns = 1},
	[VPMU_SLOTS] = {.insns = QEMU_SLOTS_PER_INSN},
};

struct vpmu_amounts qemu_amounts(uint64_t insns, uint64_t branches)
{
	struct vpmu_amounts amounts = {0};

	for (unsigned i = 0; i < VPMU_CLASSES; i++)
		amounts.of[i] = insns * costs[i].insns + branches * costs[i].branches;
	return amounts;
}

enum qemu_counting qemu_counting(enum vpmu_class class_)
{
	if ((unsigned)class_ >= VPMU_CLASSES || (!costs[class_].insns && !costs[class_].branches))
		return QEMU_COUNTS_NOTHING;
	return costs[class_].exact ? QEMU_COUNTS : QEMU_ESTIMATES;
}
