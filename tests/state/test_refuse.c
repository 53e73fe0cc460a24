/* SPDX-License-Identifier: MIT */
/* A target that refuses: each write of each plan in turn, under each policy; reads; whole calls. */
#include <errno.h>

#include "fixture.h"

/* One put that is going to be refused. */
struct attempt {
	struct vpmu_layout layout;
	struct vpmu_state old, new;
	struct vpmu_plan plan;
	struct vpmu_pmu *pmu;
	struct moody moody;
	struct vpmu_report report;
	enum vpmu_status status;
};

static void prepare(struct attempt *attempt, const char *model, const struct vpmu_order *order)
{
	struct random random = {42};

	attempt->layout = layout_of(model);
	attempt->old = random_state(&random, &attempt->layout);
	attempt->new = other_state(&attempt->old, &attempt->layout);
	attempt->pmu = machine_of(&attempt->layout.model);
	put_whole(attempt->pmu, &attempt->old, &attempt->layout);
	attempt->moody = moody_of(attempt->pmu);
	assert_int_equal(vpmu_plan_make(&attempt->plan, &attempt->new, &attempt->layout,
	                                VPMU_LEVEL_FULL, order),
	                 VPMU_OK);
}

static void apply(struct attempt *attempt, enum vpmu_policy policy)
{
	struct vpmu_target target = moody_target(&attempt->moody);

	attempt->status = vpmu_plan_apply(&attempt->plan, &attempt->layout, &target, policy,
	                                  &attempt->report);
	assert_int_equal(attempt->report.status, attempt->status);
	assert_int_equal(attempt->report.planned, attempt->plan.count);
}

/* Whether the order leaves this write out: a command of 0, or a value that is there already. */
static bool is_skipped(const struct attempt *attempt, size_t i)
{
	uint8_t value = attempt->layout.value_of[attempt->plan.writes[i].place];

	if (!attempt->plan.order->skips_equal)
		return false;
	return value == VPMU_NO_VALUE || attempt->old.values[value] == attempt->new.values[value];
}

static void assert_names(const struct attempt *attempt, const struct vpmu_refusal *refusal,
                         size_t position)
{
	const struct vpmu_write *write = &attempt->plan.writes[position];

	assert_int_equal(refusal->position, position);
	assert_int_equal(refusal->msr, write->msr);
	assert_true(refusal->value == write->value);
	assert_string_equal(refusal->name, attempt->layout.registers[write->place].name);
}

static void assert_has(struct attempt *attempt, const struct vpmu_state *expected)
{
	struct vpmu_state now = state_of(attempt->pmu, &attempt->layout);

	assert_same_state(&now, expected, &attempt->layout);
}

/* What the machine has after the plan without the writes from `end` on and without `but`. */
static struct vpmu_state after_writes(const struct attempt *attempt, size_t end, uint32_t but)
{
	struct vpmu_state state = attempt->old;

	for (size_t i = 0; i < end; i++) {
		const struct vpmu_write *write = &attempt->plan.writes[i];
		uint8_t value = attempt->layout.value_of[write->place];

		if (value != VPMU_NO_VALUE && write->msr != but)
			state.values[value] = write->value;
	}
	return state;
}

typedef void check_fn(struct attempt *attempt, const char *model, const struct vpmu_order *order,
                      size_t k, unsigned kth_try);

/* Calls the check for every write of every plan: its place in the plan, and which try it is. */
static void for_every_write(check_fn *check)
{
	static struct attempt attempt;

	for (size_t m = 0; test_model(m); m++)
		for (size_t o = 0; vpmu_order_at(o); o++) {
			unsigned kth_try = 0;
			size_t count;

			prepare(&attempt, test_model(m), vpmu_order_at(o));
			count = attempt.plan.count;
			for (size_t k = 0; k < count; k++) {
				if (is_skipped(&attempt, k))
					continue;
				check(&attempt, test_model(m), vpmu_order_at(o), k, kth_try++);
			}
		}
}

static void roll_back_once(struct attempt *attempt, const char *model,
                           const struct vpmu_order *order, size_t k, unsigned kth_try)
{
	prepare(attempt, model, order);
	attempt->moody.refused_write = kth_try;
	apply(attempt, VPMU_POLICY_ROLL_BACK);
	assert_int_equal(attempt->status, VPMU_REFUSED);
	assert_int_equal(attempt->report.refused, 1);
	assert_int_equal(attempt->report.done, kth_try);
	assert_names(attempt, &attempt->report.refusals[0], k);
	assert_int_equal(attempt->report.left,
	                 kth_try ? VPMU_LEFT_ROLLED_BACK : VPMU_LEFT_UNTOUCHED);
	assert_int_equal(attempt->report.not_rolled_back, 0);
	assert_has(attempt, &attempt->old);
}

static void a_refused_write_is_rolled_back(void **state)
{
	for_every_write(roll_back_once);
}

static size_t first_write_of(const struct attempt *attempt, uint32_t msr)
{
	size_t i = 0;

	while (attempt->plan.writes[i].msr != msr)
		i++;
	return i;
}

static void roll_back_always(struct attempt *attempt, const char *model,
                             const struct vpmu_order *order, size_t k, unsigned kth_try)
{
	prepare(attempt, model, order);
	attempt->moody.refused_msr = attempt->plan.writes[k].msr;
	apply(attempt, VPMU_POLICY_ROLL_BACK);
	assert_int_equal(attempt->status, VPMU_REFUSED);
	assert_names(attempt, &attempt->report.refusals[0],
	             first_write_of(attempt, attempt->plan.writes[k].msr));
	assert_int_equal(attempt->report.not_rolled_back, 0);
	assert_has(attempt, &attempt->old);
}

static void a_register_that_takes_nothing_does_not_stop_the_roll_back(void **state)
{
	for_every_write(roll_back_always);
}

static void keep_going(struct attempt *attempt, const char *model, const struct vpmu_order *order,
                       size_t k, unsigned kth_try)
{
	struct vpmu_state expected;
	uint32_t msr;
	unsigned refused = 0, skipped = 0;

	prepare(attempt, model, order);
	msr = attempt->moody.refused_msr = attempt->plan.writes[k].msr;
	apply(attempt, VPMU_POLICY_KEEP_GOING);
	assert_int_equal(attempt->status, VPMU_REFUSED);
	for (size_t i = 0; i < attempt->plan.count; i++) {
		skipped += is_skipped(attempt, i);
		if (attempt->plan.writes[i].msr == msr)
			assert_names(attempt, &attempt->report.refusals[refused++], i);
	}
	assert_int_equal(attempt->report.refused, refused);
	assert_int_equal(attempt->report.skipped, skipped);
	assert_int_equal(attempt->report.done, attempt->plan.count - refused - skipped);
	assert_int_equal(attempt->report.left,
	                 attempt->report.done ? VPMU_LEFT_PARTIAL : VPMU_LEFT_UNTOUCHED);
	expected = after_writes(attempt, attempt->plan.count, msr);
	assert_has(attempt, &expected);
}

static void keeping_going_lists_every_refusal_and_writes_the_rest(void **state)
{
	for_every_write(keep_going);
}

static void stop(struct attempt *attempt, const char *model, const struct vpmu_order *order,
                 size_t k, unsigned kth_try)
{
	struct vpmu_state expected;

	prepare(attempt, model, order);
	attempt->moody.refused_write = kth_try;
	apply(attempt, VPMU_POLICY_STOP);
	assert_int_equal(attempt->status, VPMU_REFUSED);
	assert_int_equal(attempt->report.refused, 1);
	assert_int_equal(attempt->report.done, kth_try);
	assert_names(attempt, &attempt->report.refusals[0], k);
	assert_int_equal(attempt->report.left, kth_try ? VPMU_LEFT_PARTIAL : VPMU_LEFT_UNTOUCHED);
	assert_int_equal(attempt->moody.writes, kth_try + 1);
	expected = after_writes(attempt, k, 0);
	assert_has(attempt, &expected);
}

static void stopping_leaves_the_rest(void **state)
{
	for_every_write(stop);
}

static void several_refusals_are_all_named(void **state)
{
	struct vpmu_layout v1 = layout_of("intel-v1");
	struct attempt attempt;
	struct vpmu_target target;

	/* A version 1 target knows none of the fixed and global registers. */
	prepare(&attempt, "intel-v2,gp=2", vpmu_order_find("no-stop"));
	attempt.pmu = machine_of(&v1.model);
	target = vpmu_target_machine(attempt.pmu);
	assert_int_equal(vpmu_plan_apply(&attempt.plan, &attempt.layout, &target,
	                                 VPMU_POLICY_KEEP_GOING, &attempt.report),
	                 VPMU_REFUSED);
	assert_int_equal(attempt.report.refused, 7);
	assert_string_equal(attempt.report.refusals[0].name, "IA32_FIXED_CTR0");
	assert_string_equal(attempt.report.refusals[6].name, "IA32_PERF_GLOBAL_CTRL");
	assert_int_equal(attempt.report.done, 4);
}

static void what_could_not_be_read_is_not_rolled_back_and_said(void **state)
{
	struct attempt attempt;
	struct vpmu_state expected;

	prepare(&attempt, "intel-v2", vpmu_order_find("safe"));
	attempt.moody.unread_msr = 0xc2;
	attempt.moody.refused_msr = 0x38d;
	apply(&attempt, VPMU_POLICY_ROLL_BACK);
	assert_int_equal(attempt.status, VPMU_REFUSED);
	assert_int_equal(attempt.report.left, VPMU_LEFT_PARTIAL);
	assert_int_equal(attempt.report.not_rolled_back, 1);
	assert_string_equal(attempt.report.rollback[0].name, "IA32_PMC1");
	expected = attempt.old;
	expected.values[attempt.layout.value_of[vpmu_layout_find(&attempt.layout, "IA32_PMC1")]] =
		attempt.new.values[attempt.layout.value_of[vpmu_layout_find(&attempt.layout,
	                                                                    "IA32_PMC1")]];
	assert_has(&attempt, &expected);
}

static void a_failed_call_is_the_hosts_and_is_rolled_back(void **state)
{
	struct attempt attempt;

	prepare(&attempt, "intel-v2", vpmu_order_find("ascending"));
	attempt.moody.failed_call = 5;
	apply(&attempt, VPMU_POLICY_ROLL_BACK);
	assert_int_equal(attempt.status, VPMU_HOST);
	assert_int_equal(attempt.report.host_error, EIO);
	assert_int_equal(attempt.report.done, 5);
	assert_int_equal(attempt.report.refused, 0);
	assert_int_equal(attempt.report.left, VPMU_LEFT_ROLLED_BACK);
	assert_has(&attempt, &attempt.old);
}

static void a_failed_roll_back_says_what_is_left(void **state)
{
	struct attempt attempt;

	prepare(&attempt, "intel-v1", vpmu_order_find("safe"));
	attempt.moody.refused_write = 3;
	attempt.moody.failed_call = 1;
	apply(&attempt, VPMU_POLICY_ROLL_BACK);
	assert_int_equal(attempt.status, VPMU_REFUSED);
	assert_int_equal(attempt.report.left, VPMU_LEFT_PARTIAL);
	/* Both selectors cleared and one counter written: each selector is two writes of it. */
	assert_int_equal(attempt.report.not_rolled_back, 5);
	assert_int_equal(attempt.report.host_error, EIO);
}

static void nothing_is_written_when_what_is_there_cannot_be_read(void **state)
{
	struct attempt attempt;

	prepare(&attempt, "intel-v2", vpmu_order_find("safe"));
	attempt.moody.reads_fail = true;
	apply(&attempt, VPMU_POLICY_ROLL_BACK);
	assert_int_equal(attempt.status, VPMU_HOST);
	assert_int_equal(attempt.report.left, VPMU_LEFT_UNTOUCHED);
	assert_int_equal(attempt.moody.writes, 0);
}

static void a_full_put_is_one_call_and_a_runtime_put_is_none(void **state)
{
	for (size_t m = 0; test_model(m); m++)
		for (int level = VPMU_LEVEL_RUNTIME; level <= VPMU_LEVEL_FULL; level++) {
			struct vpmu_layout layout = layout_of(test_model(m));
			struct moody moody = moody_of(machine_of(&layout.model));
			struct vpmu_target target = moody_target(&moody);
			struct vpmu_report report;
			struct vpmu_state s;

			vpmu_state_reset(&s, &layout);
			assert_int_equal(vpmu_state_put(&s, &layout, &target,
			                                (enum vpmu_level)level,
			                                vpmu_order_find("safe"),
			                                VPMU_POLICY_ROLL_BACK, &report),
			                 VPMU_OK);
			assert_int_equal(moody.write_calls, level && layout.value_count ? 1 : 0);
			assert_int_equal(moody.read_calls, moody.write_calls);
		}
}

static void ascending_writes_one_at_a_time_and_only_what_differs(void **state)
{
	struct vpmu_layout layout = layout_of("intel-v2");
	struct moody moody = moody_of(machine_of(&layout.model));
	struct vpmu_target target = moody_target(&moody);
	struct vpmu_report report;
	struct vpmu_state s;

	vpmu_state_reset(&s, &layout);
	s.values[1] = 77;
	s.values[5] = 0x4300c0;
	assert_int_equal(vpmu_state_put(&s, &layout, &target, VPMU_LEVEL_FULL,
	                                vpmu_order_find("ascending"), VPMU_POLICY_STOP, &report),
	                 VPMU_OK);
	assert_int_equal(moody.writes, 2);
	assert_int_equal(moody.write_calls, 2);
	assert_int_equal(report.done, 2);
	assert_int_equal(report.skipped, report.planned - 2);
}

static void small_batches_write_the_same(void **state)
{
	for (unsigned batch = 1; batch < 8; batch++) {
		struct attempt attempt;
		struct vpmu_target target;

		prepare(&attempt, "intel-v2", vpmu_order_find("safe"));
		attempt.moody.refused_write = 9;
		target = moody_target(&attempt.moody);
		target.batch = batch;
		assert_int_equal(vpmu_plan_apply(&attempt.plan, &attempt.layout, &target,
		                                 VPMU_POLICY_ROLL_BACK, &attempt.report),
		                 VPMU_REFUSED);
		assert_int_equal(attempt.report.done, 9);
		assert_names(&attempt, &attempt.report.refusals[0], 9);
		assert_has(&attempt, &attempt.old);
	}
}

static void a_short_read_is_told_under_every_policy(void **state)
{
	for (size_t m = 0; test_model(m); m++)
		for (int policy = VPMU_POLICY_ROLL_BACK; policy <= VPMU_POLICY_STOP; policy++) {
			struct attempt attempt;
			struct vpmu_target target;

			prepare(&attempt, test_model(m), vpmu_order_at(0));
			target = moody_target(&attempt.moody);
			for (unsigned k = 0; k < attempt.layout.value_count; k++) {
				const struct vpmu_register *reg = layout_stored(&attempt.layout, k);
				struct vpmu_state got = {.values = {99}}, untouched = got;

				attempt.moody.unread_msr = reg->msr;
				assert_int_equal(vpmu_state_get(&got, &attempt.layout, &target,
				                                (enum vpmu_policy)policy,
				                                &attempt.report),
				                 VPMU_REFUSED);
				assert_int_equal(attempt.report.refused, 1);
				assert_string_equal(attempt.report.refusals[0].name, reg->name);
				assert_int_equal(attempt.report.refusals[0].msr, reg->msr);
				if (policy == VPMU_POLICY_ROLL_BACK) {
					assert_memory_equal(&got, &untouched, sizeof(got));
					continue;
				}
				for (unsigned i = 0; i < attempt.layout.value_count; i++) {
					bool missing = policy == VPMU_POLICY_STOP ? i >= k : i == k;

					assert_true(
						got.values[i] ==
						(missing ? layout_stored(&attempt.layout, i)->reset
					                 : attempt.old.values[i]));
				}
			}
		}
}

static void a_get_that_fails_leaves_the_state_alone(void **state)
{
	struct vpmu_layout layout = layout_of("amd-perfmon-v2");
	struct moody moody = moody_of(machine_of(&layout.model));
	struct vpmu_target target = moody_target(&moody);
	struct vpmu_state got = {.values = {99}};
	struct vpmu_report report;

	moody.reads_fail = true;
	assert_int_equal(vpmu_state_get(&got, &layout, &target, VPMU_POLICY_KEEP_GOING, &report),
	                 VPMU_HOST);
	assert_int_equal(report.host_error, EIO);
	assert_true(got.values[0] == 99);
}

static void a_plan_of_another_layout_is_the_callers_mistake(void **state)
{
	struct attempt attempt;
	struct vpmu_layout other = layout_of("amd-k7");
	struct vpmu_target target;

	prepare(&attempt, "intel-v2", vpmu_order_at(0));
	target = moody_target(&attempt.moody);
	assert_int_equal(
		vpmu_plan_apply(&attempt.plan, &other, &target, VPMU_POLICY_STOP, &attempt.report),
		VPMU_BAD_ARGUMENT);
	assert_int_equal(
		vpmu_plan_apply(NULL, &attempt.layout, &target, VPMU_POLICY_STOP, &attempt.report),
		VPMU_BAD_ARGUMENT);
	attempt.plan.count = 10000;
	assert_int_equal(vpmu_plan_apply(&attempt.plan, &attempt.layout, &target, VPMU_POLICY_STOP,
	                                 &attempt.report),
	                 VPMU_BAD_ARGUMENT);
	assert_int_equal(attempt.moody.writes, 0);
}

static void a_report_is_told_line_by_line(void **state)
{
	struct attempt attempt;
	char line[200];

	prepare(&attempt, "intel-v1", vpmu_order_find("safe"));
	attempt.moody.unread_msr = 0xc1;
	attempt.moody.refused_msr = 0xc2;
	attempt.new.values[1] = 0x1234;
	vpmu_plan_make(&attempt.plan, &attempt.new, &attempt.layout, VPMU_LEVEL_FULL,
	               vpmu_order_find("safe"));
	apply(&attempt, VPMU_POLICY_ROLL_BACK);
	vpmu_report_describe(&attempt.report, 0, line, sizeof(line));
	assert_string_equal(line, "IA32_PMC1 (0xc2): the target refused 0x1234 after 3 of 6 writes;"
	                          " partly written");
	vpmu_report_describe(&attempt.report, 1, line, sizeof(line));
	assert_string_equal(line, "IA32_PMC0 (0xc1): could not be rolled back: its value could not "
	                          "be read before");
	vpmu_report_describe(&attempt.report, 2, line, sizeof(line));
	assert_string_equal(line, "");

	attempt.moody.refused_msr = 0;
	apply(&attempt, VPMU_POLICY_STOP);
	vpmu_report_describe(&attempt.report, 0, line, sizeof(line));
	assert_string_equal(line, "6 of 6 writes");

	attempt.moody.failed_call = attempt.moody.write_calls;
	apply(&attempt, VPMU_POLICY_STOP);
	vpmu_report_describe(&attempt.report, 0, line, sizeof(line));
	assert_string_equal(line, "the target's call failed with errno 5 after 0 of 6 writes; "
	                          "nothing was written");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_refused_write_is_rolled_back),
		cmocka_unit_test(a_register_that_takes_nothing_does_not_stop_the_roll_back),
		cmocka_unit_test(keeping_going_lists_every_refusal_and_writes_the_rest),
		cmocka_unit_test(stopping_leaves_the_rest),
		cmocka_unit_test(several_refusals_are_all_named),
		cmocka_unit_test(what_could_not_be_read_is_not_rolled_back_and_said),
		cmocka_unit_test(a_failed_call_is_the_hosts_and_is_rolled_back),
		cmocka_unit_test(a_failed_roll_back_says_what_is_left),
		cmocka_unit_test(nothing_is_written_when_what_is_there_cannot_be_read),
		cmocka_unit_test(a_full_put_is_one_call_and_a_runtime_put_is_none),
		cmocka_unit_test(ascending_writes_one_at_a_time_and_only_what_differs),
		cmocka_unit_test(small_batches_write_the_same),
		cmocka_unit_test(a_short_read_is_told_under_every_policy),
		cmocka_unit_test(a_get_that_fails_leaves_the_state_alone),
		cmocka_unit_test(a_plan_of_another_layout_is_the_callers_mistake),
		cmocka_unit_test(a_report_is_told_line_by_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
