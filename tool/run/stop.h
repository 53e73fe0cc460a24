/* SPDX-License-Identifier: MIT */
/*
 * Stopping a run from outside: --timeout, SIGINT, SIGTERM. Code that waits checks stop_flag(); if
 * something does not (a FIFO without a writer, a stopped terminal), the process is ended by force
 * GRACE_MS later.
 */
#ifndef TOOL_RUN_STOP_H
#define TOOL_RUN_STOP_H

#include <signal.h>

#include "run.h"

/* From now on, for the rest of the process. */
void stop_begin(const struct run_options *options);

/* The machine that runs, to be stopped too; NULL: none. */
void stop_machine(struct machine *machine);

/* The first signal, SIGALRM for --timeout; 0: none has come. */
const volatile sig_atomic_t *stop_flag(void);

/* RUN_TIMEOUT or RUN_INTERRUPTED, once stop_flag() is not 0. */
int stop_status(void);

#endif
