/* SPDX-License-Identifier: MIT */
/* What src/core shows to the rooms above it: the public register machine, what only simulations of
 * it need, and the functions below. */
#ifndef CORE_ROOM_H
#define CORE_ROOM_H

#include <vpmu/pmu.h>
#include <vpmu/simulate.h>

/* Whether a counter that runs at this privilege level has CMASK, INV or EDGE, so that it looks at
 * single cycles. Then each piece that is accounted must be one instruction. */
bool pmu_sees_cycles(const struct vpmu_pmu *pmu, unsigned cpl);

/*
 * Whether AMD's SVM is enabled (EFER.SVME), and whether the vCPU is in guest mode, between VMRUN
 * and #VMEXIT. It decides whether selectors with HostOnly or GuestOnly count. A machine begins with
 * SVM off; a reset does not change it. Account what was executed before calling pmu_set_svm().
 */
enum pmu_svm { PMU_SVM_OFF, PMU_SVM_HOST, PMU_SVM_GUEST };
void pmu_set_svm(struct vpmu_pmu *pmu, enum pmu_svm svm);

#endif
