/* SPDX-License-Identifier: MIT */
/* Overflows: the PMI on the boundary right after the overflowing instruction; what WRMSR counts. */
#include "cpu_fixture.h"

#include <string.h>

/* What the trace below says: the guest's instruction that follows the n-th, from 0. */
GUEST(body, "mov $20, %ecx\n1: nop\n inc %rax\n call 2f\n dec %ecx\n jnz 1b" EXIT "2: nop\n ret");

/* The addresses before each instruction, by deadlines of one. */
static unsigned trace(uint64_t *rips, unsigned room)
{
	struct fixture *f = fix_make("intel-v2");
	unsigned count = 0;

	FIX_LOAD(f, body);
	while (count < room && !f->exited) {
		rips[count++] = cpu_unicorn.rip(f->cpu);
		f->deadline = cpu_unicorn.retired(f->cpu) + 1;
		cpu_unicorn.run(f->cpu);
	}
	fix_unmake(f);
	return count;
}

GUEST(only_iret, "iretq");

static void a_pmi_comes_right_after_the_overflowing_instruction(void **state)
{
	uint64_t rips[256];
	unsigned count = trace(rips, 256);

	assert_true(count > 100 && count < 256);
	for (unsigned period = 1; period < 60; period++) {
		struct fixture *f = fix_make("intel-v2");

		FIX_LOAD(f, body);
		fix_sample(f, period);
		fix_run(f);
		assert_int_equal(f->pmis, 1);
		assert_int_equal(f->pmi_rips[0], rips[period]);
		fix_unmake(f);
	}
}

static void the_same_by_branches(void **state)
{
	struct fixture *f;
	uint64_t start;

	for (unsigned period = 1; period < 50; period++) {
		f = fix_make("intel-v2");
		FIX_LOAD(f, body);
		fix_count(f, 0xc4, -(uint64_t)period & 0xffffffff);
		start = cpu_unicorn.retired(f->cpu);
		fix_run(f);
		assert_int_equal(f->pmis, 1);
		/* MOV, then in each iteration: CALL is the 3rd, RET the 5th, JNZ the 7th. */
		assert_int_equal(f->pmi_retired[0] - start,
		                 1 + (period - 1) / 3 * 7 + 3 + (period - 1) % 3 * 2);
		fix_unmake(f);
	}
}

/* How much has retired when a counter of the event overflows after so many. */
static uint64_t retired_at_overflow(const uint8_t *code, const uint8_t *end, uint64_t event,
                                    uint64_t count)
{
	struct fixture *f = fix_make("intel-v2");
	uint64_t start, retired;

	fix_load(f, code, end);
	fix_count(f, event, -count & 0xffffffff);
	start = cpu_unicorn.retired(f->cpu);
	fix_run(f);
	assert_int_equal(f->pmis, 1);
	retired = f->pmi_retired[0] - start;
	fix_unmake(f);
	return retired;
}

/* The block behind the JMP has none: CPUID ends it. */
GUEST(no_branch,
      "mov $9, %esi\n1: jmp 2f\n2: nop\n nop\n xor %eax, %eax\n cpuid\n dec %esi\n jnz 1b" EXIT);
static void a_pmi_by_a_branch_waits_for_no_other_branch(void **state)
{
	/* MOV, then in each iteration JMP is the 1st and JNZ the 7th. */
	for (unsigned n = 1; n < 18; n++)
		assert_int_equal(retired_at_overflow(guest_no_branch, guest_no_branch_end, 0xc4, n),
		                 1 + (n - 1) / 2 * 7 + (n % 2 ? 1 : 7));
}

/* The loop is folded: all but its last iteration is paid at once. The second time the blocks behind
 * it are known, and the hook pays them from what is left. */
GUEST(behind_a_fold, "mov $2, %esi\n0: mov $100000, %ecx\n1: dec %ecx\n jnz 1b\n"
                     ".rept 40\n jmp 2f\n2: nop\n .endr\n dec %esi\n jnz 0b" EXIT);
static void a_pmi_behind_a_folded_loop_is_exact(void **state)
{
	for (unsigned n = 400085; n < 400160; n += 3)
		assert_int_equal(
			retired_at_overflow(guest_behind_a_fold, guest_behind_a_fold_end, 0xc0, n),
			n);
}

/* The handler's first instruction is what follows; the interrupted one goes on afterwards. */
GUEST(interruptible, "sti\n mov $1000, %ecx\n1: inc %rax\n dec %ecx\n jnz 1b\n"
                     "mov %rax, " RESULTS EXIT);
GUEST(count_interrupts,
      "incq 0x10008\n push %rax\n mov 16(%rsp), %rax\n mov %rax, 0x10010\n pop %rax\n"
      "iretq");
static void the_handler_runs_and_the_guest_goes_on(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	FIX_HANDLER(f, FIX_PMI_VECTOR, count_interrupts);
	FIX_LOAD(f, interruptible);
	fix_sample(f, 500);
	fix_run(f);
	assert_int_equal(f->pmis, 1);
	assert_int_equal(fix_result(f, 0), 1000);
	assert_int_equal(fix_result(f, 1), 1);
	fix_unmake(f);
}

GUEST(twice, "mov $0x38f, %ecx\n xor %edx, %edx\n mov $1, %eax\n wrmsr\n nop\n nop\n nop\n"
             "xor %eax, %eax\n wrmsr\n nop\n nop" EXIT);
static void wrmsr_is_counted_by_what_it_disables(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	FIX_LOAD(f, twice);
	fix_count(f, 0xc0, 0);
	assert_int_equal(vpmu_pmu_guest_write(f->pmu, 0x38f, 0), VPMU_OK);
	fix_run(f);
	assert_int_equal(fix_counter(f), 3 + 1 + 1); /* NOPs, XOR, the second WRMSR */
	fix_unmake(f);
}

GUEST(refused, "mov $0x38f, %ecx\n mov $-1, %edx\n mov $-1, %eax\n wrmsr\n nop" EXIT);
GUEST(skip, "add $8, %rsp\n addq $2, (%rsp)\n iretq");
static void a_refused_wrmsr_does_not_count(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	FIX_HANDLER(f, 13, skip);
	FIX_LOAD(f, refused);
	fix_count(f, 0xc0, 0);
	fix_run(f);
	assert_int_equal(fix_counter(f), 3 + 3 + 1 + 2);
	fix_unmake(f);
}

/* Cycles and misses overflow at an instruction's end, too, and as often whatever the period. */
GUEST(reader, "mov $0x400000, %esi\n mov $2000, %ecx\n1: mov (%rsi), %rax\n add $64, %rsi\n nop\n"
              "dec %ecx\n jnz 1b" EXIT);
static void cycles_overflow_where_they_are_full(void **state)
{
	struct vpmu_amounts totals;
	struct fixture *f;

	for (uint64_t period = 100; period < 20000; period = period * 3 + 7) {
		f = fix_make("intel-v2");
		FIX_LOAD(f, reader);
		fix_count(f, 0x3c, -period & 0xffffffff);
		f->deadline = UINT64_MAX;
		while (!f->pmis && !f->exited) {
			f->deadline = cpu_unicorn.retired(f->cpu) + 1000;
			cpu_unicorn.run(f->cpu);
		}
		assert_int_equal(f->pmis, 1);
		f->deadline = f->pmi_retired[0];
		cpu_unicorn.totals(f->cpu, &totals);
		assert_true(totals.of[VPMU_CYCLES] >= period);
		fix_unmake(f);
	}
}

static void on_many_pmis(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	FIX_HANDLER(f, FIX_PMI_VECTOR, only_iret);
	FIX_LOAD(f, interruptible);
	fix_sample(f, 1);
	fix_run(f);
	assert_int_equal(f->pmis, 1);
	fix_unmake(f);
}

/* RDPMC needs CR4.PCE in ring 3 only; a counter that does not exist is #GP. */
GUEST(rdpmc, "mov $0x40000000, %ecx\n rdpmc\n mov %rax, " RESULTS "\n mov $9, %ecx\n rdpmc\n"
             "incq 0x10008" EXIT);
static void rdpmc_reads_the_pmu(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	FIX_HANDLER(f, 13, skip);
	FIX_LOAD(f, rdpmc);
	fix_sample(f, 1000000);
	fix_run(f);
	assert_int_equal(fix_result(f, 0) & 0xffffffff, (uint32_t)-1000000 + 1);
	assert_int_equal(fix_result(f, 1), 1);
	fix_unmake(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pmi_comes_right_after_the_overflowing_instruction),
		cmocka_unit_test(the_same_by_branches),
		cmocka_unit_test(a_pmi_by_a_branch_waits_for_no_other_branch),
		cmocka_unit_test(a_pmi_behind_a_folded_loop_is_exact),
		cmocka_unit_test(the_handler_runs_and_the_guest_goes_on),
		cmocka_unit_test(wrmsr_is_counted_by_what_it_disables),
		cmocka_unit_test(a_refused_wrmsr_does_not_count),
		cmocka_unit_test(cycles_overflow_where_they_are_full),
		cmocka_unit_test(on_many_pmis),
		cmocka_unit_test(rdpmc_reads_the_pmu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
