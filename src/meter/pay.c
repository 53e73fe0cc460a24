/* SPDX-License-Identifier: MIT */
/*
 * What may run, and paying it. A part of a program may run in one piece when no counter overflows
 * before the end of its last instruction: an overflow exactly at the end is the same whether it ran
 * in one piece or one by one. So a class may reach its room only with the last instruction. If the
 * last instruction adds nothing to the class, the class must stay below its room.
 *
 * `left` makes this one comparison for instructions and branches. As every branch is an
 * instruction, it is always safe to grant as many instructions as there are branches left. While
 * costs count, too, `left` is 0, and every block goes through vpmu_meter_fits().
 */
#include <meter/room_int.h>

/* The most that a piece to be run adds up to. */
struct piece {
	uint64_t insns, branches, slots, lines;
	bool ends_in_branch, ends_in_slot;
	bool apart; /* it contains an instruction apart */
	uint32_t details[VPMU_DETAILS];
};

static void piece_end(struct piece *piece, const struct vpmu_insn *last)
{
	bool apart = last->flags & VPMU_INSN_APART;

	piece->ends_in_branch = !apart && (last->flags & VPMU_INSN_BRANCH);
	piece->ends_in_slot = !apart && last->slots;
}

static void piece_add(struct piece *piece, const struct vpmu_insn *insn)
{
	piece->insns++;
	piece->branches += insn->flags & VPMU_INSN_BRANCH;
	piece->slots += insn->slots;
	piece->apart |= !!(insn->flags & VPMU_INSN_APART);
	if (insn->flags & VPMU_INSN_APART) { /* an iteration's accesses */
		piece->slots += insn->lines;
		piece->details[DETAIL(VPMU_TOPDOWN_BACKEND)] += insn->lines;
	}
	piece->lines += insn->lines;
	details_of(insn, piece->details);
	piece_end(piece, insn);
}

static bool costs_fit(const struct vpmu_meter *meter, const struct piece *piece)
{
	const struct vpmu_costs *now = &meter->costs, *room = &meter->costs_room;
	const struct vpmu_costs *line = &meter->rates.line, *branch = &meter->rates.branch;
	uint64_t slots = piece->slots + piece->lines * line->slots +
	                 piece->branches * branch->slots + !piece->ends_in_slot;
	uint64_t misses = piece->branches * branch->branch_misses + !piece->ends_in_branch;

	/* The LLC's rooms must not even be reached: a line may be touched by an instruction before
	 * the last. */
	return sum(now->slots, slots) <= room->slots &&
	       sum(now->branch_misses, misses) <= room->branch_misses &&
	       sum(now->llc_references, piece->lines * line->llc_references) <
	               room->llc_references &&
	       sum(now->llc_misses, piece->lines * line->llc_misses) < room->llc_misses;
}

/* The most that a class can come to in the piece. */
static uint64_t detail_most(const struct vpmu_meter *meter, const struct piece *piece,
                            uint64_t class_)
{
	uint64_t own = class_ < VPMU_TAKEN_BRANCHES ? piece->details[DETAIL(class_)] : 0;

	if (class_ == VPMU_TOPDOWN_BACKEND)
		return own + piece->lines * meter->rates.line_more[class_];
	if (class_ < VPMU_TAKEN_BRANCHES)
		return own;
	if (class_ < VPMU_LLC_LOADS)
		return piece->branches;
	return piece->lines * meter->rates.line_more[class_] +
	       piece->branches * meter->rates.branch_more[class_];
}

/* Whether every class stays below its room, whatever the last instruction adds. What does not fit
 * runs in smaller parts, at last one by one. */
static bool details_fit(const struct vpmu_meter *meter, const struct piece *piece)
{
	FOR_WANTED_DETAILS(class_, meter)
		if (sum(meter->details.of[class_], detail_most(meter, piece, class_)) >=
		    meter->details_room.of[class_])
			return false;
	return true;
}

/* Counters that look at cycles must see each iteration of an instruction apart by itself, wherever
 * it is interrupted. */
static bool apart_fits(const struct vpmu_meter *meter)
{
	return !costs_are_owed(meter) ||
	       !(pmu_sees_cycles(meter->pmu, 0) || pmu_sees_cycles(meter->pmu, 3));
}

static bool piece_fits(const struct vpmu_meter *meter, const struct piece *piece)
{
	return (!piece->apart || apart_fits(meter)) &&
	       meter->room >= vpmu_meter_spent(meter) + piece->insns &&
	       meter->branch_room >=
	               sum(meter->branches, piece->branches + !piece->ends_in_branch) &&
	       (!meter->timed || costs_fit(meter, piece)) &&
	       (!meter->detailed || details_fit(meter, piece));
}

/* Grants `left` as much as is safe, at least as much as the piece needs. */
static void grant(struct vpmu_meter *meter, uint64_t insns)
{
	uint64_t grant = meter->branch_room - meter->branches;
	uint64_t room = meter->room - vpmu_meter_spent(meter);

	if (grant < insns)
		grant = insns;
	grant = least(least(grant, room), VPMU_METER_SLICE);
	meter->left += meter->held;
	meter->held = 0;
	meter->granted += (int64_t)grant - meter->left;
	meter->left = (int64_t)grant;
}

/* A string instruction apart counts at most one load and one store. */
static void piece_details(struct piece *piece, const struct vpmu_block *block)
{
	for (unsigned i = 0; i < VPMU_DETAILS; i++)
		piece->details[i] = block->details[i];
	piece->details[DETAIL(VPMU_LOADS)] += block->count - block->insns;
	piece->details[DETAIL(VPMU_STORES)] += block->count - block->insns;
	piece->details[DETAIL(VPMU_MEMORY)] += block->count - block->insns;
	piece->details[DETAIL(VPMU_LOAD_STORES)] += block->count - block->insns;
	piece->details[DETAIL(VPMU_TOPDOWN_RETIRING)] += block->count - block->insns;
	piece->details[DETAIL(VPMU_TOPDOWN_BACKEND)] += block->apart;
}

bool vpmu_meter_fits(struct vpmu_meter *meter, const struct vpmu_block *block)
{
	struct piece piece;

	if (!meter || !block)
		return false;
	piece = (struct piece){
		.insns = block->count,
		.branches = block->branches,
		.slots = block->slots + block->apart,
		.lines = block->lines,
		.apart = block->insns != block->count,
	};
	if (!block->count)
		return true;
	if (meter->detailed)
		piece_details(&piece, block);
	piece_end(&piece, vpmu_block_insn(block, block->count - 1));
	if (!piece_fits(meter, &piece))
		return false;
	grant(meter, piece.insns);
	return true;
}

bool vpmu_meter_fits_insn(const struct vpmu_meter *meter, const struct vpmu_insn *insn)
{
	struct piece piece = {0};

	if (!meter || !insn)
		return false;
	piece_add(&piece, insn);
	return piece_fits(meter, &piece);
}

static bool paid_nothing(const struct vpmu_meter *meter)
{
	FOR_WANTED_DETAILS(class_, meter)
		if (meter->details.of[class_])
			return false;
	return !vpmu_meter_spent(meter) && !meter->branches && !costs_are_owed(meter);
}

uint32_t vpmu_meter_prefix(const struct vpmu_meter *meter, const struct vpmu_block *block,
                           uint32_t first)
{
	struct piece piece = {0};
	uint32_t end = first;

	if (!meter || !block)
		return first;
	while (end < block->count) {
		piece_add(&piece, vpmu_block_insn(block, end));
		if (!piece_fits(meter, &piece))
			break;
		end++;
	}
	if (end == first && end < block->count && meter->room && paid_nothing(meter))
		end++; /* one instruction alone is always exact */
	return end;
}

/* --- Paying ---------------------------------------------------------------------------------- */

/* Negative numbers give back. `left` may become negative; the next grant makes up for it. */
static void pay(struct vpmu_meter *meter, int64_t insns, int64_t branches, int64_t slots)
{
	meter->left -= insns;
	meter->branches += (uint64_t)branches;
	if (meter->timed)
		meter->costs.slots += (uint64_t)slots;
	if (meter->timed || meter->detailed || meter->records)
		vpmu_meter_hold(meter);
}

static void pay_details(struct vpmu_meter *meter, const uint32_t details[VPMU_DETAILS], int sign)
{
	for (unsigned i = 0; i < VPMU_DETAILS; i++)
		meter->details.of[VPMU_DETAIL_FIRST + i] += (uint64_t)(sign * (int64_t)details[i]);
}

void vpmu_meter_take(struct vpmu_meter *meter, const struct vpmu_block *block)
{
	if (!meter || !block)
		return;
	pay(meter, block->insns, block->branches, block->slots);
	if (meter->detailed)
		pay_details(meter, block->details, 1);
}

static void pay_part(struct vpmu_meter *meter, const struct vpmu_block *block, uint32_t first,
                     uint32_t end, int sign)
{
	int64_t insns = 0, branches = 0, slots = 0;
	uint32_t details[VPMU_DETAILS] = {0};

	if (!meter || !block)
		return;
	for (uint32_t i = first; i < end; i++) {
		const struct vpmu_insn *insn = vpmu_block_insn(block, i);

		if (insn->flags & VPMU_INSN_APART)
			continue;
		insns++;
		branches += insn->flags & VPMU_INSN_BRANCH;
		slots += insn->slots;
		details_of(insn, details);
	}
	pay(meter, sign * insns, sign * branches, sign * slots);
	if (meter->detailed)
		pay_details(meter, details, sign);
}

void vpmu_meter_pay_part(struct vpmu_meter *meter, const struct vpmu_block *block, uint32_t first,
                         uint32_t end)
{
	pay_part(meter, block, first, end, 1);
}

void vpmu_meter_rewind(struct vpmu_meter *meter, const struct vpmu_block *block, uint32_t first,
                       uint32_t end)
{
	pay_part(meter, block, first, end, -1);
}

void vpmu_meter_retire(struct vpmu_meter *meter, const struct vpmu_insn *insn)
{
	uint32_t details[VPMU_DETAILS] = {0};

	if (!meter || !insn)
		return;
	pay(meter, 1, insn->flags & VPMU_INSN_BRANCH, insn->slots);
	if (!meter->detailed)
		return;
	details_of(insn, details);
	pay_details(meter, details, 1);
}

void vpmu_meter_branched(struct vpmu_meter *meter, unsigned flags, bool taken)
{
	bool conditional = flags & VPMU_INSN_CONDITIONAL;
	uint64_t *of;

	if (!meter || !meter->detailed)
		return;
	of = meter->details.of;
	of[VPMU_TAKEN_BRANCHES] += taken && !(flags & VPMU_INSN_FAR);
	of[VPMU_CONDITIONAL_TAKEN] += taken && conditional;
	of[VPMU_CONDITIONAL_NOT_TAKEN] += !taken && conditional;
}

void vpmu_meter_spend(struct vpmu_meter *meter, const struct vpmu_amounts *amounts)
{
	const uint64_t *of;

	if (!meter || !amounts)
		return;
	of = amounts->of;
	pay(meter, (int64_t)of[VPMU_INSTRUCTIONS], (int64_t)of[VPMU_BRANCHES],
	    (int64_t)of[VPMU_SLOTS]);
	FOR_WANTED_DETAILS(class_, meter)
		meter->details.of[class_] += of[class_];
	if (!meter->timed)
		return;
	meter->costs.branch_misses += of[VPMU_BRANCH_MISSES];
	meter->costs.llc_references += of[VPMU_LLC_REFERENCES];
	meter->costs.llc_misses += of[VPMU_LLC_MISSES];
}

/* The same for the wanted classes of VPMU_METER_DETAILS. */
static uint64_t details_repeats(const struct vpmu_meter *meter, const struct vpmu_block *block)
{
	struct piece piece = {.branches = block->branches, .lines = block->lines};
	uint64_t most = UINT64_MAX;

	piece_details(&piece, block);
	FOR_WANTED_DETAILS(class_, meter) {
		uint64_t each = detail_most(meter, &piece, class_);
		uint64_t paid = meter->details.of[class_], room = meter->details_room.of[class_];

		if (paid >= room)
			return 0;
		if (each)
			most = least(most, (room - paid - 1) / each);
	}
	return most;
}

uint64_t vpmu_meter_repeats(const struct vpmu_meter *meter, const struct vpmu_block *block,
                            uint64_t slots)
{
	const struct vpmu_insn *last;
	uint64_t spent, most, branches, spare;

	if (!meter || !block)
		return 0;
	spent = vpmu_meter_spent(meter);
	if (!block->count || block->insns != block->count || spent > meter->room ||
	    meter->branches >= meter->branch_room)
		return 0;
	last = vpmu_block_insn(block, block->count - 1);
	most = (meter->room - spent) / block->insns;
	branches = meter->branch_room - meter->branches - !(last->flags & VPMU_INSN_BRANCH);
	if (block->branches)
		most = least(most, branches / block->branches);
	if (meter->detailed)
		most = least(most, details_repeats(meter, block));
	if (!meter->timed || !slots)
		return most;
	/* Keep one iteration to spare, so that it does not matter how its slots are distributed. */
	spare = sum(meter->costs.slots, meter->rates.branch.slots + block->slots);
	return spare > meter->costs_room.slots
	               ? 0
	               : least(most, (meter->costs_room.slots - spare) / slots);
}
