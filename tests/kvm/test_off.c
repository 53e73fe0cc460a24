/* SPDX-License-Identifier: MIT */
/* The policy "PMU off": CPUID, the VM's switch, and what is said where neither hides the PMU. */
#include "fake_kvm.h"
#include "../arch/random_model.h"

static struct vpmu_kvm_host host_of(enum vpmu_known enable_pmu)
{
	return (struct vpmu_kvm_host){.enable_pmu = (uint8_t)enable_pmu};
}

static enum vpmu_status switch_off(struct vpmu_off *off, struct fake_kvm *kvm,
                                   enum vpmu_known enable_pmu)
{
	struct vpmu_kvm_host host = host_of(enable_pmu);
	union cpuid_room room = fake_cpuid(&kvm->model);

	return vpmu_kvm_pmu_off(off, &host, &kvm->calls, FAKE_VM_FD, &room.cpuid);
}

/* --- CPUID --------------------------------------------------------------------------------- */

static void test_intel_leaves_show_no_pmu(void **context)
{
	struct fake_kvm *kvm = fake_kvm_make("sapphire-rapids");
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	size_t count = vpmu_model_to_cpuid(&kvm->model, leaves);
	struct vpmu_model model;

	assert_int_equal(vpmu_cpuid_hide_pmu(leaves, count, NULL, 0), VPMU_OK);
	assert_int_equal(vpmu_model_from_cpuid(&model, leaves, count, 0, NULL, 0), VPMU_OK);
	assert_int_equal(model.version, 0);
	assert_int_equal(model.signature, kvm->model.signature);
}

/* KVM takes what tells of no counters for no PMU (intel_pmu_refresh). */
static void test_a_p6_has_nothing_to_hide(void **context)
{
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	struct vpmu_model p6;
	size_t count;

	assert_int_equal(vpmu_model_parse(&p6, "intel-p6", NULL, 0), VPMU_OK);
	count = vpmu_model_to_cpuid(&p6, leaves);
	assert_int_equal(vpmu_cpuid_hide_pmu(leaves, count, NULL, 0), VPMU_OK);
}

static void test_amd_leaves_still_show_the_first_counters(void **context)
{
	struct fake_kvm *kvm = fake_kvm_make("amd-perfmon-v2");
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	size_t count = vpmu_model_to_cpuid(&kvm->model, leaves);
	struct vpmu_model model;
	char why[128];

	assert_int_equal(vpmu_cpuid_hide_pmu(leaves, count, why, sizeof(why)), VPMU_INCOMPATIBLE);
	assert_non_null(strstr(why, "4 counters"));
	assert_int_equal(vpmu_model_from_cpuid(&model, leaves, count, 0, NULL, 0), VPMU_OK);
	assert_int_equal(model.features, 0);
	assert_int_equal(model.version, 1);
	assert_int_equal(model.gp_count, 4);
}

/* Every bit set in every leaf: what goes, and that nothing else does. */
static void test_only_the_bits_of_a_pmu_go(void **context)
{
	static const struct vpmu_cpuid expected[] = {
		{1, 0, ~0u, ~0u, ~(1u << 15 | 1u << 2 | 1u << 4), ~(1u << 21)},
		{6, 0, ~0u, ~0u, ~0u, ~0u},
		{7, 0, ~0u, ~0u, ~0u, ~(1u << 19)},
		{7, 1, ~(1u << 8), ~0u, ~0u, ~0u},
		{7, 2, ~0u, ~0u, ~0u, ~0u},
		{0xa, 0, 0, 0, 0, 0},
		{0x1c, 0, 0, 0, 0, 0},
		{0x23, 3, 0, 0, 0, 0},
		{0x80000001, 0, ~0u, ~0u, ~(1u << 10 | 1u << 23 | 1u << 24 | 1u << 27 | 1u << 28),
	         ~0u},
		{0x8000001b, 0, 0, 0, 0, 0},
		{0x80000022, 0, 0, 0, 0, 0},
	};
	struct vpmu_cpuid leaves[ARRAY_SIZE(expected)];

	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		leaves[i] = (struct vpmu_cpuid){
			expected[i].leaf, expected[i].subleaf, ~0u, ~0u, ~0u, ~0u};
	vpmu_cpuid_hide_pmu(leaves, ARRAY_SIZE(leaves), NULL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		assert_memory_equal(&leaves[i], &expected[i], sizeof(leaves[i]));
}

static void test_both_shapes_of_cpuid_are_edited_alike(void **context)
{
	static const char *const models[] = {"intel-v5", "zhaoxin-v2", "amd-k7", "amd-perfmon-v2"};

	for (size_t m = 0; m < ARRAY_SIZE(models); m++) {
		struct fake_kvm *kvm = fake_kvm_make(models[m]);
		union cpuid_room room = fake_cpuid(&kvm->model);
		struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
		size_t count = vpmu_model_to_cpuid(&kvm->model, leaves);

		assert_int_equal(vpmu_kvm_hide_pmu(&room.cpuid, NULL, 0),
		                 vpmu_cpuid_hide_pmu(leaves, count, NULL, 0));
		for (size_t i = 0; i < count; i++) {
			assert_int_equal(room.cpuid.entries[i].eax, leaves[i].eax);
			assert_int_equal(room.cpuid.entries[i].ebx, leaves[i].ebx);
			assert_int_equal(room.cpuid.entries[i].ecx, leaves[i].ecx);
			assert_int_equal(room.cpuid.entries[i].edx, leaves[i].edx);
		}
	}
}

/* Whatever the leaves say: bits only go, all go at once, and no PMU is left but K7's. */
static void test_hiding_is_final_on_any_leaves(void **context)
{
	static const uint32_t numbers[] = {0, 1, 7, 0xa, 0x80000000, 0x80000001, 0x80000022, 0x23};
	struct random random = random_seeded("kvm off");
	struct fake_kvm *kvm = fake_kvm_make("amd-perfcore");
	struct vpmu_cpuid before[8], once[8], twice[8];

	for (unsigned round = 0; round < 10000; round++) {
		struct vpmu_model model;

		for (size_t i = 0; i < 8; i++)
			before[i] = (struct vpmu_cpuid){numbers[i],
			                                0,
			                                (uint32_t)random_next(&random),
			                                (uint32_t)random_next(&random),
			                                (uint32_t)random_next(&random),
			                                (uint32_t)random_next(&random)};
		before[0] = kvm->host[0];
		memcpy(once, before, sizeof(once));
		vpmu_cpuid_hide_pmu(once, 8, NULL, 0);
		memcpy(twice, once, sizeof(twice));
		vpmu_cpuid_hide_pmu(twice, 8, NULL, 0);
		assert_memory_equal(once, twice, sizeof(once));
		for (size_t i = 0; i < 8; i++)
			assert_false(
				(once[i].eax & ~before[i].eax) | (once[i].ebx & ~before[i].ebx) |
				(once[i].ecx & ~before[i].ecx) | (once[i].edx & ~before[i].edx));
		assert_int_equal(vpmu_model_from_cpuid(&model, once, 8, 0, NULL, 0), VPMU_OK);
		assert_int_equal(model.features, 0);
		assert_true(model.gp_count == 0 || model.gp_count == 4);
	}
}

/* --- The VM's switch ----------------------------------------------------------------------- */

static void test_vm_without_vcpus_is_switched_off(void **context)
{
	struct fake_kvm *kvm = fake_kvm_make("amd-perfcore");
	struct vpmu_off off;

	assert_int_equal(switch_off(&off, kvm, VPMU_YES), VPMU_OK);
	assert_int_equal(off.by, VPMU_OFF_BY_VM);
	assert_true(kvm->is_disabled);
}

static void test_after_the_first_vcpu_it_is_too_late(void **context)
{
	struct fake_kvm *kvm = fake_kvm_make("amd-perfcore");
	struct vpmu_off off;

	fake_vcpu_make(kvm, &kvm->model);
	assert_int_equal(switch_off(&off, kvm, VPMU_YES), VPMU_REFUSED);
	assert_int_equal(off.by, VPMU_OFF_NOT);
	assert_int_equal(off.host_error, EINVAL);
	assert_non_null(strstr(off.why, "first vCPU"));
}

static void test_old_kernel_cannot_hide_an_amd_pmu(void **context)
{
	struct fake_kvm *kvm = fake_kvm_make("amd-perfcore");
	struct vpmu_off off;

	kvm->has_off_switch = false;
	assert_int_equal(switch_off(&off, kvm, VPMU_UNKNOWN), VPMU_INCOMPATIBLE);
	assert_int_equal(off.by, VPMU_OFF_NOT);
	assert_non_null(strstr(off.why, "5.18"));
}

static void test_old_kernel_hides_an_intel_pmu_by_cpuid(void **context)
{
	struct fake_kvm *kvm = fake_kvm_make("intel-v2");
	struct vpmu_off off;

	kvm->has_off_switch = false;
	assert_int_equal(switch_off(&off, kvm, VPMU_YES), VPMU_OK);
	assert_int_equal(off.by, VPMU_OFF_BY_CPUID);
	assert_non_null(strstr(off.why, "only CPUID"));
}

static void test_kvm_without_a_pmu_needs_no_switch(void **context)
{
	struct fake_kvm *kvm = fake_kvm_make("amd-perfcore");
	struct vpmu_kvm_host host = {.trial = VPMU_TRIAL_NOTHING};
	union cpuid_room room = fake_cpuid(&kvm->model);
	struct vpmu_off off;

	kvm->is_enabled = false;
	assert_int_equal(switch_off(&off, kvm, VPMU_NO), VPMU_OK);
	assert_int_equal(off.by, VPMU_OFF_BY_MODULE);
	/* The same where only a vCPU has shown it. */
	assert_int_equal(vpmu_kvm_pmu_off(&off, &host, &kvm->calls, FAKE_VM_FD, &room.cpuid),
	                 VPMU_OK);
	assert_int_equal(off.by, VPMU_OFF_BY_MODULE);
}

static void test_a_failed_call_is_told(void **context)
{
	struct fake_kvm *kvm = fake_kvm_make("intel-v2");
	struct vpmu_off off;

	kvm->failure = (struct fake_failure){KVM_ENABLE_CAP, EPERM, 0};
	assert_int_equal(switch_off(&off, kvm, VPMU_YES), VPMU_HOST);
	assert_int_equal(off.host_error, EPERM);
	kvm->failure = (struct fake_failure){KVM_CHECK_EXTENSION, EBADF, 0};
	assert_int_equal(switch_off(&off, kvm, VPMU_YES), VPMU_HOST);
	assert_int_equal(off.host_error, EBADF);
}

static void test_cpuid_is_edited_whatever_the_switch_says(void **context)
{
	struct fake_kvm *kvm = fake_kvm_make("intel-v2");
	struct vpmu_kvm_host host = host_of(VPMU_YES);
	union cpuid_room room = fake_cpuid(&kvm->model);
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	struct vpmu_model model;
	struct vpmu_off off;
	size_t count;

	kvm->failure = (struct fake_failure){KVM_ENABLE_CAP, EPERM, 0};
	vpmu_kvm_pmu_off(&off, &host, &kvm->calls, FAKE_VM_FD, &room.cpuid);
	count = cpuid_pmu_leaves(&room.cpuid, leaves);
	assert_int_equal(vpmu_model_from_cpuid(&model, leaves, count, 0, NULL, 0), VPMU_OK);
	assert_int_equal(model.version, 0);
}

/* --- vCPUs of one VM ----------------------------------------------------------------------- */

/* Puts a full state of the layout on the vCPU; how it went. */
static enum vpmu_status put_reset(struct fake_kvm *kvm, int fd, const struct vpmu_layout *layout)
{
	struct vpmu_kvm_vcpu vcpu = {.calls = &kvm->calls, .fd = fd};
	struct vpmu_target target = vpmu_target_kvm(&vcpu);
	struct vpmu_report report;

	return vpmu_target_reset(&target, layout, VPMU_POLICY_ROLL_BACK, &report);
}

static void test_a_vm_may_mix_vcpus_with_and_without_a_pmu(void **context)
{
	struct fake_kvm *kvm = fake_kvm_make("intel-v2,gp=8");
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	size_t count = vpmu_model_to_cpuid(&kvm->model, leaves);
	struct vpmu_layout with, without;
	struct vpmu_model none;
	int vcpus[4];

	assert_int_equal(vpmu_cpuid_hide_pmu(leaves, count, NULL, 0), VPMU_OK);
	assert_int_equal(vpmu_model_from_cpuid(&none, leaves, count, 0, NULL, 0), VPMU_OK);
	assert_int_equal(vpmu_layout_init(&with, &kvm->model), VPMU_OK);
	assert_int_equal(vpmu_layout_init(&without, &none), VPMU_OK);
	for (unsigned i = 0; i < 4; i++)
		vcpus[i] = fake_vcpu_make(kvm, i % 2 ? &kvm->model : &none);
	/* In both directions: what was learnt of one vCPU must not stick to the next. */
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < 4; i++) {
			unsigned at = round ? 3 - i : i;

			assert_int_equal(put_reset(kvm, vcpus[at], at % 2 ? &with : &without),
			                 VPMU_OK);
			assert_int_equal(put_reset(kvm, vcpus[at], &with),
			                 at % 2 ? VPMU_OK : VPMU_REFUSED);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_intel_leaves_show_no_pmu),
		cmocka_unit_test(test_a_p6_has_nothing_to_hide),
		cmocka_unit_test(test_amd_leaves_still_show_the_first_counters),
		cmocka_unit_test(test_only_the_bits_of_a_pmu_go),
		cmocka_unit_test(test_both_shapes_of_cpuid_are_edited_alike),
		cmocka_unit_test(test_hiding_is_final_on_any_leaves),
		cmocka_unit_test(test_vm_without_vcpus_is_switched_off),
		cmocka_unit_test(test_after_the_first_vcpu_it_is_too_late),
		cmocka_unit_test(test_old_kernel_cannot_hide_an_amd_pmu),
		cmocka_unit_test(test_old_kernel_hides_an_intel_pmu_by_cpuid),
		cmocka_unit_test(test_kvm_without_a_pmu_needs_no_switch),
		cmocka_unit_test(test_a_failed_call_is_told),
		cmocka_unit_test(test_cpuid_is_edited_whatever_the_switch_says),
		cmocka_unit_test(test_a_vm_may_mix_vcpus_with_and_without_a_pmu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
