/* SPDX-License-Identifier: MIT */
/* The cycles in records of last branches: from one that is recorded to the next, while something is
 * counted that takes time. */
#include <meter/room.h>

#include "cpu_fixture.h"

enum {
	LBR_INFO = 0x1200,
	LBR_CTL = 0x14ce,
	ONLY_JUMPS = 0x20003, /* at CPL 0 */
	ALL_KINDS = 0x7f0003,
	CYCLES = 0x3c,
	INSTRUCTIONS = 0xc0,
	ENTRIES = 32,
};
#define VALID (UINT64_C(1) << 60)

/* Direct jumps, and between the first two more cycles than a record can hold. */
GUEST(jumps, "mov $100000, %ecx\n jmp 1f\n1: loop 1b\n jmp 2f\n2: jmp 3f\n3:" EXIT);

/* Between them no counter counts for a while. */
GUEST(pause, "jmp 1f\n1: mov $0x38f, %ecx\n xor %eax, %eax\n xor %edx, %edx\n wrmsr\n mov $1, %al\n"
             "wrmsr\n jmp 2f\n2: jmp 3f\n3:" EXIT);

/* The INFO of each record, the newest first: cycles, and whether they are valid. */
static void record_of(const uint8_t *code, const uint8_t *end, uint64_t ctl, uint64_t event,
                      uint64_t info[ENTRIES])
{
	struct fixture *f = fix_make("icelake,lbr=32");

	fix_load(f, code, end);
	assert_int_equal(vpmu_pmu_guest_write(f->pmu, LBR_CTL, ctl), VPMU_OK);
	fix_count(f, event, 0);
	fix_run(f);
	for (unsigned i = 0; i < ENTRIES; i++) {
		assert_int_equal(vpmu_pmu_guest_read(f->pmu, LBR_INFO + i, &info[i]), VPMU_OK);
		info[i] &= VALID | 0xffff;
	}
	fix_unmake(f);
}

static void record(uint64_t ctl, uint64_t event, uint64_t info[ENTRIES])
{
	record_of(guest_jumps, guest_jumps_end, ctl, event, info);
}

static void cycles_pass_from_one_record_to_the_next(void **state)
{
	uint64_t info[ENTRIES];

	record(ONLY_JUMPS, CYCLES, info);
	assert_true(info[0] == (VALID | 1));
	assert_true(info[1] == (VALID | 0xffff)); /* the most that it holds */
	assert_true(info[2] == 0);                /* the first: nobody knows since when */
}

static void each_turn_of_a_loop_has_its_own(void **state)
{
	uint64_t info[ENTRIES];

	record(ALL_KINDS, CYCLES, info);
	assert_true(info[0] == (VALID | 1));
	/* The loop's end, which is mispredicted, and the jump behind it. */
	assert_true(info[1] == (VALID | (2 + TIMING_BRANCH_MISS / TIMING_WIDTH)));
	for (unsigned i = 2; i < ENTRIES; i++)
		if (info[i] != (VALID | 1))
			fail_msg("record %u: 0x%lx", i, (unsigned long)info[i]);
}

/* Without a counter of cycles nobody adds up what the instructions take. */
static void nothing_is_known_while_no_time_is_counted(void **state)
{
	uint64_t info[ENTRIES];

	record(ALL_KINDS, INSTRUCTIONS, info);
	for (unsigned i = 0; i < ENTRIES; i++)
		assert_true(info[i] == 0);
}

static void time_that_nobody_counted_makes_a_record_invalid(void **state)
{
	uint64_t info[ENTRIES];

	record_of(guest_pause, guest_pause_end, ONLY_JUMPS, CYCLES, info);
	assert_true(info[0] == (VALID | 1));
	assert_true(info[1] == 0);
	assert_true(info[2] == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cycles_pass_from_one_record_to_the_next),
		cmocka_unit_test(each_turn_of_a_loop_has_its_own),
		cmocka_unit_test(nothing_is_known_while_no_time_is_counted),
		cmocka_unit_test(time_that_nobody_counted_makes_a_record_invalid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
