/* SPDX-License-Identifier: MIT */
/* What the files of src/replay share among themselves. */
#ifndef REPLAY_ROOM_INT_H
#define REPLAY_ROOM_INT_H

#include <replay/room.h>

/* --- answer.c: builds a text; what does not fit is cut. REPLAY_ANSWER_BYTES holds any state. -- */

void answer_clear(struct replay_answer *answer);

/* Makes the answer a problem's text. Always returns false, so that a command's function can return
 * it. */
bool answer_problem(struct replay_answer *answer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

void answer_add(struct replay_answer *answer, const char *text);
void answer_hex(struct replay_answer *answer, uint64_t value); /* 0x…, no leading zeros */

void answer_decimal(struct replay_answer *answer, uint64_t value);

/* " name=VALUE" in decimal; without the blank when it comes first. */
void answer_count(struct replay_answer *answer, const char *name, uint64_t value);

/* --- event.c: events by name. False: why (REPLAY_PROBLEM_BYTES) says what is wrong. ----------- */

/* Whether the text is not a number. */
bool is_event_name(const char *text);

/* The value to write to the MSR so that its counter counts the event. */
bool replay_selector(const struct replay_names *names, uint64_t msr, const char *verb,
                     const char *text, uint64_t *value, char *why);

/* The event as a filter takes it: event | unit mask << 8, AMD's bits 11:8 in 35:32. */
bool replay_filter_event(const struct replay_names *names, const char *verb, const char *text,
                         uint64_t *value, char *why);

/* --- Actions that need more than a machine ---------------------------------------------------- */

/* Executes one command. The result is in *reply or, for ANSWERS_TEXT, in the answer. False: the
 * answer's text is the problem. */
typedef bool replay_do(struct replay *replay, const struct replay_command *command,
                       struct replay_reply *reply, struct replay_answer *answer);

/* session.c: the machine now has this model. */
void replay_load_model(struct replay *replay, const struct vpmu_model *model);

/* host.c: what a VMM does to a vCPU's PMU besides its registers. */
replay_do replay_filter, replay_cpuid, replay_cap_pmu_disable;

/* state.c: the states of a replay, by name. */
replay_do replay_save, replay_put, replay_clear, replay_state;

#endif
