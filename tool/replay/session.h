/* SPDX-License-Identifier: MIT */
/* A replay under way: lines become answers, from whatever source they come. */
#ifndef TOOL_REPLAY_SESSION_H
#define TOOL_REPLAY_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <replay/room.h>

struct replay_session {
	const char *name; /* of the file, for messages; NULL: somebody types */
	bool batch, trace, differed;
	bool bad, skipping; /* batch: a program was bad; to the end of this one */
	uint64_t line;      /* the number of the line that is taken */
	struct replay replay;
	struct replay_answer answer;
	/* For the trace: what the registers had, and whether that was looked at. */
	bool has_values[VPMU_MAX_REGISTERS];
	uint64_t values[VPMU_MAX_REGISTERS];
};

/* Starts one without a model; the members above replay stay. */
void replay_session_init(struct replay_session *session);

/* Takes a line; the buffer as for replay_parse(). False: it is bad, a message has said so, and
 * nothing can follow. */
bool replay_session_take(struct replay_session *session, char *line, size_t length);

/* Ends a comment line for each register that has changed since it was called last. */
void replay_trace(struct replay_session *session);

/* Calls each() with every word that the last one of the line, which may be empty, can become. */
typedef void replay_candidate(void *context, const char *word);
void replay_complete(const struct replay *replay, const char *line, size_t length,
                     replay_candidate *each, void *context);

/* With a person at the terminal: prompt, history, editing. Returns the exit status. */
int replay_at_terminal(struct replay_session *session);

#endif
