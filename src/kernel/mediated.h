/* SPDX-License-Identifier: MIT */
/*
 * A mediated vPMU's entries and exits (Linux 7.3, enable_mediated_pmu): what vcpu_enter_guest,
 * vmx.c and svm.c do around the guest, which then has the simulated hardware PMU to itself.
 */
#ifndef MEDIATED_H
#define MEDIATED_H

#include "guest.h"

/* Whether the vCPU's PMU is a mediated one: the module's switch is on, and the guest has a PMU. */
bool mediated_is(struct guest *guest);

/* KVM_REQ_RECALC_INTERCEPTS: what the guest reaches without an exit. */
void mediated_recalc(struct guest *guest);

/* From kvm_mediated_pmu_load() to the guest's first instruction, and back. */
void mediated_enter(struct guest *guest);
void mediated_leave(struct guest *guest);

/* The hardware's PMI interrupts the guest: an exit, KVM's handler, and the next entry. */
void mediated_interrupt(struct guest *guest);

/* Whether the guest's access is passed through to the hardware. */
bool mediated_passes(struct guest *guest, u32 msr);
bool mediated_rdpmc_passes(struct guest *guest);

/* Such an access, with the entry and the exit around it. Requests wait, as for any access of a
 * script. False: #GP. */
bool mediated_read(struct guest *guest, u32 msr, u64 *value);
bool mediated_write(struct guest *guest, u32 msr, u64 value);
bool mediated_rdpmc(struct guest *guest, u32 ecx, u64 *value);

/* Called when EFER.SVME or the vCPU's guest mode changes. */
void mediated_transition(struct guest *guest);

/* The rest of kvm_pmu_refresh() after its kvm_pmu_reset(), which 7.3 calls nowhere alone. */
void mediated_reset(struct guest *guest);

#endif
