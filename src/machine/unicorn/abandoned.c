/* SPDX-License-Identifier: MIT */
/*
 * Blocks that Unicorn gives up in the middle. When a block is about to write to itself, or to touch
 * a device, Unicorn abandons it before that instruction and begins a block of just this one. Nobody
 * tells us; but only a block's last instruction can end it, and the next block is at another
 * address, unless that instruction is a branch to itself.
 */
#include "room_int.h"

/* Whether Unicorn would abandon the block for what an instruction of it does. A block of one
 * instruction may touch a device: see paid_ahead(). */
static bool is_given_up_for(struct cpu *cpu, const struct block *block, const struct place *place)
{
	uint64_t end = place->address + place->bytes;

	if (place->store && place->address < block->address + block->size && end > block->address)
		return true;
	return block->op_count > 1 && !memory_is_plain(cpu, place->address, place->bytes);
}

/* A branch that comes from memory, or pushes its return address, may have gone to itself. If not,
 * the registers are those that it is about to be executed with. */
static bool gives_up(struct cpu *cpu, const struct block *block, uint64_t address)
{
	struct place places[OP_PLACES];
	unsigned count = op_places(cpu, address, places);

	for (unsigned i = 0; i < count; i++) {
		if (is_given_up_for(cpu, block, &places[i]))
			return true;
	}
	return false;
}

bool block_abandoned(struct cpu *cpu, uint64_t address, uint32_t size)
{
	const struct block *block = cpu->block;
	const struct op *op;
	int index;

	if (!block || address - block->address >= block->size)
		return false;
	index = block_index(block, address);
	if (index < 0 || index == block->op_count || block->ops[index].length != size)
		return false;
	op = &block->ops[index];
	if (index + 1 < block->op_count)
		return true;
	if (!op->insn.lines || (op->insn.flags & VPMU_INSN_APART)) /* in_rep() sees a REP */
		return false;
	return !(op->insn.flags & VPMU_INSN_BRANCH) || gives_up(cpu, block, address);
}
