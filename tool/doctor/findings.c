/* SPDX-License-Identifier: MIT */
/* The findings about a host's facts: a table of checks, in the order in which they are told. */
#include <stdarg.h>
#include <stdio.h>

#include "check.h"
#include "models/models.h"

void say(struct finding *finding, enum finding_status status, const char *format, ...)
{
	va_list list;

	finding->status = status;
	va_start(list, format);
	vsnprintf(finding->what, sizeof(finding->what), format, list);
	va_end(list);
}

void advise(struct finding *finding, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(finding->advice, sizeof(finding->advice), format, list);
	va_end(list);
}

bool is_open(const struct vpmu_kvm_host *host)
{
	return !host->open_error && host->api_version == API_VERSION;
}

static const struct check {
	const char *name;
	check_function *look;
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
	int used = snprintf(text, bytes, "%s, version %d: %d counters",
	                    vpmu_vendor_name(model->vendor), model->version, model->gp_count);

	if (model->gp_count && (size_t)used < bytes)
		used += snprintf(text + used, bytes - (size_t)used, " of %d bits", model->gp_width);
	if (model->fixed_mask && (size_t)used < bytes)
		used += snprintf(text + used, bytes - (size_t)used, ", %u fixed of %d",
		                 vpmu_model_fixed_count(model), model->fixed_width);
	for (size_t i = 0; vpmu_feature_name(i) && (size_t)used < bytes; i++)
		if (vpmu_model_feature(model, i))
			used += snprintf(text + used, bytes - (size_t)used, ", %s",
			                 vpmu_feature_name(i));
}
