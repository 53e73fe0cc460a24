/* SPDX-License-Identifier: MIT */
/* PEBS records: at which event, what they contain, and what becomes of buffer and counters. */
#include <string.h>

#include "machine.h"

enum {
	PEBS_ENABLE = 0x3f1,
	DS_AREA = 0x600,
	AREA = 0x100000, /* the DS area, and behind it the buffer: */
	BUFFER = AREA + 0x100,
	MEMORY = 0x1000,
	INDEX = 0x28,
	MAXIMUM = 0x30,
	THRESHOLD = 0x38,
	RESET = 0x40,
	FIXED_RESET = 0x80,
	FOREVER = 0x7fffffff,
};
#define OVF_BUF    (UINT64_C(1) << 62)
#define WIDTH_MASK ((UINT64_C(1) << 48) - 1)

/* The guest's memory, and up to where it can be read and written. */
static struct memory {
	uint8_t bytes[MEMORY];
	uint64_t read_end, write_end;
} memory;

static bool copy(uint64_t address, uint64_t end, size_t bytes)
{
	return address >= AREA && address + bytes <= end;
}

static bool read_memory(void *context, uint64_t address, void *to, size_t bytes)
{
	struct memory *from = context;

	if (!copy(address, from->read_end, bytes))
		return false;
	memcpy(to, from->bytes + (address - AREA), bytes);
	return true;
}

static bool write_memory(void *context, uint64_t address, const void *from, size_t bytes)
{
	struct memory *to = context;

	if (!copy(address, to->write_end, bytes))
		return false;
	memcpy(to->bytes + (address - AREA), from, bytes);
	return true;
}

static uint64_t word(uint64_t address)
{
	uint64_t value;

	memcpy(&value, memory.bytes + (address - AREA), sizeof(value));
	return value;
}

static void set_word(uint64_t address, uint64_t value)
{
	memcpy(memory.bytes + (address - AREA), &value, sizeof(value));
}

static const struct vpmu_pebs at = {
	.rip = 0x1008,
	.event_rip = 0x1000,
	.rflags = 0x246,
	.tsc = 0x7777,
	.gpr = {100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115},
	.read = read_memory,
	.write = write_memory,
	.context = &memory,
};

/* A buffer of so many records, and of which the n-th asks for a PMI. */
static void make_area(unsigned record, unsigned records, unsigned threshold)
{
	memset(&memory, 0, sizeof(memory));
	memory.read_end = memory.write_end = AREA + MEMORY;
	set_word(AREA + 0x20, BUFFER);
	set_word(AREA + INDEX, BUFFER);
	set_word(AREA + MAXIMUM, BUFFER + (uint64_t)record * records);
	set_word(AREA + THRESHOLD, BUFFER + (uint64_t)record * threshold);
	for (unsigned i = 0; i < 8; i++)
		set_word(AREA + RESET + 8 * i, -(uint64_t)(10 + i));
}

/* A machine whose counters 0 and 1 count instructions and branches, with PEBS. */
static struct vpmu_pmu *sampler(const char *name)
{
	struct vpmu_pmu *pmu = machine_on("hardware", name);

	vpmu_pmu_take_pebs(pmu, true);
	make_area(vpmu_model_pebs_bytes(vpmu_pmu_model(pmu)), 4, FOREVER);
	wr(pmu, DS_AREA, AREA);
	wr(pmu, PEBS_ENABLE, 3);
	wr(pmu, SEL0, SEL_ON | INSTRUCTIONS);
	wr(pmu, SEL0 + 1, SEL_ON | BRANCHES);
	wr(pmu, A_PMC0, -UINT64_C(3) & WIDTH_MASK);
	wr(pmu, GLOBAL_CTRL, 3);
	return pmu;
}

static uint64_t written(void)
{
	return word(AREA + INDEX) - BUFFER;
}

/* So many instructions, of which so many branches. */
static void run(struct vpmu_pmu *pmu, uint64_t instructions, uint64_t branches)
{
	struct vpmu_amounts amounts =
		RUN([VPMU_INSTRUCTIONS] = instructions, [VPMU_BRANCHES] = branches);

	vpmu_pmu_account(pmu, &amounts, 0);
}

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
		cmocka_unit_test(each_format_has_its_words),
		cmocka_unit_test(a_change_takes_effect_with_the_next_event),
		cmocka_unit_test(an_event_can_overflow_and_cause_a_record),
		cmocka_unit_test(without_a_way_to_memory_the_record_stays_due),
		cmocka_unit_test(nobody_takes_what_is_not_written),
		cmocka_unit_test(formats_that_are_not_written),
		cmocka_unit_test(from_format_3_on_each_counter_has_its_record),
		cmocka_unit_test(counters_of_the_same_event_share_a_record),
		cmocka_unit_test(at_the_threshold_the_buffer_asks_for_a_pmi),
		cmocka_unit_test(a_pmi_of_the_buffer_freezes_like_others),
		cmocka_unit_test(the_selector_decides_about_a_pmi_at_the_overflow),
		cmocka_unit_test(what_finds_no_room_is_skipped),
		cmocka_unit_test(memory_that_is_not_there_skips_the_record),
		cmocka_unit_test(what_is_switched_off_before_it_is_written_is_not),
		cmocka_unit_test(the_registers_say_that_a_record_is_next),
		cmocka_unit_test(a_ring_that_is_not_counted_is_not_armed),
		cmocka_unit_test(a_reset_forgets_what_is_due_but_not_who_takes_it),
		cmocka_unit_test(a_fingerprint_has_who_takes_records_and_which_are_due),
		cmocka_unit_test(every_counter_has_its_reset_value),
		cmocka_unit_test(a_ninth_counter_has_no_records),
		cmocka_unit_test(precise_events_are_instructions_and_branches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
