/* SPDX-License-Identifier: MIT */
/* Builds the text of an answer. What does not fit is cut; REPLAY_ANSWER_BYTES holds any state. */
#ifndef TOOL_REPLAY_ANSWER_H
#define TOOL_REPLAY_ANSWER_H

#include "replay.h"

void answer_clear(struct replay_answer *answer);

/* Makes it the problem's text. Always false, for a command's function to return. */
bool answer_problem(struct replay_answer *answer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

void answer_add(struct replay_answer *answer, const char *text);
void answer_hex(struct replay_answer *answer, uint64_t value); /* 0x…, no leading zeros */

void answer_decimal(struct replay_answer *answer, uint64_t value);

/* " name=VALUE" in decimal; without the blank when it comes first. */
void answer_count(struct replay_answer *answer, const char *name, uint64_t value);

#endif
