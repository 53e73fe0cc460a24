/* SPDX-License-Identifier: MIT */
/* Models and profiles as they are typed, with messages. */
#ifndef TOOL_MODEL_ARG_H
#define TOOL_MODEL_ARG_H

#include <vpmu/simulate.h>
#include <vpmu/vpmu.h>

#include "model_file.h"

/*
 * "NAME[,key=value…]" with a preset's name or that of a CPU model of QEMU's, "host" for this
 * machine's CPUID, or a file that describes a CPU ("-": the standard input). Returns TOOL_HOLDS, or
 * the exit status when a message has said what is wrong.
 */
int model_from_text(const char *text, struct vpmu_model *model);

/* The same, where a file may have several kinds of CPUs. */
int models_from_text(const char *text, struct foreign_cpus *cpus);

/* This machine's CPUID as a model, the same way. */
int model_from_host(struct vpmu_model *model);

/* A profile's name, the same way. */
int profile_from_text(const char *text, const struct vpmu_profile **profile);

/* "KEY=VALUE,…", as replays have it: the host under the profile for a model of this vendor. text
 * NULL: the default host. The same way. */
int host_from_text(const char *text, const struct vpmu_profile *profile, unsigned vendor,
                   struct vpmu_host *host);

#endif
