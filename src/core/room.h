/* SPDX-License-Identifier: MIT */
/* What src/core shows to the rooms above it: the public register machine, what only simulations of
 * it need, and nothing else. */
#ifndef CORE_ROOM_H
#define CORE_ROOM_H

#include <vpmu/pmu.h>
#include <vpmu/simulate.h>

/* Whether a counter that runs at this privilege level looks at cycles: CMASK, INV, EDGE. Then what
 * is accounted in one piece is one cycle after the other to it, and must be one instruction. */
bool pmu_sees_cycles(const struct vpmu_pmu *pmu, unsigned cpl);

/*
 * Whether AMD's SVM is enabled (EFER.SVME), and whether the vCPU is in its guest mode: between
 * VMRUN and #VMEXIT. HostOnly and GuestOnly of selectors follow it. A machine begins without; a
 * reset of the machine leaves it. What has been executed before must have been accounted.
 */
enum pmu_svm { PMU_SVM_OFF, PMU_SVM_HOST, PMU_SVM_GUEST };
void pmu_set_svm(struct vpmu_pmu *pmu, enum pmu_svm svm);

#endif
