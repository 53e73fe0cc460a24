/* SPDX-License-Identifier: MIT */
/* What is said about a guest's PMU, and what a VMM can do with it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "check.h"

/* Checks that need the device are skipped without it. */
static bool skips_device(const struct vpmu_kvm_host *host, struct finding *finding)
{
	if (!is_open(host))
		say(finding, FINDING_SKIP, "needs /dev/kvm");
	return !is_open(host);
}

static void check_trial(const struct vpmu_kvm_host *host, struct finding *finding)
{
	char model[160];

	doctor_describe_model(&host->model, model, sizeof(model));
	switch (host->trial) {
	case VPMU_TRIAL_WORKS:
		say(finding, FINDING_PASS, "%s", model);
		break;
	case VPMU_TRIAL_NOTHING:
		say(finding, FINDING_FAIL, "none: CPUID says %s, but a counter keeps no value",
		    model);
		break;
	default:
		say(finding, FINDING_FAIL, "cannot be tried: %s: %s",
		    host->trial_step ? host->trial_step : "no virtual CPU",
		    strerror(host->trial_error));
		if (host->trial_error == EBUSY)
			advise(finding, "end what else uses virtualization, or perf, on this host");
	}
}

void check_guest(const struct vpmu_kvm_host *host, struct finding *finding)
{
	if (skips_device(host, finding))
		return;
	if (!host->has_model)
		say(finding, FINDING_FAIL, "%s", host->model_why);
	else if (!host->model.version)
		say(finding, FINDING_FAIL, "none: KVM's CPUID has no PMU");
	else
		check_trial(host, finding);
}

static void list_refused(const struct vpmu_kvm_host *host, const struct vpmu_layout *layout,
                         struct finding *finding)
{
	char names[160] = "";
	size_t used = 0;

	for (unsigned i = 0; i < host->refused_count && used < sizeof(names); i++) {
		int place = vpmu_layout_find_msr(layout, host->refused[i]);

		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "",
		                         place < 0 ? "?" : layout->registers[place].name);
	}
	say(finding, FINDING_WARN, "KVM lacks some of what its CPUID promises: %s%s", names,
	    used < sizeof(names) ? "" : "...");
	advise(finding, "a put or a get of these registers is refused on this host");
}

void check_registers(const struct vpmu_kvm_host *host, struct finding *finding)
{
	struct vpmu_layout layout;

	if (host->trial != VPMU_TRIAL_WORKS || vpmu_layout_init(&layout, &host->model))
		say(finding, FINDING_SKIP, "needs a guest PMU");
	else if (host->refused_count)
		list_refused(host, &layout, finding);
	else
		say(finding, FINDING_PASS, "a virtual CPU has all %d", layout.value_count);
}

void check_off_switch(const struct vpmu_kvm_host *host, struct finding *finding)
{
	if (skips_device(host, finding))
		return;
	if (host->has_off_switch) {
		say(finding, FINDING_PASS, "KVM_PMU_CAP_DISABLE, for each VM");
	} else if (host->enable_pmu == VPMU_NO || host->trial != VPMU_TRIAL_WORKS) {
		say(finding, FINDING_SKIP, "there is nothing to switch off");
	} else {
		say(finding, FINDING_WARN,
		    "the kernel is too old for KVM_CAP_PMU_CAPABILITY: only CPUID hides a PMU, "
		    "and nothing hides an AMD one");
		advise(finding, "Linux 5.18 or later");
	}
}

void check_filter(const struct vpmu_kvm_host *host, struct finding *finding)
{
	if (skips_device(host, finding))
		return;
	if (host->has_filter) {
		say(finding, FINDING_PASS, "KVM_SET_PMU_EVENT_FILTER");
	} else {
		say(finding, FINDING_WARN, "the kernel is too old: guests can count every event");
		advise(finding, "Linux 5.3 or later");
	}
}

void check_masked_events(const struct vpmu_kvm_host *host, struct finding *finding)
{
	if (skips_device(host, finding))
		return;
	if (host->has_masked_events) {
		say(finding, FINDING_PASS, "the filter takes them");
	} else {
		say(finding, FINDING_WARN,
		    "the kernel is too old: a filter must list each event and unit mask");
		advise(finding, "Linux 6.3 or later");
	}
}

void check_mediated(const struct vpmu_kvm_host *host, struct finding *finding)
{
	switch (host->mediated) {
	case VPMU_YES:
		say(finding, FINDING_PASS,
		    "on: a guest owns the hardware counters while it runs; such guests and "
		    "host-wide perf events keep each other from starting");
		break;
	case VPMU_NO:
		say(finding, FINDING_PASS, "off: guests share the counters with the host, by perf");
		break;
	default:
		say(finding, FINDING_SKIP, "this KVM has none: guests share the counters, by perf");
	}
}

void check_ignore_msrs(const struct vpmu_kvm_host *host, struct finding *finding)
{
	if (host->ignore_msrs == VPMU_YES) {
		say(finding, FINDING_WARN,
		    "Y: KVM drops writes of registers that it lacks, and reports success");
		advise(finding, "echo N > /sys/module/kvm/parameters/ignore_msrs");
	} else if (host->ignore_msrs == VPMU_NO) {
		say(finding, FINDING_PASS, "N: what is refused is told");
	} else {
		say(finding, FINDING_SKIP, "no such parameter to be seen");
	}
}
