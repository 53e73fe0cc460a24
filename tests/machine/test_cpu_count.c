/* SPDX-License-Identifier: MIT */
/* What counts as an instruction and a branch, exactly; and that it is the same however a run is
 * cut. */
#include "cpu_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Instructions and branches of a guest up to and including its OUT to the exit port. */
static void expect(const uint8_t *code, const uint8_t *end, uint64_t insns, uint64_t branches)
{
	struct fixture *f = fix_make("intel-v2");
	struct vpmu_amounts before, after;

	fix_load(f, code, end);
	cpu_unicorn.totals(f->cpu, &before);
	fix_run(f);
	cpu_unicorn.totals(f->cpu, &after);
	assert_int_equal(after.of[VPMU_INSTRUCTIONS] - before.of[VPMU_INSTRUCTIONS], insns);
	assert_int_equal(after.of[VPMU_BRANCHES] - before.of[VPMU_BRANCHES], branches);
	fix_unmake(f);
}
#define EXPECT(name, insns, branches) expect(guest_##name, guest_##name##_end, insns, branches)

GUEST(loop, "mov $1000, %ecx\n1: inc %rax\n nop\n dec %ecx\n jnz 1b" EXIT);
static void a_loop(void **state)
{
	EXPECT(loop, 1 + 4 * 1000 + 2, 1000);
}

GUEST(rep, "mov $0x400000, %edi\n mov $100, %ecx\n rep stosb\n xor %ecx, %ecx\n rep stosb\n"
           "mov $1, %ecx\n rep stosq" EXIT);
static void a_rep_instruction_counts_once(void **state)
{
	EXPECT(rep, 7 + 2, 0);
}

/* A branch to a REP instruction, and one REP right behind another. */
GUEST(rep_target, "mov $0x400000, %edi\n mov $0x401000, %esi\n mov $3, %edx\n"
                  "1: mov $5, %ecx\n jmp 2f\n2: rep movsb\n mov $4, %ecx\n rep stosb\n rep stosb\n"
                  "dec %edx\n jnz 1b" EXIT);
static void rep_instructions_that_are_branched_to(void **state)
{
	EXPECT(rep_target, 3 + 3 * 8 + 2, 3 * 2);
}

GUEST(calls, "mov $50, %ebx\n1: call 2f\n dec %ebx\n jnz 1b\n lea 3f(%rip), %rax\n jmp *%rax\n"
             "2: test %ebx, %ebx\n jz 3f\n ret\n3:" EXIT);
static void calls_returns_and_jumps(void **state)
{
	EXPECT(calls, 1 + 50 * 6 + 2 + 2, 50 * 4 + 1);
}

GUEST(loopcc, "mov $10, %ecx\n1: loop 1b\n jrcxz 2f\n nop\n2: mov $5, %ecx\n3: cmp %eax, %eax\n"
              "loope 3b" EXIT);
static void loop_and_jrcxz_are_branches(void **state)
{
	EXPECT(loopcc, 1 + 10 + 1 + 1 + 5 * 2 + 2, 10 + 1 + 5);
}

GUEST(special, "mov $0x10, %ecx\n rdmsr\n rdtsc\n rdtscp\n xor %eax, %eax\n cpuid\n"
               "xor %ecx, %ecx\n rdpmc\n mov %cr8, %rax\n mov %rax, %cr8\n in $0xf4, %al\n"
               "clflush 0x400000\n invlpg 0x400000\n mov %cr3, %rax\n mov %rax, %cr3\n pause" EXIT);
static void instructions_that_the_cpu_executes_itself_count_once(void **state)
{
	EXPECT(special, 16 + 2, 0);
}

GUEST(pause, "mov $1000, %ebp\n1: sti\n pause\n nop\n dec %ebp\n jnz 1b" EXIT);
static void pause_in_the_shadow_of_sti_is_one_instruction(void **state)
{
	EXPECT(pause, 1 + 5 * 1000 + 2, 1000);
}

/* Delay loops are folded, long loops run without a hook: nothing of that may show. */
GUEST(delays, "mov $1000000000, %ecx\n 1: loop 1b\n mov $3000000, %ecx\n2: nop\n sub $3, %ecx\n"
              "jnz 2b\n mov $-70000, %rax\n3: add $5, %rdx\n inc %rax\n jnz 3b\n"
              "mov %rdx, " RESULTS EXIT);
static void delay_loops(void **state)
{
	EXPECT(delays, 1 + 1000000000 + 1 + 3 * 1000000 + 1 + 3 * 70000 + 1 + 2,
	       1000000000 + 1000000 + 70000);
}

GUEST(spin, "mov $300000, %edi\n mov $0x400000, %ebx\n xor %eax, %eax\n1: mov (%rbx), %rdx\n"
            "lea 1(%rdx, %rdx), %rdx\n imul $7, %rax\n add %rdx, %rax\n dec %edi\n jnz 1b\n"
            "mov %rax, " RESULTS EXIT);
static void long_loops(void **state)
{
	EXPECT(spin, 3 + 6 * 300000 + 1 + 2, 300000);
}

/* A loop whose load faults in the middle: the handler moves the pointer back. */
GUEST(spin_fault, "mov $100000, %edi\n mov $0x3000000000, %rbx\n mov $0x3fff80, %eax\n"
                  "mov $90000, %r8d\n mov $0x400000, %esi\n"
                  "1: dec %r8\n cmovz %rbx, %rsi\n mov (%rsi), %rdx\n dec %edi\n jnz 1b" EXIT);
GUEST(spin_fault_handler, "mov $0x400000, %esi\n add $8, %rsp\n iretq");
static void a_fault_in_a_long_loop(void **state)
{
	struct fixture *f = fix_make("intel-v2");
	struct vpmu_amounts before, after;

	FIX_HANDLER(f, 14, spin_fault_handler);
	FIX_LOAD(f, spin_fault);
	cpu_unicorn.totals(f->cpu, &before);
	fix_run(f);
	cpu_unicorn.totals(f->cpu, &after);
	assert_int_equal(after.of[VPMU_INSTRUCTIONS] - before.of[VPMU_INSTRUCTIONS],
	                 5 + 5 * 100000 + 3 + 2);
	assert_int_equal(after.of[VPMU_BRANCHES] - before.of[VPMU_BRANCHES], 100000 + 1);
	fix_unmake(f);
}

/* INC EAX becomes DEC EAX after the first iteration; then a NOP before it is replaced in the block
 * that is running. */
GUEST(self, "xor %eax, %eax\n mov $10, %ecx\n1: inc %eax\n movb $0xc8, 1b + 1(%rip)\n dec %ecx\n"
            "jnz 1b\n mov %eax, " RESULTS "\n movb $0xcb, 2f + 1(%rip)\n xor %ebx, %ebx\n"
            "2: inc %eax\n mov %ebx, " RESULTS " + 8" EXIT);
static void self_modifying_code(void **state)
{
	struct fixture *f = fix_make("intel-v2");
	uint64_t start;

	FIX_LOAD(f, self);
	start = cpu_unicorn.retired(f->cpu);
	fix_run(f);
	assert_int_equal((int32_t)fix_result(f, 0), 1 - 9);
	assert_int_equal((int32_t)fix_result(f, 1), -1); /* DEC EBX */
	assert_int_equal(cpu_unicorn.retired(f->cpu) - start, 2 + 4 * 10 + 5 + 2);
	fix_unmake(f);
}

/* The same place holds code of different lengths, again and again. */
GUEST(rewrite,
      "mov $300, %r9d\n lea 9f(%rip), %rdi\n1: movl $0x90909090, (%rdi)\n movb $0xc3, 4(%rdi)\n"
      "call *%rdi\n movl $0xc3c0ff48, (%rdi)\n call *%rdi\n dec %r9d\n jnz 1b\n jmp 8f\n"
      ".balign 4096\n9: .skip 64\n8:" EXIT);
static void code_that_is_written_many_times(void **state)
{
	EXPECT(rewrite, 2 + 300 * (7 + 5 + 2) + 1 + 2, 300 * (1 + 2 + 2) + 1);
}

/* A block writes to its page, and then to what comes next in it: INC EAX becomes DEC EBX. */
GUEST(twice, "xor %eax, %eax\n xor %ebx, %ebx\n movb $0x90, 1f(%rip)\n 1: cld\n jmp 2f\n"
             "2: movl $1, 9f(%rip)\n movb $0xcb, 3f + 1(%rip)\n nop\n 3: inc %eax\n"
             "mov %eax, " RESULTS "\n mov %ebx, " RESULTS " + 8" EXIT "\n.balign 16\n9: .long 0");
static void code_that_overwrites_what_comes_next(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	FIX_LOAD(f, twice);
	fix_run(f);
	assert_int_equal((int32_t)fix_result(f, 0), 0);
	assert_int_equal((int32_t)fix_result(f, 1), -1);
	fix_unmake(f);
	EXPECT(twice, 5 + 6 + 2, 1);
}

/* The same, and nothing has told yet that code changes here: never a wrong result. */
GUEST(twice_at_first,
      "xor %eax, %eax\n xor %ebx, %ebx\n movl $1, 9f(%rip)\n"
      "movb $0xcb, 1f + 1(%rip)\n nop\n 1: inc %eax\n"
      "mov %eax, " RESULTS "\n mov %ebx, " RESULTS " + 8" EXIT "\n .balign 16\n9: .long 0");
static void code_that_overwrites_what_comes_next_at_first(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	FIX_LOAD(f, twice_at_first);
	cpu_unicorn.run(f->cpu);
	if (f->exited) {
		assert_int_equal((int32_t)fix_result(f, 0), 0);
		assert_int_equal((int32_t)fix_result(f, 1), -1);
	} else {
		assert_non_null(strstr(cpu_unicorn.why(f->cpu), "overwrites itself"));
	}
	fix_unmake(f);
}

/* A REP ends a block that has just written to code, or writes to code itself, its own page's. */
GUEST(before_rep, "mov $40, %r12d\n1: lea 1b(%rip), %rsi\n mov $3, %ecx\n"
                  "movb $0x90, 2f(%rip)\n rep lodsb\n2: nop\n dec %r12d\n jnz 1b" EXIT);
GUEST(in_rep, "mov $40, %r12d\n mov $0x90, %al\n1: lea 2f(%rip), %rdi\n mov $3, %ecx\n"
              "rep stosb\n2: nop\n nop\n nop\n dec %r12d\n jnz 1b" EXIT);
static void a_rep_where_code_is_written(void **state)
{
	EXPECT(before_rep, 1 + 40 * 7 + 2, 40);
	EXPECT(in_rep, 2 + 40 * 8 + 2, 40);
}

/* A branch that goes to itself, in the middle of a block: the block is not abandoned for it. The
 * call is done when it has pushed its return address over its own target. */
GUEST(returns, "lea 8f(%rip), %rax\n lea 9f(%rip), %rdx\n mov $50, %ebx\n"
               "1: push %rdx\n push %rax\n push %rax\n nop\n8: ret\n9: dec %ebx\n jnz 1b" EXIT);
GUEST(far_returns, "lea 8f(%rip), %rax\n lea 9f(%rip), %rdx\n mov $50, %ebx\n"
                   "1: push $8\n push %rdx\n push $8\n push %rax\n nop\n8: lretq\n"
                   "9: dec %ebx\n jnz 1b" EXIT);
GUEST(interrupt_returns, "lea 8f(%rip), %rax\n lea 9f(%rip), %rdx\n mov $50, %ebx\n"
                         "1: mov %rsp, %rbp\n push $0x10\n push %rbp\n push $2\n push $8\n"
                         "push %rdx\n mov %rsp, %rbp\n push $0x10\n push %rbp\n push $2\n"
                         "push $8\n push %rax\n nop\n8: iretq\n9: dec %ebx\n jnz 1b" EXIT);
GUEST(calls_itself, "lea 8f(%rip), %rax\n mov $50, %ebx\n mov %rsp, %rbp\n"
                    "1: mov %rbp, %rsp\n mov %rax, -24(%rbp)\n nop\n8: call *-24(%rbp)\n"
                    "dec %ebx\n jnz 1b" EXIT);
static void a_branch_to_itself_counts_each_time(void **state)
{
	EXPECT(returns, 3 + 50 * (4 + 3 + 2) + 2, 50 * (3 + 1));
	EXPECT(far_returns, 3 + 50 * (5 + 2 + 2) + 2, 50 * (2 + 1));
	EXPECT(interrupt_returns, 3 + 50 * (13 + 2 + 2) + 2, 50 * (2 + 1));
	EXPECT(calls_itself, 3 + 50 * (3 + 4 + 2) + 2, 50 * (4 + 1));
}

/* A call whose return address lies over the call itself, behind other instructions and alone. */
GUEST(call_over, "lea 8f+8(%rip), %rsp\n nop\n8: call 9f\n .skip 64\n9: mov $0x200000, %esp" EXIT);
GUEST(call_alone_over, "lea 8f+8(%rip), %rsp\n jmp 8f\n .balign 64\n8: call 9f\n .skip 64\n"
                       "9: mov $0x200000, %esp" EXIT);
static void a_call_that_overwrites_itself_counts_once(void **state)
{
	EXPECT(call_over, 4 + 2, 1);
	EXPECT(call_alone_over, 4 + 2, 2);
}

GUEST(ud, "mov $7, %eax\n ud2\n mov $8, %eax" EXIT);
GUEST(skip2, "addq $2, (%rsp)\n iretq");
static void a_faulting_instruction_does_not_count(void **state)
{
	struct fixture *f = fix_make("intel-v2");
	uint64_t start;

	FIX_HANDLER(f, 6, skip2);
	FIX_LOAD(f, ud);
	start = cpu_unicorn.retired(f->cpu);
	fix_run(f);
	assert_int_equal(cpu_unicorn.retired(f->cpu) - start, 1 + 2 + 1 + 2);
	fix_unmake(f);
}

GUEST(forced, "xor %eax, %eax\n .byte 0x0f, 0x0b, 'k', 'v', 'm'\n cpuid\n"
              ".byte 0x0f, 0x0b, 'k', 'v', 'm'\n inc %rax\n mov %rax, " RESULTS EXIT);
static void the_forced_emulation_prefix_is_dropped(void **state)
{
	struct fixture *f = fix_make("intel-v2");
	uint64_t start;

	FIX_LOAD(f, forced);
	start = cpu_unicorn.retired(f->cpu);
	fix_run(f);
	assert_int_equal(fix_result(f, 0), 1);
	assert_int_equal(cpu_unicorn.retired(f->cpu) - start, 4 + 2);
	fix_unmake(f);
}

/* So is a REX prefix before another prefix (Intel SDM vol. 2A 2.2.1). Unicorn alone would take
 * eight bytes of immediate data in the first one, and would write 64 bits in the second. */
GUEST(ignored_rex, "mov $-1, %rax\n .byte 0x4c, 0x67, 0xb8\n .long 0x90909090\n nop\n nop\n"
                   "mov %rax, " RESULTS "\n mov $0x400000, %edi\n mov $3, %ecx\n"
                   ".byte 0x48, 0x4f, 0xf3, 0xab\n mov %rdi, " RESULTS "+8" EXIT);
static void a_rex_prefix_before_another_one_is_dropped(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	FIX_LOAD(f, ignored_rex);
	fix_run(f);
	assert_int_equal(fix_result(f, 0), 0x90909090);
	assert_int_equal(fix_result(f, 1), 0x400000 + 3 * 4);
	fix_unmake(f);
	EXPECT(ignored_rex, 9 + 2, 0);
}

/* A bit of everything, with a checksum of the registers at the end. */
GUEST(mix, "mov $40, %r12d\n xor %r13, %r13\n1: mov $0x400000, %edi\n mov $37, %ecx\n rep stosb\n"
           "call 3f\n pushfq\n pop %rax\n add %rax, %r13\n sti\n nop\n cli\n int3\n"
           "xor %eax, %eax\n cpuid\n add %rax, %r13\n mov $200, %ecx\n2: loop 2b\n"
           "mov %ss, %ax\n mov %ax, %ss\n add $3, %r13\n"
           "mov $0x400000, %esi\n mov $9, %ecx\n4: lodsq\n add %rax, %r13\n mov %rax, 64(%rsi)\n"
           "dec %ecx\n jnz 4b\n"
           "mov $0x3000000000, %rbx\n mov (%rbx), %rax\n"
           "dec %r12d\n jnz 1b\n mov %r13, " RESULTS EXIT
           "3: push %rbx\n imul $5, %r13\n test $1, %r13b\n"
           "jz 5f\n inc %r13\n5: pop %rbx\n ret");
GUEST(int3_handler, "add $11, %r13\n iretq");
GUEST(pf_handler, "add $8, %rsp\n addq $3, (%rsp)\n iretq");

static struct fixture *make_mix(void)
{
	struct fixture *f = fix_make("intel-v2");

	FIX_HANDLER(f, 3, int3_handler);
	FIX_HANDLER(f, 14, pf_handler);
	FIX_LOAD(f, mix);
	fix_count(f, 0x3c, 0);
	return f;
}

static void cutting_a_run_changes_nothing(void **state)
{
	unsigned seed = (unsigned)(getenv("SEED") ? atoi(getenv("SEED")) : 1);
	struct vpmu_amounts whole, cut;
	struct fixture *f = make_mix();
	uint64_t sum;

	fix_run(f);
	cpu_unicorn.totals(f->cpu, &whole);
	sum = fix_result(f, 0);
	fix_unmake(f);
	print_message("SEED=%u\n", seed);
	srand(seed);
	for (unsigned round = 0; round < 6; round++) {
		f = make_mix();
		do {
			f->deadline = cpu_unicorn.retired(f->cpu) + 1 +
			              (uint64_t)rand() % (1 + 17 * round);
			if (cpu_unicorn.run(f->cpu) == CPU_STOP_DEADLINE)
				assert_int_equal(cpu_unicorn.retired(f->cpu), f->deadline);
		} while (!f->exited);
		cpu_unicorn.totals(f->cpu, &cut);
		assert_int_equal(fix_result(f, 0), sum);
		for (unsigned i = 0; i < VPMU_CLASSES; i++) {
			if (cut.of[i] != whole.of[i])
				fail_msg("round %u: %lu %s, not %lu", round,
				         (unsigned long)cut.of[i],
				         vpmu_class_name((enum vpmu_class)i),
				         (unsigned long)whole.of[i]);
		}
		fix_unmake(f);
	}
}

static void a_deadline_is_met_to_the_instruction(void **state)
{
	struct fixture *f = fix_make("intel-v2");
	uint64_t start;

	for (uint64_t n = 0; n < 60; n++) {
		FIX_LOAD(f, loop);
		start = cpu_unicorn.retired(f->cpu);
		f->deadline = start + n;
		assert_int_equal(cpu_unicorn.run(f->cpu), CPU_STOP_DEADLINE);
		assert_int_equal(cpu_unicorn.retired(f->cpu), start + n);
	}
	fix_unmake(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_loop),
		cmocka_unit_test(a_rep_instruction_counts_once),
		cmocka_unit_test(rep_instructions_that_are_branched_to),
		cmocka_unit_test(calls_returns_and_jumps),
		cmocka_unit_test(loop_and_jrcxz_are_branches),
		cmocka_unit_test(instructions_that_the_cpu_executes_itself_count_once),
		cmocka_unit_test(pause_in_the_shadow_of_sti_is_one_instruction),
		cmocka_unit_test(delay_loops),
		cmocka_unit_test(long_loops),
		cmocka_unit_test(a_fault_in_a_long_loop),
		cmocka_unit_test(self_modifying_code),
		cmocka_unit_test(code_that_is_written_many_times),
		cmocka_unit_test(code_that_overwrites_what_comes_next),
		cmocka_unit_test(code_that_overwrites_what_comes_next_at_first),
		cmocka_unit_test(a_rep_where_code_is_written),
		cmocka_unit_test(a_branch_to_itself_counts_each_time),
		cmocka_unit_test(a_call_that_overwrites_itself_counts_once),
		cmocka_unit_test(a_faulting_instruction_does_not_count),
		cmocka_unit_test(the_forced_emulation_prefix_is_dropped),
		cmocka_unit_test(a_rex_prefix_before_another_one_is_dropped),
		cmocka_unit_test(cutting_a_run_changes_nothing),
		cmocka_unit_test(a_deadline_is_met_to_the_instruction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
