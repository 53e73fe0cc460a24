/* SPDX-License-Identifier: MIT */
/* What is said about the host: its kernel, CPU and counters. */
#include <string.h>

#include "check.h"

void check_kernel(const struct vpmu_kvm_host *host, struct finding *finding)
{
	if (*host->release)
		say(finding, FINDING_PASS, "Linux %s", host->release);
	else
		say(finding, FINDING_SKIP, "/proc/sys/kernel/osrelease cannot be read");
}

void check_cpu(const struct vpmu_kvm_host *host, struct finding *finding)
{
	say(finding, FINDING_PASS, "%s, signature 0x%x%s", host->vendor_string, host->signature,
	    host->is_virtual ? "; this host is a virtual machine itself" : "");
}

void check_hybrid(const struct vpmu_kvm_host *host, struct finding *finding)
{
	if (!host->is_hybrid) {
		say(finding, FINDING_PASS, "no, all cores are alike");
	} else if (host->enable_pmu == VPMU_NO) {
		say(finding, FINDING_FAIL, "yes: KVM gives guests no PMU on such a CPU");
		advise(finding, "use a host whose cores are all alike");
	} else {
		say(finding, FINDING_WARN,
		    "yes: a guest that moves between the kinds of core miscounts");
		advise(finding, "pin every vCPU to cores of one kind");
	}
}

static void no_counters(const struct vpmu_kvm_host *host, struct finding *finding)
{
	say(finding, FINDING_FAIL, "none: perf has no hardware PMU on this host");
	if (host->is_virtual)
		advise(finding, "ask the hypervisor below for a vPMU, or use a bare-metal host");
	else
		advise(finding,
		       "see why in the kernel's log: dmesg | grep -i 'performance events'");
}

void check_counters(const struct vpmu_kvm_host *host, struct finding *finding)
{
	switch (host->counters) {
	case VPMU_YES:
		say(finding, FINDING_PASS, "perf has a hardware PMU%s",
		    host->counters_error ? " (by sysfs: opening an event is not permitted)" : "");
		break;
	case VPMU_NO:
		no_counters(host, finding);
		break;
	default:
		say(finding, FINDING_SKIP, "perf does not tell: %s",
		    strerror(host->counters_error));
		advise(finding, "run as root, or lower /proc/sys/kernel/perf_event_paranoid");
	}
}

void check_watchdog(const struct vpmu_kvm_host *host, struct finding *finding)
{
	if (host->counters == VPMU_NO) {
		say(finding, FINDING_SKIP, "has no counter to hold");
	} else if (host->watchdog == VPMU_YES) {
		say(finding, FINDING_WARN,
		    "on: it holds a counter of each CPU; a guest that uses all counts with one "
		    "less, and a mediated vPMU cannot start");
		advise(finding, "sysctl kernel.nmi_watchdog=0");
	} else if (host->watchdog == VPMU_NO) {
		say(finding, FINDING_PASS, "off: all counters are free");
	} else {
		say(finding, FINDING_SKIP, "/proc/sys/kernel/nmi_watchdog cannot be read");
	}
}
