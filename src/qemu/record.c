/* SPDX-License-Identifier: MIT */
/*
 * The stack of last branches (LBR). A block's branch leaves a note as it begins; its target shows
 * at the start of the next block, or in the frame of an interrupt that comes first. Only
 * translations made with SHAPE_RECORD contain this code, and it calls only while the vCPU records.
 */
#include "room_int.h"

/* A branch that has begun: its place in the block, length and kind. 0: none. */
#define BRANCHED(offset, length, kind)                                                             \
	((uint64_t)(offset) << 16 | (uint64_t)(length) << 8 | (uint64_t)(kind) << 1 | 1)
#define BRANCHED_OFFSET(branched) ((branched) >> 16)
#define BRANCHED_LENGTH(branched) ((branched) >> 8 & 0xff)
#define BRANCHED_KIND(branched)   ((enum vpmu_branch_kind)((branched) >> 1 & 0x7f))

void record_insn(struct qemu_plugin_insn *handle, const struct insn *insn, unsigned offset,
                 unsigned length)
{
	struct qemu_u64 word = {plugin.score, offsetof(struct hot, recorded_from)};

	if (plugin.shape & SHAPE_RECORD && insn->branch != QEMU_NO_BRANCH)
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(
			handle, QEMU_STORE_U64, word,
			BRANCHED(offset, length, vpmu_insn_branch_kind(insn->flags)));
}

void record_block(struct qemu_plugin_tb *tb, struct block *block)
{
	struct qemu_u64 word = {plugin.score, offsetof(struct hot, records)};

	if (plugin.shape & SHAPE_RECORD)
		qemu_plugin_register_vcpu_tb_exec_cond_cb(tb, at_record, QEMU_CB_RW_REGS_PC,
		                                          QEMU_COND_NE, word, 0, block);
}

/* A branch that began before recording did is dropped: its block's address was not noted. */
void record_follow(struct cpu *cpu)
{
	struct hot *hot = hot_of(cpu);
	bool before = hot->records;

	hot->records = vpmu_pmu_records_branches(cpu->pmu);
	if (hot->records && !before)
		hot->recorded_from = 0;
}

static void record(struct cpu *cpu, uint64_t from, uint64_t to, enum vpmu_branch_kind kind,
                   enum ring ring)
{
	struct vpmu_branch branch = {
		.from = from, .to = to, .kind = kind, .cpl = ring == RING_USER ? 3 : 0};

	vpmu_pmu_branch(cpu->pmu, &branch, 1);
}

/* The branch that had begun arrives at this address. */
static void arrived(struct cpu *cpu, uint64_t branched, uint64_t to, enum ring ring)
{
	uint64_t from = cpu->block_at + BRANCHED_OFFSET(branched);
	enum vpmu_branch_kind kind = BRANCHED_KIND(branched);

	if (kind != VPMU_BRANCH_CONDITIONAL || to != from + BRANCHED_LENGTH(branched))
		record(cpu, from, to, kind, ring);
}

static uint64_t take_branched(struct cpu *cpu)
{
	uint64_t branched = hot_of(cpu)->recorded_from;

	hot_of(cpu)->recorded_from = 0;
	return branched;
}

void at_record(unsigned vcpu, void *data)
{
	struct cpu *cpu = plugin.cpu[vcpu];
	const struct block *block = data;
	uint64_t rip = reg_get(REG_RIP), branched = take_branched(cpu);

	if (branched && !cpu->loaded)
		arrived(cpu, branched, rip, (enum ring)block->ring);
	cpu->block_at = rip;
}

/* The vCPU stands between two blocks. */
void record_stand(struct cpu *cpu)
{
	uint64_t branched = take_branched(cpu);

	if (hot_of(cpu)->records && branched)
		arrived(cpu, branched, reg_get(REG_RIP), ring_now());
}

/* The ring that an interrupt came from. */
static enum ring ring_before(uint64_t from)
{
	struct frame frame;

	return frame_read(from, &frame) ? frame_ring(&frame) : ring_now();
}

/* Records the branch that had begun when an exception or interrupt came. INT n is such a branch
 * itself, and has gone to its handler: its frame names the next instruction, where a fault's frame
 * names the faulting one. True: nothing else is to be recorded. */
static bool settle(struct cpu *cpu, uint64_t from, uint64_t to, bool exception)
{
	uint64_t branched = take_branched(cpu);
	uint64_t at = cpu->block_at + BRANCHED_OFFSET(branched);
	struct frame frame;

	if (!branched)
		return false;
	if (!exception || from != at) {
		arrived(cpu, branched, from, ring_before(from));
		return false;
	}
	if (frame_read(from, &frame))
		return false;
	record(cpu, at, to, BRANCHED_KIND(branched), ring_now());
	return true;
}

/* An RDPMC's #UD is undone, hence not recorded; the #GP that it may become is. */
void record_discontinuity(struct cpu *cpu, uint64_t from, uint64_t to, bool exception)
{
	bool is_rdpmc = exception && cpu->rdpmc.delivered && cpu->rdpmc.from == from;
	enum vpmu_branch_kind kind = VPMU_BRANCH_FAR;

	if (!hot_of(cpu)->records || settle(cpu, from, to, exception))
		return;
	if (is_rdpmc && !cpu->rdpmc.is_gp)
		return;
	if (is_rdpmc)
		to = handler_of(cpu, VECTOR_GP);
	else if (exception && handler_of(cpu, VECTOR_DB) == to)
		kind = VPMU_BRANCH_DEBUG;
	record(cpu, from, to, kind, ring_now());
}
