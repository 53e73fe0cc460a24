/* SPDX-License-Identifier: MIT */
/* The probe, the target and the policy "PMU off" on this host's KVM, whatever PMU it has. */
#include "real.h"

static void test_probe_knows_this_host(void **context)
{
	const struct real *real = *context;

	assert_int_equal(real->host.api_version, KVM_API_VERSION);
	assert_true(real->host.has_model);
	assert_true(real->host.msr_count > 0);
	assert_int_not_equal(real->host.trial, VPMU_TRIAL_FAILED);
	assert_int_not_equal(real->host.kernel, 0);
}

static void test_probe_agrees_with_itself(void **context)
{
	const struct vpmu_kvm_host *host = &((struct real *)*context)->host;
	enum vpmu_known verdict = vpmu_obstacle_verdict(vpmu_kvm_obstacle(host));

	if (host->enable_pmu == VPMU_NO) {
		assert_false(real_has_pmu(host));
		assert_false(host->has_off_switch);
	}
	assert_int_equal(verdict == VPMU_YES, real_has_pmu(host) && host->counters != VPMU_NO);
}

static enum vpmu_off_by expected_off(const struct vpmu_kvm_host *host, enum vpmu_status hidden)
{
	if (host->has_off_switch)
		return VPMU_OFF_BY_VM;
	if (!real_has_pmu(host))
		return VPMU_OFF_BY_MODULE;
	return hidden ? VPMU_OFF_NOT : VPMU_OFF_BY_CPUID;
}

static void test_pmu_off_leaves_no_counter(void **context)
{
	/* The first counter, by Intel's and by K7's number: any vCPU takes them. */
	struct vpmu_msr entries[] = {{.index = 0xc1, .value = 5},
	                             {.index = 0xc0010004, .value = 5}};
	struct real *real = *context;
	union cpuid_room hidden = real->room;
	enum vpmu_status hides = vpmu_kvm_hide_pmu(&hidden.cpuid, NULL, 0);
	struct vpmu_kvm_vcpu vcpu;
	struct vpmu_off off;

	vpmu_kvm_pmu_off(&off, &real->host, NULL, real->vm, &real->room.cpuid);
	assert_int_equal(off.by, expected_off(&real->host, hides));
	assert_int_equal(off.status, off.by == VPMU_OFF_NOT ? VPMU_INCOMPATIBLE : VPMU_OK);
	assert_memory_equal(&real->room, &hidden, sizeof(hidden));
	vcpu = real_vcpu(real);
	assert_int_equal(vpmu_kvm_write(&vcpu, entries, 2), 2);
	assert_int_equal(vpmu_kvm_read(&vcpu, entries, 2), 2);
	assert_int_equal(!(entries[0].value | entries[1].value), off.by != VPMU_OFF_NOT);
	close(vcpu.fd);
}

/* 600 accesses of a register that every vCPU has, then one that none has in the middle. */
static void test_batches_pass_the_kernels_limit(void **context)
{
	enum { MANY = 600, MISSING = 400, SYSENTER_CS = 0x174 };
	struct vpmu_kvm_vcpu vcpu = real_vcpu(*context);
	struct vpmu_msr msrs[MANY];

	for (unsigned i = 0; i < MANY; i++)
		msrs[i] = (struct vpmu_msr){.index = SYSENTER_CS, .value = i};
	assert_int_equal(vpmu_kvm_write(&vcpu, msrs, MANY), MANY);
	assert_int_equal(vpmu_kvm_read(&vcpu, msrs, MANY), MANY);
	assert_int_equal(msrs[0].value, MANY - 1);
	assert_int_equal(msrs[MANY - 1].value, MANY - 1);
	msrs[MISSING].index = 0xffff1234;
	assert_int_equal(vpmu_kvm_write(&vcpu, msrs, MANY), MISSING);
	assert_int_equal(vpmu_kvm_read(&vcpu, msrs, MANY), MISSING);
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
	const struct CMUnitTest tests[] = {
		ON_REAL(test_probe_knows_this_host),
		ON_REAL(test_probe_agrees_with_itself),
		ON_REAL(test_pmu_off_leaves_no_counter),
		ON_REAL(test_batches_pass_the_kernels_limit),
		ON_REAL(test_a_closed_descriptor_is_an_error),
	};
	int skipped = real_lacks(NEED_KVM);

	return skipped ? skipped : cmocka_run_group_tests(tests, NULL, NULL);
}
