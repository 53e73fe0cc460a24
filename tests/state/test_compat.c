/* SPDX-License-Identifier: MIT */
/* Compat: which target takes which state, and what is said about it. */
#include <errno.h>

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
		enum vpmu_status status =
			vpmu_compat_judge(&compat, &s, &from, &to.model,
		                          vpmu_profile_find("hardware"), vpmu_order_find("safe"));
		char line[200];

		first_line(&compat, line, sizeof(line));
		if (compat.take != row->take || (row->line && strcmp(line, row->line)))
			fail_msg("%s on %s: %s: %s", row->from, row->to,
			         vpmu_take_text(compat.take), line);
		assert_int_equal(status,
		                 row->take == VPMU_CANNOT_TAKE ? VPMU_INCOMPATIBLE : VPMU_OK);
	}
}

struct register_row {
	const char *from, *name;
	uint64_t value;
	const char *to, *profile;
	enum vpmu_take take; /* of the register */
	const char *line;
};

#define HW   "hardware"
#define L61  "linux-6.1"
#define L612 "linux-6.12"
static const struct register_row register_rows[] = {
	{"intel-v2", "IA32_PMC0", UINT64_C(0x1234), "intel-v2", HW, VPMU_TAKES,
         "IA32_PMC0 (0xc1) = 0x1234: takes"},
	{"intel-v2", "IA32_PMC0", UINT64_C(0x1234), "intel-v2,width=32", HW, VPMU_TAKES,
         "IA32_PMC0 (0xc1) = 0x1234: takes; the next overflow comes after 4294962636 events, not "
         "281474976705996"},
	{"intel-v2", "IA32_FIXED_CTR1", UINT64_C(0xfffffffffff0), "intel-v2,width=40", HW,
         VPMU_CANNOT_TAKE,
         "IA32_FIXED_CTR1 (0x30a) = 0xfffffffffff0: cannot take: bits 0xff0000000000 are reserved "
         "there, the write is refused"},
	{"intel-v2", "IA32_FIXED_CTR1", UINT64_C(0xfffffffffff0), "intel-v2,width=40", L61,
         VPMU_TAKES_CHANGED,
         "IA32_FIXED_CTR1 (0x30a) = 0xfffffffffff0: takes changed: it becomes 0xfffffffff0, bits "
         "0xff0000000000 are cut"},
	{"intel-v2,width=64", "IA32_PMC0", UINT64_C(0), "intel-v2,width=48", L612, VPMU_TAKES,
         "IA32_PMC0 (0xc1) = 0x0: takes; the next overflow comes after 281474976710656 events, not "
         "2^64"},
	{"intel-v3", "IA32_PERFEVTSEL1", UINT64_C(0x600000), "intel-v2", HW, VPMU_CANNOT_TAKE,
         "IA32_PERFEVTSEL1 (0x187) = 0x600000: cannot take: bits 0x200000 are reserved there, the "
         "write is refused"},
	{"intel-v3", "IA32_PERFEVTSEL1", UINT64_C(0x600000), "intel-v3", L612, VPMU_CANNOT_TAKE,
         "IA32_PERFEVTSEL1 (0x187) = 0x600000: cannot take: bits 0x200000 are reserved there, the "
         "write is refused"},
	{"intel-v3", "IA32_PERFEVTSEL1", UINT64_C(0x400000), "intel-v2", HW, VPMU_TAKES,
         "IA32_PERFEVTSEL1 (0x187) = 0x400000: takes"},
	{"intel-v4", "IA32_PERF_GLOBAL_STATUS", UINT64_C(1), "intel-v2,gp=8", HW, VPMU_TAKES,
         "IA32_PERF_GLOBAL_STATUS (0x38e) = 0x1: takes"},
	{"intel-v4", "IA32_PERF_GLOBAL_STATUS", UINT64_C(0x800000000000000), "intel-v2,gp=8", HW,
         VPMU_CANNOT_TAKE,
         "IA32_PERF_GLOBAL_STATUS (0x38e) = 0x800000000000000: cannot take: bits 0x800000000000000 "
         "are reserved there, the write is refused"},
	{"intel-v4", "IA32_PERF_GLOBAL_STATUS", UINT64_C(0x800000000000000), "intel-v4", L61,
         VPMU_TAKES, "IA32_PERF_GLOBAL_STATUS (0x38e) = 0x800000000000000: takes"},
	{"intel-v4", "IA32_PERF_GLOBAL_STATUS", UINT64_C(0x800000000000000), "intel-v4", L612,
         VPMU_CANNOT_TAKE,
         "IA32_PERF_GLOBAL_STATUS (0x38e) = 0x800000000000000: cannot take: bits 0x800000000000000 "
         "are reserved there, the write is refused"},
	{"amd-perfmon-v2,gp=4", "PerfCntrGlobalStatus", UINT64_C(0x800000000000002),
         "amd-perfmon-v2,gp=4", HW, VPMU_TAKES,
         "PerfCntrGlobalStatus (0xc0000300) = 0x800000000000002: takes"},
	{"amd-perfmon-v2,gp=4", "PerfCntrGlobalStatus", UINT64_C(0x800000000000002),
         "amd-perfmon-v2,gp=4", L612, VPMU_CANNOT_TAKE,
         "PerfCntrGlobalStatus (0xc0000300) = 0x800000000000002: cannot take: bits "
         "0x800000000000000 are reserved there, the write is refused"},
	{"amd-perfmon-v2,gp=4", "PerfCntrGlobalStatus", UINT64_C(0x800000000000002),
         "amd-perfmon-v2,gp=4", "mediated", VPMU_CANNOT_TAKE,
         "PerfCntrGlobalStatus (0xc0000300) = 0x800000000000002: cannot take: bits "
         "0x800000000000000 are reserved there, the write is refused"},
	{"amd-perfcore", "PerfEvtSel0", UINT64_C(0x300004300c0), "amd-perfcore", HW, VPMU_TAKES,
         "PerfEvtSel0 (0xc0010200) = 0x300004300c0: takes"},
	{"amd-perfcore", "PerfEvtSel0", UINT64_C(0x300004300c0), "amd-perfcore", L61,
         VPMU_TAKES_CHANGED,
         "PerfEvtSel0 (0xc0010200) = 0x300004300c0: takes changed: it becomes 0x4300c0, bits "
         "0x30000000000 are cut"},
	{"intel-v2,gp=8", "IA32_PMC7", UINT64_C(5), "intel-v2", HW, VPMU_CANNOT_TAKE,
         "IA32_PMC7 (0xc8) = 0x5: cannot take: there is no such register: the guest gets #GP, the "
         "write is refused, and its value is lost"},
	{"intel-v2,gp=8", "IA32_PMC7", UINT64_C(0), "intel-v2", HW, VPMU_CANNOT_TAKE,
         "IA32_PMC7 (0xc8) = 0x0: cannot take: there is no such register: the guest gets #GP, the "
         "write is refused; nothing is lost yet, it has its reset value"},
	{"intel-v2,gp=8", "IA32_PMC7", UINT64_C(0), "intel-v2", L612, VPMU_TAKES_CHANGED,
         "IA32_PMC7 (0xc8) = 0x0: takes changed: there is no such register: the guest gets #GP, "
         "the write does nothing; nothing is lost yet, it has its reset value"},
	{"intel-v4", "IA32_PERF_GLOBAL_STATUS_SET", UINT64_C(0), "intel-v2,gp=8", HW,
         VPMU_TAKES_CHANGED,
         "IA32_PERF_GLOBAL_STATUS_SET (0x391): takes changed: there is no such register: the guest "
         "gets #GP"},
	{"intel-v2", "IA32_A_PMC0", UINT64_C(3), "intel-v2,full-width=off", HW, VPMU_TAKES_CHANGED,
         "IA32_A_PMC0 (0x4c1) = 0x3: takes changed: there is no such register: the guest gets #GP"},
	{"icelake", "IA32_PERF_CAPABILITIES", UINT64_C(0xa000), "intel-v5", HW, VPMU_CANNOT_TAKE,
         "IA32_PERF_CAPABILITIES (0x345) = 0xa000: cannot take: bits 0x8000 are reserved there, "
         "the write is refused"},
	{"intel-v5", "IA32_PERF_CAPABILITIES", UINT64_C(0x2000), "icelake", HW, VPMU_TAKES,
         "IA32_PERF_CAPABILITIES (0x345) = 0x2000: takes"},
	{"intel-v5", "IA32_PERF_CAPABILITIES", UINT64_C(0x2000), "icelake", L612, VPMU_TAKES,
         "IA32_PERF_CAPABILITIES (0x345) = 0x2000: takes"},
	{"amd-perfmon-v2,gp=8", "PerfCntrGlobalCtl", UINT64_C(0xc1), "amd-perfmon-v2", HW,
         VPMU_CANNOT_TAKE,
         "PerfCntrGlobalCtl (0xc0000301) = 0xc1: cannot take: bits 0xc0 are reserved there, the "
         "write is refused"},
	{"amd-perfmon-v2,gp=8", "PerfCntrGlobalCtl", UINT64_C(0xc1), "amd-perfmon-v2", L612,
         VPMU_TAKES_CHANGED,
         "PerfCntrGlobalCtl (0xc0000301) = 0xc1: takes changed: it becomes 0x1, bits 0xc0 are cut"},
	{"amd-perfmon-v2", "PerfCntrGlobalCtl", UINT64_C(0x1), "amd-perfmon-v2", L61,
         VPMU_CANNOT_TAKE,
         "PerfCntrGlobalCtl (0xc0000301) = 0x1: cannot take: there is no such register: the guest "
         "gets #GP, the write is refused, and its value is lost"},
	{"amd-k7", "PerfEvtSel2", UINT64_C(0x4300c0), "amd-perfcore", HW, VPMU_TAKES,
         "PerfEvtSel2 (0xc0010002) = 0x4300c0: takes"},
	{"intel-v2", "IA32_PMC0", UINT64_C(5), "intel-v2,pmu=off", L612, VPMU_TAKES_CHANGED,
         "IA32_PMC0 (0xc1) = 0x5: takes changed: there is no such register: the write is dropped, "
         "the guest reads 0x0"},
};

static void registers_are_judged_one_by_one(void **state)
{
	for (unsigned i = 0; i < ARRAY_SIZE(register_rows); i++) {
		const struct register_row *row = &register_rows[i];
		struct vpmu_layout from = layout_of(row->from), to = layout_of(row->to);
		unsigned place = (unsigned)vpmu_layout_find(&from, row->name);
		bool set = from.value_of[place] != VPMU_NO_VALUE;
		struct vpmu_state s = state_with(&from, set ? row->name : NULL, row->value);
		struct vpmu_compat compat;
		char line[240];

		vpmu_compat_judge(&compat, &s, &from, &to.model, vpmu_profile_find(row->profile),
		                  vpmu_order_find("safe"));
		assert_int_equal(compat.register_count, from.register_count);
		assert_int_equal(compat.registers[place].place, place);
		vpmu_compat_describe_register(&compat, place, line, sizeof(line));
		if (compat.registers[place].take != (unsigned)row->take || strcmp(line, row->line))
			fail_msg("%s on %s, %s:\n%s\nnot\n%s", row->from, row->to, row->profile,
			         line, row->line);
	}
}

/* A refusal stops the rest of a put, and which the rest is, the order decides. */
static void where_a_put_ends_is_told_by_its_order(void **state)
{
	static const struct {
		const char *order, *line;
	} expected[] = {
		{"safe",
	         "a put in order safe: 1 of 15 writes is refused; one that ends there ends at "
	         "PerfCntrGlobalStatus, after 13 of them"},
		{"listed",
	         "a put in order listed: 1 of 24 writes is refused; one that ends there ends "
	         "at PerfCntrGlobalStatus, after 21 of them"},
		{"ascending",
	         "a put in order ascending: 1 of 24 writes is refused; one that ends there "
	         "ends at PerfCntrGlobalStatus, after 0 of them"},
	};
	struct vpmu_layout from = layout_of("amd-perfmon-v2");
	struct vpmu_state s = state_with(&from, "PerfCntrGlobalStatus", BIT64(59));

	for (unsigned i = 0; i < ARRAY_SIZE(expected); i++) {
		struct vpmu_compat compat;
		char line[240];

		vpmu_compat_judge(&compat, &s, &from, &from.model, vpmu_profile_find(L612),
		                  vpmu_order_find(expected[i].order));
		vpmu_compat_describe_put(&compat, line, sizeof(line));
		assert_string_equal(line, expected[i].line);
	}
}

static void where_nothing_is_refused_nothing_is_told(void **state)
{
	struct vpmu_layout from = layout_of("amd-perfmon-v2");
	struct vpmu_state s = state_with(&from, NULL, 0);
	struct vpmu_compat compat;
	char line[240] = "x";

	vpmu_compat_judge(&compat, &s, &from, &from.model, vpmu_profile_find("hardware"),
	                  vpmu_order_find("safe"));
	vpmu_compat_describe_put(&compat, line, sizeof(line));
	assert_string_equal(line, "");
}

/* What a VMM gives a virtual CPU on a host that is another. */
static void a_virtual_cpu_has_what_both_have(void **state)
{
	static const char *const wanted[][3] = {
		{"intel-v2", "icelake", "intel-v2"},
		{"icelake", "intel-v2", "intel-v2"},
		{"intel-v2,gp=8", "intel-v4,gp=6", "intel-v2,gp=6"},
		{"intel-v5,full-width=off", "intel-v2,width=40",
	         "intel-v2,width=40,full-width=off"},
		{"amd-perfmon-v2,gp=4", "amd-perfcore", "amd-perfcore"},
		{"amd-k7", "amd-perfmon-v2,gp=8", "amd-k7"},
		{"amd-k7", "amd-perfmon-v2,gp=2", "amd-perfmon-v2,gp=2"},
		{"intel-v2", "amd-k7", "amd-k7"},
		{"intel-v2", "intel-v2,pmu=off", "intel-v2,pmu=off"},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(wanted); i++) {
		struct vpmu_model guest = layout_of(wanted[i][0]).model;
		struct vpmu_model host = layout_of(wanted[i][1]).model;
		struct vpmu_model expected = layout_of(wanted[i][2]).model;
		struct vpmu_model given = vpmu_compat_model(&guest, &host);

		/* CPUs differ by their signatures and events, too; and by a bit that says nothing
		 * before version 3. */
		expected.features |= given.features & VPMU_FEATURE_ANYTHREAD_GONE;
		expected.signature = given.signature;
		expected.events_length = given.events_length;
		expected.events_missing = given.events_missing;
		if (!vpmu_model_equal(&given, &expected))
			fail_msg("%s on %s is not %s", wanted[i][0], wanted[i][1], wanted[i][2]);
	}
}

/* A target that is no register machine. */
static void a_virtual_cpu_is_tried_through_its_own_calls(void **state)
{
	struct vpmu_layout from = layout_of("intel-v2");
	struct moody moody = moody_of(machine_of(&from.model));
	struct vpmu_target target = moody_target(&moody);
	struct vpmu_state s = state_with(&from, "IA32_PMC1", 7);
	struct vpmu_compat compat;
	unsigned place = (unsigned)vpmu_layout_find(&from, "IA32_PMC1");

	assert_int_equal(vpmu_compat_try(&compat, &s, &from, &from.model, &from.model,
	                                 vpmu_order_find("safe"), &target),
	                 VPMU_OK);
	assert_int_equal(compat.take, VPMU_TAKES);
	moody.refused_msr = 0xc2;
	assert_int_equal(vpmu_compat_try(&compat, &s, &from, &from.model, &from.model,
	                                 vpmu_order_find("safe"), &target),
	                 VPMU_INCOMPATIBLE);
	assert_int_equal(compat.registers[place].take, VPMU_CANNOT_TAKE);
	assert_int_equal(compat.registers[place].why, VPMU_COMPAT_REFUSED);
	moody.failed_call = moody.write_calls;
	assert_int_equal(vpmu_compat_try(&compat, &s, &from, &from.model, &from.model,
	                                 vpmu_order_find("safe"), &target),
	                 VPMU_HOST);
	assert_int_equal(compat.host_error, EIO);
	moody.reads_fail = true;
	assert_int_equal(vpmu_compat_try(&compat, &s, &from, &from.model, &from.model,
	                                 vpmu_order_find("safe"), &target),
	                 VPMU_HOST);
	assert_int_equal(compat.host_error, EIO);
	assert_int_equal(compat.register_count, 0);
}

/* IA32_PERF_CAPABILITIES, which is written first, brings the full-width counters. */
static void a_virtual_cpus_registers_are_those_after_the_put(void **state)
{
	struct vpmu_layout from = layout_of("intel-v2");
	struct vpmu_model without = layout_of("intel-v2,full-width=off").model;
	struct moody moody = moody_of(machine_of(&from.model));
	struct vpmu_target target = moody_target(&moody);
	struct vpmu_state s = state_with(&from, "IA32_PMC0", 7);
	unsigned place = (unsigned)vpmu_layout_find(&from, "IA32_A_PMC0");
	struct vpmu_compat compat;

	vpmu_compat_try(&compat, &s, &from, &from.model, &without, vpmu_order_find("safe"),
	                &target);
	assert_int_equal(compat.registers[place].take, VPMU_TAKES);
}

static void what_cannot_be_judged_is_the_callers_mistake(void **state)
{
	struct vpmu_layout from = layout_of("intel-v2"), other = layout_of("intel-v3");
	struct vpmu_state s = state_with(&other, NULL, 0);
	struct vpmu_model broken = from.model;
	struct vpmu_compat compat;
	char line[100] = "x";

	assert_int_equal(vpmu_compat_judge(&compat, &s, &from, &from.model,
	                                   vpmu_profile_find("hardware"), vpmu_order_find("safe")),
	                 VPMU_BAD_ARGUMENT);
	s = state_with(&from, NULL, 0);
	broken.gp_width = 77;
	assert_int_equal(vpmu_compat_judge(&compat, &s, &from, &broken,
	                                   vpmu_profile_find("hardware"), vpmu_order_find("safe")),
	                 VPMU_BAD_ARGUMENT);
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
		cmocka_unit_test(where_a_put_ends_is_told_by_its_order),
		cmocka_unit_test(where_nothing_is_refused_nothing_is_told),
		cmocka_unit_test(a_virtual_cpu_has_what_both_have),
		cmocka_unit_test(a_virtual_cpu_is_tried_through_its_own_calls),
		cmocka_unit_test(a_virtual_cpus_registers_are_those_after_the_put),
		cmocka_unit_test(what_cannot_be_judged_is_the_callers_mistake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
