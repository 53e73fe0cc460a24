/* SPDX-License-Identifier: MIT */
/* A hypervisor in the guest, on AMD's SVM: what counts in which mode, which accesses exit and are
 * left to it, and what becomes of PMIs in its guests. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <arch/room.h>

#include "guest.h"

enum { CTR0 = AMD_CTR0, SEL0_AMD = AMD_SEL0, EXIT_MSR = 0x7c, EXIT_NPF = 0x400, EXIT_CPUID = 0x72 };

#define VMRUN "\x0f\x01\xd8"
#define EFER  UINT32_C(0xc0000080)

/* An AMD machine whose kernel is a hypervisor, at FAKE_CODE. */
static void begin_host(const char *host, unsigned length)
{
	begin_with("model=amd-perfcore", NULL);
	code(host, length);
	svm_efer(plugin.cpu[0], 0x1000);
}

#define HOST(bytes) begin_host(bytes, sizeof(bytes) - 1)
#define GUEST(bytes, nested, tables, msrs)                                                         \
	fake_guest(bytes, sizeof(bytes) - 1, nested, tables, msrs)

static void start_counter(unsigned i, uint64_t bits, uint64_t before)
{
	write_msr(CTR0 + 2 * i, (UINT64_C(1) << 48) - before);
	write_msr(SEL0_AMD + 2 * i, SEL_INSNS | bits);
}

static uint64_t counted(unsigned i)
{
	return (read_msr(CTR0 + 2 * i) + 1000) & width_mask(48);
}

static void test_counters_follow_the_mode(void **state)
{
	for (unsigned nested = 0; nested < 2; nested++) {
		HOST("\x90\x90" VMRUN "\x90\xf4");
		GUEST("\x90\x90\x90\xf4", nested, false, true);
		start_counter(0, 0, 1000);
		start_counter(1, SEL_AMD_GUEST, 1000);
		start_counter(2, SEL_AMD_HOST, 1000);
		start_counter(3, SEL_AMD_GUEST | SEL_AMD_HOST, 1000);
		fake_run();
		assert_int_equal(fake.exits, 1);
		assert_int_equal(counted(1), 4); /* VMRUN, and no HLT */
		assert_int_equal(counted(2), 4); /* a HLT, too */
		assert_int_equal(counted(0), 8);
		assert_int_equal(counted(3), 8);
	}
}

static void test_vmrun_counts_for_the_host_if_asked_to(void **state)
{
	begin_with("model=amd-perfcore", "vmrun=host");
	CODE(VMRUN "\xf4");
	svm_efer(plugin.cpu[0], 0x1000);
	GUEST("\x90\x90\xf4", true, false, true);
	start_counter(0, SEL_AMD_GUEST, 1000);
	start_counter(1, SEL_AMD_HOST, 1000);
	start_counter(2, 0, 1000);
	fake_run();
	assert_int_equal(counted(0), 2);
	assert_int_equal(counted(1), 2);
	assert_int_equal(counted(2), 4);
}

static void test_a_guest_is_entered_again(void **state)
{
	HOST(VMRUN "\x90" VMRUN "\xf4");
	GUEST("\x90\x90\xf4", true, false, true);
	start_counter(0, SEL_AMD_GUEST, 1000);
	fake_run();
	assert_int_equal(fake.exits, 2);
	assert_int_equal(counted(0), 4); /* the second time it is at its HLT */
}

static void test_host_only_counts_from_the_write_of_efer_on(void **state)
{
	begin_with("model=amd-perfcore", NULL);
	CODE("\x90\x0f\x30\x90\x90\xf4");
	start_counter(0, SEL_AMD_HOST, 1000);
	fake.reg[FAKE_RCX] = EFER;
	fake.reg[FAKE_RAX] = 0x1d00;
	fake_run();
	assert_int_equal(counted(0), 3);
	fake.reg[FAKE_RAX] = 0xd00;
	fake_run();
	assert_int_equal(counted(0), 5); /* a NOP and the WRMSR */
}

static void test_an_access_that_exits_is_the_hypervisors(void **state)
{
	static const char *const accesses[] = {"\x90\x0f\x32\x90\xf4", "\x90\x0f\x30\x90\xf4"};

	for (unsigned write = 0; write < 2; write++) {
		HOST(VMRUN "\xf4");
		fake_guest(accesses[write], 5, true, false, true);
		start_counter(0, SEL_AMD_GUEST, 1000);
		write_msr(CTR0 + 2, 0x1234);
		fake.reg[FAKE_RCX] = CTR0 + 2;
		fake.reg[FAKE_RDX] = 77;
		fake_run();
		assert_int_equal(fake_vmcb(0x70), EXIT_MSR);
		assert_int_equal(fake_vmcb(0x578), FAKE_CODE + 1);
		assert_int_equal(fake_vmcb(0x5f8), 0); /* RAX */
		assert_int_equal(fake.reg[FAKE_RAX], FAKE_VMCB);
		assert_int_equal(fake.reg[FAKE_RDX], 77);
		assert_int_equal(read_msr(CTR0 + 2), 0x1234);
		assert_int_equal(counted(0), 2); /* VMRUN and the NOP */
	}
}

static void test_an_access_that_is_passed_is_answered(void **state)
{
	HOST(VMRUN "\xf4");
	GUEST("\x90\x0f\x32\x90\xf4", true, false, false);
	write_msr(CTR0, 0x1234567);
	fake.reg[FAKE_RCX] = CTR0;
	fake_run();
	assert_int_equal(fake_vmcb(0x70), 0x78); /* the HLT */
	assert_int_equal(fake_vmcb(0x5f8), 0x1234567);
	HOST(VMRUN "\xf4");
	GUEST("\x90\x0f\x30\x90\xf4", true, false, false);
	fake.reg[FAKE_RCX] = CTR0;
	fake.reg[FAKE_RDX] = 2;
	fake_run();
	assert_int_equal(read_msr(CTR0), UINT64_C(2) << 32);
}

/* The map has a bit for reads and one for writes. */
static void test_a_register_may_be_passed_to_be_read_only(void **state)
{
	const uint32_t bit = (0x4000 + CTR0 - 0xc0010000u) * 2 + 1;

	for (unsigned write = 0; write < 2; write++) {
		HOST(VMRUN "\xf4");
		fake_guest(write ? "\x0f\x30\xf4" : "\x0f\x32\xf4", 3, true, false, false);
		fake.memory[FAKE_MSRPM + bit / 8] = (uint8_t)(1 << bit % 8);
		write_msr(CTR0, 0x1234567);
		fake.reg[FAKE_RCX] = CTR0;
		fake.reg[FAKE_RDX] = 9;
		fake_run();
		assert_int_equal(fake_vmcb(0x70), write ? EXIT_MSR : 0x78);
		assert_int_equal(fake_vmcb(0x5f8), write ? 0 : 0x1234567);
		assert_int_equal(read_msr(CTR0), 0x1234567);
	}
}

/* A guest that executes the very code that the host goes on with. */
static void test_a_guest_is_told_from_its_host(void **state)
{
	const uint64_t at = FAKE_CODE + 3, host_cr3 = 0, vmcb = FAKE_VMCB;

	HOST(VMRUN "\x90\xf4");
	GUEST("\xf4", false, false, true);
	fake_write(FAKE_VMCB + 0x578, &at, 8);
	fake_write(FAKE_VMCB + 0x550, &host_cr3, 8);
	fake_write(FAKE_VMCB + 0x5f8, &vmcb, 8);
	start_counter(0, SEL_AMD_GUEST, 1000);
	start_counter(1, SEL_AMD_HOST, 1000);
	fake_run();
	assert_int_equal(counted(0), 2); /* VMRUN and a NOP */
	assert_int_equal(counted(1), 2); /* the NOP and the HLT */
}

static void test_a_pmi_comes_behind_each_instruction_after_the_exit(void **state)
{
	for (unsigned before = 1; before <= 8; before++) {
		HOST(VMRUN MIX MIX MIX "\xf4");
		GUEST("\xf4", true, false, true);
		start_counter(0, SEL_AMD_HOST, before);
		fake_run();
		assert_int_equal(fake.taken, 1);
		assert_int_equal(fake.taken_at[0], address_of(before) + 3);
		assert_true(plugin.cpu[0]->stat.planted <= 1); /* at once where it belongs */
		assert_int_equal(plugin.cpu[0]->stat.skids, 0);
	}
}

static void test_the_hosts_idt_is_back_behind_the_exit(void **state)
{
	HOST(VMRUN "\xf4");
	GUEST("\x90\xf4", true, false, true);
	plugin.cpu[0]->idt = FAKE_IDT;
	fake_run();
	assert_int_equal(plugin.cpu[0]->idt, FAKE_IDT);
}

/* The last of a block: the answer is on its way when the guest exits. */
static void test_an_answer_reaches_a_guest_that_has_exited(void **state)
{
	char guest[66];

	memset(guest, 0x90, sizeof(guest));
	memcpy(guest + 63, "\x0f\x32\xf4", 3);
	HOST(VMRUN "\xf4");
	fake_guest(guest, sizeof(guest), true, false, false);
	write_msr(CTR0, 0x500001234567);
	fake.reg[FAKE_RCX] = CTR0;
	fake.timer_at_rdmsr = true;
	fake_run();
	assert_int_equal(fake_vmcb(0x70), 0x60);
	assert_int_equal(fake_vmcb(0x5f8), 0x1234567);
	assert_int_equal(fake.reg[FAKE_RDX], 0x5000);
	assert_int_equal(fake.reg[FAKE_RAX], FAKE_VMCB);
}

static void test_a_refused_access_exits_as_it_was(void **state)
{
	HOST(VMRUN "\xf4");
	GUEST("\x0f\x32\x90\xf4", true, false, false);
	fake.reg[FAKE_RCX] = 0xc001020c; /* the model has six */
	fake_run();
	assert_int_equal(fake_vmcb(0x70), EXIT_MSR);
	assert_int_equal(fake.reg[FAKE_RCX], 0xc001020c);
}

static void test_a_cpuid_that_exits_is_the_hypervisors(void **state)
{
	HOST(VMRUN "\x90\xf4");
	GUEST("\x0f\xa2\x90\xf4", true, false, true);
	fake.reg[FAKE_RCX] = fake.reg[FAKE_RDX] = 7;
	fake_run();
	assert_int_equal(fake_vmcb(0x70), EXIT_CPUID);
	assert_int_equal(fake.reg[FAKE_RCX], 7);
	assert_int_equal(fake.reg[FAKE_RDX], 7);
	assert_int_equal(fake.reg[FAKE_RAX], FAKE_VMCB);
}

static void test_a_fault_that_exits_does_not_count(void **state)
{
	for (unsigned tables = 0; tables < 2; tables++) {
		HOST(VMRUN "\xf4");
		GUEST("\x90\x90\x8a\x07\x90\xf4", true, tables, true);
		start_counter(0, SEL_AMD_GUEST, 1000);
		fake.faults = true;
		fake_run();
		assert_int_equal(fake_vmcb(0x70), EXIT_NPF);
		assert_int_equal(counted(0), 3);
	}
}

static void test_a_vmrun_that_faults_enters_no_guest(void **state)
{
	HOST("\x90" VMRUN "\xf4");
	GUEST("\x90\xf4", true, false, true);
	start_counter(0, SEL_AMD_HOST, 1000);
	start_counter(1, SEL_AMD_GUEST, 1000);
	fake.vmrun_faults = true;
	fake_run();
	assert_int_equal(fake.exits, 0);
	assert_false(plugin.cpu[0]->svm.guest);
	assert_int_equal(counted(0), 2); /* the handler's HLT */
	assert_int_equal(counted(1), 0);
}

static void run_rdpmc(bool exits, unsigned counter)
{
	HOST(VMRUN "\xf4");
	GUEST("\x90\x0f\x33\x90\xf4", true, false, exits);
	start_counter(1, SEL_AMD_GUEST, 1000);
	write_msr(CTR0, 0x500001234567);
	fake.reg[FAKE_RCX] = counter;
	fake.reg[FAKE_RDX] = 7;
	fake_run();
}

static void test_an_rdpmc_exits_answered_or_to_the_hypervisor(void **state)
{
	run_rdpmc(false, 0);
	assert_int_equal(fake_vmcb(0x70), 0x60); /* as by an interrupt behind it */
	assert_int_equal(fake_vmcb(0x578), FAKE_CODE + 3);
	assert_int_equal(fake_vmcb(0x5f8), 0x1234567);
	assert_int_equal(fake.reg[FAKE_RDX], 0x5000);
	assert_int_equal(counted(1), 3); /* VMRUN, the NOP and itself */
	for (unsigned exits = 0; exits < 2; exits++) {
		run_rdpmc(exits, exits ? 0 : 77); /* no such counter */
		assert_int_equal(fake_vmcb(0x70), 0x6f);
		assert_int_equal(fake_vmcb(0x578), FAKE_CODE + 1);
		assert_int_equal(fake_vmcb(0x5f8), 0);
		assert_int_equal(fake.reg[FAKE_RDX], 7);
		assert_int_equal(counted(1), 2);
	}
}

/* The jump is planted in the guest's memory, and not where the host has that address. */
static void test_a_pmi_exits_behind_each_instruction(void **state)
{
	static uint8_t host[FAKE_GUEST], guest[sizeof(fake.memory) - FAKE_GUEST];

	for (unsigned before = 2; before <= 12; before++) {
		bool tables = before % 2;

		HOST(VMRUN "\xf4");
		GUEST(MIX MIX MIX MIX "\xf4", true, tables, true);
		start_counter(0, SEL_AMD_GUEST, before + 1);
		memcpy(host, fake.memory, FAKE_VMCB);
		memcpy(guest, fake.memory + FAKE_GUEST, sizeof(guest));
		fake_run();
		assert_int_equal(fake.taken, 1);
		assert_int_equal(fake.taken_at[0], address_of(before));
		assert_int_equal(fake_vmcb(0x70), 0x60);
		assert_int_equal(fake_vmcb(0x578), address_of(before));
		assert_int_equal(plugin.cpu[0]->stat.skids, 0);
		assert_memory_equal(host, fake.memory, FAKE_VMCB);
		assert_memory_equal(guest, fake.memory + FAKE_GUEST, sizeof(guest));
	}
}

/* One byte of a one-byte instruction is planted: the jump goes elsewhere, and an interrupt exits
 * from there. */
static void test_an_exit_behind_a_planted_jump_is_where_it_stood(void **state)
{
	for (unsigned other = 0; other < 2; other++) {
		HOST(VMRUN "\xf4");
		fake_guest("\x90\x90\x90\x90\x90\x90\x90\xf4", 8, true, false, true);
		fake_write(FAKE_GUEST + FAKE_CODE + 4, "\x90\x01\x07\xf4", 4);
		start_counter(0, SEL_AMD_GUEST, 5);
		fake.timer_at_jump = other;
		fake_run();
		assert_int_equal(fake.taken, 1);
		assert_int_equal(fake_vmcb(0x578), FAKE_CODE + 4);
		assert_int_equal(fake.memory[FAKE_GUEST + FAKE_CODE + 4], 0x90);
	}
}

/* Tables at 0x50000 that lead to page 0x52000 with entries of `word` bytes. */
static void check_walk(struct paging paging, unsigned word, uint64_t place, uint64_t entry,
                       uint64_t linear, uint64_t expected)
{
	const uint64_t table = 0x52001;
	uint64_t physical = 0;

	begin_with("model=amd-perfcore", NULL);
	for (uint64_t at = 0x50000; at < 0x52000; at += 0x1000) {
		uint64_t next = at + 0x1001;

		fake_write(at, &next, word);
	}
	fake_write(0x50020, &table, word); /* PAE's first */
	fake_write(place, &entry, word);
	assert_int_equal(paging_translate(plugin.cpu[0], &paging, linear, &physical), !!expected);
	if (expected)
		assert_int_equal(physical, expected);
}

static void test_every_form_of_paging(void **state)
{
	const struct paging off = {.cr0 = 1};
	struct paging old = {.cr0 = 0x80000001, .cr3 = 0x50018, .cr4 = 0x10};
	struct paging pae = {.cr0 = 0x80000001, .cr3 = 0x50020, .cr4 = 0x20};
	struct paging wide = {.cr0 = 0x80000001, .cr3 = 0x50018, .cr4 = 0x20, .efer = 0x500};

	check_walk(off, 8, 0x50000, 0, 0x12345, 0x12345);
	check_walk(old, 4, 0x51014, 0x77001, 0x5123, 0x77123);
	check_walk(old, 4, 0x50004, 0x800081, 0x412345, 0x812345);
	check_walk(old, 4, 0x50004, 0, 0x412345, 0);
	old.cr4 = 0; /* no large pages: a table */
	check_walk(old, 4, 0x50004, 0x51081, 0x400123, 0x52123);
	check_walk(pae, 8, 0x52008, 0x600081, 0x212345, 0x612345);
	check_walk(wide, 8, 0x52008, 0x600081, 0x212345, 0x612345);
	check_walk(wide, 8, 0x51008, 0xc0000081, 0x40012345, 0xc0012345);
	check_walk(wide, 8, 0x52008, 0x600080, 0x212345, 0);
	wide.cr4 |= 0x1000; /* five levels: the fourth of those is the third of these */
	check_walk(wide, 8, 0x52000, 0xc0000081, 0x12345, 0xc0012345);
}

static void test_a_reset_leaves_the_guest(void **state)
{
	HOST("\x90\xf4");
	start_counter(0, SEL_AMD_HOST, 1000);
	plugin.cpu[0]->svm.guest = true;
	at_reset(0, NULL);
	assert_false(plugin.cpu[0]->svm.guest);
	start_counter(0, SEL_AMD_HOST, 1000);
	fake_run();
	assert_int_equal(counted(0), 0); /* EFER.SVME is clear */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counters_follow_the_mode),
		cmocka_unit_test(test_vmrun_counts_for_the_host_if_asked_to),
		cmocka_unit_test(test_a_guest_is_entered_again),
		cmocka_unit_test(test_host_only_counts_from_the_write_of_efer_on),
		cmocka_unit_test(test_an_access_that_exits_is_the_hypervisors),
		cmocka_unit_test(test_an_access_that_is_passed_is_answered),
		cmocka_unit_test(test_a_register_may_be_passed_to_be_read_only),
		cmocka_unit_test(test_a_guest_is_told_from_its_host),
		cmocka_unit_test(test_a_pmi_comes_behind_each_instruction_after_the_exit),
		cmocka_unit_test(test_the_hosts_idt_is_back_behind_the_exit),
		cmocka_unit_test(test_an_answer_reaches_a_guest_that_has_exited),
		cmocka_unit_test(test_a_refused_access_exits_as_it_was),
		cmocka_unit_test(test_a_cpuid_that_exits_is_the_hypervisors),
		cmocka_unit_test(test_a_fault_that_exits_does_not_count),
		cmocka_unit_test(test_an_rdpmc_exits_answered_or_to_the_hypervisor),
		cmocka_unit_test(test_a_vmrun_that_faults_enters_no_guest),
		cmocka_unit_test(test_a_pmi_exits_behind_each_instruction),
		cmocka_unit_test(test_an_exit_behind_a_planted_jump_is_where_it_stood),
		cmocka_unit_test(test_every_form_of_paging),
		cmocka_unit_test(test_a_reset_leaves_the_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
