/* SPDX-License-Identifier: MIT */
/* What is said about a host's facts: one function a check, in the order in which they are told. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "doctor.h"
#include "models.h"

enum { API_VERSION = 12 }; /* KVM's, since Linux 2.6.22 */

static void __attribute__((format(printf, 3, 4)))
say(struct finding *finding, enum finding_status status, const char *format, ...)
{
	va_list list;

	finding->status = status;
	va_start(list, format);
	vsnprintf(finding->what, sizeof(finding->what), format, list);
	va_end(list);
}

static void __attribute__((format(printf, 2, 3)))
advise(struct finding *finding, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(finding->advice, sizeof(finding->advice), format, list);
	va_end(list);
}

static bool is_open(const struct vpmu_kvm_host *host)
{
	return !host->open_error && host->api_version == API_VERSION;
}

/* What asks the device is skipped without it. */
static bool skips_device(const struct vpmu_kvm_host *host, struct finding *finding)
{
	if (!is_open(host))
		say(finding, FINDING_SKIP, "needs /dev/kvm");
	return !is_open(host);
}

/* --- The host -----------------------------------------------------------------------------------
 */

static void check_kernel(const struct vpmu_kvm_host *host, struct finding *finding)
{
	if (*host->release)
		say(finding, FINDING_PASS, "Linux %s", host->release);
	else
		say(finding, FINDING_SKIP, "/proc/sys/kernel/osrelease cannot be read");
}

static void check_cpu(const struct vpmu_kvm_host *host, struct finding *finding)
{
	say(finding, FINDING_PASS, "%s, signature 0x%x%s", host->vendor_string, host->signature,
	    host->is_virtual ? "; this host is a virtual machine itself" : "");
}

static void check_hybrid(const struct vpmu_kvm_host *host, struct finding *finding)
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

static void check_counters(const struct vpmu_kvm_host *host, struct finding *finding)
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

static void check_watchdog(const struct vpmu_kvm_host *host, struct finding *finding)
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

/* --- KVM ----------------------------------------------------------------------------------------
 */

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

static void check_module(const struct vpmu_kvm_host *host, struct finding *finding)
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
			advise(finding,
			       "a container needs --device /dev/kvm; else: mknod /dev/kvm c "
			       "10 232");
		break;
	case ENODEV:
	case ENXIO:
		advise(finding, "nothing is behind it: load %s", wanted_module(host));
		break;
	}
}

static void check_device(const struct vpmu_kvm_host *host, struct finding *finding)
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

/* KVM clears the flag itself where it can give no PMU (kvm_init_pmu_capability). */
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

static void check_enable_pmu(const struct vpmu_kvm_host *host, struct finding *finding)
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

/* --- The guest's PMU ----------------------------------------------------------------------------
 */

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

static void check_guest(const struct vpmu_kvm_host *host, struct finding *finding)
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
	say(finding, FINDING_WARN, "KVM has not all that its CPUID promises: %s%s", names,
	    used < sizeof(names) ? "" : "...");
	advise(finding, "a put or a get of these registers is refused on this host");
}

static void check_registers(const struct vpmu_kvm_host *host, struct finding *finding)
{
	struct vpmu_layout layout;

	if (host->trial != VPMU_TRIAL_WORKS || vpmu_layout_init(&layout, &host->model))
		say(finding, FINDING_SKIP, "needs a guest PMU");
	else if (host->refused_count)
		list_refused(host, &layout, finding);
	else
		say(finding, FINDING_PASS, "a virtual CPU has all %d", layout.value_count);
}

static void check_off_switch(const struct vpmu_kvm_host *host, struct finding *finding)
{
	if (skips_device(host, finding))
		return;
	if (host->has_off_switch) {
		say(finding, FINDING_PASS, "KVM_PMU_CAP_DISABLE, for each VM");
	} else if (host->enable_pmu == VPMU_NO || host->trial != VPMU_TRIAL_WORKS) {
		say(finding, FINDING_SKIP, "there is nothing to switch off");
	} else {
		say(finding, FINDING_WARN,
		    "the kernel is too old for KVM_CAP_PMU_CAPABILITY: CPUID alone hides a PMU, "
		    "and "
		    "nothing hides an AMD one");
		advise(finding, "Linux 5.18 or later");
	}
}

static void check_filter(const struct vpmu_kvm_host *host, struct finding *finding)
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

static void check_masked_events(const struct vpmu_kvm_host *host, struct finding *finding)
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

static void check_mediated(const struct vpmu_kvm_host *host, struct finding *finding)
{
	switch (host->mediated) {
	case VPMU_YES:
		say(finding, FINDING_PASS,
		    "on: a guest owns the hardware counters while it runs; host-wide perf events "
		    "and "
		    "such guests keep each other from starting");
		break;
	case VPMU_NO:
		say(finding, FINDING_PASS, "off: guests share the counters with the host, by perf");
		break;
	default:
		say(finding, FINDING_SKIP, "this KVM has none: guests share the counters, by perf");
	}
}

static void check_ignore_msrs(const struct vpmu_kvm_host *host, struct finding *finding)
{
	if (host->ignore_msrs == VPMU_YES) {
		say(finding, FINDING_WARN,
		    "Y: KVM drops writes of registers that it has not, and says that they are "
		    "done");
		advise(finding, "echo N > /sys/module/kvm/parameters/ignore_msrs");
	} else if (host->ignore_msrs == VPMU_NO) {
		say(finding, FINDING_PASS, "N: what is refused is told");
	} else {
		say(finding, FINDING_SKIP, "no such parameter to be seen");
	}
}

/* --- All of it ----------------------------------------------------------------------------------
 */

static const struct check {
	const char *name;
	void (*look)(const struct vpmu_kvm_host *host, struct finding *finding);
} checks[] = {
	{"kernel", check_kernel},
	{"CPU", check_cpu},
	{"hybrid CPU", check_hybrid},
	{"hardware counters", check_counters},
	{"NMI watchdog", check_watchdog},
	{"KVM module", check_module},
	{"/dev/kvm", check_device},
	{"enable_pmu", check_enable_pmu},
	{"guest PMU", check_guest},
	{"registers", check_registers},
	{"off switch", check_off_switch},
	{"event filter", check_filter},
	{"masked events", check_masked_events},
	{"mediated vPMU", check_mediated},
	{"ignore_msrs", check_ignore_msrs},
};

_Static_assert(sizeof(checks) / sizeof(checks[0]) <= FINDINGS, "findings[] takes every check");

size_t doctor_examine(const struct vpmu_kvm_host *host, struct finding *findings)
{
	size_t count = sizeof(checks) / sizeof(checks[0]);

	for (size_t i = 0; i < count; i++) {
		findings[i] = (struct finding){.name = checks[i].name};
		checks[i].look(host, &findings[i]);
	}
	return count;
}

const char *finding_status_name(enum finding_status status)
{
	static const char *const names[] = {
		[FINDING_PASS] = "PASS",
		[FINDING_WARN] = "WARN",
		[FINDING_FAIL] = "FAIL",
		[FINDING_SKIP] = "SKIP",
	};

	return names[status];
}

void doctor_describe_model(const struct vpmu_model *model, char *text, size_t bytes)
{
	const char *name;
	bool has;
	int used = snprintf(text, bytes, "%s, version %d: %d counters of %d bits",
	                    model_vendor_name(model->vendor), model->version, model->gp_count,
	                    model->gp_width);

	if (model->fixed_mask && (size_t)used < bytes)
		used += snprintf(text + used, bytes - (size_t)used, ", %u fixed of %d",
		                 vpmu_model_fixed_count(model), model->fixed_width);
	for (size_t i = 0; (name = model_feature(model, i, &has)) && (size_t)used < bytes; i++)
		if (has)
			used += snprintf(text + used, bytes - (size_t)used, ", %s", name);
}
