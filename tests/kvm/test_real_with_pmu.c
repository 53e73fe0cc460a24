/* SPDX-License-Identifier: MIT */
/* The target on a vCPU of this host's KVM that has a PMU. */
#include "real.h"

static void test_state_of_the_offered_model_goes_round(void **context)
{
	struct real *real = *context;
	struct vpmu_kvm_vcpu vcpu = real_vcpu(real);
	struct vpmu_target target = vpmu_target_kvm(&vcpu);
	struct vpmu_state state, back;
	struct vpmu_layout layout;
	struct vpmu_report report;

	assert_int_equal(vpmu_layout_init(&layout, &real->host.model), VPMU_OK);
	vpmu_state_reset(&state, &layout);
	for (unsigned i = 0; i < layout.value_count; i++)
		if (layout.registers[layout.stored[i]].kind == VPMU_KIND_COUNTER)
			state.values[i] = 0x1000 + i;
	assert_int_equal(vpmu_state_put(&state, &layout, &target, VPMU_LEVEL_FULL,
	                                vpmu_order_find("safe"), VPMU_POLICY_ROLL_BACK, &report),
	                 VPMU_OK);
	assert_int_equal(vpmu_state_get(&back, &layout, &target, VPMU_POLICY_ROLL_BACK, &report),
	                 VPMU_OK);
	assert_memory_equal(&state.values, &back.values, sizeof(back.values));
	close(vcpu.fd);
}

static void test_pmu_off_comes_before_the_first_vcpu(void **context)
{
	struct real *real = *context;
	struct vpmu_kvm_vcpu vcpu = real_vcpu(real);
	struct vpmu_off off;

	vpmu_kvm_pmu_off(&off, &real->host, NULL, real->vm, &real->room.cpuid);
	assert_int_equal(off.status == VPMU_REFUSED, real->host.has_off_switch);
	close(vcpu.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_REAL(test_state_of_the_offered_model_goes_round),
		ON_REAL(test_pmu_off_comes_before_the_first_vcpu),
	};
	int skipped = real_lacks(NEED_PMU);

	return skipped ? skipped : cmocka_run_group_tests(tests, NULL, NULL);
}
