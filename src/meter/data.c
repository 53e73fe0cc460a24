/* SPDX-License-Identifier: MIT */
/*
 * Whether an instruction reads or writes data in memory, by its opcode. In the tables, a letter
 * says what it does to an operand in memory: L loads, S stores, B does both. Lower-case l, s, b are
 * for instructions without such an operand, which use the stack or what a register points to. A
 * digit is a group, which ModRM's middle field decides. Intel SDM vol. 2, appendix A.
 */
#include "room.h"

/* 16 rows of 16 opcodes. */
static const char one_byte[] = "BBLL..slBBLL..s."
			       "BBLL..slBBLL..sl"
			       "BBLL....BBLL...."
			       "BBLL....LLLL...."
			       "................"
			       "ssssssssllllllll"
			       "slLL....sLsLssll"
			       "................"
			       "0000LLBBSSLLS.L1"
			       "..........s.sl.."
			       "llssbbll..ssllll"
			       "................"
			       "BBllLLSSslllsssl"
			       "BBBB...lL2L3L4L5"
			       "........s......."
			       "......66......78";

static const char two_bytes[] = "9:LL............"
				"LSLSLLLS........"
				"........LSLSLLLL"
				"................"
				"LLLLLLLLLLLLLLLL"
				".LLLLLLLLLLLLLLL"
				"LLLLLLLLLLLLLLLL"
				"L...LLL.SL..LLSS"
				"................"
				"SSSSSSSSSSSSSSSS"
				"sl.LBB..sl.BBB;L"
				"BBLBLLLLLL<BLLLL"
				"BBLSL.L=........"
				"LLLLLLS.LLLLLLLL"
				"LLLLLLLSLLLLLLLL"
				"LLLLLLLsLLLLLLLL";

/* Groups from '0' on: with an operand in memory, and with one in a register. */
static const char groups[][2][9] = {
	{"BBBBBBBL", "........"}, /* 80-83 */
	{"BBBBBBBB", "LLLLLLLL"}, /* 8F: POP */
	{"L.SSLLSS", "........"}, /* D9 */
	{"LSSS.L.S", "........"}, /* DB */
	{"LSSSL.SS", "........"}, /* DD */
	{"LSSSLLSS", "........"}, /* DF */
	{"LLBBLLLL", "........"}, /* F6, F7 */
	{"BB......", "........"}, /* FE */
	{"BBBBLLB.", "..S...S."}, /* FF: INC, DEC, CALL, JMP, PUSH */
	{"SSLLLL..", "........"}, /* 0F 00 */
	{"SSLLS.L.", "........"}, /* 0F 01 */
	{"SLLSBLB.", "........"}, /* 0F AE: FXSAVE … XSAVEOPT, CLFLUSH */
	{"....LBBB", "........"}, /* 0F BA */
	{".B.LSSLS", "........"}, /* 0F C7 */
};

enum { GROUPS = sizeof(groups) / sizeof(groups[0]) };

/* Instructions of the maps 0F 38 and 0F 3A load, except these. */
static char letter_of_three(const struct opcode *op)
{
	uint8_t code = op->code;

	if (op->map == 3)
		return (code >= 0x14 && code <= 0x17) || code == 0x19 || code == 0x1d ||
		                       code == 0x39
		               ? 'S'
		               : 'L';
	if (code == 0xf1) /* MOVBE; CRC32 */
		return op->prefix == 0xf2 ? 'L' : 'S';
	if (code == 0xf8 || (code == 0xfc && !op->vex)) /* ENQCMD, MOVDIR64B; AADD and its like */
		return 'B';
	return (op->vex && (code == 0x2e || code == 0x2f || code == 0x8e)) || code == 0xf9 ? 'S'
	                                                                                   : 'L';
}

static char letter_of(const struct opcode *op, unsigned field)
{
	bool reg = op->modrm >= 0xc0;
	char letter;

	if (op->map >= 2)
		return letter_of_three(op);
	if (op->map && op->code == 0x7e && op->prefix == 0xf3) /* MOVQ */
		return 'L';
	if (op->map && op->code == 0xae && op->prefix == 0x66) /* CLWB, CLFLUSHOPT */
		return '.';
	letter = (op->map ? two_bytes : one_byte)[op->code];
	if (letter < '0' || letter >= '0' + GROUPS)
		return letter;
	letter = groups[letter - '0'][reg][field];
	return reg && letter != '.' ? (char)(letter | 0x20) : letter;
}

uint8_t insn_data(const struct opcode *op)
{
	char letter = letter_of(op, op->modrm >> 3 & 7);

	if (letter >= 'A' && letter <= 'Z' && op->modrm >= 0xc0)
		return 0;
	switch (letter | 0x20) {
	case 'l':
		return VPMU_DATA_LOAD;
	case 's':
		return VPMU_DATA_STORE;
	case 'b':
		return VPMU_DATA_LOAD | VPMU_DATA_STORE;
	default:
		return 0;
	}
}
