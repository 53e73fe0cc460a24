/* SPDX-License-Identifier: MIT */
/* RDMSR and WRMSR by guest and host on profile hardware: which bits, which faults, which effects.
 */
#include "machine.h"

/* The bits whose write alone fails with `status`. */
static uint64_t failing_bits(const char *model, uint32_t msr, enum vpmu_status status)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < 64; i++) {
		struct vpmu_pmu *pmu = machine_of(model);
		enum vpmu_status got = status == VPMU_REFUSED
		                               ? vpmu_pmu_host_write(pmu, msr, BIT64(i))
		                               : vpmu_pmu_guest_write(pmu, msr, BIT64(i));

		bits |= got == status ? BIT64(i) : 0;
	}
	return bits;
}

#define assert_hex_equal(a, b) assert_true((a) == UINT64_C(b))

static void intel_selector_reserves_anythread_by_version(void **state)
{
	assert_hex_equal(failing_bits("intel-v1", SEL0, VPMU_GP), 0xffffffff00200000);
	assert_hex_equal(failing_bits("intel-v2", SEL0, VPMU_GP), 0xffffffff00200000);
	assert_hex_equal(failing_bits("intel-v3", SEL0, VPMU_GP), 0xffffffff00000000);
	assert_hex_equal(failing_bits("intel-v4", SEL0, VPMU_GP), 0xffffffff00000000);
	assert_hex_equal(failing_bits("intel-v5", SEL0, VPMU_GP), 0xffffffff00200000);
}

static void intel_control_registers_fault_on_what_is_not_there(void **state)
{
	assert_hex_equal(failing_bits("intel-v2", FIXED_CTRL, VPMU_GP), 0xfffffffffffff444);
	assert_hex_equal(failing_bits("intel-v3", FIXED_CTRL, VPMU_GP), 0xfffffffffffff000);
	assert_hex_equal(failing_bits("intel-v2", GLOBAL_CTRL, VPMU_GP), 0xfffffff8fffffff0);
	assert_hex_equal(failing_bits("intel-v2,gp=8", GLOBAL_CTRL, VPMU_GP), 0xfffffff8ffffff00);
	assert_hex_equal(failing_bits("intel-v2", OVF_CTRL, VPMU_GP), 0x3ffffff8fffffff0);
}

static void the_host_is_refused_the_same_bits(void **state)
{
	assert_hex_equal(failing_bits("intel-v2", SEL0, VPMU_REFUSED), 0xffffffff00200000);
	assert_hex_equal(failing_bits("intel-v2", GLOBAL_CTRL, VPMU_REFUSED), 0xfffffff8fffffff0);
	assert_hex_equal(failing_bits("intel-v2", STATUS, VPMU_REFUSED), 0x3ffffff8fffffff0);
	assert_hex_equal(failing_bits("intel-v2", PMC0, VPMU_REFUSED), 0xffff000000000000);
}

static void intel_counter_writes_sign_extend_32_bits(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v2");

	wr(pmu, PMC0, 0x80000000);
	assert_hex_equal(rd(pmu, PMC0), 0xffff80000000);
	wr(pmu, PMC0, UINT64_C(0x17fffffff));
	assert_hex_equal(rd(pmu, PMC0), 0x7fffffff);
	wr(pmu, PMC0, UINT64_C(0xffffff0123456789));
	assert_hex_equal(rd(pmu, PMC0), 0x23456789);
}

static void full_width_writes_take_all_bits_and_fault_beyond(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v2");

	wr(pmu, A_PMC0, UINT64_C(0xff0123456789));
	assert_hex_equal(rd(pmu, PMC0), 0xff0123456789);
	assert_hex_equal(rd(pmu, A_PMC0), 0xff0123456789);
	assert_int_equal(vpmu_pmu_guest_write(pmu, A_PMC0, BIT64(48)), VPMU_GP);
	assert_int_equal(vpmu_pmu_guest_write(machine_of("intel-v2,full-width=off"), A_PMC0, 0),
	                 VPMU_NO_REGISTER);
	assert_int_equal(vpmu_pmu_guest_write(machine_of("intel-v1"), A_PMC0, 0), VPMU_NO_REGISTER);
}

static void the_width_of_the_model_counts(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v2,width=40");

	wr(pmu, PMC0, UINT64_C(0xffffffff));
	assert_hex_equal(rd(pmu, PMC0), 0xffffffffff);
	assert_int_equal(vpmu_pmu_guest_write(pmu, A_PMC0, BIT64(40)), VPMU_GP);
	assert_int_equal(vpmu_pmu_guest_write(pmu, FIXED0, BIT64(40)), VPMU_GP);
}

static void status_is_read_only_for_the_guest_and_settable_by_the_host(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v2");

	assert_int_equal(vpmu_pmu_guest_write(pmu, STATUS, 0), VPMU_GP);
	assert_int_equal(vpmu_pmu_host_write(pmu, STATUS, 3), VPMU_OK);
	assert_hex_equal(rd(pmu, STATUS), 0x3);
}

static void host_writes_of_commands_do_nothing(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v4");

	vpmu_pmu_host_write(pmu, STATUS, 3);
	assert_int_equal(vpmu_pmu_host_write(pmu, OVF_CTRL, 1), VPMU_OK);
	assert_int_equal(vpmu_pmu_host_write(pmu, STATUS_SET, 8), VPMU_OK);
	assert_hex_equal(rd(pmu, STATUS), 0x3);
}

static void status_set_and_inuse_come_with_version_4(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v3");

	assert_int_equal(vpmu_pmu_guest_write(pmu, STATUS_SET, 1), VPMU_NO_REGISTER);
	pmu = machine_of("intel-v4");
	wr(pmu, STATUS_SET, 5);
	assert_hex_equal(rd(pmu, STATUS), 0x5);
	assert_hex_equal(rd(pmu, STATUS_SET), 0x0);
	assert_int_equal(vpmu_pmu_guest_write(pmu, INUSE, 0), VPMU_GP);
	wr(pmu, SEL0 + 1, SEL_INT | INSTRUCTIONS);
	wr(pmu, FIXED_CTRL, 0x30);
	assert_hex_equal(rd(pmu, INUSE), 0x8000000200000002);
}

static void version_1_has_neither_fixed_nor_global(void **state)
{
	static const uint32_t absent[] = {FIXED0,   FIXED_CTRL,   STATUS,   GLOBAL_CTRL,
	                                  OVF_CTRL, CAPABILITIES, PMC0 + 2, SEL0 + 2};
	struct vpmu_pmu *pmu = machine_of("intel-v1");

	for (size_t i = 0; i < ARRAY_SIZE(absent); i++)
		assert_int_equal(vpmu_pmu_guest_write(pmu, absent[i], 0), VPMU_NO_REGISTER);
}

static void a_counter_of_a_hole_is_not_there(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v5,gp-mask=0x2d");
	uint64_t value;

	for (unsigned i = 0; i < 8; i++) {
		enum vpmu_status there = 0x2du >> i & 1 ? VPMU_OK : VPMU_GP;

		assert_int_equal(vpmu_pmu_rdpmc(pmu, i, 0, true, &value), there);
		assert_int_equal(vpmu_pmu_guest_read(pmu, PMC0 + i, &value) == VPMU_OK, !there);
		assert_int_equal(vpmu_pmu_guest_write(pmu, SEL0 + i, 0) == VPMU_OK, !there);
		assert_int_equal(vpmu_pmu_guest_write(pmu, GLOBAL_CTRL, BIT64(i)), there);
	}
}

static void what_is_counted_on_both_sides_of_a_hole_is_right(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v5,gp-mask=0x21");

	wr(pmu, SEL0, SEL_ON_INT | INSTRUCTIONS);
	wr(pmu, SEL0 + 5, SEL_ON_INT | INSTRUCTIONS);
	wr(pmu, GLOBAL_CTRL, 0x21);
	vpmu_pmu_account(pmu, &RUN(100), 0);
	assert_int_equal(rd(pmu, PMC0), 100);
	assert_int_equal(rd(pmu, PMC0 + 5), 100);
}

static void after_power_up_global_control_has_the_gp_counters(void **state)
{
	assert_hex_equal(rd(machine_of("intel-v2,gp=8"), GLOBAL_CTRL), 0xff);
	assert_hex_equal(rd(machine_of("amd-perfmon-v2"), AMD_GLOBAL_CTL), 0x3f);
}

static void reset_clears_everything_but_lvtpc(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v2");

	wr(pmu, SEL0, SEL_ON | INSTRUCTIONS);
	wr(pmu, GLOBAL_CTRL, 3);
	vpmu_pmu_host_write(pmu, STATUS, 1);
	vpmu_pmu_run(pmu, &RUN(10), 0);
	vpmu_pmu_set_lvtpc(pmu, 0x30);
	vpmu_pmu_reset(pmu);
	vpmu_pmu_run(pmu, &RUN(10), 0);
	assert_hex_equal(rd(pmu, PMC0), 0x0);
	assert_hex_equal(rd(pmu, SEL0), 0x0);
	assert_hex_equal(rd(pmu, STATUS), 0x0);
	assert_hex_equal(rd(pmu, GLOBAL_CTRL), 0xf);
	assert_int_equal(vpmu_pmu_lvtpc(pmu), 0x30);
}

static void capabilities_are_the_silicons(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v2");
	uint64_t value = rd(pmu, CAPABILITIES);

	assert_true(value & VPMU_PERF_CAP_FULL_WIDTH);
	assert_int_equal(vpmu_pmu_guest_write(pmu, CAPABILITIES, value), VPMU_GP);
	assert_int_equal(vpmu_pmu_host_write(pmu, CAPABILITIES, value), VPMU_OK);
	assert_int_equal(vpmu_pmu_host_write(pmu, CAPABILITIES, value ^ 1), VPMU_REFUSED);
}

static void amd_drops_reserved_selector_bits(void **state)
{
	struct vpmu_pmu *pmu = machine_of("amd-perfcore");

	wr(pmu, CORE_SEL0, UINT64_MAX & ~SEL_EN);
	assert_hex_equal(rd(pmu, CORE_SEL0), 0x30fff97ffff);
}

static void amd_counters_do_not_sign_extend(void **state)
{
	struct vpmu_pmu *pmu = machine_of("amd-k7");

	wr(pmu, K7_CTR0, UINT64_C(0xffff000080000000));
	assert_hex_equal(rd(pmu, K7_CTR0), 0x80000000);
}

static void k7_numbers_alias_the_first_four_of_perfcore(void **state)
{
	struct vpmu_pmu *pmu = machine_of("amd-perfcore");

	for (unsigned i = 0; i < 4; i++) {
		wr(pmu, K7_CTR0 + i, 7 + i);
		wr(pmu, CORE_SEL0 + 2 * i, SEL_ON | INSTRUCTIONS);
		assert_int_equal(rd(pmu, CORE_CTR0 + 2 * i), 7 + i);
		assert_hex_equal(rd(pmu, K7_SEL0 + i), 0x4300c0);
	}
	assert_int_equal(vpmu_pmu_guest_write(pmu, CORE_SEL0 + 12, 0), VPMU_NO_REGISTER);
	assert_int_equal(vpmu_pmu_guest_write(machine_of("amd-k7"), CORE_SEL0, 0),
	                 VPMU_NO_REGISTER);
}

static void amd_global_registers(void **state)
{
	struct vpmu_pmu *pmu = machine_of("amd-perfmon-v2");

	wr(pmu, AMD_GLOBAL_CTL, UINT64_MAX);
	assert_hex_equal(rd(pmu, AMD_GLOBAL_CTL), 0x3f);
	wr(pmu, AMD_STATUS, 1);
	assert_hex_equal(rd(pmu, AMD_STATUS), 0x0);
	wr(pmu, AMD_STATUS_SET, 0x3f);
	wr(pmu, AMD_STATUS_CLR, 5);
	assert_hex_equal(rd(pmu, AMD_STATUS), 0x3a);
	assert_hex_equal(rd(pmu, AMD_STATUS_CLR), 0x0);
	assert_hex_equal(rd(pmu, AMD_STATUS_SET), 0x0);
	assert_int_equal(vpmu_pmu_guest_write(machine_of("amd-perfcore"), AMD_GLOBAL_CTL, 0),
	                 VPMU_NO_REGISTER);
}

static void no_vendor_has_anothers_registers(void **state)
{
	assert_int_equal(vpmu_pmu_guest_write(machine_of("amd-perfmon-v2"), SEL0, 0),
	                 VPMU_NO_REGISTER);
	assert_int_equal(vpmu_pmu_guest_write(machine_of("intel-v5"), CORE_SEL0, 0),
	                 VPMU_NO_REGISTER);
}

static void without_a_pmu_there_is_no_register(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v5,pmu=off");
	uint64_t value;

	for (uint32_t msr = 0; msr < 0x1000; msr++)
		assert_int_equal(vpmu_pmu_guest_read(pmu, msr, &value), VPMU_NO_REGISTER);
}

/* Every register of every preset: what the table says of access is what the machine does. */
static void the_table_is_what_happens(void **state)
{
	const char *name;

	for (size_t i = 0; (name = vpmu_preset_name(i)); i++) {
		struct vpmu_pmu *pmu = machine_of(name);
		struct vpmu_register regs[VPMU_MAX_REGISTERS];
		size_t count = vpmu_model_registers(vpmu_pmu_model(pmu), regs);

		for (size_t r = 0; r < count; r++) {
			uint64_t value = 0;
			enum vpmu_status want =
				regs[r].guest == VPMU_ACCESS_READ ? VPMU_GP : VPMU_OK;

			assert_int_equal(vpmu_pmu_guest_read(pmu, regs[r].msr, &value), VPMU_OK);
			if (regs[r].kind != VPMU_KIND_INUSE)
				assert_true(value == regs[r].reset);
			assert_int_equal(vpmu_pmu_guest_write(pmu, regs[r].msr, value), want);
			want = regs[r].host == VPMU_ACCESS_READ ? VPMU_REFUSED : VPMU_OK;
			assert_int_equal(vpmu_pmu_host_write(pmu, regs[r].msr, value), want);
		}
	}
}

/* SDM vol. 4: IA32_PMC_GPn_CTR, _CFG_A and IA32_PMC_FXm_CTR are the old registers. */
static void version_6_has_a_second_number_for_each(void **state)
{
	struct vpmu_pmu *pmu = machine_of("intel-v6,gp-mask=0x205,fixed-mask=0x77");
	uint64_t value;

	wr(pmu, 0x1900 + 4 * 9, UINT64_C(0xfedcba987654));
	wr(pmu, 0x1901 + 4 * 2, SEL_ON | INSTRUCTIONS);
	wr(pmu, 0x1980 + 4 * 6, UINT64_C(0x123456789abc));
	assert_true(rd(pmu, PMC0 + 9) == UINT64_C(0xfedcba987654));
	assert_true(rd(pmu, SEL0 + 2) == (SEL_ON | INSTRUCTIONS));
	assert_true(rd(pmu, FIXED0 + 6) == UINT64_C(0x123456789abc));
	vpmu_pmu_run(pmu, &RUN(10, 10), 0);
	assert_int_equal(rd(pmu, 0x1900 + 4 * 2), 10);
	assert_int_equal(vpmu_pmu_guest_write(pmu, 0x1900, UINT64_C(1) << 48), VPMU_GP);
	assert_int_equal(vpmu_pmu_guest_write(pmu, 0x1901, UINT64_C(1) << 37), VPMU_OK);
	/* Holes, counter reload's and PEBS's numbers, and earlier versions. */
	assert_int_equal(vpmu_pmu_guest_read(pmu, 0x1904, &value), VPMU_NO_REGISTER);
	assert_int_equal(vpmu_pmu_guest_read(pmu, 0x1902, &value), VPMU_NO_REGISTER);
	assert_int_equal(vpmu_pmu_guest_read(pmu, 0x1903, &value), VPMU_NO_REGISTER);
	assert_int_equal(vpmu_pmu_guest_read(pmu, 0x1980 + 4 * 3, &value), VPMU_NO_REGISTER);
	pmu = machine_of("intel-v5");
	assert_int_equal(vpmu_pmu_guest_read(pmu, 0x1900, &value), VPMU_NO_REGISTER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_6_has_a_second_number_for_each),
		cmocka_unit_test(intel_selector_reserves_anythread_by_version),
		cmocka_unit_test(intel_control_registers_fault_on_what_is_not_there),
		cmocka_unit_test(the_host_is_refused_the_same_bits),
		cmocka_unit_test(intel_counter_writes_sign_extend_32_bits),
		cmocka_unit_test(full_width_writes_take_all_bits_and_fault_beyond),
		cmocka_unit_test(the_width_of_the_model_counts),
		cmocka_unit_test(status_is_read_only_for_the_guest_and_settable_by_the_host),
		cmocka_unit_test(host_writes_of_commands_do_nothing),
		cmocka_unit_test(status_set_and_inuse_come_with_version_4),
		cmocka_unit_test(version_1_has_neither_fixed_nor_global),
		cmocka_unit_test(a_counter_of_a_hole_is_not_there),
		cmocka_unit_test(what_is_counted_on_both_sides_of_a_hole_is_right),
		cmocka_unit_test(after_power_up_global_control_has_the_gp_counters),
		cmocka_unit_test(reset_clears_everything_but_lvtpc),
		cmocka_unit_test(capabilities_are_the_silicons),
		cmocka_unit_test(amd_drops_reserved_selector_bits),
		cmocka_unit_test(amd_counters_do_not_sign_extend),
		cmocka_unit_test(k7_numbers_alias_the_first_four_of_perfcore),
		cmocka_unit_test(amd_global_registers),
		cmocka_unit_test(no_vendor_has_anothers_registers),
		cmocka_unit_test(without_a_pmu_there_is_no_register),
		cmocka_unit_test(the_table_is_what_happens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
