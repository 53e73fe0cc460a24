/* SPDX-License-Identifier: MIT */
/* The machine's MSRs and its CPUID. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "board_fixture.h"

static const char *const models[] = {"intel-v1", "intel-v2",     "zhaoxin-v2",
                                     "intel-v3", "intel-v4",     "intel-v5",
                                     "amd-k7",   "amd-perfcore", "amd-perfmon-v2"};

static struct machine *machine;

static int setup(void **state)
{
	machine = fixture_make("intel-v2", NULL);
	return 0;
}

static int setup_amd(void **state)
{
	machine = fixture_make("amd-perfmon-v2", NULL);
	return 0;
}

static int teardown(void **state)
{
	machine_destroy(machine);
	return 0;
}

#define rdmsr fixture_msr
#define wrmsr fixture_wrmsr

static void assert_gp_write(uint32_t msr, uint64_t value)
{
	assert_int_equal(wrmsr(msr, value), VPMU_GP);
}

static void assert_keeps(uint32_t msr, uint64_t value)
{
	assert_int_equal(wrmsr(msr, value), VPMU_OK);
	assert_true(rdmsr(msr) == value);
}

static void the_table_fits_its_storage(void **state)
{
	assert_in_range(msr_slots(), 1, MSR_SLOTS);
}

static void what_has_no_row_is_gp(void **state)
{
	uint64_t value;

	assert_int_equal(fixture_rdmsr(0x1234, &value), VPMU_GP);
	assert_int_equal(fixture_rdmsr(0x40000000, &value), VPMU_GP);
	assert_gp_write(0x1234, 0);
	assert_gp_write(0xc0010015, 0); /* AMD's HWCR */
}

static void pmu_registers_are_the_pmus(void **state)
{
	uint64_t value;

	assert_int_equal(wrmsr(0x186, 0x5300c0), VPMU_OK);
	assert_int_equal(vpmu_pmu_guest_read(machine->pmu, 0x186, &value), VPMU_OK);
	assert_int_equal(value, 0x5300c0);
	assert_int_equal(rdmsr(0x186), 0x5300c0);
	assert_gp_write(0x186, UINT64_C(1) << 40);
}

static void tsc_counts_instructions_from_what_was_written(void **state)
{
	fake_cpu->retired = 1000;
	assert_int_equal(rdmsr(0x10), 1000);
	assert_int_equal(wrmsr(0x10, 5000), VPMU_OK);
	fake_cpu->retired = 1200;
	assert_int_equal(rdmsr(0x10), 5200);
}

static void tsc_and_tsc_adjust_move_together(void **state)
{
	assert_int_equal(rdmsr(0x3b), 0);
	wrmsr(0x10, 5000);
	assert_int_equal(rdmsr(0x3b), 5000);
	wrmsr(0x3b, 100);
	assert_int_equal(rdmsr(0x10), 100);
}

static void tsc_deadline_interrupts(void **state)
{
	uint8_t vector;

	fake_cpu->calls->device_write(machine, 0xfee000f0, 4, 0x1ff);
	fake_cpu->calls->device_write(machine, 0xfee00320, 4, 0x400ef);
	assert_int_equal(wrmsr(0x6e0, 50), VPMU_OK);
	assert_int_equal(rdmsr(0x6e0), 50);
	assert_int_equal(fake_cpu->calls->deadline(machine), 50);
	assert_false(fake_cpu->calls->take_interrupt(machine, true, false, &vector));
	fake_cpu->retired = 50;
	assert_true(fake_cpu->calls->take_interrupt(machine, true, false, &vector));
	assert_int_equal(vector, 0xef);
	assert_int_equal(rdmsr(0x6e0), 0);
}

static void apic_base_and_x2apic_are_the_apics(void **state)
{
	uint64_t value;

	assert_int_equal(rdmsr(0x1b), 0xfee00900);
	assert_int_equal(fixture_rdmsr(0x803, &value), VPMU_GP);
	assert_int_equal(wrmsr(0x1b, 0xfee00d00), VPMU_OK);
	assert_int_equal(rdmsr(0x803), 0x50014);
	assert_gp_write(0x1b, 0xfee00900);
	assert_int_equal(fixture_rdmsr(0x8ff, &value), VPMU_GP);
}

static void memory_types_are_checked(void **state)
{
	assert_true(rdmsr(0x277) == UINT64_C(0x0007040600070406));
	assert_keeps(0x277, 0x07070707);
	assert_gp_write(0x277, 2);
	assert_gp_write(0x277, UINT64_C(0x0300000000000000));
	assert_gp_write(0x277, 8);
	assert_gp_write(0x277, 0xff);
	assert_keeps(0x2ff, 0xc06);
	assert_gp_write(0x2ff, 0xc07);
	assert_gp_write(0x2ff, 0x1006);
	assert_keeps(0x250, UINT64_C(0x0605040100060504));
	assert_gp_write(0x250, 7);
	assert_keeps(0x200, 0x80000006);
	assert_gp_write(0x200, 0x80000106);
	assert_keeps(0x201, 0xff80000800);
	assert_gp_write(0x201, 0xff80000801);
	assert_gp_write(0x20f, UINT64_C(1) << PHYSICAL_BITS);
	assert_keeps(0x20f, 0x800);
	assert_gp_write(0x210, 0);
	assert_int_equal(rdmsr(0xfe), 0x508);
	assert_gp_write(0xfe, 0x508);
}

static void runs_of_registers_are_kept_apart(void **state)
{
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(wrmsr(0x268 + i, i & 1 ? 6 : 4), VPMU_OK);
	for (uint32_t i = 0; i < 16; i++)
		assert_int_equal(wrmsr(0x200 + i, (i + 1) << 12), VPMU_OK);
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(rdmsr(0x268 + i), i & 1 ? 6 : 4);
	for (uint32_t i = 0; i < 16; i++)
		assert_int_equal(rdmsr(0x200 + i), (i + 1) << 12);
}

static void there_are_no_machine_check_banks(void **state)
{
	uint64_t value;

	assert_int_equal(rdmsr(0x179), 0);
	assert_gp_write(0x179, 0);
	for (uint32_t msr = 0x400; msr < 0x480; msr++) {
		assert_int_equal(fixture_rdmsr(msr, &value), VPMU_GP);
		assert_gp_write(msr, 0);
	}
}

static void speculation_control_has_the_bits_that_cpuid_shows(void **state)
{
	assert_keeps(0x48, 3);
	assert_gp_write(0x48, 4);
}

static void microcode_revision_stays(void **state)
{
	assert_int_equal(wrmsr(0x8b, 0), VPMU_OK);
	assert_true(rdmsr(0x8b) == UINT64_C(0x100000000));
}

static void misc_enable_takes_what_an_os_writes(void **state)
{
	uint64_t before = rdmsr(0x1a0);

	assert_keeps(0x1a0, (UINT64_C(0x400c50809) & ~UINT64_C(0x1880)) | (before & 0x1880));
	assert_int_equal(wrmsr(0x1a0, 0), VPMU_OK);
	assert_int_equal(rdmsr(0x1a0), before & 0x1880);
	assert_gp_write(0x1a0, UINT64_C(1) << 63);
}

static void amd_has_amds_registers(void **state)
{
	uint64_t value;

	assert_keeps(0xc0010015, 0x1000000);
	assert_gp_write(0xc0010015, 1);
	assert_int_equal(rdmsr(0x8b), 0x01000065);
	assert_int_equal(fixture_rdmsr(0x48, &value), VPMU_GP);
	assert_int_equal(fixture_rdmsr(0x3b, &value), VPMU_GP);
	assert_int_equal(fixture_rdmsr(0x17, &value), VPMU_GP);
	assert_keeps(0x1a0, UINT64_C(0x400c50009));
}

/* Every number, with every single bit and a few values more, on every model: no crash, and a write
 * that was refused has changed nothing. */
static void every_number_and_bit_is_answered(uint32_t first, uint32_t last)
{
	for (uint32_t msr = first; msr <= last; msr++) {
		uint64_t before = 0, after = 0;

		for (unsigned i = 0; i < 68; i++) {
			static const uint64_t more[] = {0, 1, UINT64_MAX, 0x123456789abcdef};
			uint64_t value = i < 64 ? UINT64_C(1) << i : more[i - 64];
			enum vpmu_status read = fixture_rdmsr(msr, &before);

			if (msr == 0x10 || msr == 0x3b)
				continue; /* time: the deadline could run away */
			if (wrmsr(msr, value) == VPMU_OK || read)
				continue;
			if (fixture_rdmsr(msr, &after) == VPMU_OK)
				assert_true(before == after);
		}
	}
}

static void every_number_is_answered_on_every_model(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(models); i++) {
		machine = fixture_make(models[i], NULL);
		every_number_and_bit_is_answered(0, 0x2000);
		every_number_and_bit_is_answered(0x40000000, 0x40000200);
		every_number_and_bit_is_answered(0xc0000000, 0xc0002000);
		every_number_and_bit_is_answered(0xc0010000, 0xc0011100);
		every_number_and_bit_is_answered(0xfffffff0, 0xfffffffe);
		machine_destroy(machine);
	}
}

/* --- CPUID ------------------------------------------------------------------------------------ */

struct regs {
	uint32_t a, b, c, d;
};

static struct regs cpuid(uint32_t leaf, uint32_t subleaf)
{
	uint32_t r[4];

	fake_cpu->calls->cpuid(machine, leaf, subleaf, r);
	return (struct regs){r[0], r[1], r[2], r[3]};
}

static void model_read_back_from_cpuid_is_equal(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(models); i++) {
		struct vpmu_model model;
		char why[160] = "";

		machine = fixture_make(models[i], NULL);
		if (vpmu_model_from_cpuid(&model, machine->cpuid.leaves, machine->cpuid.count,
		                          machine->config.model.perf_capabilities, why,
		                          sizeof(why)))
			fail_msg("%s: %s", models[i], why);
		assert_true(vpmu_model_equal(&model, &machine->config.model));
		machine_destroy(machine);
	}
}

static void greatest_leaves_cover_what_is_there(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(models); i++) {
		machine = fixture_make(models[i], NULL);
		for (unsigned j = 0; j < machine->cpuid.count; j++) {
			uint32_t leaf = machine->cpuid.leaves[j].leaf;

			assert_true(leaf <= cpuid(leaf & 0x80000000, 0).a);
		}
		assert_in_range(cpuid(0, 0).a, 0xb, 0x20);
		assert_in_range(cpuid(0x80000000, 0).a, 0x80000008, 0x80000022);
		machine_destroy(machine);
	}
}

static void cpu_says_what_it_has(void **state)
{
	struct regs one = cpuid(1, 0);
	const uint32_t fpu_tsc_msr_pae_cx8_apic =
		1 << 0 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 8 | 1 << 9;

	assert_int_equal(one.d & fpu_tsc_msr_pae_cx8_apic, fpu_tsc_msr_pae_cx8_apic);
	assert_int_equal(one.c >> 21 & 1, 1); /* x2APIC */
	assert_int_equal(one.c >> 24 & 1, 1); /* TSC deadline */
	assert_int_equal(one.b >> 24, 0);
	assert_int_equal(cpuid(0x80000001, 0).d & 0x28100800,
	                 0x28100800); /* LM RDTSCP NX SYSCALL */
	assert_int_equal(cpuid(0x80000008, 0).a & 0xff, PHYSICAL_BITS);
	assert_int_equal(cpuid(0xb, 1).d, 0);
	assert_int_equal(cpuid(7, 0).d >> 26 & 1, 1);
	assert_memory_equal(&(uint32_t){cpuid(0x80000002, 0).a}, "vpmu", 4);
}

static void amd_has_the_barrier_in_its_own_leaf(void **state)
{
	assert_int_equal(cpuid(0x80000008, 0).b, 1 << 12);
	assert_int_equal(cpuid(7, 0).d, 0);
	assert_int_equal(cpuid(0x80000001, 0).d & 0x0183f3ff, cpuid(1, 0).d & 0x0183f3ff);
}

static void apic_bit_follows_the_apic(void **state)
{
	assert_int_equal(cpuid(1, 0).d >> 9 & 1, 1);
	wrmsr(0x1b, 0xfee00100);
	assert_int_equal(cpuid(1, 0).d >> 9 & 1, 0);
	wrmsr(0x1b, 0xfee00900);
	assert_int_equal(cpuid(1, 0).d >> 9 & 1, 1);
}

static void unknown_leaves_are_zeros(void **state)
{
	static const uint32_t leaves[] = {2, 0x20, 0x40000000, 0x80000100, UINT32_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(leaves); i++) {
		struct regs r = cpuid(leaves[i], 0);

		assert_int_equal(r.a | r.b | r.c | r.d, 0);
	}
	assert_int_equal(cpuid(0xb, 2).b, 0);
	assert_int_equal(cpuid(7, 1).d, 0);
	assert_int_equal(cpuid(1, 77).a, cpuid(1, 0).a);
}

#define T(f)   cmocka_unit_test_setup_teardown(f, setup, teardown)
#define AMD(f) cmocka_unit_test_setup_teardown(f, setup_amd, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_fits_its_storage),
		T(what_has_no_row_is_gp),
		T(pmu_registers_are_the_pmus),
		T(tsc_counts_instructions_from_what_was_written),
		T(tsc_and_tsc_adjust_move_together),
		T(tsc_deadline_interrupts),
		T(apic_base_and_x2apic_are_the_apics),
		T(memory_types_are_checked),
		T(runs_of_registers_are_kept_apart),
		T(there_are_no_machine_check_banks),
		T(speculation_control_has_the_bits_that_cpuid_shows),
		T(microcode_revision_stays),
		T(misc_enable_takes_what_an_os_writes),
		AMD(amd_has_amds_registers),
		cmocka_unit_test(every_number_is_answered_on_every_model),
		cmocka_unit_test(model_read_back_from_cpuid_is_equal),
		cmocka_unit_test(greatest_leaves_cover_what_is_there),
		T(cpu_says_what_it_has),
		AMD(amd_has_the_barrier_in_its_own_leaf),
		T(apic_bit_follows_the_apic),
		T(unknown_leaves_are_zeros),
	};

	return cmocka_run_group_tests_name("msr", tests, NULL, NULL);
}
