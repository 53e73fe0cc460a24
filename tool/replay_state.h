/* SPDX-License-Identifier: MIT */
/* The states of a replay, by name: save, put and clear. */
#ifndef TOOL_REPLAY_STATE_H
#define TOOL_REPLAY_STATE_H

#include "replay.h"

/* Each executes one command; false: the answer's text is the problem. */
bool replay_save(struct replay *replay, const struct replay_command *command,
                 struct replay_answer *answer);
bool replay_put(struct replay *replay, const struct replay_command *command,
                struct replay_answer *answer);
bool replay_clear(struct replay *replay, const struct replay_command *command,
                  struct replay_answer *answer);

#endif
