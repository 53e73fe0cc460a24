/* SPDX-License-Identifier: MIT */
/* Blocks that run often, and so pay themselves in Unicorn's translations (inline.c), count as they
 * do when a hook pays them: the same tests run with inline.c switched off. */
#include "cpu_fixture.h"

#include <string.h>

enum {
	FIRST = FIX_DATA,
	SECOND = FIRST ^ 1 << 14 ^ 1, /* has the same place in the cache of blocks */
	PERIOD = 997,
};

/* What is asked of a guest, from its first instruction on. */
struct counts {
	uint64_t insns, branches;
};

static struct counts counts(const struct fixture *f)
{
	struct vpmu_amounts totals;

	cpu_unicorn.totals(f->cpu, &totals);
	return (struct counts){totals.of[VPMU_INSTRUCTIONS], totals.of[VPMU_BRANCHES]};
}

/* Runs the guest that is loaded, which must count that much. */
static void run(struct fixture *f, uint64_t insns, uint64_t branches)
{
	struct counts before = counts(f), after;

	fix_run(f);
	after = counts(f);
	assert_int_equal(after.insns - before.insns, insns);
	assert_int_equal(after.branches - before.branches, branches);
}

/* The same, in parts of PERIOD instructions. */
static void run_in_parts(struct fixture *f, uint64_t insns, uint64_t branches)
{
	struct counts before = counts(f), after;

	for (;;) {
		f->deadline = cpu_unicorn.retired(f->cpu) + PERIOD;
		if (cpu_unicorn.run(f->cpu) != CPU_STOP_DEADLINE)
			break;
		assert_int_equal(cpu_unicorn.retired(f->cpu), f->deadline);
	}
	assert_true(f->exited);
	after = counts(f);
	assert_int_equal(after.insns - before.insns, insns);
	assert_int_equal(after.branches - before.branches, branches);
}

static void put(struct fixture *f, uint64_t at, const uint8_t *code, const uint8_t *end)
{
	memcpy(f->memory + at, code, (size_t)(end - code));
}
#define PUT(f, at, name) put(f, at, guest_##name, guest_##name##_end)

/* The load of the last iteration faults. */
GUEST(load, "mov $0x400000, %ebx\n mov $20000, %ecx\n"
            "1: nop\n mov (%rbx), %rax\n nop\n dec %ecx\n jnz 1b\n"
            "mov $0x5000000000, %rbx\n mov $1, %ecx\n jmp 1b");
GUEST(leave, EXIT);
static void a_fault_in_the_middle_of_a_block(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	FIX_HANDLER(f, 14, leave);
	FIX_LOAD(f, load);
	run(f, 2 + 5 * 20000 + 3 + 1 + 2, 20000 + 1);
	fix_unmake(f);
}

/* Two functions whose blocks have the same place in the cache of blocks. Each is called often, one
 * after the other, and the first once more. */
GUEST(take_turns,
      "mov $0x400000, %ebx\n mov $3, %esi\n xor %r8, %r8\n xor %r9, %r9\n"
      "1: mov $20000, %ecx\n 2: call *%rbx\n dec %ecx\n jnz 2b\n"
      "xor $0x4001, %ebx\n dec %esi\n jnz 1b\n mov %r8, 0x10000\n mov %r9, 0x10008" EXIT);
GUEST(first, "inc %r8\n ret");
GUEST(second, "inc %r9\n nop\n nop\n nop\n nop\n nop\n ret");
static void blocks_that_take_turns_in_the_cache(void **state)
{
	struct fixture *f = fix_make("intel-v2");
	uint64_t total = 4 + 2 * (4 + 5 * 20000) + (4 + 10 * 20000) + 2 + 2;

	PUT(f, FIRST, first);
	PUT(f, SECOND, second);
	FIX_LOAD(f, take_turns);
	run_in_parts(f, total, 3 * (1 + 3 * 20000));
	assert_int_equal(fix_result(f, 0), 2 * 20000);
	assert_int_equal(fix_result(f, 1), 20000);
	fix_unmake(f);
}

/* A function is rewritten after many calls: one instruction less in as many bytes. */
GUEST(rewrite, "mov $2, %esi\n mov $0x400000, %ebx\n"
               "1: mov $20000, %ecx\n 2: call *%rbx\n dec %ecx\n jnz 2b\n"
               "movb $0x66, (%rbx)\n dec %esi\n jnz 1b" EXIT);
GUEST(two_nops, "nop\n nop\n ret");
static void a_block_that_is_rewritten(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	PUT(f, FIRST, two_nops);
	FIX_LOAD(f, rewrite);
	run(f, 2 + (4 + 6 * 20000) + (4 + 5 * 20000) + 2, 2 * (1 + 3 * 20000));
	fix_unmake(f);
}

/* A block of nothing but a CALL, which at last pushes to a device: what has retired by then. */
GUEST(call_alone, "mov $20000, %ecx\n lea 3f(%rip), %rbx\n mov $0x200000, %edx\n"
                  "mov $0xfee00088, %esi\n"
                  "1: mov %rdx, %rsp\n jmp 2f\n2: call *%rbx\n3: dec %ecx\n jnz 1b\n"
                  "cmp %rsi, %rdx\n je 4f\n mov %rsi, %rdx\n mov $1, %ecx\n jmp 1b\n"
                  "4:" EXIT);
static void a_call_alone_that_reaches_a_device(void **state)
{
	struct fixture *f = fix_make("intel-v2");
	uint64_t before = 4 + 5 * 20000 + 5 + 2, start;

	FIX_LOAD(f, call_alone);
	start = counts(f).insns;
	run(f, before + 3 + 2 + 2, 3 * 20000 + 2 + 3 + 1);
	assert_int_equal(f->device_retired - start, before);
	fix_unmake(f);
}

/* A block that first stores to memory, often, and then, behind a RET alone, to a device. */
GUEST(behind_ret, "mov $20000, %ecx\n mov $0x400000, %ebx\n mov $0xfee00000, %esi\n"
                  "1: nop\n movl $1, (%rbx)\n nop\n dec %ecx\n jnz 1b\n"
                  "cmp %rsi, %rbx\n je 3f\n mov %rsi, %rbx\n mov $1, %ecx\n"
                  "lea 1b(%rip), %rax\n push %rax\n jmp 2f\n2: ret\n3:" EXIT);
static void a_device_behind_a_ret_alone(void **state)
{
	struct fixture *f = fix_make("intel-v2");
	uint64_t before = 3 + 5 * 20000 + 7 + 1 + 1, start;

	FIX_LOAD(f, behind_ret);
	start = counts(f).insns;
	run(f, before + 4 + 2 + 2, 20000 + 5);
	assert_int_equal(f->device_retired - start, before);
	fix_unmake(f);
}

/* The same, behind a block that is translated only then: Unicorn lets the next one access
 * devices. */
GUEST(behind_new, "mov $20000, %ecx\n mov $0x400000, %ebx\n mov $0xfee00000, %esi\n"
                  "1: nop\n movl $1, (%rbx)\n nop\n dec %ecx\n jnz 1b\n"
                  "cmp %rsi, %rbx\n je 3f\n mov %rsi, %rbx\n mov $1, %ecx\n jmp 1b\n"
                  "3:" EXIT);
static void a_device_behind_a_new_block(void **state)
{
	struct fixture *f = fix_make("intel-v2");
	uint64_t before = 3 + 5 * 20000 + 5 + 1, start;

	FIX_LOAD(f, behind_new);
	start = counts(f).insns;
	run(f, before + 4 + 2 + 2, 20000 + 4);
	assert_int_equal(f->device_retired - start, before);
	fix_unmake(f);
}

/* A RET that others jump to. */
GUEST(ret_alone, "mov $20000, %ecx\n1: call 2f\n dec %ecx\n jnz 1b" EXIT
                 "2: test $1, %cl\n jz 3f\n nop\n 3: ret\n");
static void a_ret_alone(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	FIX_LOAD(f, ret_alone);
	run_in_parts(f, 1 + 6 * 20000 + 10000 + 2, 4 * 20000);
	fix_unmake(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fault_in_the_middle_of_a_block),
		cmocka_unit_test(blocks_that_take_turns_in_the_cache),
		cmocka_unit_test(a_block_that_is_rewritten),
		cmocka_unit_test(a_call_alone_that_reaches_a_device),
		cmocka_unit_test(a_device_behind_a_ret_alone),
		cmocka_unit_test(a_device_behind_a_new_block),
		cmocka_unit_test(a_ret_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
