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

/* Whether the next event of a counter that runs at this privilege level causes a PEBS record. Then
 * each piece that is accounted must be one instruction, which the record names. */
bool pmu_is_armed(const struct vpmu_pmu *pmu, unsigned cpl);

#endif
