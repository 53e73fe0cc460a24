/* SPDX-License-Identifier: MIT */
/* What a block of instructions adds up to, as a whole, and in parts that execution cannot leave in
 * the middle. */
#include <meter/room_int.h>

void details_of(const struct vpmu_insn *insn, uint32_t details[VPMU_DETAILS])
{
	const unsigned both = VPMU_DATA_LOAD | VPMU_DATA_STORE;
	unsigned flags = insn->flags, data = insn->data & both;
	bool far = flags & VPMU_INSN_FAR;

	details[DETAIL(VPMU_CONDITIONAL_BRANCHES)] += !!(flags & VPMU_INSN_CONDITIONAL);
	details[DETAIL(VPMU_NEAR_CALLS)] += !far && flags & VPMU_INSN_CALL;
	details[DETAIL(VPMU_NEAR_RETURNS)] += !far && flags & VPMU_INSN_RETURN;
	details[DETAIL(VPMU_FAR_BRANCHES)] += far;
	details[DETAIL(VPMU_LOADS)] += !!(data & VPMU_DATA_LOAD);
	details[DETAIL(VPMU_STORES)] += !!(data & VPMU_DATA_STORE);
	details[DETAIL(VPMU_MEMORY)] += !!data;
	details[DETAIL(VPMU_LOAD_STORES)] += data == both;
	details[DETAIL(VPMU_TOPDOWN_RETIRING)] += !!insn->slots;
	details[DETAIL(VPMU_TOPDOWN_BACKEND)] += insn->slots - !!insn->slots;
}

static void add_insn(struct vpmu_block *block, const struct vpmu_insn *insn)
{
	block->lines += insn->lines;
	if (insn->flags & VPMU_INSN_APART) {
		block->apart += insn->slots + insn->lines;
		return;
	}
	block->insns++;
	block->slots += insn->slots;
	block->branches += insn->flags & VPMU_INSN_BRANCH;
	details_of(insn, block->details);
}

enum vpmu_status vpmu_block_make(struct vpmu_block *block, const struct vpmu_insn *insn,
                                 uint32_t count, uint32_t stride)
{
	struct vpmu_block made = {.insn = insn, .count = count, .stride = stride};

	if (!block || (!insn && count) || count > VPMU_BLOCK_INSNS || stride < sizeof(*insn) ||
	    stride % _Alignof(struct vpmu_insn))
		return VPMU_BAD_ARGUMENT;
	for (uint32_t i = 0; i < count; i++)
		add_insn(&made, vpmu_block_insn(&made, i));
	made.need = made.insns == count ? made.insns : VPMU_BLOCK_NEVER;
	*block = made;
	return VPMU_OK;
}

static uint32_t segment_end(const struct vpmu_block *block, uint32_t first)
{
	for (uint32_t i = first; i < block->count; i++) {
		const struct vpmu_insn *insn = vpmu_block_insn(block, i);

		if (insn->flags & VPMU_INSN_APART)
			return i == first ? i + 1 : i;
		if (!(insn->flags & VPMU_INSN_STRAIGHT))
			return i + 1;
	}
	return block->count;
}

uint32_t vpmu_block_segment(const struct vpmu_block *block, uint32_t first,
                            struct vpmu_amounts *amounts)
{
	uint32_t end, details[VPMU_DETAILS] = {0};

	if (amounts)
		*amounts = (struct vpmu_amounts){{0}};
	if (!block || !amounts)
		return first + 1;
	end = segment_end(block, first);
	for (uint32_t i = first; i < end; i++) {
		const struct vpmu_insn *insn = vpmu_block_insn(block, i);

		if (insn->flags & VPMU_INSN_APART)
			continue;
		amounts->of[VPMU_INSTRUCTIONS]++;
		amounts->of[VPMU_BRANCHES] += insn->flags & VPMU_INSN_BRANCH;
		amounts->of[VPMU_SLOTS] += insn->slots;
		details_of(insn, details);
	}
	for (unsigned i = 0; i < VPMU_DETAILS; i++)
		amounts->of[VPMU_DETAIL_FIRST + i] = details[i];
	return end;
}
