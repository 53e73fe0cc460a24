/* SPDX-License-Identifier: MIT */
/*
 * The same on this host's own KVM, skipped with a reason where there is none. What needs a KVM
 * without a PMU (enable_pmu=N) or with one says so, too.
 */
#include <stdlib.h>
#include <sys/ioctl.h>
#include <fcntl.h>
#include <unistd.h>

#include "fake_kvm.h"

/* A VM of this host, and what the probe said. */
struct real {
	struct vpmu_kvm_host host;
	int kvm, vm;
	union cpuid_room room;
};

static int setup(void **context)
{
	static struct real real;

	vpmu_kvm_probe(&real.host, "", NULL);
	real.kvm = real.vm = -1;
	*context = &real;
	if (real.host.open_error)
		return 0;
	real.kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	real.vm = ioctl(real.kvm, KVM_CREATE_VM, 0);
	return cpuid_supported(calls_or_kernel(NULL), real.kvm, &real.room);
}

static int teardown(void **context)
{
	struct real *real = *context;

	close(real->vm);
	close(real->kvm);
	return 0;
}

static struct real *need_kvm(void **context)
{
	struct real *real = *context;

	if (real->vm < 0) {
		print_message("skipped: /dev/kvm: %s\n", strerror(real->host.open_error));
		skip();
	}
	return real;
}

static bool has_pmu(const struct real *real)
{
	return real->host.trial == VPMU_TRIAL_WORKS;
}

static struct real *need_no_pmu(void **context)
{
	struct real *real = need_kvm(context);

	if (has_pmu(real)) {
		print_message("skipped: this KVM has a PMU\n");
		skip();
	}
	return real;
}

static struct vpmu_kvm_vcpu make_vcpu(const struct real *real, const struct kvm_cpuid2 *cpuid)
{
	struct vpmu_kvm_vcpu vcpu = {.fd = ioctl(real->vm, KVM_CREATE_VCPU, 0)};

	assert_true(vcpu.fd >= 0);
	assert_int_equal(ioctl(vcpu.fd, KVM_SET_CPUID2, cpuid), 0);
	return vcpu;
}

static void test_probe_knows_this_host(void **context)
{
	struct real *real = need_kvm(context);

	assert_int_equal(real->host.api_version, KVM_API_VERSION);
	assert_true(real->host.has_model);
	assert_true(real->host.msr_count > 0);
	assert_int_not_equal(real->host.trial, VPMU_TRIAL_FAILED);
	assert_int_not_equal(real->host.kernel, 0);
}

static void test_probe_agrees_with_the_module(void **context)
{
	struct real *real = need_kvm(context);

	if (real->host.enable_pmu == VPMU_UNKNOWN) {
		print_message("skipped: this KVM has no enable_pmu\n");
		skip();
	}
	if (real->host.enable_pmu == VPMU_NO) {
		assert_int_not_equal(real->host.trial, VPMU_TRIAL_WORKS);
		assert_false(real->host.has_off_switch);
	}
	assert_int_equal(vpmu_obstacle_verdict(vpmu_kvm_obstacle(&real->host)) == VPMU_YES,
	                 has_pmu(real) && real->host.counters != VPMU_NO);
}

/* The policy, then a vCPU, then the same too late where there is something to switch. */
static void test_pmu_off(void **context)
{
	struct real *real = need_kvm(context);
	union cpuid_room room = real->room;
	struct vpmu_off off;

	if (real->host.counters == VPMU_YES && !real->host.has_off_switch) {
		print_message("skipped: this KVM has no off switch\n");
		skip();
	}
	assert_int_equal(vpmu_kvm_pmu_off(&off, &real->host, NULL, real->vm, &room.cpuid), VPMU_OK);
	assert_int_equal(off.by, real->host.has_off_switch ? VPMU_OFF_BY_VM : VPMU_OFF_BY_MODULE);
}

/* One of the target's refusals, under each policy, by a register that no PMU-less vCPU has. */
static void test_refusals_are_named_under_every_policy(void **context)
{
	static const enum vpmu_policy policies[] = {VPMU_POLICY_ROLL_BACK, VPMU_POLICY_KEEP_GOING,
	                                            VPMU_POLICY_STOP};
	struct real *real = need_no_pmu(context);
	struct vpmu_kvm_vcpu vcpu = make_vcpu(real, &real->room.cpuid);
	struct vpmu_target target = vpmu_target_kvm(&vcpu);
	struct vpmu_layout layout;
	struct vpmu_report report;
	struct vpmu_state state;
	struct vpmu_model model;

	assert_int_equal(vpmu_model_parse(&model, "intel-v2,full-width=off", NULL, 0), VPMU_OK);
	assert_int_equal(vpmu_layout_init(&layout, &model), VPMU_OK);
	vpmu_state_reset(&state, &layout);
	for (unsigned i = 0; i < layout.value_count; i++)
		state.values[i] = layout.registers[layout.stored[i]].writable & 0x70003;
	for (size_t p = 0; p < ARRAY_SIZE(policies); p++) {
		const struct vpmu_refusal *first = &report.refusals[0];
		int place;

		assert_int_equal(vpmu_state_put(&state, &layout, &target, VPMU_LEVEL_FULL,
		                                vpmu_order_find("safe"), policies[p], &report),
		                 VPMU_REFUSED);
		assert_true(report.refused >= 1);
		place = vpmu_layout_find_msr(&layout, first->msr);
		assert_true(place >= 0);
		assert_string_equal(first->name, layout.registers[place].name);
		/* 0xc1, 0xc2, 0x186 and 0x187 are taken and dropped; all others are refused. */
		if (policies[p] == VPMU_POLICY_KEEP_GOING)
			assert_int_equal(report.done + report.refused, report.planned);
		else
			assert_int_equal(report.refused, 1);
		if (policies[p] == VPMU_POLICY_ROLL_BACK)
			assert_int_not_equal(report.left, VPMU_LEFT_PARTIAL);
	}
	close(vcpu.fd);
}

static bool is_taken(struct vpmu_kvm_vcpu *vcpu, uint32_t msr, uint64_t value)
{
	struct vpmu_msr entry = {.index = msr, .value = value};

	return vpmu_kvm_write(vcpu, &entry, 1) == 1;
}

static void need_refusals(const struct real *real)
{
	if (real->host.ignore_msrs == VPMU_YES) {
		print_message("skipped: ignore_msrs=Y hides refusals\n");
		skip();
	}
}

static void test_legacy_msrs_are_taken_and_read_as_zero(void **context)
{
	static const uint32_t legacy[] = {0xc1, 0xc2, 0x186, 0x187, 0xc0010000, 0xc0010003,
	                                  0xc0010004, 0xc0010007};
	struct real *real = need_no_pmu(context);
	struct vpmu_kvm_vcpu vcpu;

	need_refusals(real);
	vcpu.fd = ioctl(real->vm, KVM_CREATE_VCPU, 1);
	vcpu.calls = NULL;
	assert_true(vcpu.fd >= 0);
	assert_int_equal(ioctl(vcpu.fd, KVM_SET_CPUID2, &real->room), 0);
	for (size_t i = 0; i < ARRAY_SIZE(legacy); i++) {
		struct vpmu_msr entry = {.index = legacy[i], .value = ~0ull};

		assert_true(is_taken(&vcpu, legacy[i], 5));
		assert_int_equal(vpmu_kvm_read(&vcpu, &entry, 1), 1);
		assert_int_equal(entry.value, 0);
	}
	assert_false(is_taken(&vcpu, 0x38d, 5));
	assert_false(is_taken(&vcpu, 0x38f, 5));
	assert_false(is_taken(&vcpu, 0xc0000301, 5));
	close(vcpu.fd);
}

/* 600 accesses of a register that every vCPU has, then one that none has in the middle. */
static void test_batches_pass_the_kernels_limit(void **context)
{
	enum { MANY = 600, MISSING = 400 };
	struct real *real = need_kvm(context);
	struct vpmu_kvm_vcpu vcpu = {.fd = ioctl(real->vm, KVM_CREATE_VCPU, 2)};
	struct vpmu_msr msrs[MANY];

	assert_true(vcpu.fd >= 0);
	need_refusals(real);
	for (unsigned i = 0; i < MANY; i++)
		msrs[i] = (struct vpmu_msr){.index = 0x174, .value = i}; /* IA32_SYSENTER_CS */
	assert_int_equal(vpmu_kvm_write(&vcpu, msrs, MANY), MANY);
	assert_int_equal(vpmu_kvm_read(&vcpu, msrs, MANY), MANY);
	assert_int_equal(msrs[0].value, MANY - 1);
	assert_int_equal(msrs[MANY - 1].value, MANY - 1);
	msrs[MISSING].index = 0xffff1234;
	assert_int_equal(vpmu_kvm_write(&vcpu, msrs, MANY), MISSING);
	assert_int_equal(vpmu_kvm_read(&vcpu, msrs, MANY), MISSING);
	close(vcpu.fd);
}

static void test_state_of_the_offered_model_goes_round(void **context)
{
	struct real *real = need_kvm(context);
	struct vpmu_kvm_vcpu vcpu = {.fd = -1};
	struct vpmu_target target = vpmu_target_kvm(&vcpu);
	struct vpmu_layout layout;
	struct vpmu_report report;
	struct vpmu_state state, back;

	if (!has_pmu(real)) {
		print_message("skipped: this KVM has no PMU\n");
		skip();
	}
	vcpu.fd = ioctl(real->vm, KVM_CREATE_VCPU, 3);
	assert_int_equal(ioctl(vcpu.fd, KVM_SET_CPUID2, &real->room), 0);
	assert_int_equal(vpmu_layout_init(&layout, &real->host.model), VPMU_OK);
	vpmu_state_reset(&state, &layout);
	for (unsigned i = 0; i < layout.value_count; i++)
		if (layout.registers[layout.stored[i]].kind == VPMU_KIND_COUNTER)
			state.values[i] = 0x1000 + i;
	assert_int_equal(vpmu_state_put(&state, &layout, &target, VPMU_LEVEL_FULL,
	                                vpmu_order_find("safe"), VPMU_POLICY_ROLL_BACK, &report),
	                 VPMU_OK);
	assert_int_equal(
		vpmu_state_get(&back, &layout, &target, VPMU_POLICY_ROLL_BACK, &report), VPMU_OK);
	assert_memory_equal(&state.values, &back.values, sizeof(back.values));
	close(vcpu.fd);
}

static void test_a_closed_descriptor_is_an_error(void **context)
{
	struct vpmu_kvm_vcpu vcpu = {.fd = -1};
	struct vpmu_msr msr = {.index = 0xc1};

	assert_int_equal(vpmu_kvm_read(&vcpu, &msr, 1), -EBADF);
}

int main(void)
{
	/* In this order: the policy comes before the first vCPU. */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_probe_knows_this_host),
		cmocka_unit_test(test_probe_agrees_with_the_module),
		cmocka_unit_test(test_pmu_off),
		cmocka_unit_test(test_refusals_are_named_under_every_policy),
		cmocka_unit_test(test_legacy_msrs_are_taken_and_read_as_zero),
		cmocka_unit_test(test_batches_pass_the_kernels_limit),
		cmocka_unit_test(test_state_of_the_offered_model_goes_round),
		cmocka_unit_test(test_a_closed_descriptor_is_an_error),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
