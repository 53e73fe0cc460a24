/* SPDX-License-Identifier: MIT */
/* Code whose instructions tell which one they are: the n-th of a row, from 1 on, leaves n in RAX.
 */
#ifndef GUEST_STRAIGHT_H
#define GUEST_STRAIGHT_H

#define STRAIGHT_ROW   64 /* instructions of the row */
#define STRAIGHT_BYTES 4  /* each */

/* Instructions of branches_run() and straight_body() from behind the first WRMSR on: before the
 * row, and behind it up to and with the last WRMSR. */
#define STRAIGHT_BEFORE 2
#define STRAIGHT_BEHIND 6

/* The iterations of straight_repeat()'s string instruction, and which instruction it is. */
#define STRAIGHT_REPEATS 100
#define STRAIGHT_REP     4

#ifndef __ASSEMBLER__
void straight_body(void *unused);
extern const char straight_row[];

void straight_repeat(void *unused);
extern const char straight_rep[], straight_rep_end[];
#endif
#endif
