/* SPDX-License-Identifier: MIT */
/* Interrupts in the local APIC: priorities, IPIs, the PMI. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "apic_fixture.h"

/* --- Priorities ------------------------------------------------------------------------------- */

static void highest_vector_is_taken_first(void **state)
{
	enable();
	apic_accept(&t.apic, 0x31);
	apic_accept(&t.apic, 0xe0);
	apic_accept(&t.apic, 0x80);
	assert_int_equal(rd(IRR + 0x10), 1 << 17);
	assert_int_equal(take(), 0xe0);
	assert_int_equal(rd(ISR + 0x70), 1);
	assert_int_equal(rd(IRR + 0x70), 0);
	assert_int_equal(take(), 0);
	wr(EOI, 0);
	assert_int_equal(take(), 0x80);
	wr(EOI, 0);
	assert_int_equal(take(), 0x31);
}

static void higher_class_nests_and_the_same_class_waits(void **state)
{
	enable();
	apic_accept(&t.apic, 0x41);
	assert_int_equal(take(), 0x41);
	apic_accept(&t.apic, 0x4f);
	assert_int_equal(take(), 0);
	apic_accept(&t.apic, 0x50);
	assert_int_equal(take(), 0x50);
	wr(EOI, 0); /* of 0x50 */
	assert_int_equal(take(), 0);
	wr(EOI, 0); /* of 0x41 */
	assert_int_equal(take(), 0x4f);
}

static void task_priority_holds_interrupts_back(void **state)
{
	enable();
	apic_write_cr8(&t.apic, 4);
	assert_int_equal(rd(TPR), 0x40);
	apic_accept(&t.apic, 0x4f);
	assert_int_equal(take(), 0);
	apic_write_cr8(&t.apic, 3);
	assert_int_equal(take(), 0x4f);
}

static void ppr_is_the_greater_of_tpr_and_service(void **state)
{
	enable();
	wr(TPR, 0x35);
	assert_int_equal(rd(PPR), 0x35);
	apic_accept(&t.apic, 0x62);
	take();
	assert_int_equal(rd(PPR), 0x60);
	wr(TPR, 0x61);
	assert_int_equal(rd(PPR), 0x61);
	wr(TPR, 0x72);
	assert_int_equal(rd(PPR), 0x72);
}

static void fixed_interrupts_wait_for_if_and_nmi_does_not(void **state)
{
	uint8_t vector;

	enable();
	apic_accept(&t.apic, 0x80);
	assert_false(apic_take(&t.apic, false, false, &vector));
	wr(ICR, 0x40400);
	assert_true(apic_take(&t.apic, false, false, &vector));
	assert_int_equal(vector, 2);
	assert_int_equal(take(), 0x80);
}

static void nmis_collapse_while_one_is_handled(void **state)
{
	uint8_t vector;

	wr(ICR, 0x40400);
	wr(ICR, 0x40400);
	assert_true(apic_take(&t.apic, false, false, &vector));
	wr(ICR, 0x40400);
	wr(ICR, 0x40400);
	assert_false(apic_take(&t.apic, false, true, &vector));
	assert_true(apic_take(&t.apic, false, false, &vector));
	assert_false(apic_take(&t.apic, false, false, &vector));
}

static void eoi_with_nothing_in_service_is_harmless(void **state)
{
	wr(EOI, 0);
	assert_int_equal(take(), 0);
}

/* --- IPIs ------------------------------------------------------------------------------------- */

static void ipis_reach_us_when_they_should(void **state)
{
	enum { FIXED = 0, LOGICAL = 0x800, SELF = 0x40000, ALL = 0x80000, OTHERS = 0xc0000 };
	static const struct {
		uint32_t low, destination;
		bool reaches;
	} rows[] = {
		{FIXED, 0, true},   {FIXED, 1, false},   {FIXED, 0xff, true},
		{SELF, 7, true},    {ALL, 7, true},      {OTHERS, 0, false},
		{LOGICAL, 4, true}, {LOGICAL, 8, false}, {LOGICAL, 0xff, true},
	};

	enable();
	wr(LDR, 4u << 24);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		wr(ICR2, rows[i].destination << 24);
		wr(ICR, rows[i].low | 0x41);
		assert_int_equal(take(), rows[i].reaches ? 0x41 : 0);
		wr(EOI, 0);
	}
}

static void logical_cluster_mode_compares_the_cluster(void **state)
{
	enable();
	wr(DFR, 0);
	wr(LDR, 0x24u << 24);
	wr(ICR2, 0x24u << 24);
	wr(ICR, 0x841);
	assert_int_equal(take(), 0x41);
	wr(EOI, 0);
	wr(ICR2, 0x34u << 24);
	wr(ICR, 0x841);
	assert_int_equal(take(), 0);
	wr(ICR2, 0xffu << 24);
	wr(ICR, 0x841);
	assert_int_equal(take(), 0x41);
}

static void x2apic_destinations_are_32_bits(void **state)
{
	enable();
	base(APIC_BASE_MODE);
	assert_int_equal(wrx(ICR, 0x41), VPMU_OK);
	assert_int_equal(take(), 0x41);
	wrx(EOI, 0);
	wrx(ICR, UINT64_C(0xffffffff00000041));
	assert_int_equal(take(), 0x41);
	wrx(EOI, 0);
	wrx(ICR, UINT64_C(0x000000ff00000041));
	assert_int_equal(take(), 0);
	wrx(ICR, UINT64_C(0x0000000100000841)); /* logical: cluster 0, first CPU */
	assert_int_equal(take(), 0x41);
	wrx(EOI, 0);
	wrx(ICR, UINT64_C(0x0001000100000841));
	assert_int_equal(take(), 0);
}

static void self_ipi_register_sends_a_vector(void **state)
{
	enable();
	base(APIC_BASE_MODE);
	assert_int_equal(wrx(SELF_IPI, 0xf1), VPMU_OK);
	assert_int_equal(take(), 0xf1);
}

static void illegal_vector_is_an_error_not_an_interrupt(void **state)
{
	enable();
	wr(ICR, 0x4000f);
	assert_int_equal(take(), 0);
	wr(ESR, 0);
	assert_int_equal(rd(ESR), APIC_ESR_SEND_VECTOR);
}

static void software_disabled_apic_takes_nmi_only(void **state)
{
	wr(ICR, 0x40041);
	assert_int_equal(take(), 0);
	wr(ICR, 0x40400);
	assert_int_equal(take(), 2);
}

static void init_smi_and_startup_go_nowhere(void **state)
{
	enable();
	for (unsigned mode = 2; mode < 8; mode++)
		if (mode != APIC_NMI)
			wr(ICR, 0x40041 | mode << 8);
	assert_int_equal(take(), 0);
}

static void pmi_follows_lvtpc(void **state)
{
	enable();
	wr(LVTPC, 0x44);
	assert_int_equal(apic_pmi(&t.apic), 0x44);
	assert_int_equal(take(), 0x44);
	wr(EOI, 0);
	wr(LVTPC, 0x10400); /* the PMU masks at delivery */
	assert_int_equal(apic_pmi(&t.apic), 2);
	assert_int_equal(take(), 2);
	wr(LVTPC, 0x200);
	assert_int_equal(apic_pmi(&t.apic), 0);
	wr(SVR, 0xff);
	assert_int_equal(apic_pmi(&t.apic), 0);
	assert_int_equal(take(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(highest_vector_is_taken_first),
		T(higher_class_nests_and_the_same_class_waits),
		T(task_priority_holds_interrupts_back),
		T(ppr_is_the_greater_of_tpr_and_service),
		T(fixed_interrupts_wait_for_if_and_nmi_does_not),
		T(nmis_collapse_while_one_is_handled),
		T(eoi_with_nothing_in_service_is_harmless),
		T(ipis_reach_us_when_they_should),
		T(logical_cluster_mode_compares_the_cluster),
		T(x2apic_destinations_are_32_bits),
		T(self_ipi_register_sends_a_vector),
		T(illegal_vector_is_an_error_not_an_interrupt),
		T(software_disabled_apic_takes_nmi_only),
		T(init_smi_and_startup_go_nowhere),
		T(pmi_follows_lvtpc),
	};

	return cmocka_run_group_tests_name("apic-interrupt", tests, NULL, NULL);
}
