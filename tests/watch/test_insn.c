/* SPDX-License-Identifier: MIT */
/* Instructions as stepping sees them: what they are, and where they lead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <meter/room.h>
#include <watch/insn.h>

enum { RIP = 0x1000 };

struct row {
	const char *bytes;
	unsigned count, bits, length;
	enum guest_insn_kind kind;
	uint64_t target; /* 0: what follows */
};

#define ROW(bytes, bits, ...)                                                                      \
	{                                                                                          \
		bytes, sizeof(bytes) - 1, bits, __VA_ARGS__                                        \
	}

static const struct row rows[] = {
	ROW("\x90", 64, 1, GUEST_PLAIN, 0),
	ROW("\x0f\x33", 64, 2, GUEST_RDPMC, 0),
	ROW("\x48\x0f\x33", 64, 3, GUEST_RDPMC, 0),
	ROW("\x9c", 64, 1, GUEST_PUSHF, 0),
	ROW("\xfb", 64, 1, GUEST_STI, 0),
	ROW("\xe2\xfe", 64, 2, GUEST_CONDITIONAL, RIP),
	ROW("\x75\x10", 64, 2, GUEST_CONDITIONAL, RIP + 0x12),
	ROW("\x0f\x84\x00\x01\x00\x00", 64, 6, GUEST_CONDITIONAL, RIP + 0x106),
	ROW("\x0f\x84\x00\x01", 16, 4, GUEST_CONDITIONAL, RIP + 0x104),
	ROW("\xeb\xfe", 64, 2, GUEST_JUMP, RIP),
	ROW("\xe9\xfb\xff\xff\xff", 64, 5, GUEST_JUMP, RIP),
	ROW("\xe9\x00\xf0", 16, 3, GUEST_JUMP, 3), /* wraps at 64 KiB */
	ROW("\x66\xe9\x01\x00\x00\x00", 64, 6, GUEST_JUMP, RIP + 7),
	ROW("\xe8\x00\x01\x00\x00", 64, 5, GUEST_CALL, RIP + 0x105),
	ROW("\xff\xe0", 64, 2, GUEST_JUMP_INDIRECT, 0),
	ROW("\xff\x14\x25\x00\x00\x00\x00", 64, 7, GUEST_CALL_INDIRECT, 0),
	ROW("\xff\x18", 64, 2, GUEST_FAR, 0),
	ROW("\xff\x30", 64, 2, GUEST_PLAIN, 0),
	ROW("\xc3", 64, 1, GUEST_RETURN, 0),
	ROW("\xf3\xc3", 64, 2, GUEST_RETURN, 0),
	ROW("\xc2\x08\x00", 64, 3, GUEST_RETURN, 0),
	ROW("\xcd\x80", 64, 2, GUEST_FAR, 0),
	ROW("\x48\xcf", 64, 2, GUEST_FAR, 0),
	ROW("\x0f\x05", 64, 2, GUEST_FAR, 0),
	ROW("\xf3\xaa", 64, 2, GUEST_REPEATED, 0),
	ROW("\xf3\x48\xa5", 64, 3, GUEST_REPEATED, 0),
	ROW("\xaa", 64, 1, GUEST_PLAIN, 0),
	ROW("\xf3\x90", 64, 2, GUEST_PLAIN, 0),
	ROW("\x66\x0f\xae\x3d\xf8\xff\xff\xff", 64, 8, GUEST_FLUSH, 0),
	ROW("\x0f\xae\x38", 64, 3, GUEST_FLUSH, 0),
	ROW("\x0f\xae\xf0", 64, 3, GUEST_PLAIN, 0), /* MFENCE */
	ROW("\xc5\xf8\x77", 64, 3, GUEST_PLAIN, 0), /* VZEROUPPER is no branch */
	ROW("\xc4\xe2\x7d\x75\xc1", 64, 5, GUEST_PLAIN, 0),
	ROW("\x48\xb8\x01\x02\x03\x04\x05\x06\x07\x08", 64, 10, GUEST_PLAIN, 0),
	ROW("\x8e\x54\x24\x08", 64, 4, GUEST_PLAIN, 0),
	ROW("\x0f", 64, 0, GUEST_UNKNOWN, 0),
	ROW("\xe8\x00\x01", 64, 0, GUEST_UNKNOWN, 0),
	ROW("", 64, 0, GUEST_UNKNOWN, 0),
};

static struct guest_insn decode(const struct row *row)
{
	return guest_insn_decode((const uint8_t *)row->bytes, row->count, row->bits, RIP);
}

static void test_instructions_are_what_they_are(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct guest_insn insn = decode(&rows[i]);

		if (insn.kind != rows[i].kind || insn.length != rows[i].length)
			fail_msg("row %zu: kind %u, length %u", i, insn.kind, insn.length);
		if (insn.length && insn.target != (rows[i].target ? rows[i].target : insn.next))
			fail_msg("row %zu: target %#lx", i, insn.target);
	}
}

static void test_a_relative_branch_leads_to_two_places_at_most(void **state)
{
	const uint8_t jump[] = {0xeb, 0x10}, branch[] = {0x75, 0x10}, plain[] = {0x90};
	struct guest_insn insn = guest_insn_decode(jump, 2, 64, RIP);

	assert_true(guest_insn_leads_to(&insn, RIP + 0x12));
	assert_false(guest_insn_leads_to(&insn, RIP + 2));
	insn = guest_insn_decode(branch, 2, 64, RIP);
	assert_true(guest_insn_leads_to(&insn, RIP + 0x12));
	assert_true(guest_insn_leads_to(&insn, RIP + 2));
	assert_false(guest_insn_leads_to(&insn, RIP));
	insn = guest_insn_decode(plain, 1, 64, RIP);
	assert_true(guest_insn_leads_to(&insn, RIP + 1));
	assert_false(guest_insn_leads_to(&insn, RIP + 2));
	insn = guest_insn_decode(plain, 0, 64, RIP);
	assert_false(guest_insn_leads_to(&insn, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_instructions_are_what_they_are),
		cmocka_unit_test(test_a_relative_branch_leads_to_two_places_at_most),
	};

	return cmocka_run_group_tests_name("watch-insn", tests, NULL, NULL);
}
