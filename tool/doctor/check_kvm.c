/* SPDX-License-Identifier: MIT */
/* What is said about KVM: whether it is there, may be opened, and has its PMU switched on. */
#include <errno.h>
#include <string.h>

#include "check.h"

static const char *wanted_module(const struct vpmu_kvm_host *host)
{
	bool is_amd = !strcmp(host->vendor_string, "AuthenticAMD") ||
	              !strcmp(host->vendor_string, "HygonGenuine");

	return is_amd ? "kvm_amd" : "kvm_intel";
}

static void no_module(const struct vpmu_kvm_host *host, struct finding *finding)
{
	if (host->has_module)
		say(finding, FINDING_FAIL, "kvm is loaded, but %s is not", wanted_module(host));
	else
		say(finding, FINDING_FAIL, "not loaded");
	if (host->has_extensions)
		advise(finding, "modprobe %s", wanted_module(host));
	else
		advise(finding, "the CPU shows neither VMX nor SVM: %s",
		       host->is_virtual ? "ask the hypervisor below for nested virtualization"
		                        : "switch virtualization on in the firmware");
}

void check_module(const struct vpmu_kvm_host *host, struct finding *finding)
{
	if (*host->vendor_module)
		say(finding, FINDING_PASS, "%s", host->vendor_module);
	else if (is_open(host))
		say(finding, FINDING_PASS, "built in, or out of sight");
	else
		no_module(host, finding);
}

static void not_opened(const struct vpmu_kvm_host *host, struct finding *finding)
{
	say(finding, FINDING_FAIL, "cannot be opened: %s", strerror(host->open_error));
	switch (host->open_error) {
	case EACCES:
	case EPERM:
		advise(finding,
		       "run as root, or join the device's group: usermod -aG kvm USER, then "
		       "log in again; a container needs --device /dev/kvm");
		break;
	case ENOENT:
		if (host->has_module)
			advise(finding, "a container needs --device /dev/kvm; else: "
			                "mknod /dev/kvm c 10 232");
		break;
	case ENODEV:
	case ENXIO:
		advise(finding, "nothing is behind it: load %s", wanted_module(host));
		break;
	}
}

void check_device(const struct vpmu_kvm_host *host, struct finding *finding)
{
	if (host->open_error)
		not_opened(host, finding);
	else if (is_open(host))
		say(finding, FINDING_PASS, "KVM API version %d", host->api_version);
	else if (host->api_version < 0)
		say(finding, FINDING_FAIL, "is not KVM: %s", strerror(-host->api_version));
	else
		say(finding, FINDING_FAIL, "has KVM API version %d, not %d", host->api_version,
		    API_VERSION);
}

/* KVM itself clears the flag if it cannot give a PMU (kvm_init_pmu_capability). */
static void switched_off(const struct vpmu_kvm_host *host, struct finding *finding)
{
	if (host->is_hybrid) {
		say(finding, FINDING_FAIL, "N: KVM clears it on a hybrid CPU");
	} else if (host->counters == VPMU_NO) {
		say(finding, FINDING_FAIL, "N: KVM clears it on a host without hardware counters");
	} else {
		say(finding, FINDING_FAIL, "N: the module was loaded with its PMU off");
		advise(finding, "take kvm.enable_pmu=0 out of the kernel's command line and "
		                "/etc/modprobe.d, then load kvm again or reboot");
	}
}

void check_enable_pmu(const struct vpmu_kvm_host *host, struct finding *finding)
{
	if (host->enable_pmu == VPMU_NO)
		switched_off(host, finding);
	else if (host->enable_pmu == VPMU_YES)
		say(finding, FINDING_PASS, "Y");
	else if (host->has_off_switch)
		say(finding, FINDING_PASS, "on: KVM offers to switch it off");
	else
		say(finding, FINDING_SKIP,
		    "no such parameter to be seen (it came with Linux 5.17)");
}
