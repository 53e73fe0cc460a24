/* SPDX-License-Identifier: MIT */
/*
 * Blocks that Unicorn abandons in the middle. When a block is about to write to itself, or to touch
 * a device, Unicorn leaves it before that instruction and begins a block of just this one. It does
 * not report that. But only a block's last instruction can leave it, and then the next block is at
 * another address, unless that instruction is a branch to itself. So a block that begins inside the
 * last one, with that instruction's length, shows it.
 */
#include <machine/unicorn/room_int.h>

/* Whether Unicorn would abandon the block because of this access. A block of one instruction may
 * touch a device, unless it pays itself: see paid_ahead(). */
static bool is_given_up_for(struct cpu *cpu, const struct block *block, const struct place *place)
{
	uint64_t end = place->address + place->bytes;

	if (place->store && place->address < block->address + block->size && end > block->address)
		return true;
	return (block->op_count > 1 || (block->inlined && !cpu->device_touched)) &&
	       !memory_is_plain(cpu, place->address, place->bytes);
}

/* For a last instruction that is a branch and accesses memory: whether Unicorn gave up the block
 * before it, rather than it having jumped to itself. It did if it would do so for one of its
 * accesses, with the registers as they are. */
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
	const struct block *block = cpu_block(cpu);
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
