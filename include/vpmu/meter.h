/* SPDX-License-Identifier: MIT */
/*
 * The meter: accounting for emulators, which execute instructions. To "pay" is to account an
 * instruction to a register machine (pmu.h). The meter pays block by block instead of instruction
 * by instruction, with the same counts, overflows and PMIs: it says how far execution may go, finds
 * the instruction that an overflow falls on, and takes back what was paid but did not happen.
 * docs/emulator.md explains it step by step; examples/meter.c is an interpreter that uses it.
 *
 * Call vpmu_meter_init(), then vpmu_meter_refresh(). Before each block call vpmu_meter_pay(); if it
 * returns false, vpmu_meter_prefix() says how many instructions may run first. Call
 * vpmu_meter_settle() after such a part of a block, before the guest or the VMM accesses the PMU,
 * before the privilege level changes, and before the guest halts; then vpmu_meter_refresh() again.
 *
 * Everything is exact, as if vpmu_pmu_account() were called after each instruction. While a counter
 * with CMASK, INV or EDGE runs, it is called after each: such a counter looks at single cycles, so
 * only one instruction, or one iteration of a VPMU_INSN_APART one, fits at a time. Costs that are
 * known only afterwards (rates.line, rates.branch) are allowed for: near an overflow the prefix is
 * then one instruction.
 *
 * Ownership: everything is plain memory of the caller's; nothing allocates, and there is nothing to
 * destroy. A meter points to its register machine, a block to its instructions: these must live as
 * long. Threads: a meter belongs to the thread of its register machine; blocks may be shared while
 * no thread remakes them. Errors: only vpmu_meter_init() and vpmu_block_make() can fail. Given a
 * NULL, the other exported functions do nothing, or answer "does not fit". The inline functions,
 * which run for every block, must not be given a NULL.
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
	/* "Apart": paid by vpmu_meter_retire() after it has retired, not with its block. For REP
	 * string instructions, which can be interrupted between iterations and retire once. */
	VPMU_INSN_APART = 1 << 5,
	/* Can neither fault nor leave the block; see vpmu_block_segment(). */
	VPMU_INSN_STRAIGHT = 1 << 6,
	VPMU_INSN_FAR = 1 << 7, /* a far branch: INT, IRET, SYSCALL and their like among them */
};

/* insn.data: what it does to data in memory. */
enum {
	VPMU_DATA_LOAD = 1 << 0,
	VPMU_DATA_STORE = 1 << 1,
};

/* The kind for vpmu_pmu_branch() of a branch with these flags. */
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

/* What one instruction costs. All bytes 0: one instruction that costs no time. */
struct vpmu_insn {
	uint16_t slots; /* the least issue slots that it takes: cycles times rates.width */
	uint8_t lines;  /* the most cache lines that it can touch; 0 if caches are not modelled */
	uint8_t flags;  /* VPMU_INSN_* */
	uint8_t data;   /* VPMU_DATA_* */
	uint8_t reserved[3];
};

/* The "details": the classes of enum vpmu_class that an instruction's flags and data decide. */
enum {
	VPMU_DETAIL_FIRST = VPMU_CONDITIONAL_BRANCHES,
	VPMU_DETAILS = VPMU_TAKEN_BRANCHES - VPMU_DETAIL_FIRST
};

/* Instructions that are executed one after the other. The members are read-only for callers. */
struct vpmu_block {
	uint32_t need;     /* what it takes from meter.left at once, or VPMU_BLOCK_NEVER */
	uint32_t branches; /* branches that are not apart */
	uint32_t insns;    /* instructions that are not apart */
	uint32_t slots;    /* slots of instructions that are not apart */
	uint32_t lines;    /* cache lines of all instructions */
	uint32_t apart;    /* slots and lines of the instructions apart */
	uint32_t count;    /* number of all instructions */
	uint32_t stride;
	uint32_t details[VPMU_DETAILS]; /* of the instructions that are not apart */
	const struct vpmu_insn *insn;
};

#define VPMU_BLOCK_NEVER UINT32_MAX

enum { VPMU_BLOCK_INSNS = 65535 }; /* in one block at most */

/*
 * Makes the description of a block of `count` instructions. The first instruction's description is
 * at `insn`, the others follow at a distance of `stride` bytes, so that they can be members of the
 * emulator's own structures:
 *
 * 	vpmu_block_make(&block, &op[0].insn, count, sizeof(op[0]));
 *
 * The descriptions are the caller's, and must stay unchanged as long as the block is used; after a
 * change, make the block again. A block without instructions always fits, and costs nothing.
 * VPMU_BAD_ARGUMENT: a NULL (insn may be NULL if count is 0), more than VPMU_BLOCK_INSNS
 * instructions, or a stride that is less than sizeof(struct vpmu_insn) or not a multiple of its
 * alignment; *block is unchanged.
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
 * For emulators that count in translated code: finds the longest segment from `first` on in which
 * only the last instruction can fault or leave the block. Returns the index behind it (at least
 * first + 1) and fills *amounts with what the segment costs: instructions, branches, slots, and the
 * classes of VPMU_DETAILS. If translated code adds these before the segment's first instruction, at
 * most its last instruction has to be taken back, when it faults. An instruction apart is a segment
 * of its own that costs nothing here. first must be less than block->count.
 */
VPMU_API uint32_t vpmu_block_segment(const struct vpmu_block *block, uint32_t first,
                                     struct vpmu_amounts *amounts);

/* --- The meter ------------------------------------------------------------------------------- */

/* Costs in time and misses, besides instructions and branches. */
struct vpmu_costs {
	uint64_t slots, branch_misses, llc_references, llc_misses;
};

/*
 * How the classes that count time follow from slots, and limits for costs that are known only
 * afterwards. line_more and branch_more are the limits, by class, for the classes from
 * VPMU_LLC_LOADS on, as line and branch are for the costs; line_more also has one for
 * VPMU_TOPDOWN_BACKEND. Other entries are ignored.
 */
struct vpmu_rates {
	uint32_t width;         /* slots per cycle: 1 to 64 */
	uint32_t ref_numerator; /* reference cycles per cycle; each part 1 to 65535 */
	uint32_t ref_denominator;
	struct vpmu_costs line;   /* what touching one cache line adds at most, */
	struct vpmu_costs branch; /* and one branch; each less than 2^32 */
	uint32_t line_more[VPMU_MAX_CLASSES];
	uint32_t branch_more[VPMU_MAX_CLASSES];
};

/* A meter. Members are private unless their comment says otherwise. The layout is part of the ABI,
 * because the functions that run for every block are inline. */
struct vpmu_meter {
	int64_t left;      /* instructions that may run before the next check */
	uint64_t branches; /* paid since the last settle */
	int64_t held;      /* kept back from left */
	int64_t granted;   /* added to left since the last settle; less left and held: paid */
	uint64_t room, branch_room; /* limits of instructions and branches since the last settle */
	/* Public: costs paid since the meter was made. Models of caches and branches add to
	 * these. */
	struct vpmu_costs costs;
	struct vpmu_costs costs_room;    /* limits of costs */
	struct vpmu_costs costs_settled; /* costs at the last settle */
	uint64_t settled_cycles, settled_ref_cycles;
	struct vpmu_pmu *pmu;
	struct vpmu_rates rates;
	/* Public, read-only: what was settled since the meter was made. Classes that follow from
	 * costs are counted only while they are wanted. */
	struct vpmu_amounts totals;
	/* Of VPMU_METER_DETAILS: what has been paid since the last settle, and its limits. Public:
	 * models of caches add to `details`. */
	struct vpmu_amounts details, details_room;
	uint64_t wanted; /* vpmu_pmu_wanted() at the last refresh */
	bool timed;      /* a class that is known only afterwards is wanted */
	bool detailed;   /* one of VPMU_METER_DETAILS is wanted */
	bool records;    /* vpmu_pmu_records_branches() at the last refresh */
	uint64_t reserved[8];
};

/* The classes that follow from costs. */
#define VPMU_METER_COSTS                                                                           \
	(VPMU_CLASS_BIT(VPMU_CYCLES) | VPMU_CLASS_BIT(VPMU_REF_CYCLES) |                           \
	 VPMU_CLASS_BIT(VPMU_BRANCH_MISSES) | VPMU_CLASS_BIT(VPMU_LLC_REFERENCES) |                \
	 VPMU_CLASS_BIT(VPMU_LLC_MISSES) | VPMU_CLASS_BIT(VPMU_SLOTS))

/* The classes besides costs that are counted only while they are wanted: those from
 * VPMU_DETAIL_FIRST on. */
#define VPMU_METER_DETAILS (~(VPMU_CLASS_BIT(VPMU_DETAIL_FIRST) - 1))

/* vpmu_meter_pay_quickly() succeeds for at most this many instructions in a row; then
 * vpmu_meter_pay() calls vpmu_meter_fits() or fails. */
enum { VPMU_METER_SLICE = 1 << 16 };

/*
 * Makes a meter that pays this register machine. Nothing may run before vpmu_meter_refresh().
 * rates: NULL for one slot per cycle, reference cycles equal to cycles, and no costs besides the
 * instructions' own. VPMU_BAD_ARGUMENT: meter or pmu is NULL, or a rate is out of its range; *meter
 * is unchanged.
 */
VPMU_API enum vpmu_status vpmu_meter_init(struct vpmu_meter *meter, struct vpmu_pmu *pmu,
                                          const struct vpmu_rates *rates);

/*
 * Asks the register machine how far execution at this privilege level (0-3) may go. Allowed only
 * directly after vpmu_meter_init() or vpmu_meter_settle(); needed again after every access to the
 * register machine. limit: the number of instructions after which the emulator wants to stop in any
 * case, for a timer; UINT64_MAX: none. vpmu_meter_prefix() ends exactly there.
 */
VPMU_API void vpmu_meter_refresh(struct vpmu_meter *meter, unsigned cpl, uint64_t limit);

/*
 * The classes that must be paid (VPMU_CLASS_BIT), as of the last refresh; cycles and reference
 * cycles follow from slots. 0: nothing need be paid until a PMU register is written or an entry is
 * handled; only `limit`, if one was given, must still be kept.
 */
static inline uint64_t vpmu_meter_wanted(const struct vpmu_meter *meter)
{
	return meter->wanted;
}

/* The number of instructions paid since the last settle. */
static inline uint64_t vpmu_meter_spent(const struct vpmu_meter *meter)
{
	return (uint64_t)(meter->granted - meter->left - meter->held);
}

/* Whether the whole block may run now, with one iteration of each instruction apart. Pays
 * nothing. */
VPMU_API bool vpmu_meter_fits(struct vpmu_meter *meter, const struct vpmu_block *block);

/* Pays the whole block except instructions apart, whether it fits or not. */
VPMU_API void vpmu_meter_take(struct vpmu_meter *meter, const struct vpmu_block *block);

/* The fast path of vpmu_meter_pay(): a comparison and two additions. False: call
 * vpmu_meter_fits(). */
static inline bool vpmu_meter_pay_quickly(struct vpmu_meter *meter, const struct vpmu_block *block)
{
	if (block->need > meter->left)
		return false;
	meter->left -= block->need;
	meter->branches += block->branches;
	return true;
}

/*
 * Pays a block before it is executed. False: an overflow or the limit comes before the block's end,
 * or was due already; nothing is paid, and vpmu_meter_prefix() says where.
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
 * instruction that may run, or block->count if all may. An overflow, or the limit, is directly
 * behind that instruction or inside the next one. If the result is `first`, settle what was paid so
 * far, refresh and ask again; that happens only if something was paid since the last settle, or the
 * limit is reached. Pays nothing. first must be less than block->count.
 */
VPMU_API uint32_t vpmu_meter_prefix(const struct vpmu_meter *meter, const struct vpmu_block *block,
                                    uint32_t first);

/* Pays the instructions from `first` up to but not including `end`, except instructions apart. */
VPMU_API void vpmu_meter_pay_part(struct vpmu_meter *meter, const struct vpmu_block *block,
                                  uint32_t first, uint32_t end);

/*
 * Takes back instructions that were paid since the last settle but did not retire; arguments as
 * vpmu_meter_pay_part(). An instruction that faults does not retire; one that traps (INT n) does.
 */
VPMU_API void vpmu_meter_rewind(struct vpmu_meter *meter, const struct vpmu_block *block,
                                uint32_t first, uint32_t end);

/* Whether one instruction, or one more iteration of a REP, may run now. Pays nothing. */
VPMU_API bool vpmu_meter_fits_insn(const struct vpmu_meter *meter, const struct vpmu_insn *insn);

/* Pays one instruction that has retired and is apart or in no block. */
VPMU_API void vpmu_meter_retire(struct vpmu_meter *meter, const struct vpmu_insn *insn);

/* Pays the direction of a branch with these flags after it has retired. Needed while meter.timed is
 * true. */
VPMU_API void vpmu_meter_branched(struct vpmu_meter *meter, unsigned flags, bool taken);

/*
 * Pays what was counted elsewhere since the last settle: by translated code, or by the caller's own
 * model. Cycles and reference cycles in *amounts are ignored: they follow from slots.
 */
VPMU_API void vpmu_meter_spend(struct vpmu_meter *meter, const struct vpmu_amounts *amounts);

/* How often in a row, at most, the whole block may run if it takes this many slots each time. */
VPMU_API uint64_t vpmu_meter_repeats(const struct vpmu_meter *meter, const struct vpmu_block *block,
                                     uint64_t slots);

/* Makes vpmu_meter_pay_quickly() fail until vpmu_meter_fits() is called, so that the emulator can
 * handle something before the next block. */
static inline void vpmu_meter_hold(struct vpmu_meter *meter)
{
	meter->held += meter->left;
	meter->left = 0;
}

/*
 * Accounts what was paid. cpl: the privilege level at which it ran. outcome.pmi of the result: PMIs
 * to deliver before the guest's next instruction. Call vpmu_meter_refresh() before anything runs.
 */
VPMU_API struct vpmu_outcome vpmu_meter_settle(struct vpmu_meter *meter, unsigned cpl);

/*
 * Gives a meter the costs and totals of another one, when a saved machine is restored; the costs
 * include the fraction of the current cycle. With zeros, the meter begins anew. What was paid but
 * not settled is forgotten; call vpmu_meter_refresh() before anything runs.
 */
VPMU_API void vpmu_meter_restore(struct vpmu_meter *meter, const struct vpmu_costs *costs,
                                 const struct vpmu_amounts *totals);

/*
 * For emulators that count instructions of two privilege levels side by side in translated code,
 * and check two budgets before each block: fills budget[0] with how many instructions may run at
 * CPL 0, and budget[1] with how many at CPL 1 to 3; UINT64_MAX: no limit. As long as neither is
 * exceeded, no counter overflows, in whatever order the instructions run. Headroom that both levels
 * share is split in favour of `cpl`, where the guest is now. slots: the most that one instruction
 * takes. Allowed only directly after a settle, and without costs that follow from lines and
 * branches.
 *
 * When a block does not fit, call vpmu_meter_spend() and vpmu_meter_settle() for what has run at
 * the other level and then for this one (neither can overflow), then vpmu_meter_refresh().
 * vpmu_meter_prefix() then says where in the block an overflow is due, if one is.
 */
VPMU_API void vpmu_meter_budgets(const struct vpmu_meter *meter, unsigned cpl, uint32_t slots,
                                 uint64_t budget[2]);

#ifdef __cplusplus
}
#endif

#endif
