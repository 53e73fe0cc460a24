/* SPDX-License-Identifier: MIT */
/*
 * The actions of src/replay, done to the kernel's own code, and the session in which a script's
 * lines run.
 */
#ifndef COMMANDS_H
#define COMMANDS_H

#include <replay/room.h>

#include "model.h"

struct guest;

struct session {
	struct model model;
	struct host host;
	/* The names that a line may use, once there is a model. */
	struct vpmu_model named;
	struct vpmu_register registers[VPMU_MAX_REGISTERS];
	struct replay_names names;
	bool have_host;
	bool have_model, have_profile;
	bool pmu_disabled;   /* cap-pmu-disable */
	bool mismatch;       /* an expect failed */
	const char *problem; /* why a command was refused, where it is known */
	struct guest *guest; /* made by the first command that needs one */
};

/* Does one action to the kernel's code. False: an argument that it cannot take. */
typedef bool kernel_act(struct session *session, const struct replay_command *command,
                        struct replay_reply *reply);

/* By verb; NULL: an action that needs vpmu's own names and plans. */
extern kernel_act *const kernel_acts[REPLAY_VERBS];

/* Runs one line's command. False: bad input, described in the answer. */
bool command_run(struct session *session, const struct replay_command *command,
                 struct replay_answer *answer);

/* Goes back to the state before a script's first line; only `mismatch` stays. */
void session_restart(struct session *session);

#endif
