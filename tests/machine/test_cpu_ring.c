/* SPDX-License-Identifier: MIT */
/* In which ring an instruction counts that goes from one ring to another. */
#include "cpu_fixture.h"

/* Ring 0: 7 instructions, IRETQ the last; ring 3: 9 NOP, INT to a handler that is one IRETQ, and a
 * HLT, which faults; 2 in the handler of that. */
GUEST(rings, "push $0x23\n push $0x1ff000\n pushfq\n push $0x2b\n lea 1f(%rip), %rax\n push %rax\n"
             "iretq\n1: nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop\n int $0x80\n hlt");
GUEST(back, "iretq");
GUEST(leave, "mov $0xf4, %dx\n out %al, %dx");

static const struct ring_case {
	const char *model;
	uint32_t selector, counter, stride;
	uint64_t user, kernel;
} cases[] = {
	{"intel-v2", 0x186, 0xc1, 1, 9 + 1, 7 + 1 + 2},
	{"intel-v5", 0x186, 0xc1, 1, 9 + 1, 7 + 1 + 2},
	{"amd-k7", 0xc0010000, 0xc0010004, 1, 1 + 9 + 1, 6 + 1 + 2},
	{"zen3", 0xc0010200, 0xc0010201, 2, 1 + 9 + 1, 6 + 1 + 2},
	{"zen4", 0xc0010200, 0xc0010201, 2, 1 + 9 + 1, 6 + 1 + 2},
};

static void set(struct fixture *f, uint32_t msr, uint64_t value)
{
	assert_int_equal(vpmu_pmu_guest_write(f->pmu, msr, value), VPMU_OK);
}

static uint64_t get(struct fixture *f, uint32_t msr)
{
	uint64_t value = 0;

	assert_int_equal(vpmu_pmu_guest_read(f->pmu, msr, &value), VPMU_OK);
	return value;
}

static struct fixture *begin(const struct ring_case *test, uint64_t start)
{
	struct fixture *f = fix_make(test->model);

	FIX_HANDLER(f, 13, leave);
	fix_handler(f, 0x80, guest_back, guest_back_end, 3, 0);
	FIX_LOAD(f, rings);
	vpmu_pmu_set_lvtpc(f->pmu, FIX_PMI_VECTOR);
	set(f, test->counter, start);
	set(f, test->selector, 0x5100c0);                /* USR, INT */
	set(f, test->selector + test->stride, 0x4200c0); /* OS */
	return f;
}

static void check(const struct ring_case *test, struct fixture *f, uint64_t start)
{
	assert_int_equal(get(f, test->counter), (start + test->user) & 0xffffffffffff);
	assert_int_equal(get(f, test->counter + test->stride), test->kernel);
	fix_unmake(f);
}

static void it_counts_where_the_vendor_says(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture *f = begin(&cases[i], 0);

		fix_run(f);
		check(&cases[i], f, 0);
	}
}

static void an_instruction_at_a_time_is_the_same(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture *f = begin(&cases[i], 0);

		while (!f->exited) {
			f->deadline = cpu_unicorn.retired(f->cpu) + 1;
			cpu_unicorn.run(f->cpu);
		}
		check(&cases[i], f, 0);
	}
}

/* The first instruction that counts in ring 3 overflows: IRETQ, or the first NOP. */
static void the_overflow_moves_with_it(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct ring_case *test = &cases[i];
		struct fixture *f = begin(test, 0xffffffffffff);

		fix_run(f);
		assert_int_equal(f->pmis, 1);
		assert_int_equal(f->pmi_retired[0], 5 + (test->user == 11 ? 7 : 8));
		check(test, f, 0xffffffffffff);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_counts_where_the_vendor_says),
		cmocka_unit_test(an_instruction_at_a_time_is_the_same),
		cmocka_unit_test(the_overflow_moves_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
