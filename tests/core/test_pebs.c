/* SPDX-License-Identifier: MIT */
/* PEBS: at which event a record is due. */
#include "pebs.h"

static void the_event_after_the_overflow_makes_a_record_due(void **state)
{
	struct vpmu_pmu *pmu = sampler("skylake,pebs=3");
	struct vpmu_amounts room;
	uint32_t epoch;

	run(pmu, 3, 0);
	assert_int_equal(rd(pmu, STATUS), 1);
	assert_false(vpmu_pmu_pebs_is_due(pmu));
	assert_true(pmu_is_armed(pmu, 0));
	vpmu_pmu_headroom(pmu, 0, &room);
	assert_int_equal(room.of[VPMU_INSTRUCTIONS], 1);
	run(pmu, 0, 0);
	assert_false(vpmu_pmu_pebs_is_due(pmu));
	epoch = vpmu_pmu_epoch(pmu);
	run(pmu, 1, 0);
	assert_true(vpmu_pmu_pebs_is_due(pmu));
	assert_int_not_equal(vpmu_pmu_epoch(pmu), epoch);
	vpmu_pmu_headroom(pmu, 0, &room);
	assert_true(room.of[VPMU_INSTRUCTIONS] > 1000);
	assert_int_equal(vpmu_pmu_write_pebs(pmu, &at).pmi, 0);
	assert_false(vpmu_pmu_pebs_is_due(pmu));
	assert_false(pmu_is_armed(pmu, 0));
	assert_int_equal(written(), 200);
	assert_int_equal(rd(pmu, STATUS), 0);
	assert_int_equal(rd(pmu, PMC0), -UINT64_C(10) & WIDTH_MASK);
	run(pmu, 10, 0);
	assert_int_equal(rd(pmu, STATUS), 1);
	vpmu_pmu_write_pebs(pmu, &at);
	assert_int_equal(written(), 200);
}

/* What a counter does that nobody samples. */
static void without_a_taker_counters_overflow_like_others(void **state)
{
	static const struct {
		const char *profile, *model;
		uint64_t enable, selector;
		bool take;
	} rows[] = {
		{"hardware", "skylake,pebs=3", 1, INSTRUCTIONS, false},
		{"hardware", "skylake,pebs=3", 0, INSTRUCTIONS, true},
		{"hardware", "skylake,pebs=3", 2, INSTRUCTIONS, true},
		{"hardware", "skylake,pebs=3", 1, 0x20000c0, true}, /* CMASK */
		{"hardware", "skylake,pebs=3", 1, CORE_CYCLES, true},
		{"hardware", "skylake,pebs=0", 0, INSTRUCTIONS, true},
		{"linux-6.12", "skylake,pebs=3", 0, INSTRUCTIONS, true},
		{"linux-6.1", "skylake,pebs=3", 0, INSTRUCTIONS, true},
		{"mediated", "skylake,pebs=3", 0, INSTRUCTIONS, true},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vpmu_pmu *pmu = machine_on(rows[i].profile, rows[i].model);

		vpmu_pmu_take_pebs(pmu, rows[i].take);
		if (rows[i].enable)
			wr(pmu, PEBS_ENABLE, rows[i].enable);
		wr(pmu, SEL0, SEL_ON | rows[i].selector);
		wr(pmu, A_PMC0, -UINT64_C(3) & WIDTH_MASK);
		wr(pmu, GLOBAL_CTRL, 1);
		for (unsigned k = 0; k < 6; k++) {
			vpmu_pmu_run(pmu, &RUN([VPMU_INSTRUCTIONS] = 2, [VPMU_CYCLES] = 1), 0);
			assert_false(vpmu_pmu_pebs_is_due(pmu));
		}
		assert_false(pmu_is_armed(pmu, 0));
		assert_int_equal(rd(pmu, STATUS) & 1, 1);
	}
}

/* What follows was counted with a counter that nobody looked at. */
static void a_change_takes_effect_with_the_next_event(void **state)
{
	struct vpmu_pmu *pmu = sampler("skylake,pebs=3");

	vpmu_pmu_take_pebs(pmu, false);
	run(pmu, 3, 0);
	run(pmu, 3, 0);
	vpmu_pmu_take_pebs(pmu, true);
	run(pmu, 1, 0);
	assert_true(vpmu_pmu_pebs_is_due(pmu));
	pmu = sampler("skylake,pebs=3");
	wr(pmu, PEBS_ENABLE, 0);
	run(pmu, 3, 0);
	run(pmu, 3, 0);
	wr(pmu, PEBS_ENABLE, 1);
	run(pmu, 1, 0);
	assert_true(vpmu_pmu_pebs_is_due(pmu));
}

/* It had overflowed before. */
static void an_event_can_overflow_and_cause_a_record(void **state)
{
	struct vpmu_pmu *pmu = sampler("skylake,pebs=3");
	struct vpmu_outcome outcome;

	wr(pmu, SEL0, SEL_ON_INT | INSTRUCTIONS);
	wr(pmu, A_PMC0, WIDTH_MASK);
	assert_int_equal(vpmu_pmu_host_write(pmu, STATUS, 1), VPMU_OK);
	outcome = vpmu_pmu_account(pmu, &RUN([VPMU_INSTRUCTIONS] = 1), 0);
	assert_int_equal(outcome.pmi, 1);
	assert_int_equal(outcome.overflowed, 1);
	assert_true(vpmu_pmu_pebs_is_due(pmu));
}

static void nobody_takes_what_is_not_written(void **state)
{
	static _Alignas(VPMU_PMU_ALIGN) uint8_t place[VPMU_PMU_BYTES];
	struct vpmu_model model;
	struct vpmu_pmu *pmu;

	vpmu_model_parse(&model, "skylake,pebs=3", NULL, 0);
	model.perf_capabilities &= ~VPMU_PERF_CAP_PEBS_TRAP;
	pmu = vpmu_pmu_init(place, sizeof(place), &model, vpmu_profile_find("hardware"));
	vpmu_pmu_take_pebs(pmu, true);
	wr(pmu, PEBS_ENABLE, 1);
	wr(pmu, SEL0, SEL_ON | INSTRUCTIONS);
	wr(pmu, A_PMC0, WIDTH_MASK);
	wr(pmu, GLOBAL_CTRL, 1);
	run(pmu, 1, 0);
	assert_false(pmu_is_armed(pmu, 0));
	run(pmu, 1, 0);
	assert_false(vpmu_pmu_pebs_is_due(pmu));
}

static void the_selector_decides_about_a_pmi_at_the_overflow(void **state)
{
	struct vpmu_pmu *pmu = sampler("skylake,pebs=3");
	struct vpmu_outcome outcome;

	wr(pmu, SEL0, SEL_ON_INT | INSTRUCTIONS);
	outcome = vpmu_pmu_account(pmu, &RUN([VPMU_INSTRUCTIONS] = 3), 0);
	assert_int_equal(outcome.pmi, 1);
	outcome = vpmu_pmu_account(pmu, &RUN([VPMU_INSTRUCTIONS] = 1), 0);
	assert_int_equal(outcome.pmi + outcome.masked, 0);
}

/* As when a machine is restored: nothing of it is outside of the registers. */
static void the_registers_say_that_a_record_is_next(void **state)
{
	struct vpmu_pmu *pmu = sampler("intel-v4,pebs=3");

	run(pmu, 1, 0);
	assert_int_equal(vpmu_pmu_host_write(pmu, STATUS, 1), VPMU_OK);
	assert_true(pmu_is_armed(pmu, 0));
	assert_true(pmu_is_armed(pmu, 3));
	run(pmu, 1, 0);
	assert_true(vpmu_pmu_pebs_is_due(pmu));
}

static void a_ring_that_is_not_counted_is_not_armed(void **state)
{
	struct vpmu_pmu *pmu = sampler("skylake,pebs=3");

	wr(pmu, SEL0, (SEL_ON & ~UINT64_C(0x20000)) | INSTRUCTIONS);
	vpmu_pmu_account(pmu, &RUN([VPMU_INSTRUCTIONS] = 3), 3);
	assert_true(pmu_is_armed(pmu, 3));
	assert_false(pmu_is_armed(pmu, 0));
	assert_false(pmu_is_armed(NULL, 3));
	run(pmu, 1, 0);
	assert_false(vpmu_pmu_pebs_is_due(pmu));
}

static void a_reset_forgets_what_is_due_but_not_who_takes_it(void **state)
{
	struct vpmu_pmu *pmu = sampler("skylake,pebs=3");

	run(pmu, 3, 0);
	run(pmu, 1, 0);
	vpmu_pmu_reset(pmu);
	assert_false(vpmu_pmu_pebs_is_due(pmu));
	wr(pmu, PEBS_ENABLE, 1);
	wr(pmu, SEL0, SEL_ON | INSTRUCTIONS);
	wr(pmu, GLOBAL_CTRL, 1);
	wr(pmu, A_PMC0, WIDTH_MASK);
	run(pmu, 1, 0);
	run(pmu, 1, 0);
	assert_true(vpmu_pmu_pebs_is_due(pmu));
}

static void a_fingerprint_has_who_takes_records_and_which_are_due(void **state)
{
	struct vpmu_pmu *pmu = sampler("skylake,pebs=3");
	uint64_t taken = vpmu_pmu_fingerprint(pmu), before;

	vpmu_pmu_take_pebs(pmu, false);
	assert_int_not_equal(vpmu_pmu_fingerprint(pmu), taken);
	vpmu_pmu_take_pebs(pmu, true);
	assert_int_equal(vpmu_pmu_fingerprint(pmu), taken);
	wr(pmu, PMC0, 0);
	before = vpmu_pmu_fingerprint(pmu);
	wr(pmu, A_PMC0, -UINT64_C(1) & WIDTH_MASK);
	run(pmu, 1, 0);
	run(pmu, 1, 0);
	assert_true(vpmu_pmu_pebs_is_due(pmu));
	wr(pmu, OVF_CTRL, 1);
	wr(pmu, PMC0, 0);
	assert_int_not_equal(vpmu_pmu_fingerprint(pmu), before);
	vpmu_pmu_write_pebs(pmu, &at);
	assert_int_equal(vpmu_pmu_fingerprint(pmu), before);
}

/* The DS area has eight places. */
static void a_ninth_counter_has_no_records(void **state)
{
	struct vpmu_pmu *pmu = machine_on("hardware", "intel-v5,gp=10,pebs=3");

	vpmu_pmu_take_pebs(pmu, true);
	wr(pmu, PEBS_ENABLE, 0x300);
	wr(pmu, SEL0 + 8, SEL_ON | INSTRUCTIONS);
	wr(pmu, A_PMC0 + 8, WIDTH_MASK);
	wr(pmu, GLOBAL_CTRL, 0x100);
	run(pmu, 1, 0);
	run(pmu, 1, 0);
	assert_int_equal(rd(pmu, STATUS), 0x100);
	assert_false(vpmu_pmu_pebs_is_due(pmu));
}

/* Each event that is a kind of branches, and no other. */
static void precise_events_are_instructions_and_branches(void **state)
{
	static const struct {
		const char *model;
		uint64_t event;
		enum vpmu_class class_;
		bool precise;
	} rows[] = {
		{"skylake,pebs=3", 0x00c0, VPMU_INSTRUCTIONS, true},
		{"skylake,pebs=3", 0x00c4, VPMU_BRANCHES, true},
		{"skylake,pebs=3", 0x01c4, VPMU_CONDITIONAL_BRANCHES, true},
		{"skylake,pebs=3", 0x02c4, VPMU_NEAR_CALLS, true},
		{"skylake,pebs=3", 0x08c4, VPMU_NEAR_RETURNS, true},
		{"skylake,pebs=3", 0x20c4, VPMU_TAKEN_BRANCHES, true},
		{"skylake,pebs=3", 0x40c4, VPMU_FAR_BRANCHES, true},
		{"skylake,pebs=3", 0x10c4, VPMU_CONDITIONAL_NOT_TAKEN, true},
		{"icelake,pebs=3", 0x01c4, VPMU_CONDITIONAL_TAKEN, true},
		{"skylake,pebs=3", 0x00c5, VPMU_BRANCH_MISSES, false},
		{"skylake,pebs=3", 0x81d0, VPMU_LOADS, false},
		{"skylake,pebs=3", 0x003c, VPMU_CYCLES, false},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vpmu_pmu *pmu = sampler(rows[i].model);
		struct vpmu_amounts one = {{0}};

		assert_int_equal(vpmu_pmu_event_class(pmu, rows[i].event), rows[i].class_);
		wr(pmu, GLOBAL_CTRL, 1);
		wr(pmu, SEL0, SEL_ON | rows[i].event);
		wr(pmu, A_PMC0, WIDTH_MASK);
		one.of[rows[i].class_] = 1;
		vpmu_pmu_account(pmu, &one, 0);
		assert_int_equal(rd(pmu, STATUS), 1);
		vpmu_pmu_account(pmu, &one, 0);
		assert_int_equal(vpmu_pmu_pebs_is_due(pmu), rows[i].precise);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_event_after_the_overflow_makes_a_record_due),
		cmocka_unit_test(without_a_taker_counters_overflow_like_others),
		cmocka_unit_test(a_change_takes_effect_with_the_next_event),
		cmocka_unit_test(an_event_can_overflow_and_cause_a_record),
		cmocka_unit_test(nobody_takes_what_is_not_written),
		cmocka_unit_test(the_selector_decides_about_a_pmi_at_the_overflow),
		cmocka_unit_test(the_registers_say_that_a_record_is_next),
		cmocka_unit_test(a_ring_that_is_not_counted_is_not_armed),
		cmocka_unit_test(a_reset_forgets_what_is_due_but_not_who_takes_it),
		cmocka_unit_test(a_fingerprint_has_who_takes_records_and_which_are_due),
		cmocka_unit_test(a_ninth_counter_has_no_records),
		cmocka_unit_test(precise_events_are_instructions_and_branches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
