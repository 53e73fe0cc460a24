/* SPDX-License-Identifier: MIT */
/* What instructions do to memory, for each opcode, against Zydis, which `vpmu run` counts by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <Zydis/Zydis.h>
#include <cmocka.h>

#include <qemu/room_int.h>

/* What no TCG has; and INT, whose frame Zydis does not see. */
static bool is_skipped(const ZydisDecodedInstruction *insn)
{
	static const ZydisMnemonic skipped[] = {
		ZYDIS_MNEMONIC_INT,       ZYDIS_MNEMONIC_INT3,     ZYDIS_MNEMONIC_PREFETCHWT1,
		ZYDIS_MNEMONIC_BNDMOV,    ZYDIS_MNEMONIC_RSTORSSP, ZYDIS_MNEMONIC_ENQCMD,
		ZYDIS_MNEMONIC_ENQCMDS,   ZYDIS_MNEMONIC_PTWRITE,  ZYDIS_MNEMONIC_WRSSD,
		ZYDIS_MNEMONIC_WRUSSD,    ZYDIS_MNEMONIC_XSTORE,   ZYDIS_MNEMONIC_KMOVW,
		ZYDIS_MNEMONIC_STTILECFG,
	};

	for (unsigned i = 0; i < ARRAY_SIZE(skipped); i++)
		if (insn->mnemonic == skipped[i])
			return true;
	return insn->meta.category == ZYDIS_CATEGORY_PADLOCK;
}

/* What names a place, and neither reads nor writes it. */
static bool touches_no_data(const ZydisDecodedInstruction *insn)
{
	static const ZydisMnemonic others[] = {
		ZYDIS_MNEMONIC_CLFLUSH, ZYDIS_MNEMONIC_CLFLUSHOPT, ZYDIS_MNEMONIC_CLWB,
		ZYDIS_MNEMONIC_INVLPG,  ZYDIS_MNEMONIC_CLDEMOTE,
	};

	for (unsigned i = 0; i < ARRAY_SIZE(others); i++)
		if (insn->mnemonic == others[i])
			return true;
	switch (insn->meta.category) {
	case ZYDIS_CATEGORY_NOP:
	case ZYDIS_CATEGORY_WIDENOP:
	case ZYDIS_CATEGORY_PREFETCH:
		return true;
	default:
		return false;
	}
}

static uint8_t data_by_zydis(const ZydisDecodedInstruction *insn,
                             const ZydisDecodedOperand *operands)
{
	uint8_t data = 0;

	if (touches_no_data(insn))
		return 0;
	for (unsigned i = 0; i < insn->operand_count; i++) {
		if (operands[i].type != ZYDIS_OPERAND_TYPE_MEMORY ||
		    operands[i].mem.type == ZYDIS_MEMOP_TYPE_AGEN)
			continue;
		if (operands[i].actions & ZYDIS_OPERAND_ACTION_MASK_READ)
			data |= VPMU_DATA_LOAD;
		if (operands[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
			data |= VPMU_DATA_STORE;
	}
	return data;
}

static unsigned compare(const uint8_t *code, unsigned *compared)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction insn;
	ZydisDecoder decoder;
	uint8_t wanted, got;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code, 15, &insn, operands)))
		return 0;
	if (is_skipped(&insn))
		return 0;
	wanted = data_by_zydis(&insn, operands);
	got = insn_decode(code, insn.length).data;
	++*compared;
	if (wanted == got)
		return 0;
	print_error("%02x %02x %02x %02x %02x %s: %u, not %u\n", code[0], code[1], code[2], code[3],
	            code[4], ZydisMnemonicGetString(insn.mnemonic), got, wanted);
	return 1;
}

static const struct lead {
	uint8_t bytes[4], count;
} leads[] = {
	{{0}, 0},
	{{0x66}, 1},
	{{0xf3}, 1},
	{{0xf2}, 1},
	{{0x0f}, 1},
	{{0x66, 0x0f}, 2},
	{{0xf3, 0x0f}, 2},
	{{0xf2, 0x0f}, 2},
	{{0x48, 0x0f}, 2},
	{{0x0f, 0x38}, 2},
	{{0x66, 0x0f, 0x38}, 3},
	{{0xf2, 0x0f, 0x38}, 3},
	{{0x66, 0x0f, 0x3a}, 3},
	{{0xc5, 0xf8}, 2},
	{{0xc5, 0xfd}, 2},
	{{0xc5, 0xfa}, 2},
	{{0xc5, 0xfb}, 2},
	{{0xc4, 0xe2, 0x79}, 3},
	{{0xc4, 0xe2, 0x7d}, 3},
	{{0xc4, 0xe2, 0xf9}, 3},
	{{0xc4, 0xe2, 0x78}, 3},
	{{0xc4, 0xe2, 0x7b}, 3},
	{{0xc4, 0xe3, 0x79}, 3},
	{{0xc4, 0xe3, 0x7d}, 3},
};

enum { REX_LEADS = 4 }; /* behind these, 40-4F is a prefix */

static void test_each_opcode_does_what_zydis_says(void **state)
{
	unsigned wrong = 0, compared = 0;

	for (unsigned lead = 0; lead < ARRAY_SIZE(leads); lead++)
		for (unsigned op = 0; op < 256; op++)
			for (unsigned modrm = 0; modrm < 16; modrm++) {
				uint8_t code[16] = {0};
				unsigned at = leads[lead].count;

				if (op >> 4 == 4 && lead < REX_LEADS)
					continue; /* REX */
				memcpy(code, leads[lead].bytes, at);
				code[at] = (uint8_t)op;
				code[at + 1] = (uint8_t)((modrm & 8 ? 0xc0 : 0) | (modrm & 7) << 3);
				wrong += compare(code, &compared);
			}
	assert_int_equal(wrong, 0);
	assert_true(compared > 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_opcode_does_what_zydis_says),
	};

	return cmocka_run_group_tests_name("qemu-data", tests, NULL, NULL);
}
