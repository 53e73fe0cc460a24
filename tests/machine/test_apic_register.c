/* SPDX-License-Identifier: MIT */
/* The local APIC's registers: what they keep, refuse and report. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "apic_fixture.h"

static void power_up_state_is_the_manuals(void **state)
{
	static const struct {
		unsigned offset;
		uint32_t value;
	} rows[] = {
		{ID, 0},
		{TPR, 0},
		{PPR, 0},
		{LDR, 0},
		{DFR, UINT32_MAX},
		{SVR, 0xff},
		{ESR, 0},
		{ICR, 0},
		{ICR2, 0},
		{LVT_TIMER, 0x10000},
		{LVT_THERMAL, 0x10000},
		{LVTPC, 0x10000},
		{LVT_LINT0, 0x10000},
		{LVT_LINT1, 0x10000},
		{LVT_ERROR, 0x10000},
		{INITIAL, 0},
		{CURRENT, 0},
		{DIVIDE, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(rd(rows[i].offset), rows[i].value);
	assert_int_equal(t.apic.base, 0xfee00900);
}

static void version_is_integrated_with_six_lvt_entries(void **state)
{
	assert_in_range(rd(VERSION) & 0xff, 0x10, 0x15);
	assert_int_equal(rd(VERSION) >> 16, 5);
}

static void only_the_named_bits_of_lvt_entries_are_kept(void **state)
{
	enable();
	wr(LVT_TIMER, UINT32_MAX);
	wr(LVT_THERMAL, UINT32_MAX);
	wr(LVT_LINT0, UINT32_MAX);
	wr(LVT_ERROR, UINT32_MAX);
	wr(LVTPC, UINT32_MAX);
	assert_int_equal(rd(LVT_TIMER), 0x700ff);
	assert_int_equal(rd(LVT_THERMAL), 0x107ff);
	assert_int_equal(rd(LVT_LINT0), 0x1a7ff);
	assert_int_equal(rd(LVT_ERROR), 0x100ff);
	assert_int_equal(rd(LVTPC), 0x107ff);
}

static void software_disable_masks_every_lvt_entry(void **state)
{
	enable();
	wr(LVT_LINT0, 0x700);
	wr(LVTPC, 0x400);
	wr(SVR, 0xff);
	assert_int_equal(rd(LVT_LINT0), 0x10700);
	assert_int_equal(rd(LVTPC), 0x10400);
	wr(LVTPC, 0x400);
	assert_int_equal(rd(LVTPC), 0x10400);
	enable();
	wr(LVTPC, 0x400);
	assert_int_equal(rd(LVTPC), 0x400);
}

static void lvtpc_is_the_pmus_register(void **state)
{
	enable();
	wr(LVTPC, 0x4f0);
	assert_int_equal(vpmu_pmu_lvtpc(t.apic.pmu), 0x4f0);
	vpmu_pmu_set_lvtpc(t.apic.pmu, 0x10041);
	assert_int_equal(rd(LVTPC), 0x10041);
}

static void unknown_register_sets_esr(void **state)
{
	rd(0x3f0);
	assert_int_equal(rd(ESR), 0);
	wr(ESR, 0);
	assert_int_equal(rd(ESR), APIC_ESR_REGISTER);
	wr(ESR, 0);
	assert_int_equal(rd(ESR), 0);
}

static void error_entry_interrupts_once_for_an_error(void **state)
{
	enable();
	wr(LVT_ERROR, 0x55);
	wr(0x40, 1);
	assert_int_equal(take(), 0x55);
	wr(EOI, 0);
	wr(0x40, 1);
	assert_int_equal(take(), 0);
}

static void error_entry_with_an_illegal_vector_does_not_recurse(void **state)
{
	enable();
	wr(LVT_ERROR, 3);
	wr(0x40, 1);
	assert_int_equal(take(), 0);
}

static void partial_and_odd_accesses_change_nothing(void **state)
{
	apic_mmio_write(&t.apic, t.now, MMIO + TPR, 1, 0xff);
	apic_mmio_write(&t.apic, t.now, MMIO + TPR, 8, 0xff);
	apic_mmio_write(&t.apic, t.now, MMIO + TPR + 4, 4, 0xff);
	assert_int_equal(rd(TPR), 0);
	assert_int_equal(apic_mmio_read(&t.apic, t.now, MMIO + VERSION + 2, 1), 5);
	assert_int_equal(apic_mmio_read(&t.apic, t.now, MMIO + VERSION + 4, 4), 0);
}

static void other_device_memory_reads_all_ones(void **state)
{
	assert_int_equal(apic_mmio_read(&t.apic, t.now, 0xfec00000, 4), UINT32_MAX);
	assert_int_equal(apic_mmio_read(&t.apic, t.now, MMIO + 0x1000, 1), 0xff);
	assert_true(apic_mmio_read(&t.apic, t.now, MMIO - 8, 8) == UINT64_MAX);
}

/* Random accesses in random modes: nothing to compare with, but the sanitizers look on, and what is
 * taken is always a legal vector. */
static void random_accesses_stay_sane(void **state)
{
	const unsigned seed = 20240611;
	uint64_t value;

	print_message("seed %u\n", seed);
	srandom(seed);
	for (unsigned i = 0; i < 200000; i++) {
		uint64_t data = (uint64_t)random() << 33 ^ (uint64_t)random();
		unsigned offset = (unsigned)random() & 0xff0;
		int vector;

		t.now += (unsigned)random() % 300;
		switch (random() % 8) {
		case 0:
			base((uint64_t)(random() & 3) << 10);
			break;
		case 1:
			wrx(offset, data >> (random() % 64));
			break;
		case 2:
			rdx(offset, &value);
			break;
		case 3:
			apic_timer_write_deadline(&t.apic, t.now, data >> (random() % 64));
			break;
		case 4:
			apic_pmi(&t.apic);
			break;
		case 5:
			rd(offset);
			break;
		default:
			wr(offset, (uint32_t)data >> (random() % 32));
		}
		apic_advance(&t.apic, t.now);
		assert_true(apic_next_event(&t.apic) > t.now);
		vector = take();
		assert_true(vector == 0 || vector == 2 || vector >= 16);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(power_up_state_is_the_manuals),
		T(version_is_integrated_with_six_lvt_entries),
		T(only_the_named_bits_of_lvt_entries_are_kept),
		T(software_disable_masks_every_lvt_entry),
		T(lvtpc_is_the_pmus_register),
		T(unknown_register_sets_esr),
		T(error_entry_interrupts_once_for_an_error),
		T(error_entry_with_an_illegal_vector_does_not_recurse),
		T(partial_and_odd_accesses_change_nothing),
		T(other_device_memory_reads_all_ones),
		T(random_accesses_stay_sane),
	};

	return cmocka_run_group_tests_name("apic-register", tests, NULL, NULL);
}
