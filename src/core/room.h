/* SPDX-License-Identifier: MIT */
/* What src/core shows to the rooms above it: the public register machine, what only simulations of
 * it need, and nothing else. */
#ifndef CORE_ROOM_H
#define CORE_ROOM_H

#include <vpmu/pmu.h>
#include <vpmu/simulate.h>

#endif
