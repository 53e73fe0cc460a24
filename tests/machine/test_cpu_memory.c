/* SPDX-License-Identifier: MIT */
/* What addresses stand for: mappings at the top, in between, to devices, to nothing. */
#include "cpu_fixture.h"

#include <string.h>

static void map(struct fixture *f, uint64_t at, uint64_t value)
{
	memcpy(f->memory + at, &value, sizeof(value));
}

/* Tables of the top 2 MiB below 4 GiB from the end, in free memory: a page of them at `slot`. */
enum { PDPT = 0x300000, PD = 0x301000, PT = 0x302000 };

#define TOP UINT64_C(0xfffffffff0000000)

static void map_top(struct fixture *f, unsigned slot, uint64_t physical)
{
	map(f, FIX_TABLES + 8 * 511, PDPT | 7);
	map(f, PDPT + 8 * (TOP >> 30 & 511), PD | 7);
	map(f, PD + 8 * (TOP >> 21 & 511), PT | 7);
	map(f, PT + 8 * slot, physical | 7);
}

GUEST(top, "mov $0xfffffffff0001000, %rbx\n mov (%rbx), %rax\n mov %rax, 0x10000\n"
           "movq $0x77, 8(%rbx)\n"
           "movq $0x501007, 0x302008\n invlpg (%rbx)\n mov (%rbx), %rax\n mov %rax, 0x10008\n"
           "movq $0x502007, 0x302008\n mov %cr3, %rax\n mov %rax, %cr3\n mov (%rbx), %rax\n"
           "mov %rax, 0x10010" EXIT);
static void mappings_at_the_top_and_their_change(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	map_top(f, 1, 0x500000);
	map(f, 0x500000, 0x1111);
	map(f, 0x501000, 0x2222);
	map(f, 0x502000, 0x3333);
	FIX_LOAD(f, top);
	fix_run(f);
	assert_int_equal(fix_result(f, 0), 0x1111);
	assert_int_equal(fix_result(f, 1), 0x2222);
	assert_int_equal(fix_result(f, 2), 0x3333);
	assert_int_equal(f->memory[0x500008], 0x77);
	fix_unmake(f);
}

/* Code runs there, too, and may be rewritten through its other address. */
GUEST(code_at_top,
      "mov $0xfffffffff0001000, %rbx\n mov $40, %r12d\n1: call *%rbx\n mov %eax, 0x10000\n"
      "dec %r12d\n jnz 1b" EXIT);
GUEST(callee, "mov $5, %eax\n ret");
static void code_in_a_mapping_at_the_top(void **state)
{
	struct fixture *f = fix_make("intel-v2");
	uint64_t start;

	map_top(f, 1, 0x500000);
	memcpy(f->memory + 0x500000, guest_callee, (size_t)(guest_callee_end - guest_callee));
	FIX_LOAD(f, code_at_top);
	start = cpu_unicorn.retired(f->cpu);
	fix_run(f);
	assert_int_equal(fix_result(f, 0), 5);
	assert_int_equal(cpu_unicorn.retired(f->cpu) - start, 2 + 40 * 6 + 2);
	fix_unmake(f);
}

/* A higher half, mapped by large pages: code, data and stack in it. */
GUEST(higher_half,
      "mov $0xffff800000000000, %rax\n lea 1f(%rip), %rbx\n add %rax, %rbx\n"
      "add %rax, %rsp\n jmp *%rbx\n"
      "1: mov %rsp, 0x10008(%rip)\n call 2f\n2: pop %rcx\n mov $0xffff800000010000, %rdx\n"
      "mov %rcx, (%rdx)" EXIT);
static void a_higher_half(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	map(f, FIX_TABLES + 8 * 256, (FIX_TABLES + 0x1000) | 7);
	FIX_LOAD(f, higher_half);
	fix_run(f);
	assert_int_equal(fix_result(f, 0) >> 47, UINT64_MAX >> 47);
	fix_unmake(f);
}

/* Touched before it is mapped: a page fault; mapped by the handler: it works. */
GUEST(late,
      "mov $0x5000000000, %rbx\n mov (%rbx), %rax\n mov %rax, 0x10000\n movq $9, 8(%rbx)" EXIT);
GUEST(map_it, "movq $0x300007, 0x1000\n incq 0x10008\n add $8, %rsp\n iretq");
static void memory_that_is_mapped_late(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	/* A second first table, with what the first has and one entry more. */
	memcpy(f->memory + PDPT, f->memory + FIX_TABLES + 0x1000, 4096);
	map(f, PDPT + 8 * (UINT64_C(0x5000000000) >> 30 & 511), PD | 7);
	map(f, PD, PT | 7);
	map(f, PT, 0x500000 | 7);
	map(f, 0x500000, 0x4444);
	FIX_HANDLER(f, 14, map_it);
	FIX_LOAD(f, late);
	fix_run(f);
	assert_int_equal(fix_result(f, 0), 0x4444);
	assert_int_equal(fix_result(f, 1), 1);
	assert_int_equal(f->memory[0x500008], 9);
	fix_unmake(f);
}

/*
 * A page table that is executed. The entry for TOP, 8b 00…, is MOV (%RAX), %EAX; the accessed
 * and dirty bits make it eb 00, a JMP to what follows: three ADD %AL, (%RAX), and in the next entry
 * a RET.
 */
enum { ENTRY = 0x301c00 };

GUEST(table,
      "movq $0x10080, 0x10040\n mov $0x10040, %eax\n mov $0x301c00, %ebx\n call *%rbx\n"
      "mov $0xfffffffff0010200, %rcx\n movb $1, (%rcx)\n mov $0x10040, %eax\n call *%rbx" EXIT);
static void a_page_table_that_is_executed(void **state)
{
	struct fixture *f = fix_make("intel-v2");
	uint64_t start;

	map_top(f, 0, 0);
	assert_int_equal(ENTRY, PD + 8 * (TOP >> 21 & 511));
	map(f, ENTRY, 0x8b);
	map(f, ENTRY + 8, 0xc2);
	FIX_LOAD(f, table);
	start = cpu_unicorn.retired(f->cpu);
	fix_run(f);
	assert_int_equal(f->memory[ENTRY], 0xeb);
	assert_int_equal(f->memory[0x10200], 1);
	assert_int_equal(fix_result(f, 16), 0x80);
	assert_int_equal(fix_result(f, 8), 0x10040);
	assert_int_equal(cpu_unicorn.retired(f->cpu) - start, 8 + 2 * 5 + 2);
	fix_unmake(f);
}

/*
 * The first 2 MiB are made another memory, and nobody tells the CPU, or it is told. What it
 * then executes may be what was there or what is; it is executed as what it is. LDMXCSR of a
 * reserved bit is #GP.
 */
GUEST(moved, "mov %cr4, %rax\n or $0x600, %eax\n mov %rax, %cr4\n movl $0x10000, 0x500000\n"
             "movl $0x1f80, 0x500004\n ldmxcsr 0x500004\n"
             "movq $0x600087, 0x3000\n cmpl $0, 0x500020\n jz 1f\n mov %cr3, %rax\n"
             "mov %rax, %cr3\n1: jmp 2f\n.balign 64\n2: ldmxcsr 0x500000\n jmp 3f\n"
             ".balign 64\n3: stmxcsr 0x500008" EXIT);
GUEST(general_protection, "movl $0xd, 0x500010\n stmxcsr 0x500008\n mov $0xf4, %dx\n out %al, %dx");
static void move_code(bool told)
{
	struct fixture *f = fix_make("intel-v2");
	uint32_t mxcsr;

	FIX_HANDLER(f, 13, general_protection);
	FIX_LOAD(f, moved);
	memcpy(f->memory + 0x600000, f->memory, 0x200000);
	for (unsigned at = 0x600000 + FIX_CODE;; at++) { /* LDMXCSR, the second one: three NOPs … */
		if (memcmp(f->memory + at, "\x0f\xae\x14\x25\x00\x00\x50\x00", 8))
			continue;
		memset(f->memory + at, 0x90, 8);
		break;
	}
	f->memory[0x500020] = told;
	if (cpu_unicorn.run(f->cpu) == CPU_STOP_UNSUPPORTED) {
		assert_non_null(strstr(cpu_unicorn.why(f->cpu), "takes Unicorn 2.1"));
	} else {
		assert_true(f->exited);
		memcpy(&mxcsr, f->memory + 0x500008, 4);
		assert_int_equal(mxcsr, 0x1f80);
		assert_true(!told || !f->memory[0x500010]);
	}
	fix_unmake(f);
}

static void code_that_is_moved(void **state)
{
	move_code(true);
}

static void code_that_is_moved_and_nobody_is_told(void **state)
{
	move_code(false);
}

GUEST(device, "mov $0xfee00000, %ebx\n nop\n movl $0x55, 0x80(%rbx)\n nop\n mov 0x80(%rbx), %eax\n"
              "mov %eax, 0x10000\n movl $0x66, (%rbx)\n nop" EXIT);
static void device_memory(void **state)
{
	struct fixture *f = fix_make("intel-v2");
	uint64_t start;

	FIX_LOAD(f, device);
	start = cpu_unicorn.retired(f->cpu);
	fix_run(f);
	assert_int_equal(f->device_writes, 2);
	assert_int_equal(f->device_value, 0x66);
	assert_int_equal(fix_result(f, 0), 0x55);
	assert_int_equal(cpu_unicorn.retired(f->cpu) - start, 8 + 2);
	fix_unmake(f);
}

/* Once a block is known to touch a device, the time of an access is exact. */
GUEST(device_loop,
      "mov $0xfee00000, %ebx\n mov $5, %ecx\n1: nop\n movl $1, (%rbx)\n nop\n dec %ecx\n"
      "jnz 1b" EXIT);
static void the_time_of_a_device_access(void **state)
{
	struct fixture *f = fix_make("intel-v2");
	uint64_t start;

	FIX_LOAD(f, device_loop);
	start = cpu_unicorn.retired(f->cpu);
	fix_run(f);
	assert_int_equal(f->device_retired - start, 2 + 4 * 5 + 1);
	fix_unmake(f);
}

GUEST(nothing, "mov $0xd0000000, %edx\n mov (%rdx), %eax\n mov %eax, 0x10000\n movl $1, (%rdx)\n "
               "mov $0x2000000, %ebx\n"
               "mov (%rbx), %rax\n mov %rax, 0x10008" EXIT);
static void where_there_is_nothing_ones_are_read(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	FIX_LOAD(f, nothing);
	fix_run(f);
	assert_int_equal(fix_result(f, 0), UINT32_MAX);
	assert_int_equal(fix_result(f, 1), UINT64_MAX);
	fix_unmake(f);
}

GUEST(lost, "nop\n mov $0xc0000000, %eax\n jmp *%rax");
static void execution_where_there_is_nothing_ends_the_run(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	FIX_LOAD(f, lost);
	assert_int_equal(cpu_unicorn.run(f->cpu), CPU_STOP_UNSUPPORTED);
	assert_non_null(strstr(cpu_unicorn.why(f->cpu), "0xc0000000"));
	fix_unmake(f);
}

/* A page that is not writable, not for ring 3, not for code. */
GUEST(read_only, "mov $0xfffffffff0001000, %rbx\n mov (%rbx), %rax\n movq $1, (%rbx)" EXIT);
GUEST(note_error, "popq 0x10000\n addq $7, (%rsp)\n iretq");
static void page_permissions(void **state)
{
	struct fixture *f = fix_make("intel-v2");

	map_top(f, 1, 0x500000);
	map(f, PT + 8, 0x500000 | 5);
	FIX_HANDLER(f, 14, note_error);
	FIX_LOAD(f, read_only);
	fix_run(f);
	assert_int_equal(fix_result(f, 0), 3);
	fix_unmake(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mappings_at_the_top_and_their_change),
		cmocka_unit_test(code_in_a_mapping_at_the_top),
		cmocka_unit_test(a_higher_half),
		cmocka_unit_test(memory_that_is_mapped_late),
		cmocka_unit_test(a_page_table_that_is_executed),
		cmocka_unit_test(code_that_is_moved),
		cmocka_unit_test(code_that_is_moved_and_nobody_is_told),
		cmocka_unit_test(device_memory),
		cmocka_unit_test(the_time_of_a_device_access),
		cmocka_unit_test(where_there_is_nothing_ones_are_read),
		cmocka_unit_test(execution_where_there_is_nothing_ends_the_run),
		cmocka_unit_test(page_permissions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
