/* SPDX-License-Identifier: MIT */
/*
 * Recording of branches: whether, where, and in which form. There are three kinds of stacks:
 * Intel's model-specific (SDM vol. 3B 18.4 to 18.12) and architectural (chapter 19) ones, and AMD's
 * LbrExtV2 (APM vol. 2 13.1), which has no cycles. Cycles that nobody has counted stay 0, and the
 * architectural stack marks them as not valid.
 */
#include <core/room_int.h>

enum { FROM, TO, INFO }; /* parts */

#define MISPREDICTED    BIT64(63) /* in FROM, or LBR_INFO_MISPREDICTED */
#define AMD_VALID       BIT64(63) /* in TO */
#define INFO_KIND_SHIFT 56

enum { AMD_ADDRESS = 58, SELECT_KERNEL = 1 << 0, SELECT_USER = 1 << 1 };
enum { CTL_KERNEL = 1 << 1, CTL_USER = 1 << 2, CTL_CALL_STACK = 1 << 3 };

/* The bits for each kind of branch: set in MSR_LBR_SELECT and LbrSelect, it is not recorded; set in
 * IA32_LBR_CTL, it is. */
static const struct {
	uint16_t select;
	uint32_t ctl;
} bits_of[] = {
	[VPMU_BRANCH_CONDITIONAL] = {1 << 2, 1 << 16},
	[VPMU_BRANCH_JUMP_INDIRECT] = {1 << 6, 1 << 18},
	[VPMU_BRANCH_JUMP] = {1 << 7, 1 << 17},
	[VPMU_BRANCH_CALL_INDIRECT] = {1 << 4, 1 << 20},
	[VPMU_BRANCH_CALL] = {1 << 3, 1 << 19},
	[VPMU_BRANCH_RETURN] = {1 << 5, 1 << 21},
	[VPMU_BRANCH_FAR] = {1 << 8, 1 << 22},
	[VPMU_BRANCH_DEBUG] = {1 << 8, 1 << 22},
};

/* A kind of stack. */
struct recorder {
	bool (*is_on)(const struct vpmu_pmu *pmu);
	bool (*wants)(const struct vpmu_pmu *pmu, const struct vpmu_branch *branch);
	bool (*keeps_calls)(const struct vpmu_pmu *pmu); /* call-stack mode; NULL: never */
	unsigned (*depth)(const struct vpmu_pmu *pmu);
	/* push: makes room for an entry, and returns its index. pop: removes the newest entry. */
	unsigned (*push)(struct vpmu_pmu *pmu, unsigned depth);
	void (*pop)(struct vpmu_pmu *pmu, unsigned depth);
};

static void put(struct vpmu_pmu *pmu, unsigned part, unsigned at, uint64_t value)
{
	if (pmu->lbr.part[part].stride)
		pmu->lbr.entry[part][at] = value;
}

static void clear(struct vpmu_pmu *pmu, unsigned at)
{
	for (unsigned part = 0; part < LBR_PARTS; part++)
		put(pmu, part, at, 0);
}

/* --- Which branches are recorded -------------------------------------------------------------- */

static bool select_wants(const struct vpmu_pmu *pmu, const struct vpmu_branch *branch)
{
	uint64_t ring = branch->cpl ? SELECT_USER : SELECT_KERNEL;

	return !(pmu->single[VPMU_KIND_LBR_SELECT] & (ring | bits_of[branch->kind].select));
}

static bool ctl_wants(const struct vpmu_pmu *pmu, const struct vpmu_branch *branch)
{
	uint64_t ctl = pmu->single[VPMU_KIND_LBR_CTL];

	return ctl & (branch->cpl ? CTL_USER : CTL_KERNEL) && ctl & bits_of[branch->kind].ctl;
}

static bool select_keeps_calls(const struct vpmu_pmu *pmu)
{
	return pmu->single[VPMU_KIND_LBR_SELECT] & LBR_SELECT_CALL_STACK;
}

static bool ctl_keeps_calls(const struct vpmu_pmu *pmu)
{
	return pmu->single[VPMU_KIND_LBR_CTL] & CTL_CALL_STACK;
}

static bool debugctl_is_on(const struct vpmu_pmu *pmu)
{
	return pmu->single[VPMU_KIND_DEBUGCTL] & DEBUGCTL_LBR;
}

static bool ctl_is_on(const struct vpmu_pmu *pmu)
{
	return pmu->single[VPMU_KIND_LBR_CTL] & LBR_CTL_EN;
}

static bool amd_is_on(const struct vpmu_pmu *pmu)
{
	return pmu->single[VPMU_KIND_LBR_CTL] & LBR_V2_EN;
}

/* --- Where a branch goes ---------------------------------------------------------------------- */

static unsigned all_entries(const struct vpmu_pmu *pmu)
{
	return pmu->lbr.count;
}

static unsigned chosen_entries(const struct vpmu_pmu *pmu)
{
	return (unsigned)pmu->single[VPMU_KIND_LBR_DEPTH];
}

/* MSR_LASTBRANCH_TOS is the index of the newest entry. */
static unsigned ring_push(struct vpmu_pmu *pmu, unsigned depth)
{
	uint64_t *tos = &pmu->single[VPMU_KIND_LBR_TOS];

	*tos = (*tos + 1) & (depth - 1);
	return (unsigned)*tos;
}

static void ring_pop(struct vpmu_pmu *pmu, unsigned depth)
{
	uint64_t *tos = &pmu->single[VPMU_KIND_LBR_TOS];

	clear(pmu, (unsigned)*tos);
	*tos = (*tos - 1) & (depth - 1);
}

/* The newest entry is entry 0. */
static unsigned shift_push(struct vpmu_pmu *pmu, unsigned depth)
{
	for (unsigned part = 0; part < LBR_PARTS; part++) {
		uint64_t *entry = pmu->lbr.entry[part];

		__builtin_memmove(entry + 1, entry, (depth - 1) * sizeof(*entry));
	}
	return 0;
}

static void shift_pop(struct vpmu_pmu *pmu, unsigned depth)
{
	for (unsigned part = 0; part < LBR_PARTS; part++) {
		uint64_t *entry = pmu->lbr.entry[part];

		__builtin_memmove(entry, entry + 1, (depth - 1) * sizeof(*entry));
	}
	clear(pmu, depth - 1);
}

static const struct recorder by_model = {
	.is_on = debugctl_is_on,
	.wants = select_wants,
	.keeps_calls = select_keeps_calls,
	.depth = all_entries,
	.push = ring_push,
	.pop = ring_pop,
};

static const struct recorder architectural = {
	.is_on = ctl_is_on,
	.wants = ctl_wants,
	.keeps_calls = ctl_keeps_calls,
	.depth = chosen_entries,
	.push = shift_push,
	.pop = shift_pop,
};

static const struct recorder amd = {
	.is_on = amd_is_on,
	.wants = select_wants,
	.depth = all_entries,
	.push = shift_push,
};

/* AMD's stack has writes of addresses unchecked. */
static const struct recorder *recorder_of(const struct vpmu_pmu *pmu)
{
	if (!pmu->model.lbr)
		return &by_model;
	return pmu->lbr.part[FROM].address ? &architectural : &amd;
}

/* --- What an entry looks like ----------------------------------------------------------------- */

/* A branch to an address that is not canonical faults at that: no register can hold it. */
static uint64_t address_of(const struct lbr_part *part, uint64_t address)
{
	if (!part->address)
		return address & width_mask(AMD_ADDRESS);
	return canonical_address(address, part->address) & width_mask(64 - part->flags);
}

/* SDM vol. 3B 18.4.8.1: the format with cycles in TO. */
static uint64_t cycles_beside(const struct lbr_part *to, uint64_t cycles)
{
	return to->flags ? cycles << (64 - to->flags) : 0;
}

/* The misprediction flag is in INFO if the stack has that register, else in FROM. */
static void fill(struct vpmu_pmu *pmu, unsigned at, const struct vpmu_branch *branch)
{
	const struct lbr_part *part = pmu->lbr.part;
	bool beside = !part[INFO].stride, is_amd = !part[FROM].address;
	uint64_t kind = (uint64_t)branch->kind << INFO_KIND_SHIFT;
	uint64_t cycles = branch->timed ? branch->cycles : 0;
	uint64_t valid = branch->timed ? LBR_INFO_VALID : 0;

	put(pmu, FROM, at,
	    address_of(&part[FROM], branch->from) |
	            (beside && branch->mispredicted ? MISPREDICTED : 0));
	put(pmu, TO, at,
	    address_of(&part[TO], branch->to) | cycles_beside(&part[TO], cycles) |
	            (is_amd ? AMD_VALID : 0));
	put(pmu, INFO, at,
	    (branch->mispredicted ? LBR_INFO_MISPREDICTED : 0) |
	            ((kind | valid | cycles) & part[INFO].writable));
}

/* SDM vol. 3B 18.4.7, 19.1: a freeze lasts until software clears it. */
bool vpmu_pmu_records_branches(const struct vpmu_pmu *pmu)
{
	if (!pmu || !pmu->lbr.count || pmu->single[VPMU_KIND_GLOBAL_STATUS] & STATUS_LBR_FRZ)
		return false;
	if (pmu->engine->claim_lbr && !pmu->kvm.lbr_event) /* it records for someone else */
		return false;
	return recorder_of(pmu)->is_on(pmu);
}

/* In call-stack mode a return removes the entry of its call (SDM vol. 3B 18.11). */
static void record(struct vpmu_pmu *pmu, const struct recorder *recorder,
                   const struct vpmu_branch *branch)
{
	unsigned depth = recorder->depth(pmu);

	if (recorder->keeps_calls && recorder->keeps_calls(pmu) &&
	    branch->kind == VPMU_BRANCH_RETURN)
		recorder->pop(pmu, depth);
	else
		fill(pmu, recorder->push(pmu, depth), branch);
}

/* SDM vol. 3B 18.4.4: a debug exception clears the stack's enable bit before its handler runs. */
static bool is_switched_off(struct vpmu_pmu *pmu, const struct recorder *recorder,
                            const struct vpmu_branch *branch)
{
	if (branch->kind != VPMU_BRANCH_DEBUG || recorder != &by_model)
		return false;
	pmu->single[VPMU_KIND_DEBUGCTL] &= ~DEBUGCTL_LBR;
	return true;
}

bool vpmu_pmu_branch(struct vpmu_pmu *pmu, const struct vpmu_branch *branch, uint64_t times)
{
	const struct recorder *recorder;
	unsigned depth;

	if (!branch || (unsigned)branch->kind >= ARRAY_SIZE(bits_of) ||
	    !bits_of[branch->kind].select || !times || !vpmu_pmu_records_branches(pmu))
		return false;
	recorder = recorder_of(pmu);
	if (is_switched_off(pmu, recorder, branch) || !recorder->wants(pmu, branch))
		return false;
	/* After `depth` times all entries are the same; further repeats only move the ring's
	 * begin. */
	depth = recorder->depth(pmu);
	if (times > depth)
		times = depth + times % depth;
	while (times--)
		record(pmu, recorder, branch);
	return true;
}
