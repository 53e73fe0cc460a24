/* SPDX-License-Identifier: MIT */
/* PEBS records: what they contain, and what becomes of buffer and counters. */
#include <string.h>

#include "pebs.h"

static void each_format_has_its_words(void **state)
{
	static const struct {
		const char *model;
		uint64_t bytes, status, event_rip, tsc;
	} rows[] = {
		{"skylake,pebs=1", 176, 1, 0, 0},
		{"skylake,pebs=2", 192, 1, 0x1000, 0},
		{"skylake,pebs=3", 200, 1, 0x1000, 0x7777},
	};
	static const uint64_t order[16] = {100, 103, 101, 102, 106, 107, 105, 104,
	                                   108, 109, 110, 111, 112, 113, 114, 115};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vpmu_pmu *pmu = sampler(rows[i].model);

		assert_int_equal(vpmu_model_pebs_bytes(vpmu_pmu_model(pmu)), rows[i].bytes);
		run(pmu, 3, 0);
		run(pmu, 1, 0);
		vpmu_pmu_write_pebs(pmu, &at);
		assert_int_equal(written(), rows[i].bytes);
		assert_int_equal(word(BUFFER), 0x246);
		assert_int_equal(word(BUFFER + 8), 0x1008);
		for (unsigned k = 0; k < 16; k++)
			assert_int_equal(word(BUFFER + 0x10 + 8 * k), order[k]);
		assert_int_equal(word(BUFFER + 0x90), rows[i].status);
		for (unsigned k = 0x98; k < 0xb0; k += 8)
			assert_int_equal(word(BUFFER + k), 0);
		assert_int_equal(word(BUFFER + 0xb0), rows[i].event_rip);
		assert_int_equal(word(BUFFER + 0xb8), 0);
		assert_int_equal(word(BUFFER + 0xc0), rows[i].tsc);
		assert_int_equal(word(BUFFER + 0xc8), 0);
	}
}

/* Base, index, maximum and threshold, and the reset values of the counters that sample. */
static void nothing_else_of_the_area_is_read(void **state)
{
	struct vpmu_pmu *pmu = sampler("skylake,pebs=1");

	run(pmu, 3, 0);
	run(pmu, 1, 0);
	memory.read = 0;
	vpmu_pmu_write_pebs(pmu, &at);
	assert_int_equal(memory.read, 4 * 8 + 8);
}

static void without_a_way_to_memory_the_record_stays_due(void **state)
{
	struct vpmu_pmu *pmu = sampler("skylake,pebs=3");
	struct vpmu_pebs blind = at, mute = at;

	blind.read = NULL;
	mute.write = NULL;
	run(pmu, 3, 0);
	run(pmu, 1, 0);
	vpmu_pmu_write_pebs(pmu, &blind);
	vpmu_pmu_write_pebs(pmu, &mute);
	vpmu_pmu_write_pebs(pmu, NULL);
	assert_true(vpmu_pmu_pebs_is_due(pmu));
	assert_int_equal(written(), 0);
}

static void formats_that_are_not_written(void **state)
{
	struct vpmu_model model;

	vpmu_model_parse(&model, "icelake", NULL, 0);
	assert_int_equal(vpmu_model_pebs_bytes(&model), 0);
	assert_int_equal(vpmu_model_pebs_bytes(NULL), 0);
	model.perf_capabilities |= 0x400;
	assert_int_equal(vpmu_model_pebs_bytes(&model), 0);
	model.perf_capabilities |= 0xf00;
	assert_int_equal(vpmu_model_pebs_bytes(&model), 0);
	vpmu_model_parse(&model, "skylake,pebs=3", NULL, 0);
	model.perf_capabilities &= ~VPMU_PERF_CAP_PEBS_TRAP;
	assert_int_equal(vpmu_model_pebs_bytes(&model), 0);
	vpmu_model_parse(&model, "intel-v1,pebs=3", NULL, 0);
	assert_int_equal(vpmu_model_pebs_bytes(&model), 0);
}

/* Two counters have overflowed when the record of one is written. */
static void from_format_3_on_each_counter_has_its_record(void **state)
{
	static const struct {
		const char *model;
		uint64_t record, left;
	} rows[] = {{"skylake,pebs=2", 3, 0}, {"skylake,pebs=3", 1, 2}};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vpmu_pmu *pmu = sampler(rows[i].model);

		wr(pmu, A_PMC0 + 1, WIDTH_MASK);
		run(pmu, 1, 1);
		run(pmu, 2, 0);
		assert_int_equal(rd(pmu, STATUS), 3);
		run(pmu, 1, 0);
		vpmu_pmu_write_pebs(pmu, &at);
		assert_int_equal(word(BUFFER + 0x90), rows[i].record);
		assert_int_equal(rd(pmu, STATUS), rows[i].left);
		assert_int_equal(rd(pmu, PMC0 + 1), rows[i].left ? 0 : -UINT64_C(11) & WIDTH_MASK);
		run(pmu, 1, 1);
		assert_int_equal(vpmu_pmu_pebs_is_due(pmu), rows[i].left != 0);
	}
}

static void counters_of_the_same_event_share_a_record(void **state)
{
	struct vpmu_pmu *pmu = sampler("skylake,pebs=3");

	wr(pmu, A_PMC0 + 1, WIDTH_MASK);
	run(pmu, 2, 0);
	run(pmu, 1, 1);
	run(pmu, 1, 1);
	vpmu_pmu_write_pebs(pmu, &at);
	assert_int_equal(word(BUFFER + 0x90), 3);
	assert_int_equal(written(), 200);
}

static void at_the_threshold_the_buffer_asks_for_a_pmi(void **state)
{
	struct vpmu_pmu *pmu = sampler("skylake,pebs=3");
	struct vpmu_outcome outcome;

	set_word(AREA + THRESHOLD, BUFFER + 400);
	set_word(AREA + RESET, WIDTH_MASK);
	run(pmu, 3, 0);
	for (unsigned records = 1; records <= 3; records++) {
		run(pmu, 1, 0);
		outcome = vpmu_pmu_write_pebs(pmu, &at);
		assert_int_equal(outcome.pmi, records == 2);
		assert_int_equal(outcome.masked, records == 3);
		assert_int_equal(rd(pmu, STATUS), records < 2 ? 0 : OVF_BUF);
		run(pmu, 1, 0);
	}
}

static void a_pmi_of_the_buffer_freezes_like_others(void **state)
{
	struct vpmu_pmu *pmu = sampler("intel-v4,pebs=3");

	set_word(AREA + THRESHOLD, BUFFER);
	wr(pmu, DEBUGCTL, 1 << 12);
	run(pmu, 3, 0);
	run(pmu, 1, 0);
	assert_int_equal(vpmu_pmu_write_pebs(pmu, &at).pmi, 1);
	assert_int_equal(rd(pmu, STATUS), OVF_BUF | UINT64_C(1) << 59);
	run(pmu, 5, 0);
	assert_int_equal(rd(pmu, PMC0), -UINT64_C(10) & WIDTH_MASK);
}

/* Makes a record due, and has it written. */
static void is_skipped(struct vpmu_pmu *pmu)
{
	uint8_t before[MEMORY];

	run(pmu, 3, 0);
	run(pmu, 1, 0);
	run(pmu, 0, 0);
	memcpy(before, memory.bytes, MEMORY);
	assert_true(vpmu_pmu_pebs_is_due(pmu));
	assert_int_equal(vpmu_pmu_write_pebs(pmu, &at).pmi, 0);
	assert_memory_equal(before, memory.bytes, MEMORY);
	assert_int_equal(rd(pmu, STATUS), 1);
	assert_int_equal(rd(pmu, PMC0), 1);
	assert_false(vpmu_pmu_pebs_is_due(pmu));
}

static void what_finds_no_room_is_skipped(void **state)
{
	static const struct {
		uint64_t index, maximum;
	} rows[] = {
		{BUFFER, BUFFER + 199},
		{BUFFER + 200, BUFFER + 200},
		{BUFFER, AREA},
		{BUFFER - 8, BUFFER + 0x100},
		{0, UINT64_MAX},
		{UINT64_MAX, 0},
		{UINT64_MAX - 7, UINT64_MAX - 1},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vpmu_pmu *pmu = sampler("skylake,pebs=3");

		set_word(AREA + THRESHOLD, 0);
		set_word(AREA + INDEX, rows[i].index);
		set_word(AREA + MAXIMUM, rows[i].maximum);
		is_skipped(pmu);
		set_word(AREA + INDEX, BUFFER);
		set_word(AREA + MAXIMUM, BUFFER + 200);
		run(pmu, 1, 0);
		assert_int_equal(vpmu_pmu_write_pebs(pmu, &at).pmi, 1);
		assert_int_equal(written(), 200);
	}
}

static void memory_that_is_not_there_skips_the_record(void **state)
{
	static const struct {
		uint64_t area, read_end, write_end;
	} rows[] = {
		{0x1000, AREA + MEMORY, AREA + MEMORY},
		{AREA, AREA + 0x3f, AREA + MEMORY},
		{AREA, AREA + 0x47, AREA + MEMORY}, /* no reset value */
		{AREA, AREA + MEMORY, BUFFER + 199},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vpmu_pmu *pmu = sampler("skylake,pebs=3");

		memory.read_end = rows[i].read_end;
		memory.write_end = rows[i].write_end;
		wr(pmu, DS_AREA, rows[i].area);
		is_skipped(pmu);
	}
}

static void what_is_switched_off_before_it_is_written_is_not(void **state)
{
	static const struct {
		uint32_t msr;
		uint64_t value;
	} rows[] = {{PEBS_ENABLE, 2}, {OVF_CTRL, 1}, {SEL0, SEL_ON | CORE_CYCLES}};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vpmu_pmu *pmu = sampler("skylake,pebs=3");

		run(pmu, 3, 0);
		run(pmu, 1, 0);
		wr(pmu, rows[i].msr, rows[i].value);
		vpmu_pmu_write_pebs(pmu, &at);
		assert_int_equal(written(), 0);
		assert_false(vpmu_pmu_pebs_is_due(pmu));
		run(pmu, 1, 0);
		assert_false(vpmu_pmu_pebs_is_due(pmu));
	}
}

/* A counter's place in the area; fixed counters have one only beside MSR_PEBS_DATA_CFG. */
static void every_counter_has_its_reset_value(void **state)
{
	struct vpmu_model model;
	struct vpmu_pmu *pmu;
	static _Alignas(VPMU_PMU_ALIGN) uint8_t place[VPMU_PMU_BYTES];

	vpmu_model_parse(&model, "intel-v5,gp=8,pebs=3", NULL, 0);
	model.perf_capabilities |= VPMU_PERF_CAP_PEBS_DATA;
	for (unsigned i = 0; i < 9; i++) {
		uint32_t counter = i < 8 ? A_PMC0 + i : FIXED0;
		uint64_t bit = i < 8 ? UINT64_C(1) << i : UINT64_C(1) << 32;

		pmu = vpmu_pmu_init(place, sizeof(place), &model, vpmu_profile_find("hardware"));
		assert_non_null(pmu);
		vpmu_pmu_take_pebs(pmu, true);
		make_area(200, 1, FOREVER);
		set_word(AREA + (i < 8 ? RESET + 8 * i : FIXED_RESET), 0x1234567);
		wr(pmu, DS_AREA, AREA);
		wr(pmu, PEBS_ENABLE, bit);
		if (i < 8)
			wr(pmu, SEL0 + i, SEL_ON | INSTRUCTIONS);
		wr(pmu, FIXED_CTRL, 3);
		wr(pmu, counter, WIDTH_MASK);
		wr(pmu, GLOBAL_CTRL, bit);
		run(pmu, 1, 0);
		run(pmu, 1, 0);
		vpmu_pmu_write_pebs(pmu, &at);
		assert_int_equal(rd(pmu, counter), 0x1234567);
		assert_int_equal(word(BUFFER + 0x90), bit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_format_has_its_words),
		cmocka_unit_test(nothing_else_of_the_area_is_read),
		cmocka_unit_test(without_a_way_to_memory_the_record_stays_due),
		cmocka_unit_test(formats_that_are_not_written),
		cmocka_unit_test(from_format_3_on_each_counter_has_its_record),
		cmocka_unit_test(counters_of_the_same_event_share_a_record),
		cmocka_unit_test(at_the_threshold_the_buffer_asks_for_a_pmi),
		cmocka_unit_test(a_pmi_of_the_buffer_freezes_like_others),
		cmocka_unit_test(what_finds_no_room_is_skipped),
		cmocka_unit_test(memory_that_is_not_there_skips_the_record),
		cmocka_unit_test(what_is_switched_off_before_it_is_written_is_not),
		cmocka_unit_test(every_counter_has_its_reset_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
