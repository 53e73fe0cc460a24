/* SPDX-License-Identifier: MIT */
/* What vpmu doctor says of hosts of every kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "doctor/doctor.h"

/* A host where all is well. */
static struct vpmu_kvm_host good_host(const char *model)
{
	struct vpmu_kvm_host host = {
		.release = "6.12.117-amd64",
		.kernel = 0x60c,
		.vendor_string = "GenuineIntel",
		.signature = 0x806f8,
		.has_extensions = true,
		.counters = VPMU_YES,
		.watchdog = VPMU_NO,
		.has_module = true,
		.vendor_module = "kvm_intel",
		.enable_pmu = VPMU_YES,
		.mediated = VPMU_NO,
		.ignore_msrs = VPMU_NO,
		.api_version = 12,
		.has_off_switch = true,
		.has_filter = true,
		.has_masked_events = true,
		.has_model = true,
		.trial = VPMU_TRIAL_WORKS,
	};

	assert_int_equal(vpmu_model_parse(&host.model, model, NULL, 0), VPMU_OK);
	return host;
}

/* The device cannot be opened: nothing behind it is known. */
static struct vpmu_kvm_host closed_host(int error)
{
	struct vpmu_kvm_host host = good_host("intel-v2");

	host.open_error = error;
	host.api_version = 0;
	host.has_off_switch = host.has_filter = host.has_masked_events = false;
	host.has_model = false;
	host.trial = VPMU_TRIAL_NONE;
	return host;
}

/* KVM's PMU is off: a vCPU has nothing behind its counters. */
static struct vpmu_kvm_host off_host(const char *model)
{
	struct vpmu_kvm_host host = good_host(model);

	host.enable_pmu = VPMU_NO;
	host.has_off_switch = false;
	host.trial = VPMU_TRIAL_NOTHING;
	return host;
}

static struct finding find(const struct vpmu_kvm_host *host, const char *name)
{
	struct finding findings[FINDINGS];
	size_t count = doctor_examine(host, findings);

	for (size_t i = 0; i < count; i++)
		if (!strcmp(findings[i].name, name))
			return findings[i];
	fail_msg("no check '%s'", name);
	return findings[0];
}

/* The check has that status, and its text or its advice says so. */
static void expect(const struct vpmu_kvm_host *host, const char *name, enum finding_status status,
                   const char *text)
{
	struct finding finding = find(host, name);

	if (finding.status != status)
		fail_msg("%s is %s: %s", name, finding_status_name(finding.status), finding.what);
	if (!strstr(finding.what, text) && !strstr(finding.advice, text))
		fail_msg("%s does not say '%s': %s, %s", name, text, finding.what, finding.advice);
}

static void expect_verdict(const struct vpmu_kvm_host *host, enum vpmu_known verdict)
{
	assert_int_equal(vpmu_obstacle_verdict(vpmu_kvm_obstacle(host)), verdict);
}

static void test_good_host_passes_every_check(void **context)
{
	static const char *const models[] = {"intel-v2,gp=8", "amd-k7", "amd-perfmon-v2"};
	struct finding findings[FINDINGS];

	for (size_t m = 0; m < 3; m++) {
		struct vpmu_kvm_host host = good_host(models[m]);
		size_t count = doctor_examine(&host, findings);

		assert_true(count >= 10);
		for (size_t i = 0; i < count; i++) {
			expect(&host, findings[i].name, FINDING_PASS, "");
			assert_string_equal(findings[i].advice, "");
			assert_true(*findings[i].what);
		}
		expect_verdict(&host, VPMU_YES);
	}
}

static void test_model_is_described(void **context)
{
	struct vpmu_kvm_host host = good_host("intel-v2,gp=8");

	expect(&host, "guest PMU", FINDING_PASS,
	       "Intel, version 2: 8 counters of 48 bits, 3 fixed of 48, pdcm, full-width");
	host = good_host("amd-perfmon-v2,gp=5");
	expect(&host, "guest PMU", FINDING_PASS,
	       "AMD, version 2: 5 counters of 48 bits, perfcore, perfmon-v2");
}

static void test_no_permission(void **context)
{
	struct vpmu_kvm_host host = closed_host(EACCES);

	expect(&host, "/dev/kvm", FINDING_FAIL, "Permission denied");
	expect(&host, "/dev/kvm", FINDING_FAIL, "usermod -aG kvm");
	expect(&host, "enable_pmu", FINDING_PASS, "Y");
	expect(&host, "guest PMU", FINDING_SKIP, "needs /dev/kvm");
	expect(&host, "off switch", FINDING_SKIP, "needs /dev/kvm");
	expect(&host, "event filter", FINDING_SKIP, "needs /dev/kvm");
	expect(&host, "masked events", FINDING_SKIP, "needs /dev/kvm");
	expect_verdict(&host, VPMU_UNKNOWN);
}

static struct vpmu_kvm_host no_module(void)
{
	struct vpmu_kvm_host host = closed_host(ENOENT);

	host.has_module = false;
	*host.vendor_module = '\0';
	host.enable_pmu = host.mediated = host.ignore_msrs = VPMU_UNKNOWN;
	return host;
}

static void test_no_module(void **context)
{
	struct vpmu_kvm_host host = no_module();

	expect(&host, "KVM module", FINDING_FAIL, "modprobe kvm_intel");
	expect(&host, "enable_pmu", FINDING_SKIP, "");
	expect_verdict(&host, VPMU_UNKNOWN);
	strcpy(host.vendor_string, "AuthenticAMD");
	expect(&host, "KVM module", FINDING_FAIL, "modprobe kvm_amd");
	host.has_module = true;
	expect(&host, "KVM module", FINDING_FAIL, "kvm_amd is not");
}

static void test_no_virtualization(void **context)
{
	struct vpmu_kvm_host host = no_module();

	host.has_extensions = false;
	expect(&host, "KVM module", FINDING_FAIL, "firmware");
	host.is_virtual = true;
	expect(&host, "KVM module", FINDING_FAIL, "nested virtualization");
}

static void test_module_without_a_device(void **context)
{
	struct vpmu_kvm_host host = closed_host(ENOENT);

	expect(&host, "KVM module", FINDING_PASS, "kvm_intel");
	expect(&host, "/dev/kvm", FINDING_FAIL, "--device /dev/kvm");
	host = closed_host(ENODEV);
	expect(&host, "/dev/kvm", FINDING_FAIL, "nothing is behind it");
}

static void test_device_that_is_not_kvm(void **context)
{
	struct vpmu_kvm_host host = closed_host(0);

	host.api_version = -ENOTTY;
	expect(&host, "/dev/kvm", FINDING_FAIL, "is not KVM");
	host.api_version = 11;
	expect(&host, "/dev/kvm", FINDING_FAIL, "version 11, not 12");
	expect(&host, "guest PMU", FINDING_SKIP, "");
	expect_verdict(&host, VPMU_UNKNOWN);
}

static void test_module_without_pmu(void **context)
{
	struct vpmu_kvm_host host = off_host("intel-v2");

	expect(&host, "enable_pmu", FINDING_FAIL, "kvm.enable_pmu=0");
	expect(&host, "guest PMU", FINDING_FAIL, "keeps no value");
	expect(&host, "off switch", FINDING_SKIP, "nothing to switch off");
	expect_verdict(&host, VPMU_NO);
}

static void test_hybrid_cpu(void **context)
{
	struct vpmu_kvm_host host = off_host("intel-v2");

	host.is_hybrid = true;
	expect(&host, "hybrid CPU", FINDING_FAIL, "no PMU on such a CPU");
	expect(&host, "enable_pmu", FINDING_FAIL, "KVM clears it on a hybrid CPU");
	expect_verdict(&host, VPMU_NO);
	/* An older kernel gives guests a PMU all the same. */
	host = good_host("intel-v2");
	host.is_hybrid = true;
	expect(&host, "hybrid CPU", FINDING_WARN, "pin every vCPU");
	expect_verdict(&host, VPMU_YES);
}

static void test_no_hardware_counters(void **context)
{
	struct vpmu_kvm_host host = off_host("intel-v2");

	host.counters = VPMU_NO;
	host.counters_error = ENOENT;
	expect(&host, "hardware counters", FINDING_FAIL, "dmesg");
	expect(&host, "enable_pmu", FINDING_FAIL, "without hardware counters");
	expect(&host, "NMI watchdog", FINDING_SKIP, "");
	expect_verdict(&host, VPMU_NO);
	host.is_virtual = true;
	expect(&host, "hardware counters", FINDING_FAIL, "hypervisor below");
}

static void test_counters_that_cannot_be_seen(void **context)
{
	struct vpmu_kvm_host host = good_host("intel-v2");

	host.counters_error = EACCES;
	expect(&host, "hardware counters", FINDING_PASS, "by sysfs");
	host.counters = VPMU_UNKNOWN;
	expect(&host, "hardware counters", FINDING_SKIP, "perf_event_paranoid");
	expect_verdict(&host, VPMU_YES);
}

static void test_kernel_too_old_to_switch_off(void **context)
{
	struct vpmu_kvm_host host = good_host("amd-perfcore");

	host.has_off_switch = false;
	expect(&host, "off switch", FINDING_WARN, "Linux 5.18");
	expect_verdict(&host, VPMU_YES);
	host.enable_pmu = VPMU_UNKNOWN;
	expect(&host, "enable_pmu", FINDING_SKIP, "5.17");
	expect(&host, "off switch", FINDING_WARN, "Linux 5.18");
}

static void test_kernel_too_old_to_filter(void **context)
{
	struct vpmu_kvm_host host = good_host("intel-v2");

	host.has_masked_events = false;
	expect(&host, "event filter", FINDING_PASS, "");
	expect(&host, "masked events", FINDING_WARN, "Linux 6.3");
	host.has_filter = false;
	expect(&host, "event filter", FINDING_WARN, "Linux 5.3");
}

static void test_mediated_vpmu(void **context)
{
	struct vpmu_kvm_host host = good_host("amd-perfmon-v2");

	host.mediated = VPMU_YES;
	expect(&host, "mediated vPMU", FINDING_PASS, "owns the hardware counters");
	host.mediated = VPMU_UNKNOWN;
	expect(&host, "mediated vPMU", FINDING_SKIP, "by perf");
}

static void test_refused_registers_are_named(void **context)
{
	struct vpmu_kvm_host host = good_host("intel-v2");

	host.refused[host.refused_count++] = 0x38d;
	host.refused[host.refused_count++] = 0xffff;
	expect(&host, "registers", FINDING_WARN, "IA32_FIXED_CTR_CTRL, ?");
	host.refused_count = VPMU_MAX_STATE;
	for (unsigned i = 0; i < host.refused_count; i++)
		host.refused[i] = 0x38d;
	expect(&host, "registers", FINDING_WARN, "...");
}

static void test_vm_that_cannot_be_made(void **context)
{
	struct vpmu_kvm_host host = good_host("intel-v2");

	host.trial = VPMU_TRIAL_FAILED;
	host.trial_step = "KVM_CREATE_VCPU";
	host.trial_error = EBUSY;
	expect(&host, "guest PMU", FINDING_FAIL, "KVM_CREATE_VCPU");
	expect(&host, "guest PMU", FINDING_FAIL, "end what else uses");
	expect_verdict(&host, VPMU_UNKNOWN);
}

static void test_cpuid_without_pmu_or_model(void **context)
{
	struct vpmu_kvm_host host = good_host("intel-v2,pmu=off");

	host.trial = VPMU_TRIAL_NONE;
	expect(&host, "guest PMU", FINDING_FAIL, "no PMU");
	expect_verdict(&host, VPMU_NO);
	host.has_model = false;
	strcpy(host.model_why, "CPUID: unknown vendor");
	expect(&host, "guest PMU", FINDING_FAIL, "unknown vendor");
	expect_verdict(&host, VPMU_UNKNOWN);
}

static void test_hidden_refusals_and_the_watchdog_are_warned_of(void **context)
{
	struct vpmu_kvm_host host = good_host("intel-v2");

	host.ignore_msrs = host.watchdog = VPMU_YES;
	expect(&host, "ignore_msrs", FINDING_WARN, "echo N");
	expect(&host, "NMI watchdog", FINDING_WARN, "nmi_watchdog=0");
	expect_verdict(&host, VPMU_YES);
}

static void test_nothing_is_known_of_an_empty_host(void **context)
{
	struct vpmu_kvm_host host = {.open_error = ENOENT};
	struct finding findings[FINDINGS];
	size_t count = doctor_examine(&host, findings);

	for (size_t i = 0; i < count; i++)
		assert_true(*findings[i].what);
	expect(&host, "kernel", FINDING_SKIP, "");
	expect_verdict(&host, VPMU_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_host_passes_every_check),
		cmocka_unit_test(test_model_is_described),
		cmocka_unit_test(test_no_permission),
		cmocka_unit_test(test_no_module),
		cmocka_unit_test(test_no_virtualization),
		cmocka_unit_test(test_module_without_a_device),
		cmocka_unit_test(test_device_that_is_not_kvm),
		cmocka_unit_test(test_module_without_pmu),
		cmocka_unit_test(test_hybrid_cpu),
		cmocka_unit_test(test_no_hardware_counters),
		cmocka_unit_test(test_counters_that_cannot_be_seen),
		cmocka_unit_test(test_kernel_too_old_to_switch_off),
		cmocka_unit_test(test_kernel_too_old_to_filter),
		cmocka_unit_test(test_mediated_vpmu),
		cmocka_unit_test(test_refused_registers_are_named),
		cmocka_unit_test(test_vm_that_cannot_be_made),
		cmocka_unit_test(test_cpuid_without_pmu_or_model),
		cmocka_unit_test(test_hidden_refusals_and_the_watchdog_are_warned_of),
		cmocka_unit_test(test_nothing_is_known_of_an_empty_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
