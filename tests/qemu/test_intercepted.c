/* SPDX-License-Identifier: MIT */
/* CPUID, RDMSR, WRMSR, RDPMC; a PMU that is broken; a reset. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "guest.h"

static void test_cpuid_shows_the_pmu(void **state)
{
	begin();
	CODE("\x0f\xa2\x90\xf4");
	fake.reg[FAKE_RAX] = 0xa;
	fake_run();
	assert_int_equal(fake.reg[FAKE_RAX] & 0xffff, 0x402);
	assert_int_equal(fake.reg[FAKE_RDX] & 0x1f, 3);
}

static void test_the_highest_leaf_has_the_pmu_in_it(void **state)
{
	begin();
	CODE("\x0f\xa2\xf4");
	fake_run();
	assert_int_equal(fake.reg[FAKE_RAX], 0xa);
}

static void test_a_cpu_of_another_vendor_has_no_pmu(void **state)
{
	begin_with("model=zen2", NULL);
	CODE("\x0f\xa2\x90\xf4");
	fake_run();
	assert_true(plugin.off);
}

static void test_wrmsr_counts_by_what_was_before_it(void **state)
{
	begin();
	write_msr(SEL0, SEL_INSNS);
	write_msr(GLOBAL_CTRL, 0);
	CODE("\x0f\x30\x90\x90\xf4");
	fake.reg[FAKE_RCX] = GLOBAL_CTRL;
	fake.reg[FAKE_RAX] = 1;
	fake_run();
	assert_int_equal(read_msr(PMC0), 3); /* the NOPs and the HLT */
	fake.reg[FAKE_RAX] = 0;
	fake_run();
	assert_int_equal(read_msr(PMC0), 4); /* the WRMSR that stops it */
}

static void test_rdmsr_reads_the_machine(void **state)
{
	begin();
	write_msr(PMC0, 0x1234567);
	CODE("\x0f\x32\x90\xf4");
	fake.reg[FAKE_RCX] = PMC0;
	fake_run();
	assert_int_equal(fake.reg[FAKE_RAX], 0x1234567);
	assert_int_equal(fake.reg[FAKE_RDX], 0);
}

static void test_a_refused_write_raises_gp_with_rcx_as_it_was(void **state)
{
	begin();
	CODE("\x90\x0f\x30\x90\xf4");
	fake.reg[FAKE_RCX] = GLOBAL_CTRL;
	fake.reg[FAKE_RAX] = 0x80; /* no such counter */
	fake_run();
	assert_int_equal(fake.reg[FAKE_RIP], FAKE_HANDLER_GP);
	assert_int_equal(fake.reg[FAKE_RCX], GLOBAL_CTRL);
}

static void test_a_register_that_the_model_lacks_raises_gp(void **state)
{
	begin_with("model=intel-v1", NULL);
	CODE("\x0f\x32\x90\xf4");
	fake.reg[FAKE_RCX] = FIXED0;
	fake_run();
	assert_int_equal(fake.reg[FAKE_RIP], FAKE_HANDLER_GP);
}

static void test_an_msr_of_others_is_qemus(void **state)
{
	begin();
	CODE("\x0f\x32\x90\xf4");
	fake.reg[FAKE_RCX] = 0xce;
	fake.reg[FAKE_RAX] = 77;
	fake_run();
	assert_int_equal(fake.reg[FAKE_RAX], 0);
	assert_int_not_equal(fake.reg[FAKE_RIP], FAKE_HANDLER_GP);
}

static void check_rdpmc(void)
{
	uint64_t sp = fake.reg[FAKE_RSP], flags = 0x202;

	fake.reg[FAKE_EFLAGS] = flags;
	write_msr(PMC0, 0x7654321);
	fake_run();
	assert_int_equal(fake.reg[FAKE_RAX], 0x7654321);
	assert_int_equal(fake.reg[FAKE_RSP], sp);
	assert_int_equal(fake.reg[FAKE_EFLAGS], flags);
	assert_int_equal(fake.reg[FAKE_RIP] & ~UINT64_C(15), FAKE_CODE);
}

static void test_rdpmc_at_a_blocks_start(void **state)
{
	begin();
	CODE("\x0f\x33\x90\xf4");
	check_rdpmc();
	assert_int_equal(plugin.cpu[0]->stat.undone, 0);
}

static void test_rdpmc_inside_a_block_is_undone(void **state)
{
	begin();
	CODE("\x90\x90\x0f\x33\x90\xf4");
	check_rdpmc();
	assert_int_equal(plugin.cpu[0]->stat.undone, 1);
}

static void test_rdpmc_counts(void **state)
{
	begin();
	count_from(SEL_INSNS, 1000);
	CODE("\x90\x90\x0f\x33\x90\xf4");
	fake_run();
	assert_int_equal((uint16_t)(read_msr(PMC0) + 1000), 5);
}

static void test_rdpmc_of_no_counter_raises_gp(void **state)
{
	begin();
	CODE("\x0f\x01\x1f\x90\x0f\x33\x90\xf4"); /* LIDT, …, RDPMC */
	fake.reg[FAKE_RCX] = 77;
	fake_run();
	assert_int_equal(fake.reg[FAKE_RIP], FAKE_HANDLER_GP);
	assert_memory_equal(fake.memory + fake.reg[FAKE_RSP] + 8, &(uint64_t){FAKE_CODE + 4},
	                    sizeof(uint64_t));
}

/* What a guest that lets counter 0 count instructions finds in it after two NOPs; 0xffff: it was
 * refused. */
static uint64_t broken_count(void)
{
	static const uint32_t writes[][2] = {{AMD_SEL0, 0x5300c0}, {AMD_CTR0, 5}};

	for (unsigned i = 0; i < ARRAY_SIZE(writes); i++) {
		CODE("\x0f\x30\xf4"); /* WRMSR */
		fake.reg[FAKE_RCX] = writes[i][0];
		fake.reg[FAKE_RAX] = writes[i][1];
		fake.reg[FAKE_RDX] = 0;
		fake_run();
		if (fake.reg[FAKE_RIP] == FAKE_HANDLER_GP)
			return 0xffff;
	}
	CODE("\x90\x90\xf4");
	fake_run();
	CODE("\x0f\x32\x90\xf4");
	fake.reg[FAKE_RCX] = AMD_CTR0;
	fake_run();
	return fake.reg[FAKE_RAX];
}

static void begin_on_linux(const char *fault)
{
	assert_int_equal(guest_start("model=zen2", fault, "profile=linux-6.12"), 0);
}

static void test_a_counter_that_the_host_has_drops_writes(void **state)
{
	begin_with("model=zen2", "fault=taken:0");
	assert_int_equal(broken_count(), 0);
	begin_with("model=zen2", "fault=taken:1");
	assert_true(broken_count() > 5);
}

static void test_a_denied_event_counts_nothing(void **state)
{
	begin_on_linux("fault=deny:0xc0");
	assert_int_equal(broken_count(), 5);
	begin_on_linux("fault=deny:0xc2");
	assert_true(broken_count() > 5);
}

static void test_creations_that_fail_count_nothing(void **state)
{
	begin_on_linux("fault=fail-create:1000");
	assert_int_equal(broken_count(), 5);
}

static void test_a_reset_resets_the_pmu(void **state)
{
	begin();
	write_msr(PMC0, 123);
	at_reset(0, NULL);
	assert_int_equal(read_msr(PMC0), 0);
}

static void test_a_reset_leaves_it_where_it_is_asked_to(void **state)
{
	begin_with("model=intel-v2", "reset=keep");
	write_msr(PMC0, 123);
	at_reset(0, NULL);
	assert_int_equal(read_msr(PMC0), 123);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cpuid_shows_the_pmu),
		cmocka_unit_test(test_the_highest_leaf_has_the_pmu_in_it),
		cmocka_unit_test(test_a_cpu_of_another_vendor_has_no_pmu),
		cmocka_unit_test(test_wrmsr_counts_by_what_was_before_it),
		cmocka_unit_test(test_rdmsr_reads_the_machine),
		cmocka_unit_test(test_a_refused_write_raises_gp_with_rcx_as_it_was),
		cmocka_unit_test(test_a_register_that_the_model_lacks_raises_gp),
		cmocka_unit_test(test_an_msr_of_others_is_qemus),
		cmocka_unit_test(test_rdpmc_at_a_blocks_start),
		cmocka_unit_test(test_rdpmc_inside_a_block_is_undone),
		cmocka_unit_test(test_rdpmc_counts),
		cmocka_unit_test(test_rdpmc_of_no_counter_raises_gp),
		cmocka_unit_test(test_a_counter_that_the_host_has_drops_writes),
		cmocka_unit_test(test_a_denied_event_counts_nothing),
		cmocka_unit_test(test_creations_that_fail_count_nothing),
		cmocka_unit_test(test_a_reset_resets_the_pmu),
		cmocka_unit_test(test_a_reset_leaves_it_where_it_is_asked_to),
	};

	return cmocka_run_group_tests_name("qemu-intercepted", tests, NULL, NULL);
}
