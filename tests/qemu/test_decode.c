/* SPDX-License-Identifier: MIT */
/* Instructions by their bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <qemu/room_int.h>

struct row {
	const char *bytes;
	unsigned length;
	enum insn_kind kind;
	/* s safe, branches: b near, c conditional, C call, r return; f far; a again, w stores, j
	 * short jump, B goes back. */
	const char *flags;
};

#define ROW(bytes, kind, flags)                                                                    \
	{                                                                                          \
		bytes, sizeof(bytes) - 1, kind, flags                                              \
	}

static const struct row rows[] = {
	ROW("\x0f\xa2", INSN_CPUID, ""),
	ROW("\x0f\x32", INSN_RDMSR, ""),
	ROW("\x0f\x30", INSN_WRMSR, ""),
	ROW("\x0f\x33", INSN_RDPMC, ""),
	ROW("\x66\x0f\x33", INSN_RDPMC, ""),
	ROW("\x0f\x01\x1d\x00\x00\x00\x00", INSN_LIDT, ""),
	ROW("\x0f\x01\xd8", INSN_VMRUN, ""),
	ROW("\x0f\x01\xd9", INSN_PLAIN, ""),                 /* VMMCALL */
	ROW("\x0f\x01\x15\x00\x00\x00\x00", INSN_PLAIN, ""), /* LGDT */
	ROW("\x90", INSN_PLAIN, "s"),
	ROW("\xf3\x90", INSN_PLAIN, ""),          /* PAUSE leaves */
	ROW("\x01\xd8", INSN_PLAIN, "s"),         /* ADD EAX, EBX */
	ROW("\x01\x18", INSN_PLAIN, "w"),         /* ADD [RAX], EBX */
	ROW("\x48\x83\xc0\x01", INSN_PLAIN, "s"), /* ADD RAX, 1 */
	ROW("\x41", INSN_PLAIN, "s"),             /* INC ECX of 32 bits */
	ROW("\x48\x8d\x72\x08", INSN_PLAIN, "s"), /* LEA */
	ROW("\x8d\xc0", INSN_PLAIN, ""),          /* LEA of a register: #UD */
	ROW("\x48\x8b\x07", INSN_PLAIN, ""),
	ROW("\x48\x89\xf8", INSN_PLAIN, "s"),
	ROW("\xf7\xd8", INSN_PLAIN, "s"),     /* NEG */
	ROW("\xf7\xf3", INSN_PLAIN, ""),      /* DIV */
	ROW("\xff\xc0", INSN_PLAIN, "s"),     /* INC */
	ROW("\xff\xe0", INSN_PLAIN, "sbB"),   /* JMP RAX */
	ROW("\xff\xd0", INSN_PLAIN, "CB"),    /* CALL RAX */
	ROW("\xff\x28", INSN_PLAIN, "fB"),    /* JMP FAR */
	ROW("\xff\x30", INSN_PLAIN, ""),      /* PUSH */
	ROW("\x0f\x44\xc3", INSN_PLAIN, "s"), /* CMOV */
	ROW("\x0f\xb6\xc3", INSN_PLAIN, "s"), /* MOVZX */
	ROW("\x0f\xb6\x03", INSN_PLAIN, ""),
	ROW("\x0f\x1f\x40\x00", INSN_PLAIN, "s"), /* NOP [RAX] */
	ROW("\x75\xfe", INSN_PLAIN, "scB"),
	ROW("\x0f\x84\x00\x00\x00\x00", INSN_PLAIN, "sc"),
	ROW("\xe2\xfe", INSN_PLAIN, "scB"), /* LOOP */
	ROW("\xeb\xfe", INSN_PLAIN, "sbjB"),
	ROW("\xe9\x00\x00\x00\x00", INSN_PLAIN, "sb"),
	ROW("\xe9\x00\x00\xff\xff", INSN_PLAIN, "sbB"),
	ROW("\x0f\x8f\x00\x00\x00\x80", INSN_PLAIN, "scB"),
	ROW("\xe8\x00\x00\x00\xff", INSN_PLAIN, "CB"),
	ROW("\xe8\x00\x00\x00\x00", INSN_PLAIN, "C"),
	ROW("\xc3", INSN_PLAIN, "rB"),
	ROW("\x48\xcf", INSN_PLAIN, "fB"), /* IRETQ */
	ROW("\xcd\x80", INSN_PLAIN, "fB"),
	ROW("\xcc", INSN_PLAIN, "fB"),
	ROW("\x0f\x05", INSN_PLAIN, "fB"),     /* SYSCALL */
	ROW("\x0f\x34", INSN_PLAIN, "fB"),     /* SYSENTER */
	ROW("\x48\x0f\x07", INSN_PLAIN, "fB"), /* SYSRET */
	ROW("\xf3\xa4", INSN_PLAIN, "a"),
	ROW("\xf3\x48\xab", INSN_PLAIN, "a"),
	ROW("\xa4", INSN_PLAIN, "w"),             /* MOVS alone */
	ROW("\xf0\x01\x18", INSN_PLAIN, "a"),     /* LOCK ADD */
	ROW("\xf0\x0f\xc7\x0f", INSN_PLAIN, "a"), /* LOCK CMPXCHG8B */
	ROW("\x87\x03", INSN_PLAIN, "a"),         /* XCHG locks by itself */
	ROW("\x87\xc3", INSN_PLAIN, "s"),
	ROW("\xf3\xc3", INSN_PLAIN, "rB"),       /* REP RET */
	ROW("\x0f\x0b", INSN_PLAIN, ""),         /* UD2 */
	ROW("\xc5\xf8\x28\xc1", INSN_PLAIN, ""), /* VMOVAPS: what is not known is not safe */
};

static void test_each_instruction_is_what_it_is(void **state)
{
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		static const char *const branches[] = {"b", "c", "C", "r", "", ""};
		struct insn insn = insn_decode((const uint8_t *)rows[i].bytes, rows[i].length);
		char flags[8] = "";

		strcat(flags, insn.safe ? "s" : "");
		strcat(flags, insn.branch != QEMU_FAR ? branches[insn.branch] : "");
		strcat(flags, insn.again ? "a" : "");
		strcat(flags, insn.stores ? "w" : "");
		strcat(flags, insn.far ? "f" : "");
		strcat(flags, insn.jumps_short ? "j" : "");
		strcat(flags, insn.back ? "B" : "");
		if (insn.kind != rows[i].kind || strcmp(flags, rows[i].flags))
			fail_msg("row %u: kind %u, flags %s, not %u, %s", i, insn.kind, flags,
			         rows[i].kind, rows[i].flags);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_instruction_is_what_it_is),
	};

	return cmocka_run_group_tests_name("qemu-decode", tests, NULL, NULL);
}
