/* SPDX-License-Identifier: MIT */
/*
 * Blocks that jump back to themselves until a register, which each iteration changes by the same
 * amount, is 0. That register tells on entry how many iterations are left, and afterwards how many
 * were done. Where nothing else happens (LOOP ., DEC and JNZ with NOPs, …), all iterations but the
 * last are folded: done in one step, with the same registers, counts and cycles as one by one.
 * Unicorn executes the last one, which sets the flags. The other such loops are in spin.c.
 */
#include <stdlib.h>

#include <Zydis/Zydis.h>

#include <machine/unicorn/room_int.h>
#include <machine/unicorn/loop.h>

enum { FOLD_MIN = 8 }; /* fewer iterations are not worth it */

#define FOLD_MAX (UINT64_C(1) << 40) /* in one step; the deadline bounds the total */

/* One decoded instruction of the body. */
struct insn {
	ZydisDecodedInstruction decoded;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

/* A whole 32-bit or 64-bit general register. */
static bool general(ZydisRegister reg, uint8_t *id, bool *narrow)
{
	ZydisRegisterClass class = ZydisRegisterGetClass(reg);

	*narrow = class == ZYDIS_REGCLASS_GPR32;
	*id = (uint8_t)ZydisRegisterGetId(reg);
	return *narrow || class == ZYDIS_REGCLASS_GPR64;
}

/* Whether the instruction adds a constant to a register: ADD, SUB, INC, DEC. */
static bool adds(const struct insn *insn, struct loop_add *add)
{
	const ZydisDecodedOperand *to = &insn->operands[0], *by = &insn->operands[1];
	bool constant = by->type == ZYDIS_OPERAND_TYPE_IMMEDIATE;

	if (to->type != ZYDIS_OPERAND_TYPE_REGISTER ||
	    !general(to->reg.value, &add->reg, &add->narrow))
		return false;
	switch (insn->decoded.mnemonic) {
	case ZYDIS_MNEMONIC_INC:
		add->by = 1;
		return true;
	case ZYDIS_MNEMONIC_DEC:
		add->by = -1;
		return true;
	case ZYDIS_MNEMONIC_ADD:
		add->by = constant ? by->imm.value.s : 0;
		return constant;
	case ZYDIS_MNEMONIC_SUB:
		add->by = constant ? (int64_t)(0 - (uint64_t)by->imm.value.s) : 0;
		return constant;
	default:
		return false;
	}
}

static bool writes(const struct insn *insn, uint8_t reg)
{
	for (unsigned i = 0; i < insn->decoded.operand_count; i++) {
		const ZydisDecodedOperand *operand = &insn->operands[i];
		ZydisRegister whole;

		if (operand->type != ZYDIS_OPERAND_TYPE_REGISTER ||
		    !(operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			continue;
		whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64,
		                                         operand->reg.value);
		if (ZydisRegisterGetClass(whole) == ZYDIS_REGCLASS_GPR64 &&
		    ZydisRegisterGetId(whole) == reg)
			return true;
	}
	return false;
}

static bool is_nop(const struct insn *insn)
{
	return insn->decoded.meta.category == ZYDIS_CATEGORY_NOP ||
	       insn->decoded.meta.category == ZYDIS_CATEGORY_WIDENOP;
}

static bool decode(const struct block *block, const uint8_t *code, unsigned i, struct insn *insn)
{
	const struct op *op = &block->ops[i];
	ZydisDecoder decoder;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	return ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code + op->offset, op->length,
	                                           &insn->decoded, insn->operands));
}

/* The end of the block must be LOOP, or JNZ right after the instruction that changes the
 * counter. */
static bool understand_end(struct loop *loop, const struct block *block, const uint8_t *code)
{
	unsigned last = block->op_count - 1u;
	struct insn insn;

	if (!decode(block, code, last, &insn) ||
	    insn.operands[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE ||
	    insn.operands[0].imm.value.s != -(int64_t)block->size)
		return false;
	loop->counter_op = (uint16_t)last;
	loop->counter = (struct loop_add){.reg = GPR_RCX, .by = -1};
	if (insn.decoded.mnemonic == ZYDIS_MNEMONIC_LOOP)
		return insn.decoded.address_width == 64;
	loop->counter_op = (uint16_t)(last - 1);
	return insn.decoded.mnemonic == ZYDIS_MNEMONIC_JNZ && last > 0 &&
	       decode(block, code, last - 1, &insn) && adds(&insn, &loop->counter) &&
	       loop->counter.by;
}

/* The rest of the block must leave the counter alone. If it only adds constants, the loop can be
 * folded. */
static bool understand_body(struct loop *loop, const struct block *block, const uint8_t *code)
{
	struct insn insn;

	loop->pure = true;
	for (unsigned i = 0; i < loop->counter_op; i++) {
		struct loop_add add;

		if (!decode(block, code, i, &insn) || writes(&insn, loop->counter.reg))
			return false;
		if (is_nop(&insn))
			continue;
		loop->pure = loop->pure && loop->add_count < LOOP_ADDS && adds(&insn, &add);
		for (unsigned n = 0; loop->pure && n < loop->add_count; n++)
			loop->pure = loop->adds[n].reg != add.reg;
		if (loop->pure)
			loop->adds[loop->add_count++] = add;
	}
	return true;
}

struct loop *loop_make(const struct block *block, const uint8_t *code)
{
	struct loop found = {0}, *loop;

	if (block->mode != 64 || (block->flags & BLOCK_SLOW) ||
	    !(block_last(block)->insn.flags & VPMU_INSN_CONDITIONAL) ||
	    !understand_end(&found, block, code) || !understand_body(&found, block, code))
		return NULL;
	loop = malloc(sizeof(*loop));
	if (loop)
		*loop = found;
	return loop;
}

uint64_t loop_left(const struct cpu *cpu, const struct loop *loop)
{
	uint64_t value = cpu->state->regs[loop->counter.reg];
	int64_t by = loop->counter.by;
	uint64_t step = by < 0 ? 0 - (uint64_t)by : (uint64_t)by;

	if (by > 0)
		value = 0 - value;
	if (loop->counter.narrow) {
		value = (uint32_t)value;
		if (!value)
			value = UINT64_C(1) << 32;
	}
	return value % step == 0 ? value / step : 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t loop_slots(const struct block *block)
{
	return (block->pay.slots + TIMING_WIDTH - 1) & ~(uint64_t)(TIMING_WIDTH - 1);
}

bool loop_is_steady(const struct cpu *cpu, const struct block *block)
{
	if (follows_branches(cpu) &&
	    !vpmu_timing_settled(cpu->timing, block->address + block_last(block)->offset))
		return false;
	return !cpu_meter(cpu)->timed ||
	       (!block->pay.lines && cpu_meter(cpu)->costs.slots % TIMING_WIDTH == 0 &&
	        !(cpu_meter(cpu)->wanted & TIMING_FETCH));
}

uint64_t loop_room(const struct cpu *cpu, const struct block *block)
{
	return least(vpmu_meter_repeats(cpu_meter(cpu), &block->pay, loop_slots(block)), FOLD_MAX);
}

static void add_to(struct cpu *cpu, const struct loop_add *add, uint64_t times)
{
	uint64_t *reg = &cpu->state->regs[add->reg];

	*reg += times * (uint64_t)add->by;
	if (add->narrow)
		*reg = (uint32_t)*reg;
}

void loop_pay(struct cpu *cpu, const struct block *block, uint64_t times)
{
	struct vpmu_amounts amounts = {
		.of = {[VPMU_INSTRUCTIONS] = times * block->pay.insns,
	               [VPMU_BRANCHES] = times * block->pay.branches,
	               [VPMU_SLOTS] = times * loop_slots(block),
	               [VPMU_TAKEN_BRANCHES] = times,
	               [VPMU_CONDITIONAL_TAKEN] = times,
	               [VPMU_TOPDOWN_FRONTEND] = times * (loop_slots(block) - block->pay.slots)},
	};

	for (unsigned i = 0; i < VPMU_DETAILS; i++)
		amounts.of[VPMU_DETAIL_FIRST + i] = times * block->pay.details[i];
	vpmu_meter_spend(cpu_meter(cpu), &amounts);
	record_loop(cpu, block, times);
}

void loop_fold(struct cpu *cpu, const struct block *block)
{
	const struct loop *loop = block->loop;
	uint64_t count, room;

	if (!loop->pure || !loop_is_steady(cpu, block))
		return;
	count = loop_left(cpu, loop);
	room = loop_room(cpu, block);
	if (count <= FOLD_MIN || !room)
		return;
	count = least(count, room) - 1;
	for (unsigned i = 0; i < loop->add_count; i++)
		add_to(cpu, &loop->adds[i], count);
	add_to(cpu, &loop->counter, count);
	loop_pay(cpu, block, count);
}
