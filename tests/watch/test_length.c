/* SPDX-License-Identifier: MIT */
/* How long instructions are, against Zydis, on random bytes in each mode. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <Zydis/Zydis.h>
#include <cmocka.h>

#include <meter/room.h>
#include <watch/insn.h>

enum { ROUNDS = 400000 };

static const struct mode {
	unsigned bits;
	ZydisMachineMode mode;
	ZydisStackWidth stack;
} modes[] = {
	{64, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64},
	{32, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32},
	{16, ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16},
};

/* What no processor of today has, or only some. */
static bool is_skipped(const ZydisDecodedInstruction *insn)
{
	return insn->encoding == ZYDIS_INSTRUCTION_ENCODING_XOP ||
	       insn->encoding == ZYDIS_INSTRUCTION_ENCODING_MVEX ||
	       insn->encoding == ZYDIS_INSTRUCTION_ENCODING_3DNOW ||
	       insn->meta.isa_set == ZYDIS_ISA_SET_KNCV || insn->mnemonic == ZYDIS_MNEMONIC_EXTRQ ||
	       insn->mnemonic == ZYDIS_MNEMONIC_INSERTQ ||
	       insn->mnemonic == ZYDIS_MNEMONIC_XBEGIN || insn->mnemonic == ZYDIS_MNEMONIC_JKZD ||
	       insn->mnemonic == ZYDIS_MNEMONIC_JKNZD;
}

static bool is_branch(const struct guest_insn *insn)
{
	return insn->kind >= GUEST_CONDITIONAL && insn->kind <= GUEST_RETURN;
}

static bool zydis_branches(const ZydisDecodedInstruction *insn)
{
	return insn->meta.branch_type == ZYDIS_BRANCH_TYPE_SHORT ||
	       insn->meta.branch_type == ZYDIS_BRANCH_TYPE_NEAR;
}

static void compare(const struct mode *mode, const uint8_t *bytes, unsigned long seed,
                    unsigned *compared)
{
	struct guest_insn insn = guest_insn_decode(bytes, GUEST_INSN_BYTES, mode->bits, 0x1000);
	ZydisDecodedInstruction zydis;
	ZydisDecoder decoder;

	ZydisDecoderInit(&decoder, mode->mode, mode->stack);
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, NULL, bytes, GUEST_INSN_BYTES,
	                                                &zydis)) ||
	    is_skipped(&zydis))
		return;
	++*compared;
	if (insn.length == zydis.length && is_branch(&insn) == zydis_branches(&zydis))
		return;
	fail_msg("VPMU_TEST_SEED=%lu: %u bits, %02x %02x %02x %02x %02x %02x %s: length %u, not "
	         "%u; branch "
	         "%d, not %d",
	         seed, mode->bits, bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5],
	         ZydisMnemonicGetString(zydis.mnemonic), insn.length, zydis.length,
	         is_branch(&insn), zydis_branches(&zydis));
}

static void test_lengths_are_those_of_zydis(void **state)
{
	const char *chosen = getenv("VPMU_TEST_SEED");
	unsigned long seed = chosen ? strtoul(chosen, NULL, 0) : (unsigned long)time(NULL);
	unsigned compared = 0;

	print_message("VPMU_TEST_SEED=%lu\n", seed);
	srand48((long)seed);
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint8_t bytes[GUEST_INSN_BYTES];

		for (unsigned i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)(lrand48() >> 8);
		if (round % 2) /* half of them in the map of two bytes */
			bytes[0] = 0x0f;
		compare(&modes[round % 3], bytes, seed, &compared);
	}
	assert_true(compared > ROUNDS / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lengths_are_those_of_zydis),
	};

	return cmocka_run_group_tests_name("watch-length", tests, NULL, NULL);
}
