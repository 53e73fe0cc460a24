/* SPDX-License-Identifier: MIT */
/* Branches that are told of: which are recorded, where, and in which form. */
#include "machine.h"

enum {
	SELECT = 0x1c8,
	TOS = 0x1c9,
	FROM = 0x680,
	TO = 0x6c0,
	INFO = 0xdc0,
	ARCH_INFO = 0x1200,
	ARCH_CTL = 0x14ce,
	ARCH_DEPTH = 0x14cf,
	ARCH_FROM = 0x1500,
	ARCH_TO = 0x1600,
	ARCH_ALL = 0x7f0007, /* every ring, every kind */
};
#define AMD_SELECT UINT32_C(0xc000010e)
#define AMD_CTL    UINT32_C(0xc000010f)
#define AMD_FROM   UINT32_C(0xc0010300)
#define KERNEL     UINT64_C(0xffffffff81000000)

static void set(struct vpmu_pmu *pmu, uint32_t msr, uint64_t value)
{
	assert_int_equal(vpmu_pmu_guest_write(pmu, msr, value), VPMU_OK);
}

static uint64_t get(const struct vpmu_pmu *pmu, uint32_t msr)
{
	uint64_t value = 0xdead;

	assert_int_equal(vpmu_pmu_guest_read(pmu, msr, &value), VPMU_OK);
	return value;
}

/* From n * 0x100 to that and 8. */
static void branch(struct vpmu_pmu *pmu, enum vpmu_branch_kind kind, uint64_t n, uint64_t times)
{
	struct vpmu_branch branch = {.from = n * 0x100, .to = n * 0x100 + 8, .kind = kind};

	vpmu_pmu_branch(pmu, &branch, times);
}

static void jump(struct vpmu_pmu *pmu, uint64_t n)
{
	branch(pmu, VPMU_BRANCH_JUMP, n, 1);
}

static struct vpmu_pmu *by_model(const char *model)
{
	struct vpmu_pmu *pmu = machine_on("hardware", model);

	set(pmu, DEBUGCTL, 1);
	return pmu;
}

static struct vpmu_pmu *arch(uint64_t ctl)
{
	struct vpmu_pmu *pmu = machine_on("hardware", "icelake,lbr=8");

	set(pmu, ARCH_CTL, ctl);
	return pmu;
}

static struct vpmu_pmu *amd(const char *model)
{
	struct vpmu_pmu *pmu = machine_on("hardware", model);

	set(pmu, AMD_CTL, 0x40);
	return pmu;
}

static void nothing_is_recorded_until_it_is_switched_on(void **state)
{
	static const struct {
		const char *model;
		uint32_t from, control;
		uint64_t on;
	} rows[] = {
		{"skylake,lbr-format=5", FROM + 1, DEBUGCTL, 1},
		{"icelake,lbr=8", ARCH_FROM, ARCH_CTL, ARCH_ALL},
		{"amd-perfmon-v2,lbr=4", AMD_FROM, AMD_CTL, 0x40},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vpmu_pmu *pmu = machine_on("hardware", rows[i].model);

		assert_false(vpmu_pmu_records_branches(pmu));
		jump(pmu, 1);
		assert_int_equal(get(pmu, rows[i].from), 0);
		set(pmu, rows[i].control, rows[i].on);
		assert_true(vpmu_pmu_records_branches(pmu));
		jump(pmu, 1);
		assert_int_equal(get(pmu, rows[i].from), 0x100);
	}
	assert_false(vpmu_pmu_records_branches(machine_on("hardware", "skylake")));
	assert_false(vpmu_pmu_records_branches(NULL));
	vpmu_pmu_branch(NULL, NULL, 1);
}

static void the_top_of_the_stack_by_model_is_the_last_branch(void **state)
{
	struct vpmu_pmu *pmu = by_model("skylake,lbr-format=4");

	for (uint64_t n = 1; n <= 18; n++) {
		jump(pmu, n);
		assert_int_equal(get(pmu, TOS), n % 16);
	}
	assert_int_equal(get(pmu, FROM + 2), 0x1200);
	assert_int_equal(get(pmu, TO + 2), 0x1208);
	assert_int_equal(get(pmu, FROM + 3), 0x300);
}

static void entry_0_of_the_others_is_the_last_branch(void **state)
{
	struct vpmu_pmu *pmu = arch(ARCH_ALL);

	for (uint64_t n = 1; n <= 9; n++)
		jump(pmu, n);
	assert_int_equal(get(pmu, ARCH_FROM), 0x900);
	assert_int_equal(get(pmu, ARCH_TO + 7), 0x208);
	pmu = amd("amd-perfmon-v2,lbr=3");
	for (uint64_t n = 1; n <= 4; n++)
		jump(pmu, n);
	assert_int_equal(get(pmu, AMD_FROM), 0x400);
	assert_int_equal(get(pmu, AMD_FROM + 4), 0x200);
	assert_int_equal(get(amd("amd-perfmon-v2,lbr=1"), AMD_FROM), 0);
}

static void a_smaller_depth_leaves_the_other_entries_alone(void **state)
{
	struct vpmu_pmu *pmu = machine_on("hardware", "icelake,lbr=16");

	set(pmu, ARCH_DEPTH, 8);
	set(pmu, ARCH_CTL, ARCH_ALL);
	for (uint64_t n = 1; n <= 12; n++)
		jump(pmu, n);
	assert_int_equal(get(pmu, ARCH_FROM + 7), 0x500);
	assert_int_equal(get(pmu, ARCH_FROM + 8), 0);
}

/* What a bit of a filter is for. */
static const struct {
	enum vpmu_branch_kind kind;
	uint64_t select, ctl;
} filters[] = {
	{VPMU_BRANCH_CONDITIONAL, 0x4, 0x10000},     {VPMU_BRANCH_CALL, 0x8, 0x80000},
	{VPMU_BRANCH_CALL_INDIRECT, 0x10, 0x100000}, {VPMU_BRANCH_RETURN, 0x20, 0x200000},
	{VPMU_BRANCH_JUMP_INDIRECT, 0x40, 0x40000},  {VPMU_BRANCH_JUMP, 0x80, 0x20000},
	{VPMU_BRANCH_FAR, 0x100, 0x400000},
};

/* Whether a branch of this kind is recorded by a machine of its own. */
static bool recorded(const char *model, uint32_t control, uint64_t on, uint32_t filter,
                     uint64_t value, const struct vpmu_branch *branch)
{
	struct vpmu_pmu *pmu = machine_on("hardware", model);
	uint64_t before;

	set(pmu, filter, value);
	if (on)
		set(pmu, control, on);
	before = vpmu_pmu_fingerprint(pmu);
	vpmu_pmu_branch(pmu, branch, 1);
	return vpmu_pmu_fingerprint(pmu) != before;
}

static void a_filter_is_for_its_kind(void **state)
{
	for (unsigned f = 0; f < ARRAY_SIZE(filters); f++) {
		for (unsigned k = 0; k < ARRAY_SIZE(filters); k++) {
			struct vpmu_branch one = {0x100, 0x200, filters[k].kind, 0, false,
			                          false, 0};

			assert_int_equal(recorded("skylake,lbr-format=5", DEBUGCTL, 1, SELECT,
			                          filters[f].select, &one),
			                 f != k);
			assert_int_equal(recorded("zen4,lbr=16", AMD_CTL, 0x40, AMD_SELECT,
			                          filters[f].select, &one),
			                 f != k);
			assert_int_equal(
				recorded("icelake,lbr=8", 0, 0, ARCH_CTL, filters[f].ctl | 7, &one),
				f == k);
		}
	}
}

static void a_ring_is_the_one_that_the_branch_goes_to(void **state)
{
	for (unsigned cpl = 0; cpl < 4; cpl += 3) {
		struct vpmu_branch one = {0x100, 0x200, VPMU_BRANCH_FAR, cpl, false, false, 0};

		assert_int_equal(recorded("skylake,lbr-format=5", DEBUGCTL, 1, SELECT, 1, &one),
		                 !!cpl);
		assert_int_equal(recorded("skylake,lbr-format=5", DEBUGCTL, 1, SELECT, 2, &one),
		                 !cpl);
		assert_int_equal(recorded("zen4,lbr=16", AMD_CTL, 0x40, AMD_SELECT, 1, &one),
		                 !!cpl);
		assert_int_equal(recorded("icelake,lbr=8", 0, 0, ARCH_CTL, 0x7f0003, &one), !cpl);
		assert_int_equal(recorded("icelake,lbr=8", 0, 0, ARCH_CTL, 0x7f0005, &one), !!cpl);
	}
}

/* A misprediction, and addresses of a kernel, in each format. */
static void each_format_has_its_flags(void **state)
{
	struct vpmu_branch missed = {KERNEL, KERNEL + 8, VPMU_BRANCH_RETURN, 0, true, false, 0};
	struct vpmu_pmu *pmu = by_model("skylake,lbr-format=3");

	vpmu_pmu_branch(pmu, &missed, 1);
	assert_true(get(pmu, FROM + 1) == KERNEL);
	pmu = by_model("skylake,lbr-format=4");
	vpmu_pmu_branch(pmu, &missed, 1);
	assert_true(get(pmu, FROM + 1) == (KERNEL & ~(BIT64(62) | BIT64(61))));
	assert_true(get(pmu, TO + 1) == KERNEL + 8);
	pmu = by_model("skylake,lbr-format=6");
	vpmu_pmu_branch(pmu, &missed, 1);
	assert_true(get(pmu, FROM + 1) == KERNEL);
	assert_true(get(pmu, TO + 1) == ((KERNEL + 8) & (BIT64(48) - 1)));
	pmu = by_model("skylake,lbr-format=5");
	vpmu_pmu_branch(pmu, &missed, 1);
	assert_true(get(pmu, FROM + 1) == KERNEL);
	assert_true(get(pmu, INFO + 1) == BIT64(63));
	pmu = arch(ARCH_ALL);
	vpmu_pmu_branch(pmu, &missed, 1);
	assert_true(get(pmu, ARCH_FROM) == KERNEL);
	assert_true(get(pmu, ARCH_INFO) == (BIT64(63) | UINT64_C(5) << 56));
	pmu = amd("zen4,lbr=16");
	vpmu_pmu_branch(pmu, &missed, 1);
	assert_true(get(pmu, AMD_FROM) == ((KERNEL & (BIT64(58) - 1)) | BIT64(63)));
	assert_true(get(pmu, AMD_FROM + 1) == (((KERNEL + 8) & (BIT64(58) - 1)) | BIT64(63)));
}

/* Cycles that the caller has counted, where a format has room for them. */
static void cycles_are_in_the_formats_that_have_them(void **state)
{
	struct vpmu_branch timed = {.from = 0x1000,
	                            .to = 0x2000,
	                            .kind = VPMU_BRANCH_JUMP,
	                            .timed = true,
	                            .cycles = 0xfedc};
	struct vpmu_pmu *pmu = by_model("skylake,lbr-format=5");

	assert_true(vpmu_pmu_branch(pmu, &timed, 1));
	assert_int_equal(get(pmu, INFO + 1), 0xfedc);
	pmu = by_model("skylake,lbr-format=6");
	assert_true(vpmu_pmu_branch(pmu, &timed, 1));
	assert_true(get(pmu, TO + 1) == (UINT64_C(0xfedc) << 48 | 0x2000));
	pmu = by_model("skylake,lbr-format=4");
	assert_true(vpmu_pmu_branch(pmu, &timed, 1));
	assert_int_equal(get(pmu, TO + 1), 0x2000);
	pmu = arch(ARCH_ALL);
	assert_true(vpmu_pmu_branch(pmu, &timed, 1));
	assert_true(get(pmu, ARCH_INFO) == (BIT64(60) | UINT64_C(2) << 56 | 0xfedc));
	timed.timed = false;
	assert_true(vpmu_pmu_branch(pmu, &timed, 1));
	assert_true(get(pmu, ARCH_INFO) == UINT64_C(2) << 56);
	pmu = amd("zen4,lbr=16");
	timed.timed = true;
	assert_true(vpmu_pmu_branch(pmu, &timed, 1));
	assert_true(get(pmu, AMD_FROM + 1) == (0x2000 | BIT64(63)));
}

static void a_branch_that_is_not_recorded_is_told(void **state)
{
	struct vpmu_branch one = {.from = 0x1000, .to = 0x2000, .kind = VPMU_BRANCH_JUMP};
	struct vpmu_pmu *pmu = arch(ARCH_ALL);

	assert_true(vpmu_pmu_branch(pmu, &one, 1));
	assert_false(vpmu_pmu_branch(pmu, &one, 0));
	set(pmu, ARCH_CTL, ARCH_ALL & ~(UINT64_C(1) << 17)); /* no direct jumps */
	assert_false(vpmu_pmu_branch(pmu, &one, 1));
	set(pmu, ARCH_CTL, ARCH_ALL & ~UINT64_C(1));
	assert_false(vpmu_pmu_branch(pmu, &one, 1));
	assert_false(vpmu_pmu_branch(NULL, &one, 1));
}

static void a_predicted_branch_has_no_flag(void **state)
{
	struct vpmu_branch right = {0x1000, 0x2000, VPMU_BRANCH_CONDITIONAL, 0, false, false, 0};
	struct vpmu_pmu *pmu = by_model("skylake,lbr-format=4");

	vpmu_pmu_branch(pmu, &right, 1);
	assert_int_equal(get(pmu, FROM + 1), 0x1000);
	pmu = arch(ARCH_ALL);
	vpmu_pmu_branch(pmu, &right, 1);
	assert_int_equal(get(pmu, ARCH_INFO), 0);
	pmu = amd("zen4,lbr=16");
	vpmu_pmu_branch(pmu, &right, 1);
	assert_int_equal(get(pmu, AMD_FROM), 0x1000);
}

/* Software reads them and writes them back: what is recorded is what a register takes, also of a
 * branch to an address that is not canonical. */
static void an_entry_can_be_written_back(void **state)
{
	static const char *const models[] = {"skylake,lbr-format=3", "skylake,lbr-format=4",
	                                     "skylake,lbr-format=5", "skylake,lbr-format=6",
	                                     "skylake,lbr-format=7", "icelake,lbr=32",
	                                     "zen4,lbr=16"};

	for (unsigned m = 0; m < ARRAY_SIZE(models); m++) {
		struct vpmu_pmu *pmu = machine_on("hardware", models[m]);
		struct vpmu_branch one = {KERNEL, ~UINT64_C(0), VPMU_BRANCH_FAR, 0, true, false, 0};
		struct vpmu_branch fault = {UINT64_C(0x72b5d717038bfb00),
		                            UINT64_C(0x1010000000001000),
		                            VPMU_BRANCH_FAR,
		                            0,
		                            true,
		                            false,
		                            0};
		struct vpmu_register registers[VPMU_MAX_REGISTERS];
		size_t count = vpmu_model_registers(vpmu_pmu_model(pmu), registers);

		vpmu_pmu_guest_write(pmu, DEBUGCTL, 1);
		vpmu_pmu_guest_write(pmu, ARCH_CTL, ARCH_ALL);
		vpmu_pmu_guest_write(pmu, AMD_CTL, 0x40);
		vpmu_pmu_branch(pmu, &one, 40);
		vpmu_pmu_branch(pmu, &fault, 3);
		for (size_t i = 0; i < count; i++)
			if (kind_is_lbr_entry(registers[i].kind)) {
				assert_true(get(pmu, registers[i].msr) ||
				            registers[i].kind == VPMU_KIND_LBR_INFO);
				set(pmu, registers[i].msr, get(pmu, registers[i].msr));
			}
	}
}

static void many_times_are_as_one_after_the_other(void **state)
{
	static const uint64_t times[] = {1, 2, 15, 16, 17, 33, 1000003};

	for (unsigned i = 0; i < ARRAY_SIZE(times); i++) {
		struct vpmu_pmu *pmu = by_model("skylake,lbr-format=4");
		uint64_t slow;

		jump(pmu, 7);
		branch(pmu, VPMU_BRANCH_CONDITIONAL, 3, times[i]);
		slow = vpmu_pmu_fingerprint(pmu);
		pmu = by_model("skylake,lbr-format=4");
		jump(pmu, 7);
		for (uint64_t n = 0; n < times[i]; n++)
			branch(pmu, VPMU_BRANCH_CONDITIONAL, 3, 1);
		assert_true(vpmu_pmu_fingerprint(pmu) == slow);
	}
}

static void a_return_takes_its_call_away_in_call_stack_mode(void **state)
{
	struct vpmu_pmu *pmu = by_model("skylake,lbr-format=5");

	set(pmu, SELECT, 0x3c4); /* calls and returns, call stack */
	branch(pmu, VPMU_BRANCH_CALL, 1, 1);
	branch(pmu, VPMU_BRANCH_CALL_INDIRECT, 2, 1);
	branch(pmu, VPMU_BRANCH_CONDITIONAL, 3, 1);
	branch(pmu, VPMU_BRANCH_RETURN, 4, 1);
	assert_int_equal(get(pmu, TOS), 1);
	assert_int_equal(get(pmu, FROM + 1), 0x100);
	assert_int_equal(get(pmu, FROM + 2), 0);
	pmu = arch(0x38000f);
	branch(pmu, VPMU_BRANCH_CALL, 1, 1);
	branch(pmu, VPMU_BRANCH_CALL, 2, 1);
	branch(pmu, VPMU_BRANCH_RETURN, 3, 1);
	assert_int_equal(get(pmu, ARCH_FROM), 0x100);
	assert_int_equal(get(pmu, ARCH_FROM + 1), 0);
}

/* A PMI under FREEZE_LBRS_ON_PMI; software clears it as the version demands. */
static void a_freeze_lasts_until_it_is_cleared(void **state)
{
	struct vpmu_pmu *pmu = by_model("skylake,lbr-format=5");
	struct vpmu_amounts two = {.of = {[VPMU_INSTRUCTIONS] = 2}};

	set(pmu, DEBUGCTL, 0x801);
	vpmu_pmu_host_write(pmu, 0xc1, 0xffffffffffff);
	set(pmu, 0x186, 0x5300c0);
	assert_int_equal(vpmu_pmu_run(pmu, &two, 0).pmi, 1);
	assert_false(vpmu_pmu_records_branches(pmu));
	jump(pmu, 1);
	assert_int_equal(get(pmu, TOS), 0);
	set(pmu, 0x390, BIT64(58)); /* IA32_PERF_GLOBAL_STATUS_RESET */
	jump(pmu, 1);
	assert_int_equal(get(pmu, TOS), 1);
}

static void a_debug_exception_switches_the_stack_by_model_off(void **state)
{
	struct vpmu_pmu *pmu = by_model("skylake,lbr-format=5");

	branch(pmu, VPMU_BRANCH_DEBUG, 1, 1);
	assert_int_equal(get(pmu, DEBUGCTL), 0);
	assert_int_equal(get(pmu, TOS), 0);
	pmu = arch(ARCH_ALL);
	branch(pmu, VPMU_BRANCH_DEBUG, 1, 1);
	assert_int_equal(get(pmu, ARCH_FROM), 0x100);
	assert_int_equal(get(pmu, ARCH_CTL), ARCH_ALL);
}

static void what_is_no_kind_is_not_recorded(void **state)
{
	struct vpmu_pmu *pmu = arch(ARCH_ALL);

	for (unsigned kind = 0; kind < 300; kind++)
		if (kind != 8 && kind != 9 && kind > 5)
			branch(pmu, (enum vpmu_branch_kind)kind, 1, 1);
	branch(pmu, VPMU_BRANCH_JUMP, 1, 0);
	assert_int_equal(get(pmu, ARCH_FROM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_recorded_until_it_is_switched_on),
		cmocka_unit_test(the_top_of_the_stack_by_model_is_the_last_branch),
		cmocka_unit_test(entry_0_of_the_others_is_the_last_branch),
		cmocka_unit_test(a_smaller_depth_leaves_the_other_entries_alone),
		cmocka_unit_test(a_filter_is_for_its_kind),
		cmocka_unit_test(a_ring_is_the_one_that_the_branch_goes_to),
		cmocka_unit_test(each_format_has_its_flags),
		cmocka_unit_test(cycles_are_in_the_formats_that_have_them),
		cmocka_unit_test(a_branch_that_is_not_recorded_is_told),
		cmocka_unit_test(a_predicted_branch_has_no_flag),
		cmocka_unit_test(an_entry_can_be_written_back),
		cmocka_unit_test(many_times_are_as_one_after_the_other),
		cmocka_unit_test(a_return_takes_its_call_away_in_call_stack_mode),
		cmocka_unit_test(a_freeze_lasts_until_it_is_cleared),
		cmocka_unit_test(a_debug_exception_switches_the_stack_by_model_off),
		cmocka_unit_test(what_is_no_kind_is_not_recorded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
