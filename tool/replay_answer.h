/* SPDX-License-Identifier: MIT */
/* Builds the text of an answer. What does not fit is cut; REPLAY_ANSWER_BYTES holds any state. */
#ifndef TOOL_REPLAY_ANSWER_H
#define TOOL_REPLAY_ANSWER_H

#include "replay.h"

void answer_clear(struct replay_answer *answer);
void answer_add(struct replay_answer *answer, const char *text);
void answer_hex(struct replay_answer *answer, uint64_t value); /* 0x…, no leading zeros */

/* " name=VALUE" in decimal; without the blank when it comes first. */
void answer_count(struct replay_answer *answer, const char *name, uint64_t value);

#endif
