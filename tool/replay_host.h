/* SPDX-License-Identifier: MIT */
/* What a VMM and its kernel do to a PMU besides its registers: the event filter, another CPUID,
 * the PMU switched off, perf events that cannot be had. */
#ifndef TOOL_REPLAY_HOST_H
#define TOOL_REPLAY_HOST_H

#include "replay.h"

/* Each executes one command; false: the answer's text is the problem. */
bool replay_filter(struct replay *replay, const struct replay_command *command,
                   struct replay_answer *answer);
bool replay_fail_create(struct replay *replay, const struct replay_command *command,
                        struct replay_answer *answer);
bool replay_cpuid(struct replay *replay, const struct replay_command *command,
                  struct replay_answer *answer);
bool replay_cap_pmu_disable(struct replay *replay, const struct replay_command *command,
                            struct replay_answer *answer);

#endif
