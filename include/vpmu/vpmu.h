/* SPDX-License-Identifier: MIT */
/* All of libvpmu's public headers, and its version. */
#ifndef VPMU_VPMU_H
#define VPMU_VPMU_H

#include <vpmu/compat.h>
#include <vpmu/meter.h>
#include <vpmu/model.h>
#include <vpmu/pmu.h>
#include <vpmu/state.h>
#include <vpmu/stream.h>
#include <vpmu/timing.h>
#include <vpmu/types.h>

#define VPMU_VERSION "0.1.0"

/* The version of the library that runs, as VPMU_VERSION. Static storage. */
VPMU_API const char *vpmu_version(void);

#endif
