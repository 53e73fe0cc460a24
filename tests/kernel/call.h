/* SPDX-License-Identifier: MIT */
/* One call of a command: what a command's function gets, and the functions of verbs.c. */
#ifndef CALL_H
#define CALL_H

#include "commands.h"
#include "guest.h"

struct call {
	struct session *session;
	struct guest *guest;
	char *const *word; /* the arguments, without the command's name */
	int count;
	char *answer;
};

/* Gives that answer. Always true, for the command's function to return. */
bool answer(struct call *call, const char *text);

/* The i-th word as a number. */
bool number(struct call *call, int i, u64 highest, u64 *value);

bool cmd_wrmsr(struct call *call);
bool cmd_rdmsr(struct call *call);
bool cmd_host_wrmsr(struct call *call);
bool cmd_host_rdmsr(struct call *call);
bool cmd_rdpmc(struct call *call);
bool cmd_lvtpc(struct call *call);
bool cmd_enter(struct call *call);
bool cmd_run(struct call *call);
bool cmd_emulate(struct call *call);
bool cmd_schedule(struct call *call);
bool cmd_reset(struct call *call);
bool cmd_filter(struct call *call);
bool cmd_events(struct call *call);
bool cmd_fail_create(struct call *call);

#endif
