/* SPDX-License-Identifier: MIT */
/* Exceptions and interrupts through the guest's IDT: vectors, frames, rings, stacks, nesting. */
#include <stdlib.h>

#include <machine/pack.h>

#include "cpu_fixture.h"

#include <string.h>

/* Handlers that note the frame at results 0-7 and go on behind an instruction of 2 bytes. */
#define NOTE(with_error, skip)                                                                     \
	"push %rax\n push %rbx\n lea 16(%rsp), %rbx\n" with_error                                  \
	"mov (%rbx), %rax\n mov %rax, 0x10008\n mov 8(%rbx), %rax\n mov %rax, 0x10010\n"           \
	"mov 16(%rbx), %rax\n mov %rax, 0x10018\n mov 24(%rbx), %rax\n mov %rax, 0x10020\n"        \
	"mov 32(%rbx), %rax\n mov %rax, 0x10028\n mov %cr2, %rax\n mov %rax, 0x10030\n"            \
	"mov %rsp, 0x10038\n addq $" #skip ", (%rbx)\n pop %rbx\n pop %rax\n"

GUEST(note, NOTE("", 2) "iretq");
GUEST(note_error,
      NOTE("mov (%rbx), %rax\n mov %rax, 0x10000\n add $8, %rbx\n", 2) "add $8, %rsp\n iretq");
GUEST(note_error3,
      NOTE("mov (%rbx), %rax\n mov %rax, 0x10000\n add $8, %rbx\n", 3) "add $8, %rsp\n iretq");
GUEST(note_trap, NOTE("", 0) "iretq");

enum { ERROR, RIP, CS, FLAGS, RSP, SS, CR2, HANDLER_RSP };

GUEST(ud, "ud2" EXIT);
static void invalid_opcode(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	FIX_HANDLER(f, 6, note);
	FIX_LOAD(f, ud);
	fix_run(f);
	assert_int_equal(fix_result(f, RIP), FIX_CODE);
	assert_int_equal(fix_result(f, CS), FIX_CODE64);
	assert_int_equal(fix_result(f, RSP), FIX_STACK);
	assert_int_equal(fix_result(f, SS), FIX_DATA64);
	fix_unmake(f);
}

GUEST(gp, "mov $0x50, %eax\n mov %eax, %ds" EXIT);
static void general_protection_has_its_selector(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	FIX_HANDLER(f, 13, note_error);
	FIX_LOAD(f, gp);
	fix_run(f);
	assert_int_equal(fix_result(f, ERROR), 0x50);
	assert_int_equal(fix_result(f, RIP), FIX_CODE + 5);
	fix_unmake(f);
}

GUEST(note_eight, "pop %rax\n mov %rax, 0x10000\n mov (%rsp), %rax\n mov %rax, 0x10008\n"
                  "addq $8, (%rsp)\n iretq");
GUEST(ldmxcsr, "movl $0x10000, 0x400000\n mov %cr4, %rax\n or $0x600, %eax\n mov %rax, %cr4\n"
               "1: ldmxcsr 0x400000" EXIT);
GUEST(fxrstor, "mov %cr4, %rax\n or $0x200, %eax\n mov %rax, %cr4\n fxsave 0x400000\n movl "
               "$0xffbf1f80, 0x400018\n xorps %xmm0, %xmm0\n"
               "1: fxrstor 0x400000" EXIT);
static void a_reserved_bit_of_mxcsr_is_general_protection(const uint8_t *code, const uint8_t *end)
{
	struct fixture *f = fix_make("intel-v2");
	struct pack pack = {0};
	struct unpack saved;

	FIX_HANDLER(f, 13, note_eight);
	fix_load(f, code, end);
	fix_run(f);
	assert_int_equal(fix_result(f, ERROR), 0);
	assert_true(fix_result(f, RIP) > FIX_CODE + 8);
	assert_true(cpu_unicorn.save(f->cpu, &pack));
	saved = (struct unpack){.bytes = pack.bytes, .count = pack.used};
	assert_true(cpu_unicorn.restores(&saved));
	free(pack.bytes);
	fix_unmake(f);
}

static void ldmxcsr_of_a_reserved_bit(void **state)
{
	a_reserved_bit_of_mxcsr_is_general_protection(guest_ldmxcsr, guest_ldmxcsr_end);
}

static void fxrstor_of_a_reserved_bit(void **state)
{
	a_reserved_bit_of_mxcsr_is_general_protection(guest_fxrstor, guest_fxrstor_end);
}

GUEST(pf, "movabs $0x3000000123, %rbx\n xor %eax, %eax\n mov %rax, (%rbx)" EXIT);
static void page_fault_has_cr2_and_its_error(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	FIX_HANDLER(f, 14, note_error3);
	FIX_LOAD(f, pf);
	fix_run(f);
	assert_int_equal(fix_result(f, ERROR), 2);
	assert_int_equal(fix_result(f, CR2), 0x3000000123);
	assert_int_equal(fix_result(f, RIP), FIX_CODE + 12);
	fix_unmake(f);
}

GUEST(noncanonical, "movabs $0x1234567890123456, %rbx\n mov (%rbx), %rax" EXIT);
static void a_noncanonical_address_is_general_protection(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	FIX_HANDLER(f, 13, note_error3);
	FIX_LOAD(f, noncanonical);
	fix_run(f);
	assert_int_equal(fix_result(f, ERROR), 0);
	assert_int_equal(fix_result(f, RIP), FIX_CODE + 10);
	fix_unmake(f);
}

GUEST(divide, "xor %ecx, %ecx\n div %ecx" EXIT);
static void divide_error(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	FIX_HANDLER(f, 0, note);
	FIX_LOAD(f, divide);
	fix_run(f);
	assert_int_equal(fix_result(f, RIP), FIX_CODE + 2);
	fix_unmake(f);
}

GUEST(traps, "stc\n int3\n int $0x80" EXIT);
static void software_interrupts_have_rip_behind_them(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	FIX_HANDLER(f, 3, note_trap);
	FIX_LOAD(f, traps);
	f->deadline = cpu_unicorn.retired(f->cpu) + 2;
	assert_int_equal(cpu_unicorn.run(f->cpu), CPU_STOP_DEADLINE);
	f->deadline = UINT64_MAX;
	fix_handler(f, 0x80, guest_note_trap, guest_note_trap_end, 0, 0);
	fix_run(f);
	assert_int_equal(fix_result(f, RIP), FIX_CODE + 4);
	assert_int_equal(fix_result(f, FLAGS) & 1, 1);
	fix_unmake(f);
}

/* Into ring 3 and back by INT; in between, what ring 3 may not do. */
#define TO_USER                                                                                    \
	"push $0x23\n push $0x1ff000\n pushfq\n push $0x2b\n lea 1f(%rip), %rax\n push %rax\n"     \
	"iretq\n1:"
GUEST(user, TO_USER "mov %cs, %eax\n mov %eax, 0x10040\n xor %ecx, %ecx\n rdmsr\n int $0x80");
GUEST(leave, "mov $0xf4, %dx\n out %al, %dx");
static void ring_3_and_back(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	FIX_HANDLER(f, 13, note_error);
	fix_handler(f, 0x80, guest_leave, guest_leave_end, 3, 0);
	FIX_LOAD(f, user);
	fix_run(f);
	assert_int_equal(fix_result(f, 8), FIX_USER_CODE);
	assert_int_equal(fix_result(f, CS), FIX_USER_CODE);
	assert_int_equal(fix_result(f, SS), FIX_USER_DATA);
	assert_int_equal(fix_result(f, RSP), 0x1ff000);
	assert_in_range(fix_result(f, HANDLER_RSP), FIX_KERNEL_STACK - 100, FIX_KERNEL_STACK);
	fix_unmake(f);
}

/* A gate that ring 3 may not use: #GP with the gate's number, and INT has not retired. */
static void a_gate_of_ring_0_refuses_ring_3(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	FIX_HANDLER(f, 0x80, leave);
	FIX_HANDLER(f, 13, leave);
	FIX_LOAD(f, user);
	f->deadline = cpu_unicorn.retired(f->cpu) + 7 + 3;
	assert_int_equal(cpu_unicorn.run(f->cpu), CPU_STOP_DEADLINE);
	f->deadline = UINT64_MAX;
	FIX_HANDLER(f, 13, note_error);
	fix_set_result(f, ERROR, 0);
	f->deadline = cpu_unicorn.retired(f->cpu) + 40;
	cpu_unicorn.run(f->cpu);
	assert_int_equal(fix_result(f, ERROR), 0x80 * 8 + 2);
	fix_unmake(f);
}

static void ist_stack(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	fix_handler(f, 6, guest_note, guest_note_end, 0, 1);
	FIX_LOAD(f, ud);
	fix_run(f);
	assert_int_equal(fix_result(f, RSP), FIX_STACK);
	assert_in_range(fix_result(f, HANDLER_RSP), FIX_IST_STACK - 100, FIX_IST_STACK);
	fix_unmake(f);
}

GUEST(double, "movabs $0x3000000000, %rsp\n xor %eax, %eax\n mov %eax, %es\n push %rax" EXIT);
static void a_fault_on_a_bad_stack_is_a_double_fault(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	FIX_HANDLER(f, 14, note);
	fix_handler(f, 8, guest_leave, guest_leave_end, 0, 1);
	FIX_LOAD(f, double);
	fix_run(f);
	fix_unmake(f);
}

static void a_fault_in_that_is_a_triple_fault(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	FIX_LOAD(f, double);
	assert_int_equal(cpu_unicorn.run(f->cpu), CPU_STOP_TRIPLE_FAULT);
	assert_non_null(strstr(cpu_unicorn.why(f->cpu), "14"));
	assert_int_equal(cpu_unicorn.run(f->cpu), CPU_STOP_TRIPLE_FAULT);
	fix_unmake(f);
}

GUEST(syscall, "mov $0xc0000081, %ecx\n xor %eax, %eax\n mov $0x00180008, %edx\n wrmsr\n"
               "inc %ecx\n lea 9f(%rip), %rax\n xor %edx, %edx\n wrmsr\n"
               "mov $0xc0000084, %ecx\n mov $0x200, %eax\n xor %edx, %edx\n wrmsr\n"
               "push $0x23\n push $0x1ff000\n push $0x202\n push $0x2b\n lea 1f(%rip), %rax\n"
               "push %rax\n iretq\n"
               "1: syscall\n mov %cs, %eax\n mov %eax, 0x10018\n int $0x80\n"
               "9: pushfq\n popq 0x10000\n mov %cs, %eax\n mov %eax, 0x10008\n mov %r11, 0x10010\n"
               "sysretq");
static void syscall_and_sysret(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	fix_handler(f, 0x80, guest_leave, guest_leave_end, 3, 0);
	FIX_LOAD(f, syscall);
	fix_run(f);
	assert_int_equal(fix_result(f, 0) & 0x200, 0);
	assert_int_equal(fix_result(f, 1), FIX_CODE64);
	assert_int_equal(fix_result(f, 2), 0x202);
	assert_int_equal(fix_result(f, 3) & 3, 3);
	fix_unmake(f);
}

/* The instruction after STI is in its shadow; STI, CLI lets nothing through. */
GUEST(shadow, "sti\n cli\n nop\n incq 0x10000\n sti\n incq 0x10000\n incq 0x10000\n cli" EXIT);
GUEST(copy, "push %rax\n mov 0x10000, %rax\n mov %rax, 0x10008\n pop %rax\n iretq");
static void the_shadow_of_sti(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	FIX_HANDLER(f, FIX_PMI_VECTOR, copy);
	FIX_LOAD(f, shadow);
	f->pmi_pending = true;
	fix_run(f);
	assert_int_equal(fix_result(f, 1), 2);
	assert_int_equal(fix_result(f, 0), 3);
	fix_unmake(f);
}

/* STI, HLT: the interrupt wakes, and comes with RIP behind HLT. */
GUEST(halt, "sti\n hlt\n incq 0x10000" EXIT);
static void halt_waits_for_an_interrupt(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	FIX_HANDLER(f, FIX_PMI_VECTOR, note_trap);
	FIX_LOAD(f, halt);
	assert_int_equal(cpu_unicorn.run(f->cpu), CPU_STOP_HALTED);
	assert_int_equal(cpu_unicorn.run(f->cpu), CPU_STOP_HALTED);
	f->pmi_pending = true;
	fix_run(f);
	assert_int_equal(fix_result(f, RIP), FIX_CODE + 2);
	fix_unmake(f);
}

/* A second NMI waits for the first one's IRET. */
GUEST(nmis, "nop\n nop\n nop" EXIT);
GUEST(nmi_handler, "incq 0x10000\n nop\n cmpq $1, 0x10000\n jne 1f\n mov %rsp, 0x10008\n"
                   "1: mov %rsp, 0x10010\n iretq");
static void an_nmi_blocks_the_next_until_iret(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	FIX_HANDLER(f, 2, nmi_handler);
	FIX_LOAD(f, nmis);
	f->nmi_pending = true;
	f->deadline = cpu_unicorn.retired(f->cpu) + 1;
	assert_int_equal(cpu_unicorn.run(f->cpu), CPU_STOP_DEADLINE);
	f->nmi_pending = true;
	f->deadline = UINT64_MAX;
	fix_run(f);
	assert_int_equal(fix_result(f, 0), 2);
	assert_int_equal(fix_result(f, 1), fix_result(f, 2));
	fix_unmake(f);
}

/* The guest steps itself: #DB after each instruction, with DR6.BS. */
GUEST(own_trap, "pushfq\n orq $0x100, (%rsp)\n popfq\n nop\n nop\n pushfq\n andq $~0x100, (%rsp)\n"
                "popfq" EXIT);
GUEST(count_traps,
      "incq 0x10000\n push %rax\n mov %db6, %rax\n mov %rax, 0x10008\n pop %rax\n iretq");
static void the_guest_may_single_step_itself(void **state)
{
	struct fixture *f = fix_make("intel-v2");
	uint64_t start;

	FIX_HANDLER(f, 1, count_traps);
	FIX_LOAD(f, own_trap);
	start = cpu_unicorn.retired(f->cpu);
	fix_run(f);
	assert_in_range(fix_result(f, 0), 5, 6); /* POPF that sets TF may or may not trap itself */
	assert_int_equal(fix_result(f, 1) & 0x4000, 0x4000);
	assert_int_equal(cpu_unicorn.retired(f->cpu) - start, 8 + 2 + 6 * fix_result(f, 0));
	fix_unmake(f);
}

/* Our stepping does not show in PUSHF. */
GUEST(pushf, "pushfq\n popq 0x10000\n stc\n pushfq\n popq 0x10008" EXIT);
static void stepping_does_not_show(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	FIX_LOAD(f, pushf);
	while (!f->exited) {
		f->deadline = cpu_unicorn.retired(f->cpu) + 1;
		cpu_unicorn.run(f->cpu);
	}
	assert_int_equal(fix_result(f, 0) & 0x100, 0);
	assert_int_equal(fix_result(f, 1) & 0x101, 1);
	fix_unmake(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(invalid_opcode),
		cmocka_unit_test(general_protection_has_its_selector),
		cmocka_unit_test(ldmxcsr_of_a_reserved_bit),
		cmocka_unit_test(fxrstor_of_a_reserved_bit),
		cmocka_unit_test(page_fault_has_cr2_and_its_error),
		cmocka_unit_test(a_noncanonical_address_is_general_protection),
		cmocka_unit_test(divide_error),
		cmocka_unit_test(software_interrupts_have_rip_behind_them),
		cmocka_unit_test(ring_3_and_back),
		cmocka_unit_test(a_gate_of_ring_0_refuses_ring_3),
		cmocka_unit_test(ist_stack),
		cmocka_unit_test(a_fault_on_a_bad_stack_is_a_double_fault),
		cmocka_unit_test(a_fault_in_that_is_a_triple_fault),
		cmocka_unit_test(syscall_and_sysret),
		cmocka_unit_test(the_shadow_of_sti),
		cmocka_unit_test(halt_waits_for_an_interrupt),
		cmocka_unit_test(an_nmi_blocks_the_next_until_iret),
		cmocka_unit_test(the_guest_may_single_step_itself),
		cmocka_unit_test(stepping_does_not_show),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
