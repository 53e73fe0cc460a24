/* SPDX-License-Identifier: MIT */
/*
 * Classifies an instruction by its bytes. QEMU gives its length, so prefixes, opcode and ModRM are
 * enough. An instruction counts as safe only if it is known to be. Intel SDM vol. 2, appendix A.
 */
#include "room_int.h"

/* When an opcode is safe. */
enum rule {
	NO,   /* it touches memory, may fault, or leaves */
	YES,  /* always */
	REG,  /* with a register as its ModRM operand */
	MEM,  /* with memory as its operand, which it does not touch */
	INCS, /* FE, FF: as REG, and only INC, DEC and a near jump */
	TEST, /* F6, F7: as REG, and not a division */
	MOVI, /* C6, C7: as REG, and only MOV */
	JUMP, /* a near branch that touches no memory */
};

#define R4(r)  r, r, r, r
#define ALU    R4(REG), YES, YES, NO, NO
#define R8(r)  R4(r), R4(r)
#define R16(r) R8(r), R8(r)

static const uint8_t one_byte[256] = {
	/* 00 */ ALU,
	ALU,
	ALU,
	ALU,
	ALU,
	ALU,
	ALU,
	ALU,
	/* 40 */ R16(YES),
	/* 50 */ R16(NO),
	/* 60 */ R8(NO),
	NO,
	REG,
	NO,
	REG,
	R4(NO),
	/* 70 */ R16(JUMP),
	/* 80 */ REG,
	REG,
	NO,
	REG,
	REG,
	REG,
	REG,
	REG,
	R4(REG),
	NO,
	MEM,
	NO,
	NO,
	/* 90 */ R8(YES),
	YES,
	YES,
	NO,
	NO,
	NO,
	NO,
	YES,
	YES,
	/* a0 */ R8(NO),
	YES,
	YES,
	NO,
	NO,
	R4(NO),
	/* b0 */ R16(YES),
	/* c0 */ REG,
	REG,
	NO,
	NO,
	NO,
	NO,
	MOVI,
	MOVI,
	R8(NO),
	/* d0 */ R4(REG),
	R4(NO),
	R8(NO),
	/* e0 */ R4(JUMP),
	R4(NO),
	NO,
	JUMP,
	NO,
	JUMP,
	R4(NO),
	/* f0 */ NO,
	NO,
	NO,
	NO,
	NO,
	YES,
	TEST,
	TEST,
	YES,
	YES,
	NO,
	NO,
	YES,
	YES,
	INCS,
	INCS,
};

static const uint8_t two_byte[256] = {
	/* 00 */ R16(NO),
	/* 10 */ R8(NO),
	R4(NO),
	NO,
	NO,
	NO,
	YES,
	/* 20 */ R16(NO),
	/* 30 */ R16(NO),
	/* 40 */ R16(REG),
	/* 50 */ R16(NO),
	/* 60 */ R16(NO),
	/* 70 */ R16(NO),
	/* 80 */ R16(JUMP),
	/* 90 */ R16(REG),
	/* a0 */ NO,
	NO,
	NO,
	REG,
	REG,
	REG,
	NO,
	NO,
	NO,
	NO,
	NO,
	REG,
	REG,
	REG,
	NO,
	REG,
	/* b0 */ REG,
	REG,
	NO,
	REG,
	NO,
	NO,
	REG,
	REG,
	NO,
	NO,
	REG,
	REG,
	REG,
	REG,
	REG,
	REG,
	/* c0 */ REG,
	REG,
	R4(NO),
	NO,
	NO,
	R8(YES),
	/* d0 */ R16(NO),
	/* e0 */ R16(NO),
	/* f0 */ R16(NO),
};

/* An instruction's parts. */
struct parts {
	bool lock, rep, two_bytes;
	uint8_t opcode, modrm;
	struct opcode whole; /* with VEX and three bytes, too */
};

static bool is_prefix(uint8_t byte)
{
	switch (byte) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
	case 0x64:
	case 0x65:
	case 0x66:
	case 0x67:
	case 0xf0:
	case 0xf2:
	case 0xf3:
		return true;
	default:
		return false;
	}
}

/* 40-4F is a REX prefix unless it is the whole instruction: INC and DEC end there. */
static bool is_rex(const uint8_t *bytes, unsigned length)
{
	return (*bytes & 0xf0) == 0x40 && length > 1;
}

/* A VEX prefix encodes the mandatory prefix and the opcode map. */
static void split_vex(const uint8_t *bytes, unsigned length, struct opcode *op)
{
	static const uint8_t prefixes[] = {0, 0x66, 0xf3, 0xf2};
	unsigned last = *bytes == 0xc5 ? 1 : 2; /* its last byte */

	if (length < last + 2)
		return;
	*op = (struct opcode){
		.map = last == 1 ? 1 : bytes[1] & 3,
		.prefix = prefixes[bytes[last] & 3],
		.vex = true,
		.code = bytes[last + 1],
		.modrm = length > last + 2 ? bytes[last + 2] : 0,
	};
}

/* The opcode's bytes, behind prefixes and 0F. */
static void split_opcode(const uint8_t *bytes, unsigned length, struct parts *parts)
{
	struct opcode *op = &parts->whole;

	op->map = parts->two_bytes;
	if (!parts->two_bytes && length && (*bytes == 0xc4 || *bytes == 0xc5)) {
		split_vex(bytes, length, op);
		return;
	}
	if (parts->two_bytes && length > 1 && (*bytes == 0x38 || *bytes == 0x3a)) {
		op->map = *bytes == 0x38 ? 2 : 3;
		bytes++;
		length--;
	}
	op->code = length ? bytes[0] : 0;
	op->modrm = length > 1 ? bytes[1] : 0;
}

static void split(const uint8_t *bytes, unsigned length, struct parts *parts)
{
	*parts = (struct parts){0};
	for (; length > 1 && is_prefix(*bytes); bytes++, length--) {
		parts->lock |= *bytes == 0xf0;
		parts->rep |= *bytes == 0xf2 || *bytes == 0xf3;
		if (*bytes == 0x66 ? !parts->whole.prefix : *bytes == 0xf2 || *bytes == 0xf3)
			parts->whole.prefix = *bytes;
	}
	if (length && is_rex(bytes, length)) {
		bytes++;
		length--;
	}
	if (length > 1 && *bytes == 0x0f) {
		parts->two_bytes = true;
		bytes++;
		length--;
	}
	parts->opcode = length ? bytes[0] : 0;
	parts->modrm = length > 1 ? bytes[1] : 0;
	split_opcode(bytes, length, parts);
}

static unsigned reg_field(const struct parts *parts)
{
	return parts->modrm >> 3 & 7;
}

static bool is_safe(const struct parts *parts)
{
	bool reg = parts->modrm >= 0xc0;
	unsigned field = reg_field(parts);

	if (parts->lock || (parts->rep && parts->opcode == 0x90))
		return false;
	switch ((parts->two_bytes ? two_byte : one_byte)[parts->opcode]) {
	case YES:
	case JUMP:
		return true;
	case REG:
		return reg;
	case MEM:
		return !reg;
	case INCS:
		return reg && (field < 2 || (field == 4 && parts->opcode == 0xff));
	case TEST:
		return reg && field < 6;
	case MOVI:
		return reg && field == 0;
	default:
		return false;
	}
}

/* SYSCALL, SYSRET, SYSENTER, SYSEXIT, and the far branches. */
static bool is_far(const struct parts *parts)
{
	unsigned field = reg_field(parts);
	uint8_t op = parts->opcode;

	if (parts->two_bytes)
		return op == 0x05 || op == 0x07 || op == 0x34 || op == 0x35;
	if (op == 0xff)
		return field == 3 || field == 5;
	return op == 0x9a || op == 0xea || (op >= 0xca && op <= 0xcf);
}

/* What BR_INST_RETIRED.ALL_BRANCHES counts, by its kind. */
static enum qemu_branch branch_of(const struct parts *parts)
{
	unsigned field = reg_field(parts);
	uint8_t op = parts->opcode;

	if (is_far(parts))
		return QEMU_FAR;
	if (parts->two_bytes)
		return (op & 0xf0) == 0x80 ? QEMU_CONDITIONAL : QEMU_NO_BRANCH;
	if ((op & 0xf0) == 0x70 || (op >= 0xe0 && op <= 0xe3))
		return QEMU_CONDITIONAL;
	if (op == 0xe8 || (op == 0xff && field == 2))
		return QEMU_CALL;
	if (op == 0xc2 || op == 0xc3)
		return QEMU_RETURN;
	return op == 0xe9 || op == 0xeb || (op == 0xff && field == 4) ? QEMU_JUMP : QEMU_NO_BRANCH;
}

/* What QEMU may execute more than once: string instructions with REP, locked ones, and XCHG with
 * memory, which locks by itself. */
static bool is_again(const struct parts *parts)
{
	uint8_t op = parts->opcode;

	if (parts->lock)
		return true;
	if (parts->two_bytes)
		return false;
	if ((op == 0x86 || op == 0x87) && parts->modrm < 0xc0)
		return true;
	return parts->rep && ((op >= 0x6c && op <= 0x6f) || (op >= 0xa4 && op <= 0xa7) ||
	                      (op >= 0xaa && op <= 0xaf));
}

/* The usual stores: MOV, ALU, INC, shifts, SETcc, PUSH, STOS, MOVS. */
static bool is_store(const struct parts *parts)
{
	unsigned field = reg_field(parts);
	uint8_t op = parts->opcode;

	if (parts->lock || parts->rep)
		return false;
	if (!parts->two_bytes &&
	    ((op & 0xf8) == 0x50 || op == 0xaa || op == 0xab || op == 0xa4 || op == 0xa5))
		return true;
	if (parts->modrm >= 0xc0)
		return false;
	if (parts->two_bytes)
		return (op & 0xf0) == 0x90 || op == 0x11 || op == 0x29 || op == 0x7f || op == 0xd6;
	if (op < 0x40)
		return (op & 7) < 2 && (op & 0x38) != 0x38;
	if (op == 0x80 || op == 0x81 || op == 0x83)
		return field != 7;
	if (op == 0xfe || op == 0xff)
		return field < 2;
	return op == 0x88 || op == 0x89 || op == 0xc6 || op == 0xc7 || op == 0xc0 || op == 0xc1 ||
	       (op >= 0xd0 && op <= 0xd3);
}

static enum insn_kind kind_of(const struct parts *parts)
{
	if (!parts->two_bytes)
		return INSN_PLAIN;
	switch (parts->opcode) {
	case 0xa2:
		return INSN_CPUID;
	case 0x30:
		return INSN_WRMSR;
	case 0x32:
		return INSN_RDMSR;
	case 0x33:
		return INSN_RDPMC;
	case 0x01:
		if (parts->modrm == 0xd8)
			return INSN_VMRUN;
		return reg_field(parts) == 3 && parts->modrm < 0xc0 ? INSN_LIDT : INSN_PLAIN;
	default:
		return INSN_PLAIN;
	}
}

/* FF /2, /3, /4, /5: the target is in a register or in memory. */
static uint8_t flags_of(enum qemu_branch branch, bool is_group_5)
{
	static const uint8_t flags[QEMU_BRANCHES] = {
		[QEMU_JUMP] = VPMU_INSN_BRANCH,
		[QEMU_CONDITIONAL] = VPMU_INSN_BRANCH | VPMU_INSN_CONDITIONAL,
		[QEMU_CALL] = VPMU_INSN_BRANCH | VPMU_INSN_CALL,
		[QEMU_RETURN] = VPMU_INSN_BRANCH | VPMU_INSN_RETURN,
		[QEMU_FAR] = VPMU_INSN_BRANCH | VPMU_INSN_FAR,
	};

	if (branch == QEMU_NO_BRANCH)
		return 0;
	return flags[branch] | (is_group_5 ? VPMU_INSN_INDIRECT : 0);
}

/* The displacement of a direct branch is what it ends with. */
static bool goes_back(const struct parts *parts, enum qemu_branch branch, uint8_t last)
{
	bool is_direct = branch == QEMU_CONDITIONAL || parts->opcode == 0xe8 ||
	                 parts->opcode == 0xe9 || parts->opcode == 0xeb;

	return branch != QEMU_NO_BRANCH && (!is_direct || last & 0x80);
}

struct insn insn_decode(const uint8_t *bytes, unsigned length)
{
	enum qemu_branch branch;
	struct parts parts;

	split(bytes, length, &parts);
	branch = branch_of(&parts);
	return (struct insn){
		.kind = (uint8_t)kind_of(&parts),
		.safe = is_safe(&parts),
		.branch = (uint8_t)branch,
		.flags = flags_of(branch, !parts.two_bytes && parts.opcode == 0xff),
		.data = insn_data(&parts.whole),
		.again = is_again(&parts),
		.stores = is_store(&parts),
		.far = is_far(&parts),
		.back = length && goes_back(&parts, branch, bytes[length - 1]),
		.jumps_short = length == 2 && bytes[0] == 0xeb,
	};
}
