/* SPDX-License-Identifier: MIT */
/* Compat: which target takes which state, and what is said about it. */
#include "fixture.h"

/* A state with one register set, everything else as after a reset. */
static struct vpmu_state state_with(const struct vpmu_layout *layout, const char *name,
                                    uint64_t value)
{
	struct vpmu_state state;

	vpmu_state_reset(&state, layout);
	if (name)
		assert_int_equal(vpmu_state_set(&state, layout,
		                                (unsigned)vpmu_layout_find(layout, name), value),
		                 VPMU_OK);
	return state;
}

struct row {
	const char *from, *name;
	uint64_t value;
	const char *to;
	enum vpmu_take take; /* of the whole */
	const char *line;    /* the first line that is not "takes" */
};

#define ONES UINT64_MAX
static const struct row rows[] = {
	{"intel-v2", NULL, 0, "intel-v2", VPMU_TAKES, ""},
	{"intel-v2", "IA32_PMC3", 0xffffffffffff, "icelake", VPMU_TAKES,
         "signature: 0x6fb, there 0x606a6: events that are not architectural may count something "
         "else"},
	{"intel-v2", NULL, 0, "zhaoxin-v2", VPMU_CANNOT_TAKE,
         "vendor: Intel, there Zhaoxin: its drivers are another vendor's"},
	{"intel-v2", NULL, 0, "amd-perfmon-v2", VPMU_CANNOT_TAKE,
         "vendor: Intel, there AMD: its drivers are another vendor's"},
	{"intel-v2", NULL, 0, "intel-v2,pmu=off", VPMU_CANNOT_TAKE,
         "version: 2, there 0: CPUID promises registers that are gone"},
	{"intel-v2,gp=8", NULL, 0, "intel-v2", VPMU_CANNOT_TAKE,
         "general-purpose counters: 8, there 4: the others raise #GP"},
	{"intel-v2", NULL, 0, "intel-v2,fixed=2", VPMU_CANNOT_TAKE,
         "fixed counters: there without 2: they raise #GP"},
	{"intel-v2", NULL, 0, "intel-v2,width=40", VPMU_TAKES_CHANGED,
         "width of general-purpose counters: 48, there 40: they overflow sooner"},
	{"intel-v2", NULL, 0, "intel-v2,full-width=off", VPMU_CANNOT_TAKE,
         "IA32_PERF_CAPABILITIES: 0x2000, there 0x0: it promises what is gone"},
	{"icelake", NULL, 0, "icelake,rtm=off", VPMU_TAKES_CHANGED, NULL},
	{"amd-perfmon-v2,gp=4", "PerfEvtSel3", 0x4300c0, "amd-perfmon-v2", VPMU_TAKES, ""},
	{"amd-k7", "PerfCtr3", 99, "amd-perfmon-v2", VPMU_TAKES, NULL},
	{"amd-perfmon-v2", NULL, 0, "amd-perfcore", VPMU_CANNOT_TAKE,
         "version: 2, there 1: CPUID promises registers that are gone"},
};

static void first_line(const struct vpmu_compat *compat, char *line, size_t bytes)
{
	*line = '\0';
	if (compat->difference_count)
		vpmu_compat_describe_difference(compat, 0, line, bytes);
}

static void models_are_judged_as_a_whole(void **state)
{
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		struct vpmu_layout from = layout_of(row->from), to = layout_of(row->to);
		struct vpmu_state s = state_with(&from, row->name, row->value);
		struct vpmu_compat compat;
		enum vpmu_status status = vpmu_compat_judge(&compat, &s, &from, &to.model);
		char line[200];

		first_line(&compat, line, sizeof(line));
		if (compat.take != row->take || (row->line && strcmp(line, row->line)))
			fail_msg("%s on %s: %s: %s", row->from, row->to,
			         vpmu_take_text(compat.take), line);
		assert_int_equal(status,
		                 row->take == VPMU_CANNOT_TAKE ? VPMU_INCOMPATIBLE : VPMU_OK);
	}
}

static const struct row register_rows[] = {
	{"intel-v2", "IA32_PMC0", 0x1234, "intel-v2", VPMU_TAKES,
         "IA32_PMC0 (0xc1) = 0x1234: takes"},
	{"intel-v2", "IA32_PMC0", 0x1234, "intel-v2,width=32", VPMU_TAKES_CHANGED,
         "IA32_PMC0 (0xc1) = 0x1234: takes changed: bits 0xffff00000000 are not there; the next "
         "overflow comes after 4294962636 events, not 281474976705996"},
	{"intel-v2", "IA32_FIXED_CTR1", 0xfffffffffff0, "intel-v2,width=40", VPMU_TAKES_CHANGED,
         "IA32_FIXED_CTR1 (0x30a) = 0xfffffffffff0: takes changed: bits 0xff0000000000 are cut, it "
         "becomes 0xfffffffff0; the next overflow comes after 16 events, not 16"},
	{"intel-v2,width=64", "IA32_PMC0", 0, "intel-v2,width=48", VPMU_TAKES_CHANGED,
         "IA32_PMC0 (0xc1) = 0x0: takes changed: bits 0xffff000000000000 are not there; the next "
         "overflow comes after 281474976710656 events, not 2^64"},
	{"intel-v3", "IA32_PERFEVTSEL1", 0x600000, "intel-v2", VPMU_CANNOT_TAKE,
         "IA32_PERFEVTSEL1 (0x187) = 0x600000: cannot take: bits 0x200000 are reserved there, the "
         "write is refused"},
	{"intel-v3", "IA32_PERFEVTSEL1", 0x400000, "intel-v2", VPMU_TAKES_CHANGED,
         "IA32_PERFEVTSEL1 (0x187) = 0x400000: takes changed: bits 0x200000 are not there: the "
         "guest "
         "cannot set them"},
	{"intel-v4", "IA32_PERF_GLOBAL_STATUS", 1, "intel-v2,gp=8", VPMU_TAKES_CHANGED,
         "IA32_PERF_GLOBAL_STATUS (0x38e) = 0x1: takes changed: bits 0xc00000000000000 are not "
         "there: "
         "they never come on"},
	{"intel-v4", "IA32_PERF_GLOBAL_STATUS", UINT64_C(1) << 59, "intel-v2,gp=8",
         VPMU_CANNOT_TAKE,
         "IA32_PERF_GLOBAL_STATUS (0x38e) = 0x800000000000000: cannot take: bits 0x800000000000000 "
         "are reserved there, the write is refused"},
	{"intel-v2,gp=8", "IA32_PMC7", 5, "intel-v2", VPMU_CANNOT_TAKE,
         "IA32_PMC7 (0xc8) = 0x5: cannot take: there is no such register: the guest gets #GP, and "
         "its "
         "value is lost"},
	{"intel-v2,gp=8", "IA32_PMC7", 0, "intel-v2", VPMU_CANNOT_TAKE,
         "IA32_PMC7 (0xc8) = 0x0: cannot take: there is no such register: the guest gets #GP; "
         "nothing "
         "is lost yet, it has its reset value"},
	{"intel-v4", "IA32_PERF_GLOBAL_STATUS_SET", 0, "intel-v2,gp=8", VPMU_TAKES_CHANGED,
         "IA32_PERF_GLOBAL_STATUS_SET (0x391): takes changed: there is no such register: the guest "
         "gets #GP"},
	{"intel-v2", "IA32_A_PMC0", 3, "intel-v2,full-width=off", VPMU_TAKES_CHANGED,
         "IA32_A_PMC0 (0x4c1) = 0x3: takes changed: there is no such register: the guest gets #GP"},
	{"icelake", "IA32_PERF_CAPABILITIES", 0xa000, "intel-v5", VPMU_CANNOT_TAKE,
         "IA32_PERF_CAPABILITIES (0x345) = 0xa000: cannot take: bits 0x8000 are reserved there, "
         "the "
         "write is refused"},
	{"intel-v5", "IA32_PERF_CAPABILITIES", 0x2000, "icelake", VPMU_TAKES,
         "IA32_PERF_CAPABILITIES (0x345) = 0x2000: takes"},
	{"amd-perfmon-v2,gp=8", "PerfCntrGlobalCtl", 0xc1, "amd-perfmon-v2", VPMU_TAKES_CHANGED,
         "PerfCntrGlobalCtl (0xc0000301) = 0xc1: takes changed: bits 0xc0 are cut, it becomes 0x1"},
	{"amd-k7", "PerfEvtSel2", 0x4300c0, "amd-perfcore", VPMU_TAKES,
         "PerfEvtSel2 (0xc0010002) = 0x4300c0: takes"},
};

static void registers_are_judged_one_by_one(void **state)
{
	for (unsigned i = 0; i < ARRAY_SIZE(register_rows); i++) {
		const struct row *row = &register_rows[i];
		struct vpmu_layout from = layout_of(row->from), to = layout_of(row->to);
		unsigned place = (unsigned)vpmu_layout_find(&from, row->name);
		bool set = from.value_of[place] != VPMU_NO_VALUE;
		struct vpmu_state s = state_with(&from, set ? row->name : NULL, row->value);
		struct vpmu_compat compat;
		char line[240];

		vpmu_compat_judge(&compat, &s, &from, &to.model);
		assert_int_equal(compat.register_count, from.register_count);
		assert_int_equal(compat.registers[place].place, place);
		vpmu_compat_describe_register(&compat, place, line, sizeof(line));
		if (compat.registers[place].take != (unsigned)row->take || strcmp(line, row->line))
			fail_msg("%s on %s:\n%s\nnot\n%s", row->from, row->to, line, row->line);
	}
}

/* What the verdict says is what a put on such a target comes to. */
static void the_verdict_holds_on_a_register_machine(void **state)
{
	struct random random = random_seeded("compat");
	unsigned seen[3] = {0};

	for (unsigned i = 0; i < 20000; i++) {
		struct vpmu_model a = random_model(&random), b = random_model(&random);
		struct vpmu_compat compat;
		struct vpmu_layout from;
		struct vpmu_target target;
		struct vpmu_report report;
		struct vpmu_state s;

		if (random_next(&random) % 4 == 0)
			b = a;
		b.vendor = a.vendor;
		if (vpmu_model_check(&b, NULL, 0))
			continue;
		assert_int_equal(vpmu_layout_init(&from, &a), VPMU_OK);
		if (random_next(&random) % 2)
			s = random_state(&random, &from);
		else
			vpmu_state_reset(&s, &from);
		vpmu_compat_judge(&compat, &s, &from, &b);
		target = vpmu_target_machine(machine_of(&b));
		vpmu_state_put(&s, &from, &target, VPMU_LEVEL_RESET, vpmu_order_find("safe"),
		               VPMU_POLICY_KEEP_GOING, &report);
		for (unsigned r = 0; r < compat.register_count; r++) {
			const struct vpmu_compat_register *verdict = &compat.registers[r];
			const struct vpmu_register *reg = &from.registers[r];
			bool refused = false;

			if (reg->level != VPMU_LEVEL_RESET || verdict->take == VPMU_TAKES_CHANGED)
				continue;
			for (unsigned k = 0; k < report.refused; k++)
				refused |= report.refusals[k].msr == reg->msr;
			assert_int_equal(refused, verdict->take == VPMU_CANNOT_TAKE);
		}
		seen[compat.take]++;
	}
	for (unsigned take = 0; take < 3; take++)
		assert_true(seen[take] > 100);
}

static void what_cannot_be_judged_is_the_callers_mistake(void **state)
{
	struct vpmu_layout from = layout_of("intel-v2"), other = layout_of("intel-v3");
	struct vpmu_state s = state_with(&other, NULL, 0);
	struct vpmu_model broken = from.model;
	struct vpmu_compat compat;
	char line[100] = "x";

	assert_int_equal(vpmu_compat_judge(&compat, &s, &from, &from.model), VPMU_BAD_ARGUMENT);
	s = state_with(&from, NULL, 0);
	broken.gp_width = 77;
	assert_int_equal(vpmu_compat_judge(&compat, &s, &from, &broken), VPMU_BAD_ARGUMENT);
	vpmu_compat_describe_register(&compat, 0, line, sizeof(line));
	assert_string_equal(line, "");
	vpmu_compat_describe_difference(&compat, 0, line, sizeof(line));
	assert_string_equal(line, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(models_are_judged_as_a_whole),
		cmocka_unit_test(registers_are_judged_one_by_one),
		cmocka_unit_test(the_verdict_holds_on_a_register_machine),
		cmocka_unit_test(what_cannot_be_judged_is_the_callers_mistake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
