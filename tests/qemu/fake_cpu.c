/* SPDX-License-Identifier: MIT */
/* The fake's CPU: how a block of instructions is translated and run. */
#include "fake_inside.h"

#include <string.h>

struct fake fake;

static struct qemu_plugin_tb block;

static void translate(uint64_t pc)
{
	const struct fake_row *row;

	memset(&block, 0, sizeof(block));
	do {
		row = fake_decode(pc);
		block.insn[block.count++] =
			(struct qemu_plugin_insn){.vaddr = pc, .length = row->size};
		pc += row->size;
	} while (!row->ends && !inside.alone && !(row->kind == RDMSR && fake.ends_at_rdmsr) &&
	         block.count < INSNS);
	inside.alone = false;
	inside.running = QEMU_CB_R_REGS;
	inside.on.translate(&block, NULL);
}

static unsigned ops_of(const struct qemu_plugin_tb *tb)
{
	unsigned count = tb->ops.count;

	for (unsigned i = 0; i < tb->count; i++)
		count += tb->insn[i].ops.count;
	return count;
}

static void perform(const struct ops *ops)
{
	for (unsigned i = 0; i < ops->count; i++) {
		const struct op *op = &ops->op[i];
		uint64_t *word = &inside.score[op->offset / sizeof(uint64_t)];

		inside.running = op->flags;
		if (op->kind == OP_CALL || (op->kind == OP_CALL_GE && *word >= op->immediate) ||
		    (op->kind == OP_CALL_EQ && *word == op->immediate) ||
		    (op->kind == OP_CALL_NE && *word != op->immediate))
			op->call(0, op->data);
		else if (op->kind == OP_ADD)
			*word += op->immediate;
		else if (op->kind == OP_STORE)
			*word = op->immediate;
	}
}

/* One block; false: it ended with a HLT. */
static bool run_block(void)
{
	uint64_t pc = fake.reg[FAKE_RIP];

	fake_reset_plugin();
	translate(pc);
	fake.blocks++;
	fake.ops = ops_of(&block);
	perform(&block.ops);
	for (unsigned i = 0; i < block.count; i++) {
		const struct qemu_plugin_insn *insn = &block.insn[i];
		const struct fake_row *row = fake_decode(insn->vaddr);

		perform(&insn->ops);
		if (row->kind == HLT && !fake.in_guest)
			return false;
		if (row->kind == HLT) {
			fake_exit(0x78, insn->vaddr);
			return true;
		}
		if (!fake_execute(insn, row))
			return true;
	}
	return true;
}

void fake_run(void)
{
	fake.reg[FAKE_RIP] = FAKE_CODE;
	fake.executed = 0;
	setjmp(inside.left);
	do {
		if (inside.stop_soon) {
			inside.stop_soon = fake.idle_at_plant = false;
			fake_idle();
			memcpy(fake.memory_when_idle, fake.memory, FAKE_MEMORY);
			fake_resume();
		}
		if ((fake.interrupts || fake.timer) && fake.in_guest)
			fake_exit_by_interrupt(fake.reg[FAKE_RIP]);
		else if (fake.interrupts)
			fake_interrupt(fake.reg[FAKE_RIP]);
		else if (fake.timer)
			fake_interrupt_by_timer(fake.reg[FAKE_RIP]);
	} while (run_block());
}
