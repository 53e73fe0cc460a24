/* SPDX-License-Identifier: MIT */
/*
 * The stack of last branches. A block's branch says what it is as it begins; where it has gone is
 * seen at the next block's start, or in the frame of an interrupt that comes first. Only
 * translations that SHAPE_RECORD has made have this in them, and they call only while something
 * records.
 */
#include "room_int.h"

/* A branch that has begun: where it is in its block, and what. 0: none. */
#define BRANCHED(offset, length, kind)                                                             \
	((uint64_t)(offset) << 16 | (uint64_t)(length) << 8 | (uint64_t)(kind) << 1 | 1)
#define BRANCHED_OFFSET(branched) ((branched) >> 16)
#define BRANCHED_LENGTH(branched) ((branched) >> 8 & 0xff)
#define BRANCHED_KIND(branched)   ((enum vpmu_branch_kind)((branched) >> 1 & 0x7f))

static enum vpmu_branch_kind kind_of(const struct insn *insn)
{
	static const uint8_t flags[QEMU_BRANCHES] = {
		[QEMU_CONDITIONAL] = VPMU_INSN_CONDITIONAL,
		[QEMU_CALL] = VPMU_INSN_CALL,
		[QEMU_RETURN] = VPMU_INSN_RETURN,
		[QEMU_FAR] = VPMU_INSN_FAR,
	};

	return vpmu_insn_branch_kind(flags[insn->branch] |
	                             (insn->indirect ? VPMU_INSN_INDIRECT : 0u));
}

void record_insn(struct qemu_plugin_insn *handle, const struct insn *insn, unsigned offset,
                 unsigned length)
{
	struct qemu_u64 word = {plugin.score, offsetof(struct hot, departed)};

	if (plugin.shape & SHAPE_RECORD && insn->branch != QEMU_NO_BRANCH)
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(
			handle, QEMU_STORE_U64, word, BRANCHED(offset, length, kind_of(insn)));
}

void record_block(struct qemu_plugin_tb *tb, struct block *block)
{
	struct qemu_u64 word = {plugin.score, offsetof(struct hot, records)};

	if (plugin.shape & SHAPE_RECORD)
		qemu_plugin_register_vcpu_tb_exec_cond_cb(tb, at_record, QEMU_CB_RW_REGS_PC,
		                                          QEMU_COND_NE, word, 0, block);
}

/* What has begun before is not recorded: nobody has said where its block is. */
void record_follow(struct cpu *cpu)
{
	struct hot *hot = hot_of(cpu);
	bool before = hot->records;

	hot->records = vpmu_pmu_records_branches(cpu->pmu);
	if (hot->records && !before)
		hot->departed = 0;
}

static void record(struct cpu *cpu, uint64_t from, uint64_t to, enum vpmu_branch_kind kind,
                   enum ring ring)
{
	struct vpmu_branch branch = {
		.from = from, .to = to, .kind = kind, .cpl = ring == RING_USER ? 3 : 0};

	vpmu_pmu_branch(cpu->pmu, &branch, 1);
}

/* The branch that has begun has gone to an address. */
static void arrived(struct cpu *cpu, uint64_t branched, uint64_t to, enum ring ring)
{
	uint64_t from = cpu->block_at + BRANCHED_OFFSET(branched);
	enum vpmu_branch_kind kind = BRANCHED_KIND(branched);

	if (kind != VPMU_BRANCH_CONDITIONAL || to != from + BRANCHED_LENGTH(branched))
		record(cpu, from, to, kind, ring);
}

static uint64_t take_branched(struct cpu *cpu)
{
	uint64_t branched = hot_of(cpu)->departed;

	hot_of(cpu)->departed = 0;
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

/* The ring that an interrupt has come from. */
static enum ring ring_before(uint64_t from)
{
	struct frame frame;

	return frame_read(from, &frame) ? frame_ring(&frame) : ring_now();
}

/* The branch that has begun, at an exception or interrupt. INT n is one itself, and has gone to its
 * handler: its frame names the instruction behind it, where a fault's names its own. True: that was
 * all. */
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

/* An RDPMC that is on its way is no exception; but the #GP that it may become is one. */
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
