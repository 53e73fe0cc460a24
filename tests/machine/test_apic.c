/* SPDX-License-Identifier: MIT */
/* The local APIC: modes, registers, priorities, IPIs, the timer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <machine/apic.h>

#define MMIO APIC_DEFAULT_BASE

enum {
	ID = 0x20,
	VERSION = 0x30,
	TPR = 0x80,
	PPR = 0xa0,
	EOI = 0xb0,
	LDR = 0xd0,
	DFR = 0xe0,
	SVR = 0xf0,
	ISR = 0x100,
	IRR = 0x200,
	ESR = 0x280,
	ICR = 0x300,
	ICR2 = 0x310,
	LVT_TIMER = 0x320,
	LVT_THERMAL = 0x330,
	LVTPC = 0x340,
	LVT_LINT0 = 0x350,
	LVT_LINT1 = 0x360,
	LVT_ERROR = 0x370,
	INITIAL = 0x380,
	CURRENT = 0x390,
	DIVIDE = 0x3e0,
	SELF_IPI = 0x3f0,
};

enum { PERIODIC = 0x20000, DEADLINE = 0x40000, DIVIDE_1 = 0xb };

static struct {
	_Alignas(VPMU_PMU_ALIGN) uint8_t pmu[VPMU_PMU_BYTES];
	struct apic apic;
	uint64_t now;
} t;

static int setup(void **state)
{
	struct vpmu_model model;
	struct vpmu_pmu *pmu;

	assert_int_equal(vpmu_model_parse(&model, "intel-v2", NULL, 0), VPMU_OK);
	pmu = vpmu_pmu_init(t.pmu, sizeof(t.pmu), &model, NULL);
	assert_non_null(pmu);
	t.now = 1000;
	memset(&t.apic, 0, sizeof(t.apic));
	apic_init(&t.apic, pmu);
	return 0;
}

static uint32_t rd(unsigned offset)
{
	return (uint32_t)apic_mmio_read(&t.apic, t.now, MMIO + offset, 4);
}

static void wr(unsigned offset, uint32_t value)
{
	apic_mmio_write(&t.apic, t.now, MMIO + offset, 4, value);
}

static enum vpmu_status rdx(unsigned offset, uint64_t *value)
{
	return apic_msr_read(&t.apic, t.now, 0x800 + offset / 16, value);
}

static enum vpmu_status wrx(unsigned offset, uint64_t value)
{
	return apic_msr_write(&t.apic, t.now, 0x800 + offset / 16, value);
}

static enum vpmu_status base(uint64_t mode)
{
	return apic_write_base(&t.apic, t.now, MMIO | APIC_BASE_BSP | mode);
}

static void enable(void)
{
	wr(SVR, 0x1ff);
}

/* The vector that the CPU takes with interrupts on; 0: none. */
static int take(void)
{
	uint8_t vector = 0;

	return apic_take(&t.apic, true, false, &vector) ? vector : 0;
}

static void at(uint64_t now)
{
	t.now = now;
	apic_advance(&t.apic, now);
}

/* --- Reset, registers --------------------------------------------------------------------------
 */

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

/* --- Modes -------------------------------------------------------------------------------------
 */

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

/* --- Priorities --------------------------------------------------------------------------------
 */

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

/* --- IPIs --------------------------------------------------------------------------------------
 */

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

/* --- The timer ---------------------------------------------------------------------------------
 */

static void start_timer(uint32_t entry, uint32_t divide, uint32_t initial)
{
	enable();
	wr(LVT_TIMER, entry);
	wr(DIVIDE, divide);
	wr(INITIAL, initial);
}

static void one_shot_fires_once_on_its_tick(void **state)
{
	start_timer(0xee, DIVIDE_1, 100);
	assert_int_equal(apic_next_event(&t.apic), 1100);
	assert_int_equal(rd(CURRENT), 100);
	at(1060);
	assert_int_equal(rd(CURRENT), 40);
	at(1099);
	assert_int_equal(take(), 0);
	assert_int_equal(rd(CURRENT), 1);
	at(1100);
	assert_int_equal(take(), 0xee);
	assert_int_equal(rd(CURRENT), 0);
	assert_true(apic_next_event(&t.apic) == APIC_NEVER);
	wr(EOI, 0);
	at(5000);
	assert_int_equal(take(), 0);
	assert_int_equal(rd(INITIAL), 100);
}

static void divider_is_decoded_as_the_manual_says(void **state)
{
	static const struct {
		uint32_t code, ticks;
	} rows[] = {{0, 2}, {1, 4}, {2, 8}, {3, 16}, {8, 32}, {9, 64}, {10, 128}, {11, 1}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		start_timer(0xee, rows[i].code, 10);
		assert_int_equal(apic_next_event(&t.apic) - t.now, 10 * rows[i].ticks);
	}
}

static void new_divider_keeps_the_count_left(void **state)
{
	start_timer(0xee, DIVIDE_1, 100);
	at(1040);
	wr(DIVIDE, 0); /* by 2 */
	assert_int_equal(rd(CURRENT), 60);
	assert_int_equal(apic_next_event(&t.apic), 1160);
}

static void count_shows_one_until_its_last_tick(void **state)
{
	start_timer(0xee, 3, 10); /* by 16 */
	at(1001);
	assert_int_equal(rd(CURRENT), 10);
	at(1016);
	assert_int_equal(rd(CURRENT), 9);
	at(1159);
	assert_int_equal(rd(CURRENT), 1);
	at(1160);
	assert_int_equal(rd(CURRENT), 0);
}

static void periodic_fires_on_every_period(void **state)
{
	start_timer(PERIODIC | 0xee, DIVIDE_1, 100);
	for (unsigned i = 1; i < 5; i++) {
		at(1000 + i * 100 - 1);
		assert_int_equal(take(), 0);
		at(1000 + i * 100);
		assert_int_equal(take(), 0xee);
		wr(EOI, 0);
		assert_int_equal(rd(CURRENT), 100);
	}
}

static void periodic_keeps_its_phase_over_a_long_gap(void **state)
{
	start_timer(PERIODIC | 0xee, DIVIDE_1, 100);
	at(9950);
	assert_int_equal(take(), 0xee);
	wr(EOI, 0);
	assert_int_equal(take(), 0);
	assert_int_equal(apic_next_event(&t.apic), 10000);
}

static void change_between_one_shot_and_periodic_goes_on_counting(void **state)
{
	start_timer(0xee, DIVIDE_1, 100);
	at(1070);
	wr(LVT_TIMER, PERIODIC | 0xee);
	assert_int_equal(rd(CURRENT), 30);
	at(1100);
	assert_int_equal(rd(CURRENT), 100);
	at(1150);
	wr(LVT_TIMER, 0xee);
	assert_int_equal(rd(CURRENT), 50);
	at(1200);
	assert_int_equal(rd(CURRENT), 0);
	wr(LVT_TIMER, PERIODIC | 0xee);
	assert_int_equal(rd(CURRENT), 0);
}

static void masked_timer_counts_and_does_not_interrupt(void **state)
{
	start_timer(APIC_LVT_MASKED | PERIODIC | 0xee, DIVIDE_1, 100);
	assert_true(apic_next_event(&t.apic) == APIC_NEVER);
	at(1250);
	assert_int_equal(rd(CURRENT), 50);
	assert_int_equal(take(), 0);
}

static void initial_count_zero_stops_the_timer(void **state)
{
	start_timer(PERIODIC | 0xee, DIVIDE_1, 100);
	wr(INITIAL, 0);
	assert_true(apic_next_event(&t.apic) == APIC_NEVER);
	assert_int_equal(rd(CURRENT), 0);
}

static void deadline_fires_when_the_tsc_reaches_it_and_clears(void **state)
{
	enable();
	wr(LVT_TIMER, DEADLINE | 0xef);
	apic_timer_set_tsc_offset(&t.apic, t.now, 5000);
	apic_timer_write_deadline(&t.apic, t.now, 6500);
	assert_int_equal(apic_next_event(&t.apic), 1500);
	assert_int_equal(apic_timer_read_deadline(&t.apic), 6500);
	at(1500);
	assert_int_equal(take(), 0xef);
	assert_int_equal(apic_timer_read_deadline(&t.apic), 0);
}

static void past_deadline_fires_at_once(void **state)
{
	enable();
	wr(LVT_TIMER, DEADLINE | 0xef);
	apic_timer_write_deadline(&t.apic, t.now, 1);
	assert_int_equal(take(), 0xef);
}

static void deadline_outside_its_mode_is_ignored(void **state)
{
	enable();
	wr(LVT_TIMER, 0xef);
	apic_timer_write_deadline(&t.apic, t.now, 1);
	assert_int_equal(take(), 0);
	assert_int_equal(apic_timer_read_deadline(&t.apic), 0);
	wr(LVT_TIMER, DEADLINE | 0xef);
	wr(INITIAL, 100);
	assert_int_equal(rd(INITIAL), 0);
	assert_true(apic_next_event(&t.apic) == APIC_NEVER);
}

static void change_to_and_from_deadline_mode_disarms(void **state)
{
	start_timer(0xee, DIVIDE_1, 100);
	wr(LVT_TIMER, DEADLINE | 0xee);
	assert_true(apic_next_event(&t.apic) == APIC_NEVER);
	apic_timer_write_deadline(&t.apic, t.now, 4000);
	wr(LVT_TIMER, 0xee);
	assert_true(apic_next_event(&t.apic) == APIC_NEVER);
	assert_int_equal(apic_timer_read_deadline(&t.apic), 0);
}

static void written_tsc_moves_the_deadline(void **state)
{
	enable();
	wr(LVT_TIMER, DEADLINE | 0xef);
	apic_timer_write_deadline(&t.apic, t.now, 3000);
	apic_timer_set_tsc_offset(&t.apic, t.now, 500);
	assert_int_equal(apic_next_event(&t.apic), 2500);
	apic_timer_set_tsc_offset(&t.apic, t.now, 5000);
	assert_int_equal(take(), 0xef);
}

static void farthest_deadline_never_comes(void **state)
{
	enable();
	wr(LVT_TIMER, DEADLINE | 0xef);
	apic_timer_write_deadline(&t.apic, t.now, UINT64_MAX);
	assert_true(apic_next_event(&t.apic) == APIC_NEVER);
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

#define T(f) cmocka_unit_test_setup(f, setup)

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
		T(illegal_changes_of_mode_are_gp),
		T(reserved_bits_of_the_base_are_gp),
		T(moved_base_moves_the_registers),
		T(switched_off_apic_has_no_registers),
		T(switching_off_resets_the_registers),
		T(x2apic_keeps_the_registers_and_hides_the_page),
		T(x2apic_access_rules_are_the_manuals),
		T(x2apic_reserved_bits_are_gp),
		T(x2apic_msrs_are_gp_in_xapic_mode),
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
		T(one_shot_fires_once_on_its_tick),
		T(divider_is_decoded_as_the_manual_says),
		T(new_divider_keeps_the_count_left),
		T(count_shows_one_until_its_last_tick),
		T(periodic_fires_on_every_period),
		T(periodic_keeps_its_phase_over_a_long_gap),
		T(change_between_one_shot_and_periodic_goes_on_counting),
		T(masked_timer_counts_and_does_not_interrupt),
		T(initial_count_zero_stops_the_timer),
		T(deadline_fires_when_the_tsc_reaches_it_and_clears),
		T(past_deadline_fires_at_once),
		T(deadline_outside_its_mode_is_ignored),
		T(change_to_and_from_deadline_mode_disarms),
		T(written_tsc_moves_the_deadline),
		T(farthest_deadline_never_comes),
		T(random_accesses_stay_sane),
	};

	return cmocka_run_group_tests_name("apic", tests, NULL, NULL);
}
