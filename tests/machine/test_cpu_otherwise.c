/* SPDX-License-Identifier: MIT */
/* What Unicorn does otherwise than processors, and this CPU as they do, or ends. */
#include "cpu_fixture.h"

#include <string.h>

/* Intel SDM vol. 3A 5.2.1: the base of a 64-bit code segment is ignored. The ways into it: a far
 * return, an interrupt, and the return from that. */
GUEST(code_with_a_base, "movw $0x2100, 0x800a\n push $8\n lea 1f(%rip), %rax\n push %rax\n lretq\n"
                        "1: incq " RESULTS "\n int $0x80\n incq " RESULTS "\n" EXIT);
GUEST(handler_with_a_base, "incq " RESULTS "\n iretq");

static void a_64_bit_code_segment_has_no_base(void **state)
{
	for (unsigned step = 0; step < 2; step++) {
		struct fixture *f = fix_make("intel-v2");

		FIX_HANDLER(f, 0x80, handler_with_a_base);
		FIX_LOAD(f, code_with_a_base);
		fix_set_result(f, 0, 0);
		while (step && !f->exited) {
			f->deadline = cpu_unicorn.retired(f->cpu) + 1;
			cpu_unicorn.run(f->cpu);
			assert_true(f->deadline < 20);
		}
		if (!step)
			fix_run(f);
		assert_int_equal(fix_result(f, 0), 3);
		fix_unmake(f);
	}
}

/* RCL to memory that is read-only: RFLAGS are those before it. */
GUEST(faulting_rotate, "mov $0x400000, %rbx\n andq $~2, 0x3010\n mov %cr3, %rax\n mov %rax, %cr3\n"
                       "mov %cr0, %rax\n or $0x10000, %rax\n mov %rax, %cr0\n"
                       "mov $0, %eax\n add $0, %rax\n pushfq\n pop " RESULTS "\n"
                       "mov $0, %eax\n add $0, %rax\n rcll $1, (%rbx)\n hlt");
GUEST(rotate_handler, "mov 24(%rsp), %rax\n mov %rax, 0x10008\n" EXIT);

static void a_rotate_that_faults_leaves_the_flags(void **state)
{
	const uint64_t arithmetic = 0x8d5;
	struct fixture *f = fix_make("intel-v2");

	FIX_HANDLER(f, 14, rotate_handler);
	FIX_LOAD(f, faulting_rotate);
	fix_run(f);
	assert_int_equal(fix_result(f, 0) & arithmetic, 0x44);
	assert_int_equal(fix_result(f, 1) & arithmetic, 0x44);
	fix_unmake(f);
}

/* Intel SDM vol. 2A, IRET: in IA-32e mode VM is not restored. Unicorn obeys it. */
GUEST(iret_to_virtual_8086, "push $0\n push $0x20002\n push $8\n push $0\n"
                            "movl $0x20002, 8(%rsp)\n movl $8, 4(%rsp)\n iretl");

static void virtual_8086_mode_ends_the_run(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	FIX_LOAD(f, iret_to_virtual_8086);
	f->deadline = 1000;
	assert_int_equal(cpu_unicorn.run(f->cpu), CPU_STOP_UNSUPPORTED);
	assert_non_null(strstr(cpu_unicorn.why(f->cpu), "virtual-8086"));
	fix_unmake(f);
}

/* Intel SDM vol. 2B, MOV to and from control registers, in 64-bit mode: paging without protection
 * (CR0.PG, PE), NW without CD, bit 32, no paging; long mode without CR4.PAE. Then what is taken. */
#define TRY_CR(cr, set, clear)                                                                     \
	"mov %cr" cr ", %rax\n mov $" set ", %rbx\n or %rbx, %rax\n mov $~" clear ", %rbx\n"       \
	"and %rbx, %rax\n mov %rax, %cr" cr "\n"
GUEST(impossible_modes,
      "mov %cr0, %r12\n mov %cr4, %r13\n" TRY_CR("0", "0", "1")
              TRY_CR("0", "0x20000000", "0x40000000") TRY_CR("0", "0x100000000",
                                                             "0") TRY_CR("0", "0", "0x80000000")
                      TRY_CR("4", "0",
                             "0x20") "mov %cr0, %rax\n sub %r12, %rax\n mov %rax, 0x10008\n mov "
                                     "%cr4, %rax\n sub %r13, %rax\n"
                                     "mov %rax, 0x10010\n" TRY_CR("0", "0x60000000", "0")
                                             TRY_CR("4", "0x100",
                                                    "0") "mov %cr0, %rax\n and $0x60000000, %eax\n "
                                                         "mov %rax, 0x10018\n" EXIT);
GUEST(skips_mov_to_cr, "incq " RESULTS "\n add $8, %rsp\n addq $3, (%rsp)\n iretq");

static void no_mov_to_cr_leads_into_a_mode_that_there_is_not(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	FIX_HANDLER(f, 13, skips_mov_to_cr);
	FIX_LOAD(f, impossible_modes);
	fix_set_result(f, 0, 0);
	fix_run(f);
	assert_int_equal(fix_result(f, 0), 5);
	assert_int_equal(fix_result(f, 1), 0);
	assert_int_equal(fix_result(f, 2), 0);
	assert_int_equal(fix_result(f, 3), 0x60000000);
	fix_unmake(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_64_bit_code_segment_has_no_base),
		cmocka_unit_test(a_rotate_that_faults_leaves_the_flags),
		cmocka_unit_test(virtual_8086_mode_ends_the_run),
		cmocka_unit_test(no_mov_to_cr_leads_into_a_mode_that_there_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
