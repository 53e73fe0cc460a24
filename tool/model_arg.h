/* SPDX-License-Identifier: MIT */
/* Models and profiles as they are typed, with messages. */
#ifndef TOOL_MODEL_ARG_H
#define TOOL_MODEL_ARG_H

#include <vpmu/vpmu.h>

/*
 * "NAME[,key=value…]", or "host" for this machine's CPUID. Returns TOOL_HOLDS, or the exit status
 * when a message has said what is wrong.
 */
int model_from_text(const char *text, struct vpmu_model *model);

/* This machine's CPUID as a model, the same way. */
int model_from_host(struct vpmu_model *model);

/* Says in one line that there is no such profile, and which there are. */
void profile_unknown(const char *typed, char *text, size_t bytes);

/* A profile's name, the same way. */
int profile_from_text(const char *text, const struct vpmu_profile **profile);

#endif
