/* SPDX-License-Identifier: MIT */
/* The checks of `vpmu doctor`: each makes one finding of the host's facts. */
#ifndef TOOL_DOCTOR_CHECK_H
#define TOOL_DOCTOR_CHECK_H

#include "doctor.h"

void say(struct finding *finding, enum finding_status status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void advise(struct finding *finding, const char *format, ...) __attribute__((format(printf, 2, 3)));

enum { API_VERSION = 12 }; /* KVM's, since Linux 2.6.22 */

/* Whether KVM answers. */
bool is_open(const struct vpmu_kvm_host *host);

typedef void check_function(const struct vpmu_kvm_host *host, struct finding *finding);

/* check_host.c */
check_function check_kernel, check_cpu, check_hybrid, check_counters, check_watchdog;

/* check_kvm.c */
check_function check_module, check_device, check_enable_pmu;

/* check_guest.c */
check_function check_guest, check_registers, check_off_switch, check_filter, check_masked_events,
	check_mediated, check_ignore_msrs;

#endif
