/* SPDX-License-Identifier: MIT */
/* The commands of the replay language, and the session that a script's lines run in. */
#ifndef COMMANDS_H
#define COMMANDS_H

#include <stdbool.h>

#include "model.h"
#include "script.h"

enum { ANSWER_BYTES = 1024 };

struct guest;

struct session {
	struct model model;
	bool have_model, have_profile;
	bool pmu_disabled;   /* cap-pmu-disable */
	bool mismatch;       /* an expect failed */
	struct guest *guest; /* made by the first command that needs one */
};

/* Runs one command, which has a word at least. False: bad input, described in the answer. */
bool command_run(struct session *session, const struct words *words, char *answer);

/* Back to the state before a script's first line, but for `mismatch`. */
void session_restart(struct session *session);

#endif
