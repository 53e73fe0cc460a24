/* SPDX-License-Identifier: MIT */
/*
 * What each class of instruction costs, in slots, and how many cache lines it may touch at most.
 * Orders of magnitude of current x86 cores (Agner Fog's instruction tables), rounded.
 */
#include <Zydis/Zydis.h>

#include <machine/unicorn/block.h>

#define CYCLES(n) ((n)*TIMING_WIDTH)

struct cost {
	uint16_t what; /* a mnemonic, or a category */
	uint16_t slots;
};

static const struct cost by_mnemonic[] = {
	{ZYDIS_MNEMONIC_DIV, CYCLES(10)},
	{ZYDIS_MNEMONIC_IDIV, CYCLES(10)},
	{ZYDIS_MNEMONIC_MUL, 2},
	{ZYDIS_MNEMONIC_XCHG, 2},
	{ZYDIS_MNEMONIC_LOOP, CYCLES(1)},
	{ZYDIS_MNEMONIC_LOOPE, CYCLES(1)},
	{ZYDIS_MNEMONIC_LOOPNE, CYCLES(1)},
	{ZYDIS_MNEMONIC_LEAVE, 2},
	{ZYDIS_MNEMONIC_ENTER, CYCLES(3)},
	{ZYDIS_MNEMONIC_DIVSS, CYCLES(3)},
	{ZYDIS_MNEMONIC_DIVSD, CYCLES(4)},
	{ZYDIS_MNEMONIC_DIVPS, CYCLES(3)},
	{ZYDIS_MNEMONIC_DIVPD, CYCLES(4)},
	{ZYDIS_MNEMONIC_SQRTSS, CYCLES(3)},
	{ZYDIS_MNEMONIC_SQRTSD, CYCLES(5)},
	{ZYDIS_MNEMONIC_FDIV, CYCLES(5)},
	{ZYDIS_MNEMONIC_FSQRT, CYCLES(6)},
	{ZYDIS_MNEMONIC_FSIN, CYCLES(60)},
	{ZYDIS_MNEMONIC_FCOS, CYCLES(60)},
	{ZYDIS_MNEMONIC_FPTAN, CYCLES(60)},
	{ZYDIS_MNEMONIC_CPUID, CYCLES(100)},
	{ZYDIS_MNEMONIC_RDMSR, CYCLES(80)},
	{ZYDIS_MNEMONIC_WRMSR, CYCLES(100)},
	{ZYDIS_MNEMONIC_RDPMC, CYCLES(20)},
	{ZYDIS_MNEMONIC_RDTSC, CYCLES(20)},
	{ZYDIS_MNEMONIC_RDTSCP, CYCLES(20)},
	{ZYDIS_MNEMONIC_IN, CYCLES(500)},
	{ZYDIS_MNEMONIC_OUT, CYCLES(500)},
	{ZYDIS_MNEMONIC_PAUSE, CYCLES(40)},
	{ZYDIS_MNEMONIC_LFENCE, CYCLES(4)},
	{ZYDIS_MNEMONIC_SFENCE, CYCLES(4)},
	{ZYDIS_MNEMONIC_MFENCE, CYCLES(30)},
	{ZYDIS_MNEMONIC_CLFLUSH, CYCLES(4)},
	{ZYDIS_MNEMONIC_CLFLUSHOPT, CYCLES(4)},
	{ZYDIS_MNEMONIC_WBINVD, CYCLES(2000)},
	{ZYDIS_MNEMONIC_INVLPG, CYCLES(50)},
	{ZYDIS_MNEMONIC_IRET, CYCLES(30)},
	{ZYDIS_MNEMONIC_IRETD, CYCLES(30)},
	{ZYDIS_MNEMONIC_IRETQ, CYCLES(30)},
	{ZYDIS_MNEMONIC_POPF, CYCLES(5)},
	{ZYDIS_MNEMONIC_POPFQ, CYCLES(5)},
	{ZYDIS_MNEMONIC_CLI, CYCLES(1)},
	{ZYDIS_MNEMONIC_STI, CYCLES(1)},
};

static const struct cost by_category[] = {
	{ZYDIS_CATEGORY_CALL, 2},
	{ZYDIS_CATEGORY_RET, 2},
	{ZYDIS_CATEGORY_INTERRUPT, CYCLES(40)},
	{ZYDIS_CATEGORY_SYSCALL, CYCLES(25)},
	{ZYDIS_CATEGORY_SYSRET, CYCLES(25)},
	{ZYDIS_CATEGORY_SYSTEM, CYCLES(20)},
	{ZYDIS_CATEGORY_SEGOP, CYCLES(5)},
	{ZYDIS_CATEGORY_XSAVE, CYCLES(20)},
};

enum {
	LOCKED = CYCLES(18),
	REP_START = CYCLES(8),
	LINES_SIMPLE = 4,   /* two accesses, each across the end of a line */
	LINES_COMPLEX = 24, /* FXSAVE, IRET and the like */
};

static bool look_up(const struct cost *table, unsigned count, unsigned what, uint16_t *slots)
{
	for (unsigned i = 0; i < count; i++) {
		if (table[i].what == what) {
			*slots = table[i].slots;
			return true;
		}
	}
	return false;
}

#define LOOK_UP(table, what, slots) look_up(table, sizeof(table) / sizeof(table[0]), what, slots)

static uint8_t lines_of(const ZydisDecodedInstruction *insn, const struct op *op)
{
	switch (insn->meta.category) {
	case ZYDIS_CATEGORY_CALL:
	case ZYDIS_CATEGORY_RET:
	case ZYDIS_CATEGORY_PUSH:
	case ZYDIS_CATEGORY_POP:
	case ZYDIS_CATEGORY_STRINGOP:
		return op->after ? LINES_COMPLEX : LINES_SIMPLE;
	case ZYDIS_CATEGORY_SYSTEM:
	case ZYDIS_CATEGORY_SYSRET:
	case ZYDIS_CATEGORY_INTERRUPT:
	case ZYDIS_CATEGORY_SEGOP:
	case ZYDIS_CATEGORY_XSAVE:
	case ZYDIS_CATEGORY_X87_ALU:
	case ZYDIS_CATEGORY_SSE:
	case ZYDIS_CATEGORY_IOSTRINGOP:
		return LINES_COMPLEX;
	default:
		break;
	}
	if ((op->after & ~AFTER_CLI) || insn->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR ||
	    insn->mnemonic == ZYDIS_MNEMONIC_ENTER)
		return LINES_COMPLEX;
	return op->flags & OP_MEMORY || insn->mnemonic == ZYDIS_MNEMONIC_LEAVE ||
	                       insn->mnemonic == ZYDIS_MNEMONIC_XLAT ||
	                       (insn->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT &&
	                        insn->opcode >= 0xa0 && insn->opcode <= 0xa3)
	               ? LINES_SIMPLE
	               : 0;
}

void timing_cost(const struct ZydisDecodedInstruction_ *insn, struct op *op)
{
	op->insn.slots = 1;
	if (!LOOK_UP(by_mnemonic, insn->mnemonic, &op->insn.slots))
		LOOK_UP(by_category, insn->meta.category, &op->insn.slots);
	if (insn->attributes & ZYDIS_ATTRIB_HAS_LOCK)
		op->insn.slots += LOCKED;
	if (op->insn.flags & VPMU_INSN_APART)
		op->insn.slots = REP_START;
	op->insn.lines = lines_of(insn, op);
}
