/* SPDX-License-Identifier: MIT */
/*
 * The simulated host: of the model's vendor, with 8 general-purpose and 3 fixed counters (Intel,
 * Zhaoxin) or 6 counters and PerfMonV2 (AMD), all 48 bits wide, and without last branches, unless a
 * script says otherwise. The width of AMD's counters is fixed by the architecture, whatever a
 * script says.
 */
#ifndef HOST_H
#define HOST_H

#include "kvm_stub.h"
#include "model.h"

enum { HOST_AMD_WIDTH = 48 };

/* IA32_PERF_CAPABILITIES[11:8] */
#define PEBS_FORMAT(format) ((u64)(format) << 8)

/* Loads KVM on such a host. */
void host_load(const struct host *host);

/* Whether KVM has switched its mediated vPMU on there (enable_mediated_pmu). */
bool host_mediates(void);

/* kvm_amd's parameter lbrv. */
bool host_lbrv(void);

/* Whether RDMSR of a PMU register works on the host, which KVM probes before it advertises the
 * register. */
bool host_has_msr(u32 index);

#endif
