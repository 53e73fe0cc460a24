/* SPDX-License-Identifier: MIT */
/* The classes that instructions alone decide: branches by their kind, loads and stores, exactly as
 * the code has them, whole and an instruction at a time, with the overflow where it falls. */
#include "cpu_fixture.h"

/* 50 calls, each to a JZ that is not taken and a RET; JNZ is taken but for the last; one JMP. */
GUEST(branches, "mov $50, %ebx\n1: call 2f\n dec %ebx\n jnz 1b\n lea 3f(%rip), %rax\n jmp *%rax\n"
                "2: test %ebx, %ebx\n jz 3f\n ret\n3:" EXIT);

/* LEA, NOP and PREFETCH touch nothing; REP STOS stores once, and so does one of no iteration. */
GUEST(memory, "mov $0x400000, %edi\n mov $100, %ecx\n rep stosb\n rep stosb\n mov (%rdi), %rax\n"
              "add %rax, (%rdi)\n push %rax\n pop %rbx\n lea 8(%rdi), %rsi\n nopw (%rdi)\n"
              "prefetcht0 (%rdi)\n xchg %rax, (%rdi)\n cmpq $0, (%rdi)\n movl $1, (%rdi)\n"
              "clflush (%rdi)" EXIT);

/* INT and IRETQ are far. */
GUEST(far, "int $0x80\n int $0x80\n int $0x80" EXIT);
GUEST(back, "iretq");

/* A loop that is folded, and one that runs without a hook. */
GUEST(loops, "mov $1000000, %ecx\n1: loop 1b\n mov $200000, %edi\n2: imul $7, %rax\n dec %edi\n"
             "jnz 2b" EXIT);

static const struct details_case {
	const char *name;
	const uint8_t *code, *end;
	uint64_t conditional, calls, returns, not_taken, taken, far, loads, stores, memory, both;
} cases[] = {
	{"branches", guest_branches, guest_branches_end, 100, 50, 50, 51, 50 + 50 + 49 + 1, 0, 50,
         50, 100, 0},
	{"memory", guest_memory, guest_memory_end, 0, 0, 0, 0, 0, 0, 5, 6, 9, 2},
	{"far", guest_far, guest_far_end, 0, 0, 0, 0, 0, 6, 3, 3, 6, 0},
	{"loops", guest_loops, guest_loops_end, 1200000, 0, 0, 2, 1199998, 0, 0, 0, 0, 0},
};
enum { CASES = sizeof(cases) / sizeof(cases[0]), EVENTS = 10 };

/* Each of a processor that has it, in the order of struct details_case. */
static const struct {
	const char *model;
	uint16_t event;
} events[EVENTS] = {
	{"skylake", 0x01c4}, {"skylake", 0x02c4}, {"skylake", 0x08c4}, {"skylake", 0x10c4},
	{"skylake", 0x20c4}, {"skylake", 0x40c4}, {"skylake", 0x81d0}, {"skylake", 0x82d0},
	{"skylake", 0x83d0}, {"zen2", 0x0429},
};

static uint64_t expected(const struct details_case *test, unsigned event)
{
	const uint64_t *all = &test->conditional;

	return all[event];
}

static struct fixture *begin(const struct details_case *test, unsigned event, uint64_t start)
{
	struct fixture *f = fix_make(events[event].model);

	fix_handler(f, 0x80, guest_back, guest_back_end, 0, 0);
	fix_load(f, test->code, test->end);
	fix_count(f, events[event].event, start);
	return f;
}

static void check(const struct details_case *test, unsigned event, struct fixture *f,
                  uint64_t start)
{
	uint64_t counted = (fix_counter(f) - start) & 0xffffffffffff;

	if (counted != expected(test, event))
		fail_msg("%s: event 0x%04x: %lu, not %lu", test->name, events[event].event,
		         (unsigned long)counted, (unsigned long)expected(test, event));
	fix_unmake(f);
}

static void each_event_is_what_the_code_has(void **state)
{
	for (unsigned c = 0; c < CASES; c++)
		for (unsigned e = 0; e < EVENTS; e++) {
			struct fixture *f = begin(&cases[c], e, 0);

			fix_run(f);
			check(&cases[c], e, f, 0);
		}
}

static void an_instruction_at_a_time_is_the_same(void **state)
{
	for (unsigned c = 0; c < CASES - 1; c++)
		for (unsigned e = 0; e < EVENTS; e++) {
			struct fixture *f = begin(&cases[c], e, 0);

			while (!f->exited) {
				f->deadline = cpu_unicorn.retired(f->cpu) + 1;
				cpu_unicorn.run(f->cpu);
			}
			check(&cases[c], e, f, 0);
		}
}

/* The instruction that the k-th event is, found by stepping, and by the PMI of a whole run. */
static uint64_t retired_at(const struct details_case *test, unsigned event, uint64_t k)
{
	struct fixture *f = begin(test, event, 0);
	uint64_t retired;

	while (fix_counter(f) < k) {
		f->deadline = cpu_unicorn.retired(f->cpu) + 1;
		cpu_unicorn.run(f->cpu);
	}
	retired = cpu_unicorn.retired(f->cpu);
	fix_unmake(f);
	return retired;
}

static void an_overflow_is_at_its_instruction(void **state)
{
	for (unsigned c = 0; c < CASES - 1; c++)
		for (unsigned e = 0; e < EVENTS; e++)
			for (uint64_t k = 1; k <= expected(&cases[c], e); k += 1 + k / 2) {
				uint64_t start = (UINT64_C(1) << 48) - k;
				struct fixture *f = begin(&cases[c], e, start);

				fix_run(f);
				assert_int_equal(f->pmis, 1);
				assert_int_equal(f->pmi_retired[0], retired_at(&cases[c], e, k));
				check(&cases[c], e, f, start);
			}
}

static uint64_t slots_of(const struct details_case *test, uint64_t event, uint64_t at_once)
{
	struct fixture *f = fix_make("icelake,events-length=13");
	uint64_t slots;

	fix_handler(f, 0x80, guest_back, guest_back_end, 0, 0);
	fix_load(f, test->code, test->end);
	fix_count(f, event, 0);
	if (at_once == UINT64_MAX)
		fix_run(f);
	while (!f->exited) {
		f->deadline = cpu_unicorn.retired(f->cpu) + at_once;
		cpu_unicorn.run(f->cpu);
	}
	slots = fix_counter(f);
	fix_unmake(f);
	return slots;
}

/* What became of the slots, by the architectural top-down events, and all of them. */
static void slots_have_one_cause_each(void **state)
{
	enum { CAUSES = 4, SLOTS = 0x01a4 };
	static const uint16_t causes[CAUSES] = {0x02c2, 0x02a4, 0x0073, 0x019c};

	for (unsigned c = 0; c < CASES; c++) {
		uint64_t sum = 0;

		for (unsigned e = 0; e < CAUSES; e++) {
			uint64_t whole = slots_of(&cases[c], causes[e], UINT64_MAX);

			if (c < CASES - 1)
				assert_int_equal(slots_of(&cases[c], causes[e], 1), whole);
			sum += whole;
		}
		assert_int_equal(sum, slots_of(&cases[c], SLOTS, UINT64_MAX));
		assert_true(sum > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_event_is_what_the_code_has),
		cmocka_unit_test(an_instruction_at_a_time_is_the_same),
		cmocka_unit_test(an_overflow_is_at_its_instruction),
		cmocka_unit_test(slots_have_one_cause_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
