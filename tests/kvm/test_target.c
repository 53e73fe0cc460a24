/* SPDX-License-Identifier: MIT */
/* A vCPU as a target: what goes through the two ioctls and what comes back. */
#include "fake_kvm.h"
#include "../state/fixture.h"

/* A vCPU of the model on a fake KVM, and the layout of its registers. */
struct bench {
	struct fake_kvm *kvm;
	struct vpmu_kvm_vcpu vcpu;
	struct vpmu_target target;
	struct vpmu_layout layout;
};

static void bench_make(struct bench *bench, const char *model)
{
	bench->kvm = fake_kvm_make(model);
	bench->vcpu = (struct vpmu_kvm_vcpu){
		.calls = &bench->kvm->calls,
		.fd = fake_vcpu_make(bench->kvm, &bench->kvm->model),
	};
	bench->target = vpmu_target_kvm(&bench->vcpu);
	assert_int_equal(vpmu_layout_init(&bench->layout, &bench->kvm->model), VPMU_OK);
}

static void get_whole(struct bench *bench, struct vpmu_state *state)
{
	struct vpmu_report report;
	char line[256];

	if (vpmu_state_get(state, &bench->layout, &bench->target, VPMU_POLICY_ROLL_BACK, &report)) {
		vpmu_report_describe(&report, 0, line, sizeof(line));
		fail_msg("get: %s", line);
	}
}

static void put_state(struct bench *bench, const struct vpmu_state *state)
{
	struct vpmu_report report;
	char line[256];

	if (vpmu_state_put(state, &bench->layout, &bench->target, VPMU_LEVEL_FULL,
	                   vpmu_order_find("safe"), VPMU_POLICY_STOP, &report)) {
		vpmu_report_describe(&report, 0, line, sizeof(line));
		fail_msg("put: %s", line);
	}
}

static void test_state_comes_back_as_it_was_put(void **context)
{
	struct random random = random_seeded("kvm target");
	struct bench bench;
	const char *model;

	for (size_t i = 0; (model = test_model(i)); i++)
		for (unsigned round = 0; round < 50; round++) {
			struct vpmu_state state, back;

			bench_make(&bench, model);
			state = random_state(&random, &bench.layout);
			put_state(&bench, &state);
			get_whole(&bench, &back);
			assert_same_state(&state, &back, &bench.layout);
		}
}

static void test_full_put_is_one_call(void **context)
{
	struct vpmu_state state;
	struct bench bench;
	const char *model;

	for (size_t i = 0; (model = test_model(i)); i++) {
		bench_make(&bench, model);
		vpmu_state_reset(&state, &bench.layout);
		bench.kvm->msr_calls = 0;
		put_state(&bench, &state);
		assert_int_equal(bench.kvm->msr_calls, bench.layout.value_count ? 1 : 0);
	}
}

/* --- Batches ------------------------------------------------------------------------------- */

enum { MANY = 600 };

/* Writes to four counters in turn; the last four stay. */
static void fill(struct vpmu_msr *msrs)
{
	for (unsigned i = 0; i < MANY; i++)
		msrs[i] = (struct vpmu_msr){.index = 0xc1 + i % 4, .value = i + 1};
}

static void test_many_msrs_go_in_batches_of_255(void **context)
{
	struct vpmu_msr msrs[MANY];
	struct bench bench;

	bench_make(&bench, "intel-v2");
	fill(msrs);
	assert_int_equal(vpmu_kvm_write(&bench.vcpu, msrs, MANY), MANY);
	assert_int_equal(bench.kvm->msr_calls, 3);
	assert_int_equal(bench.kvm->largest_batch, 255);
	assert_int_equal(vpmu_kvm_read(&bench.vcpu, msrs, MANY), MANY);
	assert_int_equal(bench.kvm->msr_calls, 6);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(msrs[i].value, MANY - 3 + i % 4);
}

static void test_a_batch_may_be_full(void **context)
{
	struct vpmu_msr msrs[MANY];
	struct bench bench;

	bench_make(&bench, "intel-v2");
	fill(msrs);
	assert_int_equal(vpmu_kvm_write(&bench.vcpu, msrs, VPMU_KVM_BATCH), VPMU_KVM_BATCH);
	assert_int_equal(bench.kvm->msr_calls, 1);
	assert_int_equal(vpmu_kvm_write(&bench.vcpu, msrs, VPMU_KVM_BATCH + 1), VPMU_KVM_BATCH + 1);
	assert_int_equal(bench.kvm->msr_calls, 3);
}

static void test_a_short_write_ends_at_the_refused_one(void **context)
{
	struct vpmu_msr msrs[MANY];
	struct bench bench;

	for (unsigned k = 0; k < MANY; k++) {
		bench_make(&bench, "intel-v2");
		fill(msrs);
		bench.kvm->refused_access = k + 1;
		assert_int_equal(vpmu_kvm_write(&bench.vcpu, msrs, MANY), k);
		assert_int_equal(bench.kvm->accesses, k + 1);
	}
}

static void test_a_short_read_leaves_the_rest_alone(void **context)
{
	struct vpmu_msr msrs[MANY];
	struct bench bench;

	for (unsigned k = 0; k < MANY; k += 7) {
		bench_make(&bench, "intel-v2");
		fill(msrs);
		bench.kvm->refused_access = k + 1;
		assert_int_equal(vpmu_kvm_read(&bench.vcpu, msrs, MANY), k);
		for (unsigned i = 0; i < MANY; i++)
			assert_int_equal(msrs[i].value, i < k ? 0 : i + 1);
	}
}

static void test_more_than_asked_is_not_believed(void **context)
{
	struct vpmu_msr msrs[4] = {
		{.index = 0xc1}, {.index = 0xc2}, {.index = 0xc3}, {.index = 0xc4}};
	struct bench bench;

	bench_make(&bench, "intel-v2");
	bench.kvm->boast = 1000;
	assert_int_equal(vpmu_kvm_read(&bench.vcpu, msrs, 4), 4);
	assert_int_equal(vpmu_kvm_write(&bench.vcpu, msrs, 4), 4);
}

/* --- Errors -------------------------------------------------------------------------------- */

static void test_a_signal_is_no_error(void **context)
{
	struct vpmu_msr msr = {.index = 0xc1, .value = 7};
	struct bench bench;

	bench_make(&bench, "intel-v2");
	bench.kvm->interrupted = 3;
	assert_int_equal(vpmu_kvm_write(&bench.vcpu, &msr, 1), 1);
	assert_int_equal(bench.kvm->requests, 4);
}

static void test_signals_without_end_are_an_error(void **context)
{
	struct vpmu_msr msr = {.index = 0xc1, .value = 7};
	struct bench bench;

	bench_make(&bench, "intel-v2");
	bench.kvm->interrupted = 1000000;
	assert_int_equal(vpmu_kvm_write(&bench.vcpu, &msr, 1), -EINTR);
	assert_true(bench.kvm->requests < 10000);
}

static void test_a_failed_call_gives_its_errno(void **context)
{
	struct vpmu_report report;
	struct vpmu_state state;
	struct bench bench;

	bench_make(&bench, "intel-v2");
	bench.kvm->failure = (struct fake_failure){KVM_SET_MSRS, EFAULT, 0};
	vpmu_state_reset(&state, &bench.layout);
	assert_int_equal(vpmu_state_put(&state, &bench.layout, &bench.target, VPMU_LEVEL_FULL,
	                                vpmu_order_find("safe"), VPMU_POLICY_ROLL_BACK, &report),
	                 VPMU_HOST);
	assert_int_equal(report.host_error, EFAULT);
	assert_int_equal(report.left, VPMU_LEFT_UNTOUCHED);
}

static void test_a_batch_that_fails_later_is_told_by_its_number(void **context)
{
	struct vpmu_msr msrs[MANY];
	struct bench bench;

	bench_make(&bench, "intel-v2");
	fill(msrs);
	bench.kvm->failure = (struct fake_failure){KVM_SET_MSRS, EIO, 1};
	assert_int_equal(vpmu_kvm_write(&bench.vcpu, msrs, MANY), 255);
	bench.kvm->failure.after = 0;
	assert_int_equal(vpmu_kvm_write(&bench.vcpu, msrs + 255, MANY - 255), -EIO);
}

/* --- Refusals ------------------------------------------------------------------------------ */

/* Every register in turn is refused, under every policy: the report names it. */
static void test_a_report_names_the_refused_register(void **context)
{
	static const enum vpmu_policy policies[] = {VPMU_POLICY_ROLL_BACK, VPMU_POLICY_KEEP_GOING,
	                                            VPMU_POLICY_STOP};
	struct vpmu_state before, wanted, after;
	struct vpmu_report report;
	struct random random = random_seeded("kvm refusals");
	struct bench bench;

	bench_make(&bench, "intel-v2");
	for (size_t p = 0; p < ARRAY_SIZE(policies); p++)
		for (unsigned i = 0; i < bench.layout.value_count; i++) {
			const struct vpmu_register *reg = layout_stored(&bench.layout, i);

			before = random_state(&random, &bench.layout);
			wanted = other_state(&before, &bench.layout);
			bench.kvm->refused_write = 0;
			put_state(&bench, &before);
			bench.kvm->refused_write = reg->msr;
			assert_int_equal(vpmu_state_put(&wanted, &bench.layout, &bench.target,
			                                VPMU_LEVEL_FULL, vpmu_order_find("safe"),
			                                policies[p], &report),
			                 VPMU_REFUSED);
			assert_int_equal(report.refusals[0].msr, reg->msr);
			assert_string_equal(report.refusals[0].name, reg->name);
			bench.kvm->refused_write = 0;
			get_whole(&bench, &after);
			assert_int_equal(after.values[i], before.values[i]);
			if (policies[p] == VPMU_POLICY_ROLL_BACK)
				assert_same_state(&before, &after, &bench.layout);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_state_comes_back_as_it_was_put),
		cmocka_unit_test(test_full_put_is_one_call),
		cmocka_unit_test(test_many_msrs_go_in_batches_of_255),
		cmocka_unit_test(test_a_batch_may_be_full),
		cmocka_unit_test(test_a_short_write_ends_at_the_refused_one),
		cmocka_unit_test(test_a_short_read_leaves_the_rest_alone),
		cmocka_unit_test(test_more_than_asked_is_not_believed),
		cmocka_unit_test(test_a_signal_is_no_error),
		cmocka_unit_test(test_signals_without_end_are_an_error),
		cmocka_unit_test(test_a_failed_call_gives_its_errno),
		cmocka_unit_test(test_a_batch_that_fails_later_is_told_by_its_number),
		cmocka_unit_test(test_a_report_names_the_refused_register),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
