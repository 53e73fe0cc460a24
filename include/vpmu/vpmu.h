/* SPDX-License-Identifier: MIT */
/* All of libvpmu's stable headers, and its version. <vpmu/simulate.h> is not stable, so it is not
 * included here. */
#ifndef VPMU_VPMU_H
#define VPMU_VPMU_H

#include <vpmu/compat.h>
#include <vpmu/kvm.h>
#include <vpmu/meter.h>
#include <vpmu/model.h>
#include <vpmu/pmu.h>
#include <vpmu/state.h>
#include <vpmu/stream.h>
#include <vpmu/timing.h>
#include <vpmu/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of these headers. While the major version is 0, a new minor version may change
 * anything; from 1.0 on only a new major version may. */
#define VPMU_VERSION_MAJOR 0
#define VPMU_VERSION_MINOR 2
#define VPMU_VERSION_PATCH 0
#define VPMU_VERSION       "0.2.0"

/* A version as one number, for comparisons: #if VPMU_VERSION_NUMBER >= VPMU_VERSION_OF(0, 2, 0).
 * Each part is below 256. */
#define VPMU_VERSION_OF(major, minor, patch) ((major) << 16 | (minor) << 8 | (patch))
#define VPMU_VERSION_NUMBER                                                                        \
	VPMU_VERSION_OF(VPMU_VERSION_MAJOR, VPMU_VERSION_MINOR, VPMU_VERSION_PATCH)

/* The version of the library that runs, as text, in the form of VPMU_VERSION. Never NULL; static
 * storage. */
VPMU_API const char *vpmu_version(void);

/* The version of the library that runs, as VPMU_VERSION_NUMBER. */
VPMU_API uint32_t vpmu_version_number(void);

#ifdef __cplusplus
}
#endif

#endif
