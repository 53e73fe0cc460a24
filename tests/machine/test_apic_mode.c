/* SPDX-License-Identifier: MIT */
/* The local APIC's modes, and what each lets through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "apic_fixture.h"

static void illegal_changes_of_mode_are_gp(void **state)
{
	const uint64_t off = 0, x = APIC_BASE_EN, x2 = APIC_BASE_MODE, invalid = APIC_BASE_EXTD;

	assert_int_equal(base(invalid), VPMU_GP); /* from xAPIC */
	assert_int_equal(base(x2), VPMU_OK);
	assert_int_equal(base(invalid), VPMU_GP);
	assert_int_equal(base(x), VPMU_GP);
	assert_int_equal(base(x2), VPMU_OK);
	assert_int_equal(base(off), VPMU_OK);
	assert_int_equal(base(invalid), VPMU_GP);
	assert_int_equal(base(x2), VPMU_GP);
	assert_int_equal(base(off), VPMU_OK);
	assert_int_equal(base(x), VPMU_OK);
}

static void reserved_bits_of_the_base_are_gp(void **state)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		bool reserved = bit < 8 || bit == 9 || bit >= PHYSICAL_BITS;

		if (bit == 10 || bit == 11)
			continue;
		assert_int_equal(
			apic_write_base(&t.apic, t.now, t.apic.base | (UINT64_C(1) << bit)),
			reserved ? VPMU_GP : VPMU_OK);
	}
}

static void moved_base_moves_the_registers(void **state)
{
	uint64_t elsewhere = 0xfed40000;

	assert_int_equal(apic_write_base(&t.apic, t.now, elsewhere | APIC_BASE_EN), VPMU_OK);
	assert_int_equal(rd(VERSION), UINT32_MAX);
	assert_int_equal(apic_mmio_read(&t.apic, t.now, elsewhere + VERSION, 4), 0x50014);
}

static void switched_off_apic_has_no_registers(void **state)
{
	uint64_t value;

	assert_int_equal(base(0), VPMU_OK);
	wr(TPR, 0x50);
	assert_int_equal(rd(VERSION), UINT32_MAX);
	assert_int_equal(rd(TPR), UINT32_MAX);
	assert_int_equal(rdx(VERSION, &value), VPMU_GP);
	apic_write_cr8(&t.apic, 9);
	assert_int_equal(apic_read_cr8(&t.apic), 9);
}

static void switching_off_resets_the_registers(void **state)
{
	enable();
	wr(LVT_LINT0, 0x20);
	wr(LVTPC, 0x400);
	apic_accept(&t.apic, 0x40);
	base(0);
	assert_int_equal(take(), 0);
	base(APIC_BASE_EN);
	assert_int_equal(rd(SVR), 0xff);
	assert_int_equal(rd(LVT_LINT0), 0x10000);
	assert_int_equal(rd(LVTPC), 0x10000);
	assert_int_equal(take(), 0);
}

static void x2apic_keeps_the_registers_and_hides_the_page(void **state)
{
	uint64_t value;

	enable();
	wr(LVT_LINT0, 0x720);
	base(APIC_BASE_MODE);
	assert_int_equal(rdx(LVT_LINT0, &value), VPMU_OK);
	assert_int_equal(value, 0x720);
	assert_int_equal(rd(LVT_LINT0), UINT32_MAX);
	assert_int_equal(rdx(LDR, &value), VPMU_OK);
	assert_int_equal(value, 1);
}

/* SDM table 11-6: which MSR may be read and written in x2APIC mode. */
static void x2apic_access_rules_are_the_manuals(void **state)
{
	static const char *const rules[0x40] = {
		[0x02] = "r",  [0x03] = "r",  [0x08] = "rw", [0x0a] = "r",  [0x0b] = "w",
		[0x0d] = "r",  [0x0f] = "rw", [0x10] = "r",  [0x11] = "r",  [0x12] = "r",
		[0x13] = "r",  [0x14] = "r",  [0x15] = "r",  [0x16] = "r",  [0x17] = "r",
		[0x18] = "r",  [0x19] = "r",  [0x1a] = "r",  [0x1b] = "r",  [0x1c] = "r",
		[0x1d] = "r",  [0x1e] = "r",  [0x1f] = "r",  [0x20] = "r",  [0x21] = "r",
		[0x22] = "r",  [0x23] = "r",  [0x24] = "r",  [0x25] = "r",  [0x26] = "r",
		[0x27] = "r",  [0x28] = "rw", [0x30] = "rw", [0x32] = "rw", [0x33] = "rw",
		[0x34] = "rw", [0x35] = "rw", [0x36] = "rw", [0x37] = "rw", [0x38] = "rw",
		[0x39] = "r",  [0x3e] = "rw", [0x3f] = "w",
	};
	uint64_t value;

	base(APIC_BASE_MODE);
	for (unsigned i = 0; i < 0x100; i++) {
		const char *rule = i < 0x40 && rules[i] ? rules[i] : "";

		assert_int_equal(rdx(i * 16, &value), strchr(rule, 'r') ? VPMU_OK : VPMU_GP);
		assert_int_equal(wrx(i * 16, 0), strchr(rule, 'w') ? VPMU_OK : VPMU_GP);
	}
}

static void x2apic_reserved_bits_are_gp(void **state)
{
	static const struct {
		unsigned offset;
		uint64_t allowed;
	} rows[] = {
		{TPR, 0xff},
		{EOI, 0},
		{SVR, 0x3ff},
		{ESR, 0},
		{ICR, UINT64_C(0xffffffff000cdfff)},
		{LVT_TIMER, 0x710ff},
		{LVT_THERMAL, 0x117ff},
		{LVTPC, 0x117ff},
		{LVT_LINT0, 0x1f7ff},
		{LVT_LINT1, 0x1f7ff},
		{LVT_ERROR, 0x110ff},
		{INITIAL, UINT32_MAX},
		{DIVIDE, 0xb},
		{SELF_IPI, 0xff},
	};

	base(APIC_BASE_MODE);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (unsigned bit = 0; bit < 64; bit++)
			assert_int_equal(wrx(rows[i].offset, UINT64_C(1) << bit),
			                 rows[i].allowed >> bit & 1 ? VPMU_OK : VPMU_GP);
}

static void x2apic_msrs_are_gp_in_xapic_mode(void **state)
{
	uint64_t value;

	assert_int_equal(rdx(VERSION, &value), VPMU_GP);
	assert_int_equal(wrx(TPR, 0), VPMU_GP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(illegal_changes_of_mode_are_gp),
		T(reserved_bits_of_the_base_are_gp),
		T(moved_base_moves_the_registers),
		T(switched_off_apic_has_no_registers),
		T(switching_off_resets_the_registers),
		T(x2apic_keeps_the_registers_and_hides_the_page),
		T(x2apic_access_rules_are_the_manuals),
		T(x2apic_reserved_bits_are_gp),
		T(x2apic_msrs_are_gp_in_xapic_mode),
	};

	return cmocka_run_group_tests_name("apic-mode", tests, NULL, NULL);
}
