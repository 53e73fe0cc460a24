/* SPDX-License-Identifier: MIT */
/* What a vCPU of this host's KVM refuses when there is no PMU behind it (enable_pmu=N). */
#include "real.h"

/* A state that is not all zeros, for a model whose registers such a vCPU has not. */
static void make_state(struct vpmu_state *state, struct vpmu_layout *layout)
{
	struct vpmu_model model;

	assert_int_equal(vpmu_model_parse(&model, "intel-v2,full-width=off", NULL, 0), VPMU_OK);
	assert_int_equal(vpmu_layout_init(layout, &model), VPMU_OK);
	vpmu_state_reset(state, layout);
	for (unsigned i = 0; i < layout->value_count; i++)
		state->values[i] = layout->registers[layout->stored[i]].writable & 0x70003;
}

static void put(struct real *real, enum vpmu_policy policy, struct vpmu_report *report)
{
	struct vpmu_kvm_vcpu vcpu = real_vcpu(real);
	struct vpmu_target target = vpmu_target_kvm(&vcpu);
	struct vpmu_layout layout;
	struct vpmu_state state;

	make_state(&state, &layout);
	assert_int_equal(vpmu_state_put(&state, &layout, &target, VPMU_LEVEL_FULL,
	                                vpmu_order_find("safe"), policy, report),
	                 VPMU_REFUSED);
	for (unsigned i = 0; i < report->refused; i++) {
		const struct vpmu_refusal *refusal = &report->refusals[i];
		int place = vpmu_layout_find_msr(&layout, refusal->msr);

		assert_true(place >= 0);
		assert_string_equal(refusal->name, layout.registers[place].name);
	}
	close(vcpu.fd);
}

static void test_rolled_back_put_names_the_refused_register(void **context)
{
	struct vpmu_report report;

	put(*context, VPMU_POLICY_ROLL_BACK, &report);
	assert_int_equal(report.refused, 1);
	assert_int_not_equal(report.left, VPMU_LEFT_PARTIAL);
}

static void test_stopped_put_names_the_refused_register(void **context)
{
	struct vpmu_report report;

	put(*context, VPMU_POLICY_STOP, &report);
	assert_int_equal(report.refused, 1);
}

/* Counters and selectors 0 and 1 are taken and dropped; all others are refused. */
static void test_put_that_goes_on_names_them_all(void **context)
{
	struct vpmu_report report;

	put(*context, VPMU_POLICY_KEEP_GOING, &report);
	assert_int_equal(report.done + report.refused, report.planned);
	assert_true(report.refused > 1);
	for (unsigned i = 0; i < report.refused; i++) {
		uint32_t msr = report.refusals[i].msr;

		assert_false(msr == 0xc1 || msr == 0xc2 || msr == 0x186 || msr == 0x187);
	}
	assert_int_equal(report.left, VPMU_LEFT_PARTIAL);
}

static void test_get_names_what_is_not_there(void **context)
{
	struct vpmu_kvm_vcpu vcpu = real_vcpu(*context);
	struct vpmu_target target = vpmu_target_kvm(&vcpu);
	struct vpmu_layout layout;
	struct vpmu_report report;
	struct vpmu_state state;

	make_state(&state, &layout);
	assert_int_equal(vpmu_state_get(&state, &layout, &target, VPMU_POLICY_KEEP_GOING, &report),
	                 VPMU_REFUSED);
	assert_int_equal(report.done + report.refused, layout.value_count);
	close(vcpu.fd);
}

static int write_one(struct vpmu_kvm_vcpu *vcpu, uint32_t msr, uint64_t value)
{
	struct vpmu_msr entry = {.index = msr, .value = value};

	return vpmu_kvm_write(vcpu, &entry, 1);
}

static void test_legacy_msrs_are_taken_and_read_as_zero(void **context)
{
	static const uint32_t legacy[] = {0xc1,       0xc2,       0x186,      0x187,
	                                  0xc0010000, 0xc0010003, 0xc0010004, 0xc0010007};
	struct vpmu_kvm_vcpu vcpu = real_vcpu(*context);

	for (size_t i = 0; i < ARRAY_SIZE(legacy); i++) {
		struct vpmu_msr entry = {.index = legacy[i], .value = ~0ull};

		assert_int_equal(write_one(&vcpu, legacy[i], 5), 1);
		assert_int_equal(vpmu_kvm_read(&vcpu, &entry, 1), 1);
		assert_int_equal(entry.value, 0);
	}
	close(vcpu.fd);
}

static void test_every_other_register_is_refused(void **context)
{
	static const uint32_t others[] = {0xc3,       0x188,      0x309,      0x38d,
	                                  0x38e,      0x38f,      0x390,      0xc0010200,
	                                  0xc001020b, 0xc0000300, 0xc0000301, 0xc0000302};
	struct vpmu_kvm_vcpu vcpu = real_vcpu(*context);

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_int_equal(write_one(&vcpu, others[i], 5), 0);
	close(vcpu.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_REAL(test_rolled_back_put_names_the_refused_register),
		ON_REAL(test_stopped_put_names_the_refused_register),
		ON_REAL(test_put_that_goes_on_names_them_all),
		ON_REAL(test_get_names_what_is_not_there),
		ON_REAL(test_legacy_msrs_are_taken_and_read_as_zero),
		ON_REAL(test_every_other_register_is_refused),
	};
	int skipped = real_lacks(NEED_NO_PMU);

	return skipped ? skipped : cmocka_run_group_tests(tests, NULL, NULL);
}
