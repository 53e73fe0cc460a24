/* SPDX-License-Identifier: MIT */
/*
 * PEBS: records of known code. Every record must be there, at the event behind the overflow, with
 * RIP and registers of just that instruction. A buffer that is full gets no more; at its threshold
 * there is a PMI. On a machine without PEBS, or with records of another format, every group says
 * so.
 */
#include "apic.h"
#include "branches.h"
#include "cpu.h"
#include "guest.h"
#include "pmu.h"
#include "print.h"
#include "straight.h"
#include "trap.h"

#define MSR_PEBS_ENABLE UINT32_C(0x3f1)
#define MSR_DS_AREA     UINT32_C(0x600)
#define MSR_DEBUGCTL    UINT32_C(0x1d9)
#define FREEZE_PERFMON  UINT64_C(0x1000)
#define STATUS_FROZEN   (UINT64_C(1) << 59)
#define STATUS_BUFFER   (UINT64_C(1) << 62)
#define UNUSED          UINT64_C(0x5a5a5a5a5a5a5a5a)
#define NOWHERE         UINT64_C(0x7ffffffff000)
#define FLAG_ZF         UINT64_C(0x40)

enum { RECORDS = 40, WORDS = 25 };

/* call_user() of branches_count(): CALL %rax, which are these bytes, DEC, JNZ, RET, INT. */
enum { USER_INSTRUCTIONS = 5, CALL_RAX = 0xd0ff };

/* The words of a record. */
enum {
	FLAGS,
	RIP,
	RAX,
	RCX = 4,
	RDI = 7,
	STATUS = 18,
	EVENT_RIP = 22,
	TSC = 24,
};

static struct {
	uint64_t branches[4];
	uint64_t base, index, maximum, threshold;
	uint64_t reset[8], fixed_reset[4];
} area __attribute__((aligned(64)));

static uint64_t buffer[RECORDS * WORDS + WORDS];
static const struct pmu *unit;
static unsigned record_words; /* 0: there are no records */

static unsigned words_of_format(const struct pmu *pmu)
{
	static const uint8_t words[] = {0, 22, 24, 25};
	unsigned format = pmu->capabilities >> 8 & 0xf;

	if (!pmu->layout.is_intel || !pmu->has_capabilities || !pmu->has_global || format > 3 ||
	    !pmu_gp_for(pmu, EVENT_INSTRUCTIONS))
		return 0;
	return words[format];
}

/* --- Setting up, and looking at it ------------------------------------------------------------ */

/* A buffer of so many records, and of which the n-th asks for a PMI; counters begin anew so many
 * events before their overflow. */
static void set_area(unsigned records, unsigned threshold, uint64_t period)
{
	for (unsigned i = 0; i < sizeof(buffer) / sizeof(buffer[0]); i++)
		buffer[i] = UNUSED;
	area.base = area.index = (uint64_t)buffer;
	area.maximum = area.base + 8 * record_words * records;
	area.threshold = area.base + 8 * record_words * threshold;
	for (unsigned i = 0; i < 8; i++)
		area.reset[i] = -period;
	wrmsr(MSR_DS_AREA, (uint64_t)&area);
}

static unsigned records(void)
{
	return (unsigned)((area.index - area.base) / (8 * record_words));
}

static uint64_t record(unsigned n, unsigned word)
{
	return word < record_words ? buffer[n * record_words + word] : 0;
}

/* Runs body(argument) with these counters, which overflow after so many events. */
static void run(const struct counter *counters, unsigned count, uint64_t first,
                void (*body)(void *), uint64_t argument)
{
	uint64_t enable = 0;
	struct plan plan;

	pmu_clear(unit);
	for (unsigned i = 0; i < count; i++) {
		counter_set(unit, &counters[i], -first);
		enable |= counter_bit(&counters[i]);
	}
	wrmsr(MSR_PEBS_ENABLE, enable);
	plan_counters(unit, counters, count, &plan);
	branches_run(plan.start[0].msr, plan.start[0].value, plan.stop[0].value, body,
	             (void *)argument);
	wrmsr(MSR_PEBS_ENABLE, 0);
}

static void run_one(enum event event, uint64_t first, void (*body)(void *), uint64_t argument)
{
	struct counter counter = {false, 0, event, SELECT_OS | SELECT_USR};

	run(&counter, 1, first, body, argument);
}

/* How many records there are of `events` events: the first behind `first`, the others behind
 * `period` more. */
static unsigned records_of(uint64_t events, uint64_t first, uint64_t period)
{
	return events > first ? (unsigned)((events - first - 1) / (period + 1) + 1) : 0;
}

/* That so many words were written, and no more. */
static void check_count(unsigned wanted, const char *when)
{
	check(records() == wanted, "%s: %u records, not %u", when, records(), wanted);
	check(buffer[records() * record_words] == UNUSED, "%s: something is behind them", when);
}

static void check_word(unsigned n, unsigned word, uint64_t wanted, const char *what)
{
	if (word < record_words)
		check(record(n, word) == wanted, "record %u: %s is 0x%lx, not 0x%lx", n, what,
		      record(n, word), wanted);
}

/* What no event here has: addresses, latencies, transactions. */
static void check_others(unsigned n)
{
	for (unsigned word = STATUS + 1; word < EVENT_RIP; word++)
		check_word(n, word, 0, "a word about data");
	check_word(n, EVENT_RIP + 1, 0, "the word about transactions");
}

/* --- Instructions ----------------------------------------------------------------------------- */

/* The record of the e-th instruction, if that is one of the row. */
static void check_straight(unsigned n, uint64_t e)
{
	uint64_t in_row = e - STRAIGHT_BEFORE;
	uint64_t at = (uint64_t)straight_row + STRAIGHT_BYTES * (in_row - 1);

	check_word(n, STATUS, 1, "the status");
	check_others(n);
	if (e <= STRAIGHT_BEFORE || in_row > STRAIGHT_ROW)
		return;
	check_word(n, EVENT_RIP, at, "the instruction");
	check_word(n, RIP, at + STRAIGHT_BYTES, "RIP");
	check_word(n, RAX, in_row, "RAX");
}

static void check_instructions(void)
{
	static const uint64_t firsts[] = {1, 2, 3, 4, 17, 40, 70, 71, 72, 100},
			      periods[] = {1, 2, 7, 90};
	const uint64_t all = STRAIGHT_BEFORE + STRAIGHT_ROW + STRAIGHT_BEHIND;

	for (unsigned i = 0; i < 40; i++) {
		uint64_t first = firsts[i % 10], period = periods[i / 10];

		set_area(RECORDS, RECORDS + 1, period);
		run_one(EVENT_INSTRUCTIONS, first, straight_body, 0);
		check_count(records_of(all, first, period), "instructions");
		for (unsigned n = 0; n < records(); n++)
			check_straight(n, first + 1 + n * (period + 1));
	}
}

/* A string instruction is one, whatever it repeats. */
static void check_repeat(void)
{
	set_area(RECORDS, RECORDS + 1, 100);
	run_one(EVENT_INSTRUCTIONS, STRAIGHT_REP - 1, straight_repeat, 0);
	check_count(1, "a string");
	check_word(0, EVENT_RIP, (uint64_t)straight_rep, "the instruction");
	check_word(0, RIP, (uint64_t)straight_rep_end, "RIP");
	check_word(0, RCX, 0, "RCX");
	set_area(RECORDS, RECORDS + 1, 100);
	run_one(EVENT_INSTRUCTIONS, STRAIGHT_REP, straight_repeat, 0);
	check_word(0, EVENT_RIP, (uint64_t)straight_rep_end, "what follows");
}

/* --- Branches --------------------------------------------------------------------------------- */

/* Where a conditional branch ends: assemblers choose its short form, or the long one with 0x0f. */
static uint64_t behind(uint64_t jump)
{
	return jump + (*(const uint8_t *)jump == 0x0f ? 6 : 2);
}

/* The record of a loop's m-th branch back. */
static void check_back(unsigned n, uint64_t m, uint64_t iterations, uint64_t start, uint64_t end)
{
	if (!m || m > iterations)
		return;
	check_word(n, EVENT_RIP, end, "the branch");
	check_word(n, RIP, m < iterations ? start : behind(end), "RIP");
	check_word(n, RDI, iterations - m, "RDI");
	check(!(record(n, FLAGS) & FLAG_ZF) == (m < iterations), "record %u: ZF is wrong", n);
}

static void check_loop(void (*body)(void *), const char *end, uint64_t iterations, uint64_t period)
{
	uint64_t first = period / 2 + 1;

	set_area(RECORDS, RECORDS + 1, period);
	run_one(EVENT_BRANCHES, first, body, iterations);
	check_count(records_of(iterations + 2, first, period), "branches");
	for (unsigned n = 0; n < records(); n++)
		check_back(n, first + n * (period + 1), iterations, (uint64_t)body, (uint64_t)end);
}

/* Whether the record is of a branch that was taken, to where it went, or of one that was not. */
static bool is_branch(unsigned n)
{
	bool has_from = EVENT_RIP < record_words;
	uint64_t from = record(n, EVENT_RIP), to = record(n, RIP);

	for (const struct branch_row *row = branch_rows; row != branch_rows_end; row++)
		if (row->to == to && (!has_from || row->from == from))
			return true;
	return !has_from || to == behind(from);
}

/* Every other branch of the body, of which two are not taken. */
static void check_kinds(uint64_t first)
{
	uint64_t branches = (uint64_t)(branch_rows_end - branch_rows) + 2;

	set_area(RECORDS, RECORDS + 1, 1);
	run_one(EVENT_BRANCHES, first, branches_body, 0);
	check_count(records_of(branches, first, 1), "kinds of branches");
	for (unsigned n = 0; n < records(); n++)
		check(is_branch(n), "record %u: 0x%lx to 0x%lx is no branch", n,
		      record(n, EVENT_RIP), record(n, RIP));
}

static void check_branches(void)
{
	check_kinds(1);
	check_kinds(2);
	check_loop(branches_count, branches_count_end, 60, 1);
	check_loop(branches_count, branches_count_end, 100, 6);
	check_loop(branches_spin, branches_spin_end, 1000, 99);
	check_loop(branches_count, branches_count_end, 300001, 20000);
	check_loop(branches_spin, branches_spin_end, 300001, 30000);
}

/* --- Rings ------------------------------------------------------------------------------------ */

static void loop_in_user(void *iterations)
{
	call_user(branches_count, iterations);
}

/* Ring 3 begins with the call of the loop, and ends with RET and INT. */
static void check_rings(void)
{
	const uint64_t period = 9, first = 20, iterations = 125;
	struct counter counter = {false, 0, EVENT_BRANCHES, SELECT_USR};

	set_area(RECORDS, RECORDS + 1, period);
	run(&counter, 1, first, loop_in_user, iterations);
	check_count(records_of(iterations + 3, first, period), "ring 3");
	for (unsigned n = 0; n < records(); n++)
		check_back(n, first + n * (period + 1), iterations, (uint64_t)branches_count,
		           (uint64_t)branches_count_end);
}

static void go_to_user_twice(void *iterations)
{
	call_user(branches_count, iterations);
	call_user(branches_count, iterations);
}

/* The overflow is by the INT that leaves ring 3; the record is of the CALL that begins there anew.
 */
static void check_return_to_user(void)
{
	struct counter counter = {false, 0, EVENT_INSTRUCTIONS, SELECT_USR};

	set_area(RECORDS, RECORDS + 1, 100);
	run(&counter, 1, USER_INSTRUCTIONS, go_to_user_twice, 1);
	check_count(1, "ring 3 again");
	check_word(0, RIP, (uint64_t)branches_count, "RIP");
	if (EVENT_RIP < record_words)
		check_equal(*(const uint16_t *)record(0, EVENT_RIP), CALL_RAX, "the CALL's bytes");
}

/* --- The buffer ------------------------------------------------------------------------------- */

static void check_full(void)
{
	uint64_t status;

	set_area(3, RECORDS, 4);
	run_one(EVENT_INSTRUCTIONS, 4, straight_body, 0);
	status = rdmsr(unit->layout.status);
	check_count(3, "a full buffer");
	check_equal(status, 1, "the status");
	check_equal(area.index, area.maximum, "the index");
	set_area(0, RECORDS, 4);
	run_one(EVENT_INSTRUCTIONS, 4, straight_body, 0);
	check_count(0, "no buffer");
}

/* Nothing is written, and the counter goes on. */
static void check_nowhere(void)
{
	const uint64_t all = STRAIGHT_BEFORE + STRAIGHT_ROW + STRAIGHT_BEHIND;
	struct counter counter = {false, 0, EVENT_INSTRUCTIONS, SELECT_OS};

	set_area(RECORDS, 1, 4);
	wrmsr(MSR_DS_AREA, NOWHERE);
	run(&counter, 1, 5, straight_body, 0);
	check_count(0, "no area");
	check_equal(counter_read(unit, &counter), all - 5, "the counter");
	set_area(RECORDS, 1, 4);
	area.base = area.index = NOWHERE;
	area.maximum = NOWHERE + 4096;
	run(&counter, 1, 5, straight_body, 0);
	check_equal(area.index, NOWHERE, "the index");
	check_equal(counter_read(unit, &counter), all - 5, "the counter");
}

/* Counters that overflow together have one record. */
static void check_together(void)
{
	const struct counter counters[] = {
		{false, 0, EVENT_INSTRUCTIONS, SELECT_OS},
		{false, 1, EVENT_INSTRUCTIONS, SELECT_OS},
	};

	set_area(RECORDS, RECORDS + 1, 9);
	run(counters, 2, 9, straight_body, 0);
	check_count(7, "two counters");
	for (unsigned n = 0; n < records(); n++)
		check_word(n, STATUS, 3, "the status");
}

static void check_time(void)
{
	uint64_t last = 0;

	set_area(RECORDS, RECORDS + 1, 9);
	run_one(EVENT_INSTRUCTIONS, 9, straight_body, 0);
	for (unsigned n = 0; n < records(); n++) {
		check(record(n, TSC) > last, "record %u: its time is 0x%lx", n, record(n, TSC));
		last = record(n, TSC);
	}
}

/* --- PMIs ------------------------------------------------------------------------------------- */

static volatile unsigned pmis;
static volatile uint64_t pmi_rip, pmi_records, pmi_status;

static const struct msr_write *on_pmi(struct trap_frame *frame)
{
	pmis++;
	pmi_rip = frame->rip;
	pmi_records = records();
	pmi_status = rdmsr(unit->layout.status);
	return NULL;
}

/* The counter's own overflow asks for none: its selector has no INT. A PMI stops the counter, so
 * that its handler is not sampled. */
static void run_to_pmi(unsigned records, unsigned threshold)
{
	pmis = 0;
	set_area(records, threshold, 9);
	apic_set_lvtpc(LVT_NMI);
	wrmsr(MSR_DEBUGCTL, FREEZE_PERFMON);
	run_one(EVENT_INSTRUCTIONS, 9, straight_body, 0);
	wrmsr(MSR_DEBUGCTL, 0);
	apic_set_lvtpc(LVT_MASKED);
}

static void check_threshold(void)
{
	for (unsigned threshold = 1; threshold < 6; threshold++) {
		run_to_pmi(RECORDS, threshold);
		check_equal(pmis, 1, "PMIs");
		check_equal(pmi_records, threshold, "records when the PMI came");
		check_word(threshold - 1, RIP, pmi_rip, "RIP");
		check_equal(pmi_status & ~STATUS_FROZEN, STATUS_BUFFER, "the status");
	}
	run_to_pmi(3, 4);
	check_equal(pmis, 0, "PMIs without a threshold");
	check_count(3, "without a threshold");
}

/* --- All of it -------------------------------------------------------------------------------- */

static void group(const char *name, bool applies, void (*check_it)(void))
{
	check_begin(name);
	if (applies)
		check_it();
	check_end();
}

enum guest_exit guest_main(const struct pmu *pmu)
{
	bool has = words_of_format(pmu) != 0;

	unit = pmu;
	record_words = words_of_format(pmu);
	pmu_describe(pmu);
	print(has ? "PEBS: records of %u bytes.\n" : "PEBS: no records here.\n", 8 * record_words);
	group("instructions", has, check_instructions);
	group("a string instruction", has, check_repeat);
	group("branches", has && pmu_gp_for(pmu, EVENT_BRANCHES), check_branches);
	group("rings", has && pmu_gp_for(pmu, EVENT_BRANCHES), check_rings);
	group("ring 3 again", has, check_return_to_user);
	group("a full buffer", has, check_full);
	group("memory that is not there", has, check_nowhere);
	group("counters together", has && pmu->gp_count > 1, check_together);
	group("time", has && record_words > TSC, check_time);
	check_begin("PMIs");
	if (has) {
		apic_start();
		trap_handle(VECTOR_NMI, on_pmi);
		check_threshold();
		pmu_clear(pmu);
	}
	check_end();
	return check_verdict();
}
