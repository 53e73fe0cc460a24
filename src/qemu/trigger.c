/* SPDX-License-Identifier: MIT */
/*
 * Runs at a block's first instruction, where the CPU's state is complete and QEMU can be sent
 * elsewhere: pays the register machine, sends PMIs, and for an overflow inside the block plants a
 * jump before the instruction that its PMI belongs to.
 */
#include "room_int.h"

static bool is_near(const struct cpu *cpu, const struct block *block)
{
	uint64_t run = hot_of(cpu)->run[block->ring];

	return cpu->pmi_due || count_is_due(cpu) || timed_is_due(cpu) ||
	       run + block->near * RUN_INSN >= RUN_LIMIT;
}

/* Sends what is due; the interrupt is taken before the instruction at `rip`. */
static void pay(struct cpu *cpu, enum ring ring, uint64_t rip)
{
	count_account(cpu, ring, 0);
	if (!cpu->pmi_due)
		return;
	pmi_send(cpu);
	count_arm(cpu, ring, 0);
	qemu_plugin_set_pc(rip);
}

static enum ring ring_of(const struct block *block)
{
	return (enum ring)block->ring;
}

/* Gives the ring its budget, with a jump before the block's index-th instruction. True: the block
 * must be entered anew. */
static bool plant(struct cpu *cpu, const struct block *block, unsigned index, uint64_t rip)
{
	enum planted planted = plant_set(cpu, block, index, rip);

	count_arm(cpu, ring_of(block), planted == PLANTED ? index : 0);
	return planted != PLANT_IMPOSSIBLE;
}

/*
 * The block's last instruction overflows, and no jump can stand behind it. If nothing can keep the
 * block from its end, the PMI is sent now: QEMU takes interrupts between blocks, and an NMI goes
 * before any other interrupt that comes meanwhile. If only the last instruction is sure to
 * complete, a jump makes it a block of its own. Neither is done when the branch must first be seen
 * at its target, to be counted or recorded. True: the block must be entered anew.
 */
static bool meet_end(struct cpu *cpu, const struct block *block, uint64_t rip)
{
	bool is_open = (block->branch == QEMU_CONDITIONAL && plugin.shape & SHAPE_TAKEN) ||
	               (block->branch != QEMU_NO_BRANCH && hot_of(cpu)->records);

	if (!block->whole && block->ends && !is_open && block->insns > 1)
		return plant(cpu, block, block->insns - 1u, rip);
	if (block->whole && !is_open) {
		count_ahead(cpu, block);
		pmi_send(cpu);
	}
	count_arm(cpu, ring_of(block), 0);
	return false;
}

/* The same for an overflow anywhere in the block; `anew`: the block is entered anew in any case. */
static bool grant(struct cpu *cpu, const struct block *block, uint64_t rip, bool anew)
{
	unsigned due = count_until_due(cpu, block);

	if (due < block->insns)
		return plant(cpu, block, due, rip);
	if (!anew && block->insns && count_reaches(cpu, block))
		return meet_end(cpu, block, rip);
	count_arm(cpu, ring_of(block), 0);
	return false;
}

/* A planted jump has been executed: takes it away, pays, and goes back to the instruction that it
 * stood before. */
static void land(struct cpu *cpu, enum ring ring, uint64_t landed, uint64_t rip)
{
	uint64_t at = rip - 2 - (uint64_t)(int64_t)LANDED_JUMP(landed);

	hot_of(cpu)->landed = 0;
	if (LANDED_SLOT(landed) == cpu->index)
		plant_remove(cpu);
	else
		plant_wait(cpu, LANDED_SLOT(landed));
	pay(cpu, ring, at);
	count_arm(cpu, ring, 0);
	qemu_plugin_set_pc(at);
}

/* The jump goes to itself, so the interrupt is taken at its address. An interrupt of lower priority
 * that has come meanwhile does not go first. */
void at_jump(unsigned vcpu, void *unused)
{
	struct cpu *cpu = plugin.cpu[vcpu];

	if (!count_is_due(cpu))
		return;
	count_account(cpu, RING_KERNEL, 0);
	pmi_send(cpu);
	count_arm(cpu, RING_KERNEL, 0);
}

void at_used_up(unsigned vcpu, void *unused)
{
	count_remind(plugin.cpu[vcpu]);
}

void at_block(unsigned vcpu, void *data)
{
	struct cpu *cpu = plugin.cpu[vcpu];
	const struct block *block = data;
	uint64_t landed = hot_of(cpu)->landed, rip = reg_get(REG_RIP);
	bool anew;

	count_unkick(cpu);
	cpu->block_at = rip;
	if (cpu->loaded) {
		keep_load(cpu);
		svm_begin(cpu, reg_get(REG_EFER));
	}
	arrive(cpu, (enum ring)block->ring);
	pending_settle(cpu);
	rdpmc_undo(cpu);
	if (landed)
		land(cpu, (enum ring)block->ring, landed, rip);
	anew = plant_remove(cpu);
	if (is_near(cpu, block) && !again_in_progress(cpu, block)) {
		pay(cpu, (enum ring)block->ring, rip);
		anew |= grant(cpu, block, rip, anew);
	}
	shape_rest(cpu);
	if (anew)
		qemu_plugin_set_pc(rip);
}
