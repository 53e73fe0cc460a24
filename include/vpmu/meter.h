/* SPDX-License-Identifier: MIT */
/*
 * The meter: for emulators, which execute instructions. It pays a register machine (pmu.h) block by
 * block instead of instruction by instruction, and every count, overflow and PMI is the same: it
 * says how far execution may go, finds the instruction that an overflow falls on, and takes back
 * what was paid and did not happen. docs/emulator.md goes through it step by step;
 * examples/meter.c is an interpreter that uses it.
 *
 * The life of a meter: vpmu_meter_init(), then vpmu_meter_refresh(). For each block
 * vpmu_meter_pay(); when that says no, vpmu_meter_prefix() says how many instructions may run
 * first. vpmu_meter_settle() at the end of such a part, before the guest or the VMM accesses the
 * PMU, before the privilege level changes, and before the guest halts; then vpmu_meter_refresh()
 * again.
 *
 * What is exact: everything, as if vpmu_pmu_account() were called after each instruction. While a
 * counter with CMASK, INV or EDGE runs, which looks at cycles, it is: nothing then fits but one
 * instruction, or one iteration of one apart. Costs that are known only when they have happened
 * (rates.line, rates.branch) are allowed for: near an overflow the prefix is then one instruction.
 *
 * Ownership: everything is plain memory of the caller's; nothing allocates, and there is nothing to
 * destroy. A meter points to its register machine, a block to its instructions: these must live as
 * long. Threads: a meter belongs to the thread of its register machine; blocks may be shared, as
 * long as nobody makes them anew. Errors: only vpmu_meter_init() and vpmu_block_make() can fail.
 * The other exported functions do nothing with a NULL, and answer "does not fit"; the inline ones,
 * which run for every block, must not be given one.
 */
#ifndef VPMU_METER_H
#define VPMU_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpmu/pmu.h>
#include <vpmu/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- Instructions and blocks ----------------------------------------------------------------- */

/* insn.flags. A branch is every instruction that the PMU's branch event counts. */
enum {
	VPMU_INSN_BRANCH = 1 << 0,
	VPMU_INSN_CONDITIONAL = 1 << 1, /* these four are for the timing model (timing.h) */
	VPMU_INSN_INDIRECT = 1 << 2,    /* the target is in a register or in memory */
	VPMU_INSN_CALL = 1 << 3,
	VPMU_INSN_RETURN = 1 << 4,
	/* Not paid with its block but by vpmu_meter_retire(), when it has retired: a REP string
	 * instruction, which is left and entered again between iterations and retires once. */
	VPMU_INSN_APART = 1 << 5,
	/* Can neither fault nor leave the block: see vpmu_block_segment(). */
	VPMU_INSN_STRAIGHT = 1 << 6,
	VPMU_INSN_FAR = 1 << 7, /* a far branch: INT, IRET, SYSCALL and their like among them */
};

/* insn.data: what it does to data in memory. */
enum {
	VPMU_DATA_LOAD = 1 << 0,
	VPMU_DATA_STORE = 1 << 1,
};

/* What vpmu_pmu_branch() wants to know of such a branch. */
static inline enum vpmu_branch_kind vpmu_insn_branch_kind(unsigned flags)
{
	bool indirect = flags & VPMU_INSN_INDIRECT;

	if (flags & VPMU_INSN_FAR)
		return VPMU_BRANCH_FAR;
	if (flags & VPMU_INSN_CONDITIONAL)
		return VPMU_BRANCH_CONDITIONAL;
	if (flags & VPMU_INSN_RETURN)
		return VPMU_BRANCH_RETURN;
	if (flags & VPMU_INSN_CALL)
		return indirect ? VPMU_BRANCH_CALL_INDIRECT : VPMU_BRANCH_CALL;
	return indirect ? VPMU_BRANCH_JUMP_INDIRECT : VPMU_BRANCH_JUMP;
}

/* What one instruction comes to. All bytes 0: one instruction that costs no time. */
struct vpmu_insn {
	uint16_t slots; /* issue slots that it takes at least: cycles times rates.width */
	uint8_t lines;  /* cache lines that it may touch at most; 0 where nobody models caches */
	uint8_t flags;  /* VPMU_INSN_* */
	uint8_t data;   /* VPMU_DATA_* */
	uint8_t reserved[3];
};

/* The classes that follow from what an instruction is: these, of enum vpmu_class. */
enum {
	VPMU_DETAIL_FIRST = VPMU_CONDITIONAL_BRANCHES,
	VPMU_DETAILS = VPMU_TAKEN_BRANCHES - VPMU_DETAIL_FIRST
};

/* Instructions that are executed one after the other. Its members are to be read only. */
struct vpmu_block {
	uint32_t need;     /* what it takes from meter.left at once, or VPMU_BLOCK_NEVER */
	uint32_t branches; /* of the instructions that are not apart, */
	uint32_t insns;    /* as are these */
	uint32_t slots;    /* and these */
	uint32_t lines;    /* of all */
	uint32_t apart;    /* slots and lines of those apart */
	uint32_t count;    /* of all instructions */
	uint32_t stride;
	uint32_t details[VPMU_DETAILS]; /* of the instructions that are not apart */
	const struct vpmu_insn *insn;
};

#define VPMU_BLOCK_NEVER UINT32_MAX

enum { VPMU_BLOCK_INSNS = 65535 }; /* in one block at most */

/*
 * Describes a block of `count` instructions. The first one's description is at `insn`, each next
 *one `stride` bytes on, so that it may be a member of the emulator's own structure:
 *
 *	vpmu_block_make(&block, &op[0].insn, count, sizeof(op[0]));
 *
 * The descriptions are the caller's, and must live and stay as they are as long as the block is
 * used; after a change, make it again. A block of no instruction always fits, and costs nothing.
 * VPMU_BAD_ARGUMENT: a NULL (of no instruction insn may be), more than VPMU_BLOCK_INSNS, or a
 * stride that is less than a description or no multiple of its alignment; *block is unchanged.
 */
VPMU_API enum vpmu_status vpmu_block_make(struct vpmu_block *block, const struct vpmu_insn *insn,
                                          uint32_t count, uint32_t stride);

/* The i-th instruction; i must be less than block->count. */
static inline const struct vpmu_insn *vpmu_block_insn(const struct vpmu_block *block, uint32_t i)
{
	return (const struct vpmu_insn *)(const void *)((const char *)block->insn +
	                                                (size_t)i * block->stride);
}

/*
 * For emulators that add to counters in translated code: the longest part from `first` on in which
 * no instruction but the last one can fault or leave the block. Returns the index behind it (at
 * least first + 1) and fills *amounts with what it comes to: instructions, branches, slots, and
 * the classes of VPMU_DETAILS. Adding
 * them before the part's first instruction leaves nothing to take back but one instruction that
 * faults. An instruction apart is a part of its own, of nothing. first must be less than
 * block->count.
 */
VPMU_API uint32_t vpmu_block_segment(const struct vpmu_block *block, uint32_t first,
                                     struct vpmu_amounts *amounts);

/* --- The meter ------------------------------------------------------------------------------- */

/* What time and misses come to, beyond instructions and branches. */
struct vpmu_costs {
	uint64_t slots, branch_misses, llc_references, llc_misses;
};

/*
 * How the classes that count time follow from slots, and what is not known before it happens.
 * line_more and branch_more are the same as line and branch for the classes from VPMU_LLC_LOADS on,
 * and line_more for VPMU_TOPDOWN_BACKEND,
 * by class; their other entries are not looked at.
 */
struct vpmu_rates {
	uint32_t width;         /* slots of a cycle: 1 to 64 */
	uint32_t ref_numerator; /* reference cycles to cycles: each 1 to 65535 */
	uint32_t ref_denominator;
	struct vpmu_costs line;   /* what touching one cache line adds at most, */
	struct vpmu_costs branch; /* and one branch; each less than 2^32 */
	uint32_t line_more[VPMU_MAX_CLASSES];
	uint32_t branch_more[VPMU_MAX_CLASSES];
};

/* Its members are the meter's own but for those that say otherwise; the layout is part of the ABI
 * since the functions that run for every block are inline. */
struct vpmu_meter {
	int64_t left;      /* instructions that may run with no further question */
	uint64_t branches; /* paid since the last settle */
	int64_t held;      /* kept back from left */
	int64_t granted;   /* given to left since the last settle; minus what is there: paid */
	uint64_t room, branch_room; /* how far they may go, since the last settle */
	/* What has been paid of each since the meter was made; whoever models caches or branches
	 * adds to these. */
	struct vpmu_costs costs;
	struct vpmu_costs costs_room;    /* how far these may go */
	struct vpmu_costs costs_settled; /* how far they were at the last settle */
	uint64_t settled_cycles, settled_ref_cycles;
	struct vpmu_pmu *pmu;
	struct vpmu_rates rates;
	/* To be read: what was settled since the meter was made. Classes that follow from costs are
	 * in it only while they were wanted. */
	struct vpmu_amounts totals;
	/* Of VPMU_METER_DETAILS: what has been paid since the last settle, and how far it may go.
	 * Whoever models caches adds to the former. */
	struct vpmu_amounts details, details_room;
	uint64_t wanted; /* vpmu_pmu_wanted() at the last refresh */
	bool timed;      /* among them is a class that is known only when it has happened */
	bool detailed;   /* among them is one of VPMU_METER_DETAILS */
	bool records;    /* vpmu_pmu_records_branches() at the last refresh */
	uint64_t reserved[8];
};

/* The classes that follow from costs. */
#define VPMU_METER_COSTS                                                                           \
	(VPMU_CLASS_BIT(VPMU_CYCLES) | VPMU_CLASS_BIT(VPMU_REF_CYCLES) |                           \
	 VPMU_CLASS_BIT(VPMU_BRANCH_MISSES) | VPMU_CLASS_BIT(VPMU_LLC_REFERENCES) |                \
	 VPMU_CLASS_BIT(VPMU_LLC_MISSES) | VPMU_CLASS_BIT(VPMU_SLOTS))

/* Those that are counted only while they are wanted, beyond costs: from VPMU_DETAIL_FIRST on. */
#define VPMU_METER_DETAILS (~(VPMU_CLASS_BIT(VPMU_DETAIL_FIRST) - 1))

/* A meter looks up at least once in so many instructions: vpmu_meter_pay() says no, or goes through
 * vpmu_meter_fits(). */
enum { VPMU_METER_SLICE = 1 << 16 };

/*
 * Makes a meter that pays this register machine. Nothing may run before vpmu_meter_refresh().
 * rates: NULL for a slot a cycle, reference cycles = cycles, and no costs but the instructions'
 * own. VPMU_BAD_ARGUMENT: meter or pmu is NULL, or a rate is out of its range; *meter is unchanged.
 */
VPMU_API enum vpmu_status vpmu_meter_init(struct vpmu_meter *meter, struct vpmu_pmu *pmu,
                                          const struct vpmu_rates *rates);

/*
 * Asks the register machine how far execution at this privilege level (0-3) may go. Only right
 * behind vpmu_meter_init() or vpmu_meter_settle(), and again after every access to the register
 * machine. limit: instructions after which the emulator wants to look up anyhow, for a timer;
 * UINT64_MAX: never. It is kept exactly: vpmu_meter_prefix() ends there.
 */
VPMU_API void vpmu_meter_refresh(struct vpmu_meter *meter, unsigned cpl, uint64_t limit);

/*
 * The classes that must be paid (VPMU_CLASS_BIT), known since the last refresh; cycles and
 * reference cycles follow from slots. 0: nothing need be paid at all, until somebody writes a
 * register of the PMU or handles an entry; the emulator then owes only `limit`, if it gave one.
 */
static inline uint64_t vpmu_meter_wanted(const struct vpmu_meter *meter)
{
	return meter->wanted;
}

/* Instructions that were paid since the last settle. */
static inline uint64_t vpmu_meter_spent(const struct vpmu_meter *meter)
{
	return (uint64_t)(meter->granted - meter->left - meter->held);
}

/* Whether the whole block may run now, with what is apart in it once. Pays nothing. */
VPMU_API bool vpmu_meter_fits(struct vpmu_meter *meter, const struct vpmu_block *block);

/* Pays the whole block, but for what is apart, whether it fits or not. */
VPMU_API void vpmu_meter_take(struct vpmu_meter *meter, const struct vpmu_block *block);

/* vpmu_meter_pay() where that takes a comparison and two additions. False: ask vpmu_meter_fits().
 */
static inline bool vpmu_meter_pay_quickly(struct vpmu_meter *meter, const struct vpmu_block *block)
{
	if (block->need > meter->left)
		return false;
	meter->left -= block->need;
	meter->branches += block->branches;
	return true;
}

/*
 * Pays a block before it is executed. False: an overflow, or the limit, falls into it before its
 * end; nothing is paid, and vpmu_meter_prefix() tells where. (Also false if one was due already.)
 */
static inline bool vpmu_meter_pay(struct vpmu_meter *meter, const struct vpmu_block *block)
{
	if (vpmu_meter_pay_quickly(meter, block))
		return true;
	if (!vpmu_meter_fits(meter, block))
		return false;
	vpmu_meter_take(meter, block);
	return true;
}

/*
 * How far the block may run from its instruction `first` on: returns the index behind the last
 * instruction that may. An overflow, or the limit, is right behind that one, or inside the one
 * after it. Equal to first: settle what was paid so far, refresh and ask again; that happens only
 * when something was paid since the last settle, or the limit is reached. block->count: all of it
 * may. Pays nothing. first must be less than block->count.
 */
VPMU_API uint32_t vpmu_meter_prefix(const struct vpmu_meter *meter, const struct vpmu_block *block,
                                    uint32_t first);

/* Pays the instructions from `first` up to and without `end`, but for what is apart. */
VPMU_API void vpmu_meter_pay_part(struct vpmu_meter *meter, const struct vpmu_block *block,
                                  uint32_t first, uint32_t end);

/*
 * Takes back the same: they were paid since the last settle and have not happened. An instruction
 * that faults has not; one that traps (INT n) has.
 */
VPMU_API void vpmu_meter_rewind(struct vpmu_meter *meter, const struct vpmu_block *block,
                                uint32_t first, uint32_t end);

/* Whether one instruction, or one more iteration of it, may run now. Pays nothing. */
VPMU_API bool vpmu_meter_fits_insn(const struct vpmu_meter *meter, const struct vpmu_insn *insn);

/* Pays one instruction that has retired: one that is in no block, or apart from it. */
VPMU_API void vpmu_meter_retire(struct vpmu_meter *meter, const struct vpmu_insn *insn);

/* Pays where a branch of these flags has gone, when it has retired. Needed while meter.timed. */
VPMU_API void vpmu_meter_branched(struct vpmu_meter *meter, unsigned flags, bool taken);

/*
 * Pays what was counted elsewhere since the last settle: by translated code, or by a model of the
 * caller's own. Cycles and reference cycles in *amounts are not looked at: they follow from slots.
 */
VPMU_API void vpmu_meter_spend(struct vpmu_meter *meter, const struct vpmu_amounts *amounts);

/* How often in a row, at most, the block may run whole if it takes so many slots each time. */
VPMU_API uint64_t vpmu_meter_repeats(const struct vpmu_meter *meter, const struct vpmu_block *block,
                                     uint64_t slots);

/* Lets vpmu_meter_pay_quickly() fail until vpmu_meter_fits() is asked: something is to be seen
 * before the next block. */
static inline void vpmu_meter_hold(struct vpmu_meter *meter)
{
	meter->held += meter->left;
	meter->left = 0;
}

/*
 * Accounts what was paid, at the privilege level that it ran at. outcome.pmi: PMIs to deliver to
 * the guest now, before its next instruction. Then nothing may run before vpmu_meter_refresh().
 */
VPMU_API struct vpmu_outcome vpmu_meter_settle(struct vpmu_meter *meter, unsigned cpl);

/*
 * Gives a meter the costs and totals of another one, when a saved machine is restored: the costs
 * keep the part of a cycle that is not complete. With zeros, the meter begins anew. What was paid
 * and not settled is forgotten; nothing may run before vpmu_meter_refresh().
 */
VPMU_API void vpmu_meter_restore(struct vpmu_meter *meter, const struct vpmu_costs *costs,
                                 const struct vpmu_amounts *totals);

/*
 * For emulators that count instructions of two privilege levels side by side, in translated code,
 * and look up before a block that would go beyond one of two budgets: fills budget[0] with
 * instructions at CPL 0, and budget[1] at CPL 1 to 3, UINT64_MAX for no limit. As long as neither
 * is exceeded, in whatever order they run, no counter overflows. What both levels use up together
 * is split in favour of `cpl`, where the guest is now. slots: of an instruction at most. Only right
 * behind a settle, and with no costs that follow from lines and branches.
 *
 * When a block does not fit: vpmu_meter_spend() and vpmu_meter_settle() what has run at the other
 * level and then at this one, neither of which can overflow; then vpmu_meter_refresh(), and
 * vpmu_meter_prefix() of the block tells where in it an overflow is due, if it is.
 */
VPMU_API void vpmu_meter_budgets(const struct vpmu_meter *meter, unsigned cpl, uint32_t slots,
                                 uint64_t budget[2]);

#ifdef __cplusplus
}
#endif

#endif
